//! Pipes in which bytes pass from socket to socket without being copied (splice(2)); Linux only.
//!
//! A pipe takes two descriptors, and there are few: a connection borrows one while it has bytes under
//! way, and passes them on in the ordinary way when there is none.

use std::io;

use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
use self::linux::Ends;

/// A borrowed pipe. Dropped empty it is lent again; dropped with bytes in it, it is closed.
#[derive(Debug)]
pub(super) struct Pipe {
    #[cfg(target_os = "linux")]
    ends: Option<Ends>,
    #[cfg(not(target_os = "linux"))]
    ends: std::convert::Infallible,
    holds: usize,
}

#[cfg(target_os = "linux")]
impl Pipe {
    /// One that is empty, if there is one to spare.
    pub(super) fn borrow() -> Option<Self> {
        Ends::lend().map(|ends| Self {
            ends: Some(ends),
            holds: 0,
        })
    }

    /// How many bytes are in it.
    pub(super) const fn holds(&self) -> usize {
        self.holds
    }

    /// Takes in what a socket has, without waiting; 0 is the socket's end. It must be empty: else a
    /// pipe without room could not be told from a socket without data.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing yet; otherwise what the system says of the socket.
    pub(super) fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        let Some(ends) = self.ends.as_ref().filter(|_| self.holds == 0) else {
            return Ok(0);
        };
        self.holds = ends.fill(from)?;
        Ok(self.holds)
    }

    /// Passes on to a socket what it takes, without waiting; how much that was.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing yet; otherwise what the system says of the socket.
    pub(super) fn pass_on(&mut self, to: &TcpStream) -> io::Result<usize> {
        let Some(ends) = &self.ends else {
            return Ok(0);
        };
        let passed = ends.pass_on(to, self.holds)?;
        self.holds -= passed;
        Ok(passed)
    }

    /// Takes out what is in it.
    ///
    /// # Errors
    /// What the system says; there is no reason why it should.
    pub(super) fn drain(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.holds];
        if let Some(ends) = &self.ends {
            ends.read(&mut bytes)?;
        }
        self.holds = 0;
        Ok(bytes)
    }
}

#[cfg(target_os = "linux")]
impl Drop for Pipe {
    fn drop(&mut self) {
        if let Some(ends) = self.ends.take().filter(|_| self.holds == 0) {
            ends.give_back();
        }
    }
}

/// Elsewhere there is none to borrow.
#[cfg(not(target_os = "linux"))]
impl Pipe {
    pub(super) const fn borrow() -> Option<Self> {
        None
    }

    pub(super) const fn holds(&self) -> usize {
        self.holds
    }

    pub(super) fn fill(&mut self, _: &TcpStream) -> io::Result<usize> {
        match self.ends {}
    }

    pub(super) fn pass_on(&mut self, _: &TcpStream) -> io::Result<usize> {
        match self.ends {}
    }

    pub(super) fn drain(self) -> io::Result<Vec<u8>> {
        match self.ends {}
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        cell::RefCell,
        io,
        os::fd::OwnedFd,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
    use tokio::net::TcpStream;

    /// Room in a pipe: the usual 64 KiB are a little less than an answer of 64 KB with its head.
    const ROOM: usize = 256 << 10;
    /// Pipes of this process: so many may one user have of that size (pipe(7), `pipe-user-pages-soft`),
    /// and two descriptors each are all that others then lack.
    const MOST: usize = 256;
    /// Pipes that each thread keeps to lend again.
    const KEPT: usize = 16;

    static COUNT: AtomicUsize = AtomicUsize::new(0);

    thread_local! {
        static IDLE: RefCell<Vec<Ends>> = const { RefCell::new(Vec::new()) };
    }

    /// Both ends of a pipe.
    #[derive(Debug)]
    pub(super) struct Ends {
        out: OwnedFd,
        into: OwnedFd,
    }

    impl Ends {
        pub(super) fn lend() -> Option<Self> {
            IDLE.with_borrow_mut(Vec::pop).or_else(Self::new)
        }

        fn new() -> Option<Self> {
            if COUNT.fetch_add(1, Relaxed) < MOST
                && let Ok((out, into)) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            {
                // a user who has too many keeps to the usual size
                let _ = fcntl_setpipe_size(&into, ROOM);
                return Some(Self { out, into });
            }
            COUNT.fetch_sub(1, Relaxed);
            None
        }

        pub(super) fn give_back(self) {
            // a thread that ends keeps none
            let _ = IDLE.try_with(|idle| {
                let mut idle = idle.borrow_mut();
                if idle.len() < KEPT {
                    idle.push(self);
                }
            });
        }

        pub(super) fn fill(&self, from: &TcpStream) -> io::Result<usize> {
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            Ok(splice(from, None, &self.into, None, ROOM, flags)?)
        }

        pub(super) fn pass_on(&self, to: &TcpStream, most: usize) -> io::Result<usize> {
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            Ok(splice(&self.out, None, to, None, most, flags)?)
        }

        /// Reads exactly what fits into `bytes`; so much must be in it.
        pub(super) fn read(&self, mut bytes: &mut [u8]) -> io::Result<()> {
            while !bytes.is_empty() {
                let read = rustix::io::read(&self.out, &mut *bytes)?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes = &mut bytes[read..];
            }
            Ok(())
        }
    }

    impl Drop for Ends {
        fn drop(&mut self) {
            COUNT.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::fault::fixtures::any_port;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let dialled = TcpStream::connect(listener.local_addr().expect("an address"));
        let (dialled, accepted) = tokio::join!(dialled, listener.accept());
        (dialled.expect("connected"), accepted.expect("accepted").0)
    }

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in_and_pipes_are_few() {
        let (mut client, near) = pair().await;
        let (far, mut server) = pair().await;
        let mut pipe = Pipe::borrow().expect("one to spare");
        let nothing = pipe.fill(&near).expect_err("nothing came");
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        for text in ["hello", "world"] {
            client.write_all(text.as_bytes()).await.expect("written");
            near.readable().await.expect("it comes");
            assert_eq!(pipe.fill(&near).expect("filled"), 5);
            if text == "hello" {
                assert_eq!(pipe.pass_on(&far).expect("passed on"), 5);
                let mut got = [0; 5];
                server.read_exact(&mut got).await.expect("read");
                assert_eq!(&got, b"hello");
            }
        }
        assert_eq!(pipe.holds(), 5);
        assert_eq!(pipe.drain().expect("drained"), b"world");
        // lent again, and empty
        let mut again = Pipe::borrow().expect("one to spare");
        assert_eq!(again.holds(), 0);
        drop(client);
        near.readable().await.expect("it ends");
        assert_eq!(again.fill(&near).expect("the end"), 0);
        drop(again);
        // there are so many and no more
        let mut all = Vec::new();
        while let Some(pipe) = Pipe::borrow() {
            all.push(pipe);
            assert!(all.len() <= 256, "{} of them", all.len());
        }
        assert!(!all.is_empty());
        drop(all);
        assert!(Pipe::borrow().is_some(), "they were given back");
    }
}
