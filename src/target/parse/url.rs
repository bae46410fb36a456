//! Addresses: URLs of services, and where things listen.

use std::net::{IpAddr, SocketAddr};

use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node, Slip, is_domain},
    target::model::ServiceUrl,
};

/// `http://portal.cowin.test:8080`: scheme, host and port, no more.
pub(super) fn service_url(
    node: &Spanned<Node>,
    mistakes: &mut Mistakes,
) -> Option<Spanned<ServiceUrl>> {
    let text = mistakes.text(node, "a URL such as `http://portal.cowin.test`")?;
    match parse_url(text.value) {
        Ok(url) => Some(Spanned::new(url, text.part(0..text.value.len()))),
        Err(slip) => {
            mistakes.slip(&text, slip);
            None
        }
    }
}

fn parse_url(text: &str) -> Result<ServiceUrl, Slip> {
    let (https, authority) = if let Some(rest) = text.strip_prefix("http://") {
        (false, rest)
    } else if let Some(rest) = text.strip_prefix("https://") {
        (true, rest)
    } else {
        return Err(Slip::new(
            0..text.len(),
            format!("`{text}` is not an http or https URL"),
            "begins with neither `http://` nor `https://`",
        )
        .hint(format!(
            "for example `http://{}`",
            text.split("://").last().unwrap_or(text)
        )));
    };
    let start = text.len() - authority.len();
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if let Some(at) = authority.find(['/', '?', '#']) {
        return Err(Slip::new(
            start + at..text.len(),
            "the URL of a service has no path",
            "leave this out",
        )
        .hint("paths stand in the routes of features and in the steps of journeys"));
    }
    if let Some(at) = authority.find('@') {
        return Err(Slip::new(
            start..start + at + 1,
            "a URL holds no user or password here",
            "leave this out",
        )
        .hint("use `headers: {authorization: \"Bearer ${env:TOKEN}\"}` with `env: [TOKEN]`"));
    }
    let (host, port, port_at) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').unwrap_or((rest, ""));
        (host, rest, start + authority.len() - rest.len())
    } else {
        let at = authority.find(':').unwrap_or(authority.len());
        (&authority[..at], &authority[at..], start + at)
    };
    let is_v6 = authority.starts_with('[');
    let good = if is_v6 {
        host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        is_domain(host)
    };
    if !good {
        return Err(Slip::new(
            start..port_at.max(start),
            format!("`{host}` is not a host"),
            "a name or an address was expected here",
        ));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => {
            if https {
                443
            } else {
                80
            }
        }
        digits => match digits.and_then(|d| d.parse::<u16>().ok()) {
            Some(port) if port > 0 => port,
            _ => {
                return Err(Slip::new(
                    port_at..text.len(),
                    format!("`{}` is not a port", port.trim_start_matches(':')),
                    "1 to 65535",
                ));
            }
        },
    };
    Ok(ServiceUrl {
        https,
        host: host.to_ascii_lowercase(),
        port,
    })
}

/// `127.0.0.1:8100`: an address and a port that is not 0.
pub(super) fn socket(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Spanned<SocketAddr>> {
    let text = mistakes.text(node, "an address and a port such as `127.0.0.1:8100`")?;
    let place = text.part(0..text.value.len());
    match text.value.parse::<SocketAddr>() {
        Ok(addr) if addr.port() != 0 => Some(Spanned::new(addr, place)),
        Ok(_) => {
            mistakes.error(place, "a port of 0 is no fixed place", "1 to 65535");
            None
        }
        Err(_) => {
            let hint = if text.value.parse::<IpAddr>().is_ok() {
                format!("give the port too: `{}:8100`", text.value)
            } else {
                "an address, not a name: `127.0.0.1:8100` or `\"[::1]:8100\"`".to_owned()
            };
            mistakes
                .error(
                    place,
                    format!("`{}` is not an address and a port", text.value),
                    "not an address and a port",
                )
                .hint = Some(hint);
            None
        }
    }
}

/// `toxiproxy http://127.0.0.1:8474`: where the API of a Toxiproxy listens, as host and port.
pub(super) fn toxiproxy(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Spanned<String>> {
    const EXAMPLE: &str = "`toxiproxy http://127.0.0.1:8474`";
    let text = mistakes.text(node, EXAMPLE)?;
    let place = text.part(0..text.value.len());
    let url = text.value.strip_prefix("toxiproxy ").map(str::trim);
    let authority = url.and_then(|url| url.strip_prefix("http://"));
    let authority = authority.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let authority = authority.map(|name| name.replacen("localhost:", "127.0.0.1:", 1));
    if let Some(authority) = authority.filter(|authority| is_host_and_port(authority)) {
        return Some(Spanned::new(authority.to_ascii_lowercase(), place));
    }
    mistakes
        .error(
            place,
            format!("`{}` is no way through a Toxiproxy", text.value),
            "not a host and a port",
        )
        .hint = Some(format!("say {EXAMPLE}: an address or a name, and a port"));
    None
}

/// Whether it is an address or a name, and a port that is not 0.
fn is_host_and_port(authority: &str) -> bool {
    if let Ok(addr) = authority.parse::<SocketAddr>() {
        return addr.port() != 0;
    }
    let Some((host, port)) = authority.rsplit_once(':') else {
        return false;
    };
    is_domain(host) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_scheme_host_and_port() {
        for (text, https, host, port) in [
            ("http://portal.cowin.test", false, "portal.cowin.test", 80),
            ("https://Portal.cowin.test/", true, "portal.cowin.test", 443),
            ("http://127.0.0.1:8100", false, "127.0.0.1", 8100),
            ("http://[::1]:8100", false, "::1", 8100),
            ("https://[::1]", true, "::1", 443),
        ] {
            let host = host.to_owned();
            assert_eq!(
                parse_url(text),
                Ok(ServiceUrl { https, host, port }),
                "{text}"
            );
        }
    }

    #[test]
    fn points_at_what_is_too_much() {
        for (text, at) in [
            ("portal.cowin.test", "portal.cowin.test"),
            ("ftp://x", "ftp://x"),
            ("http://x/path", "/path"),
            ("http://x?y", "?y"),
            ("http://user:secret@x", "user:secret@"),
            ("http://x:0", ":0"),
            ("http://x:port", ":port"),
            ("http://x y", "x y"),
            ("http://", ""),
            ("http://[::g]", "[::g]"),
        ] {
            let slip = parse_url(text).expect_err(text);
            assert_eq!(&text[slip.at.clone()], at, "{text}: {slip:?}");
        }
    }
}
