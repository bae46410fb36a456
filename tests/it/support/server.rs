//! An HTTP/1.1 server that answers by a script, a thread for each connection.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

/// What a server is told to do.
pub(crate) enum Reply {
    /// An answer of two bytes with this status.
    Status(u16),
    /// These bytes, which are a whole answer that says how long it is.
    Raw(&'static str),
    /// No answer, until the other side gives up.
    Hang,
}

/// Serves until the test's process ends; where it listens. `answer` is asked with the path and with
/// the name that brownout gave the request (empty for requests of others).
pub(crate) fn serve(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || converse(stream, &*answer));
        }
    });
    address
}

fn converse(stream: TcpStream, answer: &impl Fn(&str, &str) -> Reply) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let path = line.split_whitespace().nth(1)?.to_owned();
        let mut id = String::new();
        loop {
            line.clear();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("brownout-request")
            {
                id = value.trim().to_owned();
            }
        }
        match answer(&path, &id) {
            Reply::Status(status) => {
                write!(writer, "HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok").ok()?;
            }
            Reply::Raw(answer) => writer.write_all(answer.as_bytes()).ok()?,
            Reply::Hang => {
                // whatever comes, it is the end
                let _ = reader.read_line(&mut line);
                return None;
            }
        }
    }
}
