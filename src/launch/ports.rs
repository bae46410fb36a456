//! Looks whether the processes can listen where they should, before any is started.

use std::net::{SocketAddr, TcpListener};

use super::BusyPort;
use crate::plan::Plan;

/// The addresses that `plan` launches something on and that are not free.
#[must_use]
pub fn busy_ports(plan: &Plan) -> Vec<BusyPort> {
    let name = |id: crate::plan::ServiceId| plan.services[usize::from(id.0)].name.clone();
    busy(
        plan.launch
            .iter()
            .map(|launch| (name(launch.service), launch.listens)),
    )
}

/// Tries to bind each address for a moment. An address in TIME_WAIT counts as free, since std sets
/// SO_REUSEADDR; one with a listener does not.
pub(super) fn busy(wanted: impl IntoIterator<Item = (String, SocketAddr)>) -> Vec<BusyPort> {
    wanted
        .into_iter()
        .filter_map(|(service, address)| {
            let reason = TcpListener::bind(address).err()?;
            Some(BusyPort {
                service,
                address,
                reason,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_busy_port() {
        let listen = |host: &str| TcpListener::bind((host, 0)).expect("binds");
        let (one, two) = (listen("127.0.0.1"), listen("127.0.0.1"));
        // no other test asks for a port there, so that it stays free
        let free = listen("127.0.44.1");
        let address = |socket: &TcpListener| socket.local_addr().expect("bound");
        let free_address = address(&free);
        drop(free);
        let wanted = [
            ("portal".to_owned(), address(&one)),
            ("cache".to_owned(), free_address),
            ("sms".to_owned(), address(&two)),
        ];
        let busy: Vec<String> = busy(wanted).iter().map(ToString::to_string).collect();
        let expected = [("portal", &one), ("sms", &two)].map(|(name, socket)| {
            format!(
                "{} is in use: another process listens where {name} should",
                address(socket)
            )
        });
        assert_eq!(busy, expected);
    }
}
