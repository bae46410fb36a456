//! What Linux tells of this process and this machine under /proc. Elsewhere the figures are zero,
//! and the report says nothing about them.

use std::fs;

use crate::plan::PortReuse;

/// Clock ticks a second in /proc; fixed at 100 on every Linux ABI (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// When the kernel does not say: Linux's default range, 32768 to 60999.
const DEFAULT_LOCAL_PORTS: u32 = 28_232;

/// How many local ports outgoing connections may use (`net.ipv4.ip_local_port_range`).
#[must_use]
pub fn local_ports() -> u32 {
    count_ports(&read("/proc/sys/net/ipv4/ip_local_port_range")).unwrap_or(DEFAULT_LOCAL_PORTS)
}

/// Whether local ports are used again before a minute is over (`net.ipv4.tcp_tw_reuse`).
#[must_use]
pub fn port_reuse() -> PortReuse {
    match read("/proc/sys/net/ipv4/tcp_tw_reuse").trim() {
        "1" => PortReuse::Always,
        "2" => PortReuse::Loopback,
        _ => PortReuse::Never,
    }
}

/// User and system CPU seconds of this process.
pub(super) fn own_cpu() -> f64 {
    process_cpu(&read("/proc/self/stat"))
}

/// CPU seconds of the whole machine, and those among them that the hypervisor kept.
pub(super) fn machine_cpu() -> (f64, f64) {
    busy_and_stolen(&read("/proc/stat"))
}

/// Bytes of memory that this process holds.
pub(super) fn resident() -> u64 {
    kilobytes(&read("/proc/self/status"), "VmRSS:") * 1024
}

/// Bytes of memory of the machine.
pub(super) fn memory() -> u64 {
    kilobytes(&read("/proc/meminfo"), "MemTotal:") * 1024
}

/// TCP connections of this network namespace in TIME_WAIT.
pub(super) fn time_wait() -> u64 {
    in_time_wait(&read("/proc/net/sockstat"))
}

/// Open descriptors of this process.
pub(super) fn descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |dir| dir.count() as u64)
}

/// The kernel's version.
pub(super) fn kernel() -> String {
    read("/proc/sys/kernel/osrelease").trim().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Fields 14 and 15 of proc_pid_stat(5).
fn process_cpu(stat: &str) -> f64 {
    // the second field is the name in parentheses, which may hold blanks
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = after_name.split_whitespace().skip(11).take(2);
    let ticks = fields.filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// The first line of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal. What
/// guests got is part of user and nice.
fn busy_and_stolen(stat: &str) -> (f64, f64) {
    let first = stat.lines().next().unwrap_or_default();
    let fields = first.split_whitespace().skip(1).take(8);
    let ticks: Vec<f64> = fields.filter_map(|t| t.parse().ok()).collect();
    let idle = |i: &usize| *i == 3 || *i == 4;
    let busy = (0..ticks.len()).filter(|i| !idle(i)).map(|i| ticks[i]);
    let stolen = ticks.get(7).copied().unwrap_or_default();
    (
        busy.sum::<f64>() / TICKS_PER_SECOND,
        stolen / TICKS_PER_SECOND,
    )
}

fn kilobytes(text: &str, key: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    let number = value.and_then(|v| v.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

fn in_time_wait(sockstat: &str) -> u64 {
    let tcp = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"));
    let mut words = tcp.unwrap_or_default().split_whitespace();
    words.find(|word| *word == "tw");
    words.next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// How many ports `32768 60999` are.
fn count_ports(range: &str) -> Option<u32> {
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (high >= low).then(|| high - low + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_ports_has_both_its_ends() {
        assert_eq!(count_ports("32768\t60999\n"), Some(DEFAULT_LOCAL_PORTS));
        assert_eq!(count_ports("5 4"), None);
        assert_eq!(count_ports("what"), None);
        assert_eq!(count_ports(""), None);
    }

    #[test]
    fn processes_may_have_blanks_in_their_names() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14";
        assert_eq!(process_cpu(stat), 2.0);
        assert_eq!(process_cpu(""), 0.0);
    }

    #[test]
    fn a_machine_is_busy_with_all_but_waiting() {
        let stat = "cpu  100 10 20 5000 300 5 15 50 70 7\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_and_stolen(stat), (2.0, 0.5));
        // kernels before 2.6.11 do not know of stealing
        assert_eq!(busy_and_stolen("cpu  100 0 0 1 1 0 0"), (1.0, 0.0));
        assert_eq!(busy_and_stolen(""), (0.0, 0.0));
    }

    #[test]
    fn sockets_and_memory_are_found_by_name() {
        let sockstat = "sockets: used 29\nTCP: inuse 1 orphan 0 tw 131 alloc 1 mem 0\nUDP: inuse 0";
        assert_eq!(in_time_wait(sockstat), 131);
        assert_eq!(in_time_wait("sockets: used 29"), 0);
        assert_eq!(
            kilobytes("VmPeak:\t 9 kB\nVmRSS:\t  4096 kB\n", "VmRSS:"),
            4096
        );
        assert_eq!(kilobytes("", "VmRSS:"), 0);
    }
}
