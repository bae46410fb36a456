//! hyper's parser as the reference: the same bytes, the same verdict, but for what is listed.

use proptest::prelude::*;

use super::{
    generated::{damaged, response},
    laws::{by_hyper, difference, is_meant},
    *,
};

fn agree(head_request: bool, bytes: &[u8]) -> Result<(), TestCaseError> {
    prop_assert_eq!(difference(head_request, bytes), None);
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
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked,\r\n\r\n0\r\n\r\n",
            Some((200, "0\r\n\r\n")),
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
