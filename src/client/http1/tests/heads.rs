//! Which heads and bodies are taken, and which are not.

use std::fmt::Write;

use super::*;
use crate::{
    client::http1::head::{Framing, Head},
    measure::Injected,
};

fn read(text: &str) -> Result<(u16, Framing, bool), Malformed> {
    let (head, length) = Head::read(text.as_bytes(), GET)?.expect("complete");
    assert_eq!(length, text.len());
    Ok((head.status, head.framing, head.keep_alive))
}

#[test]
fn a_head_says_where_the_body_ends_and_whether_the_connection_goes_on() {
    use Framing::{Chunked, Close, Empty, Length};
    for (head, expected) in [
        ("1.1 200 OK\r\ncontent-length: 5", (200, Length(5), true)),
        ("1.1 200\r\nContent-Length:0", (200, Length(0), true)),
        ("1.1 200 \r\ncontent-length: 5, 5", (200, Length(5), true)),
        (
            "1.1 200 OK\r\ncontent-length: 5\r\nCONTENT-LENGTH: 005 ",
            (200, Length(5), true),
        ),
        ("1.1 200 OK", (200, Close, false)),
        ("1.0 200 OK", (200, Close, false)),
        ("1.0 200 OK\r\ncontent-length: 5", (200, Length(5), false)),
        (
            "1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 5",
            (200, Length(5), true),
        ),
        (
            "1.1 200 OK\r\ncontent-length: 5\r\nConnection: foo , CLOSE",
            (200, Length(5), false),
        ),
        (
            "1.1 200 OK\r\nconnection: keep-alive\r\nconnection: close\r\ncontent-length: 5",
            (200, Length(5), false),
        ),
        (
            "1.1 200 OK\r\ntransfer-encoding: chunked",
            (200, Chunked, true),
        ),
        (
            "1.1 200 OK\r\ntransfer-encoding: gzip\r\nTransfer-Encoding: Chunked",
            (200, Chunked, true),
        ),
        (
            "1.1 200 OK\r\ntransfer-encoding: chunked, gzip",
            (200, Close, false),
        ),
        (
            "1.1 204 No Content\r\ncontent-length: 5",
            (204, Empty, true),
        ),
        (
            "1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\ncontent-length: x",
            (304, Empty, true),
        ),
        ("1.1 999 ?\r\ncontent-length: 1", (999, Length(1), true)),
    ] {
        assert_eq!(
            read(&format!("HTTP/{head}\r\n\r\n")),
            Ok(expected),
            "{head}"
        );
    }
    let wanted = Wanted { head: true, ..GET };
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    let (head, _) = Head::read(head.as_bytes(), wanted)
        .expect("right")
        .expect("complete");
    assert_eq!((head.framing, head.keep_alive), (Framing::Empty, true));
}

#[test]
fn heads_on_which_two_parties_could_disagree_are_refused() {
    use Malformed as M;
    use httparse::Error as E;
    for (head, expected) in [
        ("content-length: 5\r\ncontent-length: 6", M::ContentLength),
        ("content-length: 5, 6", M::ContentLength),
        ("content-length: 5,", M::ContentLength),
        ("content-length:", M::ContentLength),
        ("content-length: +5", M::ContentLength),
        ("content-length: -1", M::ContentLength),
        ("content-length: 0x5", M::ContentLength),
        ("content-length: 5 5", M::ContentLength),
        ("content-length: 18446744073709551616", M::ContentLength),
        (
            "content-length: 5\r\ntransfer-encoding: chunked",
            M::TwoLengths,
        ),
        ("transfer-encoding: chunked, chunked", M::TransferEncoding),
        ("transfer-encoding: chunked,", M::TransferEncoding),
        ("transfer-encoding: , chunked", M::TransferEncoding),
        ("transfer-encoding:", M::TransferEncoding),
        ("a: b\r\n folded: c", M::Head(E::HeaderName)),
        ("a : b", M::Head(E::HeaderName)),
        ("a: b\rc: d", M::Head(E::HeaderValue)),
        ("a: b\0", M::Head(E::HeaderValue)),
        ("no colon", M::Head(E::HeaderName)),
        (": no name", M::Head(E::HeaderName)),
    ] {
        let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        assert_eq!(read(&text), Err(expected), "{head}");
    }
    for (line, expected) in [
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked",
            M::TransferEncoding,
        ),
        ("HTTP/1.1 099 OK", M::Status),
        ("HTTP/1.1 20 OK", M::Head(E::Status)),
        ("HTTP/1.1 2000 OK", M::Head(E::Status)),
        ("HTTP/1.2 200 OK", M::Head(E::Version)),
        ("HTTP/2 200 OK", M::Head(E::Version)),
        ("http/1.1 200 OK", M::Head(E::Version)),
        ("ICY 200 OK", M::Head(E::Version)),
    ] {
        assert_eq!(read(&format!("{line}\r\n\r\n")), Err(expected), "{line}");
    }
}

#[test]
fn the_mark_of_a_fault_and_what_steers_a_client_are_always_found() {
    let text = "HTTP/1.1 503 x\r\nDate: z\r\nServer: y\r\nBrownout-Fault: slow\r\nRetry-After: 3\r\n\
        set-cookie: a=1\r\nset-cookie: b=2\r\nlocation: /z\r\n\r\n";
    let all = Wanted {
        headers: true,
        ..GET
    };
    for (wanted, fields) in [(GET, 5), (all, 7)] {
        let (head, _) = Head::read(text.as_bytes(), wanted)
            .expect("right")
            .expect("complete");
        assert_eq!(head.injected, Injected::Met);
        assert_eq!(head.headers.len(), fields);
        assert_eq!(head.headers["retry-after"], "3");
        assert_eq!(head.headers.get_all("set-cookie").iter().count(), 2);
    }
}

/// Feeds it whole, and byte by byte.
fn both(wanted: Wanted, text: &str) -> Result<Whole, Outcome> {
    let whole = decode(wanted, [text.as_bytes()]);
    assert_eq!(decode(wanted, text.as_bytes().chunks(1)), whole, "{text:?}");
    whole
}

#[test]
fn bodies_end_where_they_say() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let good = |body: &str, reusable| {
        Ok(Whole {
            status: 200,
            body: body.into(),
            reusable,
        })
    };
    for (head, rest, expected) in [
        (OK, "content-length: 4\r\n\r\nbody", good("body", true)),
        (OK, "content-length: 0\r\n\r\n", good("", true)),
        (
            OK,
            "content-length: 4\r\n\r\nbod",
            Err(Outcome::ClosedEarly),
        ),
        (OK, "\r\nbody to the end", good("body to the end", false)),
        // what nobody asked for
        (OK, "content-length: 4\r\n\r\nbody!", good("body", false)),
        (
            OK,
            "content-length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\n\r\n",
            good("body", false),
        ),
        (CHUNKED, "0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", good("", false)),
        (CHUNKED, "0\r\n\r\n", good("", true)),
        (CHUNKED, "4\r\nbody\r\n0\r\n\r\n", good("body", true)),
        (
            CHUNKED,
            "2\r\nbo\r\n02 ;x=\"y\"\r\ndy\r\n000\r\n\r\n",
            good("body", true),
        ),
        (
            CHUNKED,
            "a\r\n0123456789\r\n0;last\r\n\r\n",
            good("0123456789", true),
        ),
        (
            CHUNKED,
            "4\r\nbody\r\n0\r\nx-sum: 1\r\nY:\r\n\r\n",
            good("body", true),
        ),
        (CHUNKED, "4\r\nbody\r\n0\r\n", Err(Outcome::ClosedEarly)),
        (CHUNKED, "4\r\nbody\r\n", Err(Outcome::ClosedEarly)),
        (CHUNKED, "\r\n", Err(Outcome::Protocol)),
        (CHUNKED, ";\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "0x4\r\nbody\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "-4\r\nbody\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "4 4\r\nbody\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "10000000000000000\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "4\nbody\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "4\rbody\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (
            CHUNKED,
            "4;a\nb\r\nbody\r\n0\r\n\r\n",
            Err(Outcome::Protocol),
        ),
        (CHUNKED, "4\r\nbodyX\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "4\r\nbody\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "3\r\nbody\r\n0\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "0\r\nno colon\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "0\r\n folded: x\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "0\r\na: b\nc: d\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "0\r\na: b\rc\r\n\r\n", Err(Outcome::Protocol)),
        (CHUNKED, "0\r\n\rx", Err(Outcome::Protocol)),
        ("", "HTTP/1.1 200 OK\r\nserver", Err(Outcome::ClosedEarly)),
        ("", "", Err(Outcome::ClosedEarly)),
        ("", "HTT", Err(Outcome::ClosedEarly)),
        ("", "HTTQ", Err(Outcome::Protocol)),
        ("", "HTTP/1.1 200 OK\r\na b: c\r\n", Err(Outcome::Protocol)),
        ("", "\r\nHTTP/1.1 200 OK\r\n\r\n", Err(Outcome::Protocol)),
    ] {
        assert_eq!(both(GET, &format!("{head}{rest}")), expected, "{rest:?}");
    }
}

#[test]
fn interim_responses_are_passed_over() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let good = Ok(Whole {
        status: 200,
        body: b"ok".into(),
        reusable: true,
    });
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    for (before, expected) in [
        (go_on.to_owned(), good.clone()),
        (format!("{go_on}{hint}{hint}"), good.clone()),
        (go_on.repeat(32), good),
        (go_on.repeat(33), Err(Outcome::Protocol)),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".to_owned(),
            Err(Outcome::Protocol),
        ),
    ] {
        assert_eq!(
            both(GET, &format!("{before}{answer}")),
            expected,
            "{before}"
        );
    }
    assert_eq!(both(GET, go_on), Err(Outcome::ClosedEarly));
}

#[test]
fn what_has_no_body_has_none() {
    for (wanted, status, fields) in [
        (HEAD, 200, "content-length: 100\r\n"),
        (HEAD, 200, "transfer-encoding: chunked\r\n"),
        (HEAD, 404, ""),
        (GET, 204, "content-length: 100\r\n"),
        (GET, 304, "content-length: 100\r\n"),
    ] {
        let text = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
        let expected = Whole {
            status,
            body: Vec::new(),
            reusable: true,
        };
        assert_eq!(both(wanted, &text), Ok(expected.clone()), "{text}");
        // a body all the same is what nobody asked for
        let expected = Whole {
            reusable: false,
            ..expected
        };
        assert_eq!(both(wanted, &format!("{text}x")), Ok(expected), "{text}");
    }
}

#[test]
fn hostile_heads_are_not_kept_for_ever() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000));
    let mut many = "HTTP/1.1 200 OK\r\n".to_owned();
    for n in 0..1000 {
        write!(many, "x-{n}: y\r\n").expect("a string");
    }
    let trailers = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: {}",
        "y".repeat(20_000)
    );
    let extension = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}",
        "y".repeat(20_000)
    );
    for (text, expected) in [
        (&long, Malformed::Oversized),
        (&many, Malformed::Oversized),
        (&trailers, Malformed::Trailer),
        (&extension, Malformed::Chunk),
    ] {
        for size in [1, 1000, text.len()] {
            let mut decoder = Decoder::new(GET);
            let mut pieces = text.as_bytes().chunks(size);
            let error = pieces.find_map(|piece| decoder.feed(piece).err());
            assert_eq!(error, Some(expected), "{} in pieces of {size}", &text[..70]);
        }
    }
    // the most that is taken
    let mut most = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n".to_owned();
    for n in 1..100 {
        write!(most, "x-{n}: {}\r\n", "y".repeat(600)).expect("a string");
    }
    assert_eq!(both(GET, &format!("{most}\r\n")).map(|w| w.status), Ok(200));
}

#[test]
fn of_a_body_no_more_is_kept_than_anybody_looks_at() {
    use crate::client::exchange::KEPT_BODY;
    let mut decoder = Decoder::new(GET);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        KEPT_BODY + 10
    );
    assert_eq!(decoder.feed(head.as_bytes()), Ok(Progress::More));
    assert_eq!(decoder.feed(&vec![1; KEPT_BODY - 1]), Ok(Progress::More));
    assert_eq!(decoder.feed(&[2; 11]), Ok(Progress::Complete));
    let (_, body) = decoder.into_parts();
    assert_eq!((body.len(), body.last()), (KEPT_BODY, Some(&2)));
    let unwanted = Wanted { body: false, ..GET };
    let text = "HTTP/1.1 200 OK\r\n\r\nbody";
    assert_eq!(
        decode(unwanted, [text.as_bytes()]).map(|w| w.body),
        Ok(Vec::new())
    );
}
