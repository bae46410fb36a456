//! hyper's parser as the reference: the same bytes, the same verdict, but for what is listed.

use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    generated::{damaged, response},
    *,
};

/// Status and body as hyper's client reads them, or `None` if it finds fault with them.
fn by_hyper(head_request: bool, bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.ok()?;
        let driver = tokio::spawn(connection);
        let server = async {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(theirs.read_u8().await.expect("a request"));
            }
            theirs.write_all(bytes).await.expect("room");
            drop(theirs);
        };
        let client = async {
            let mut request = Request::new(Empty::<bytes::Bytes>::new());
            if head_request {
                *request.method_mut() = Method::HEAD;
            }
            let response = sender.send_request(request).await.ok()?;
            let status = response.status().as_u16();
            // an upgrade is an answer to hyper, and has no body
            let body = response.into_body().collect().await.ok()?;
            Some((status, body.to_bytes().to_vec()))
        };
        let (answer, ()) = tokio::join!(client, server);
        driver.abort();
        answer
    })
}

/// Whether it is meant that we refuse what hyper takes.
fn is_meant(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(GET);
    match decoder.feed(bytes) {
        // Who sees both lengths may take either: hyper takes the chunks, another the number.
        Err(Malformed::TwoLengths) => true,
        // `chunked` twice, which hyper takes for once
        Err(Malformed::TransferEncoding) => true,
        // hyper hands out 101 as an answer; we asked for no other protocol
        Err(Malformed::Upgrade) => true,
        // hyper looks for CR alone in trailers, and lets a bare LF end a line there
        Err(Malformed::Trailer) => true,
        // Empty lines before the status line: no client has to skip them, and after another answer
        // on the same connection they would be bytes that nobody asked for.
        Err(Malformed::Head(httparse::Error::Version)) => true,
        _ => false,
    }
}

fn agree(head_request: bool, bytes: &[u8]) -> Result<(), TestCaseError> {
    let wanted = Wanted {
        head: head_request,
        ..GET
    };
    let ours = decode(wanted, [bytes])
        .ok()
        .map(|whole| (whole.status, whole.body));
    let theirs = by_hyper(head_request, bytes);
    if ours.is_none() && theirs.is_some() && is_meant(bytes) {
        return Ok(());
    }
    prop_assert_eq!(ours, theirs, "{}", bytes.escape_ascii());
    Ok(())
}

proptest! {
    #[test]
    fn hyper_reads_the_same_in_what_is_right(sample in response()) {
        let expected = (sample.expected.status, sample.expected.body);
        prop_assert_eq!(by_hyper(sample.head_request, &sample.bytes), Some(expected));
    }

    #[test]
    fn hyper_reads_the_same_in_what_is_damaged(sample in damaged()) {
        agree(sample.head_request, &sample.bytes)?;
    }
}

#[test]
fn the_differences_that_are_meant() {
    for (text, theirs) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Some((200, "")),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            Some((200, "")),
        ),
        ("HTTP/1.1 101 Go\r\nupgrade: x\r\n\r\n", Some((101, ""))),
        ("\r\nHTTP/1.1 200 OK\r\n\r\nok", Some((200, "ok"))),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\n\r\n\r\n",
            Some((200, "")),
        ),
    ] {
        let theirs = theirs.map(|(status, body)| (status, body.as_bytes().to_vec()));
        assert_eq!(by_hyper(false, text.as_bytes()), theirs, "{text:?}");
        assert_eq!(
            decode(GET, [text.as_bytes()]),
            Err(Outcome::Protocol),
            "{text:?}"
        );
        assert!(is_meant(text.as_bytes()), "{text:?}");
    }
}
