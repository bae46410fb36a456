//! Laws of the decoder: nothing depends on how the bytes were cut, and what was written is read.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    generated::{damaged, pieces, response},
    *,
};

proptest! {
    #[test]
    fn what_was_generated_is_decoded(
        sample in response(), cuts in vec(any::<Index>(), 0..8)
    ) {
        let wanted = Wanted { head: sample.head_request, ..GET };
        prop_assert_eq!(decode(wanted, pieces(&sample.bytes, &cuts)), Ok(sample.expected.clone()));
        prop_assert_eq!(decode(wanted, sample.bytes.chunks(1)), Ok(sample.expected));
    }

    #[test]
    fn every_single_cut_is_the_same(sample in damaged()) {
        let wanted = Wanted { head: sample.head_request, ..GET };
        let whole = decode(wanted, [&*sample.bytes]);
        for cut in 0..=sample.bytes.len() {
            let (first, second) = sample.bytes.split_at(cut);
            prop_assert_eq!(decode(wanted, [first, second]), whole.clone(), "cut at {}", cut);
        }
    }

    #[test]
    fn damage_is_the_same_in_any_pieces(
        sample in damaged(), cuts in vec(any::<Index>(), 0..30)
    ) {
        let wanted = Wanted { head: sample.head_request, ..GET };
        let whole = decode(wanted, [&*sample.bytes]);
        prop_assert_eq!(decode(wanted, pieces(&sample.bytes, &cuts)), whole);
    }

    #[test]
    fn no_bytes_at_all_are_too_much(
        pieces in vec(vec(any::<u8>(), 0..50), 0..9), after_head: bool
    ) {
        let head: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let head = after_head.then_some(head);
        let rest = pieces.iter().map(Vec::as_slice);
        // it may say what it likes, but it must say it
        let _ = decode(GET, head.into_iter().chain(rest));
    }

    /// Up to a cut, an intact response is never an error, and it is never complete too early.
    #[test]
    fn a_beginning_is_neither_wrong_nor_complete(sample in response(), cut: Index) {
        let wanted = Wanted { head: sample.head_request, ..GET };
        let cut = cut.index(sample.bytes.len());
        let mut decoder = Decoder::new(wanted);
        prop_assert_eq!(decoder.feed(&sample.bytes[..cut]), Ok(Progress::More));
        match decoder.close() {
            Ok(()) => prop_assert!(sample.bytes[cut..].len() <= sample.expected.body.len()),
            Err(outcome) => prop_assert_eq!(outcome, Outcome::ClosedEarly),
        }
    }
}
