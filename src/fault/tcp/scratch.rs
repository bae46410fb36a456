//! One buffer for each thread, into which its connections read in turn: so one that is idle holds none.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// The most that is read at once.
pub(super) const MOST: usize = 32 << 10;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; MOST].into_boxed_slice());
}

/// Reads what is there and hands it to `with`, which must not read itself; empty is the end.
pub(super) fn poll_read<R: AsyncRead + Unpin, T>(
    cx: &mut Context<'_>,
    reader: &mut R,
    with: impl FnOnce(&mut Context<'_>, &[u8]) -> T,
) -> Poll<io::Result<T>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(with(cx, buffer.filled())))
    })
}
