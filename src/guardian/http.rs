//! Undoing by plain HTTP/1.0 requests: blocking and small, since the guardian has no runtime.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::protocol::HttpUndo;

/// How long one answer may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The first line of an answer is all that is read of it.
const READ: u64 = 64;

/// Sends the requests in order, all of them even when one fails; what was seen.
///
/// # Errors
/// Which one was not done, and why.
pub(super) fn undo(undo: &HttpUndo) -> Result<String, String> {
    let mut failed = Ok(());
    for (method, path, body) in &undo.requests {
        let shown = format!("{method} http://{}{path}", undo.address);
        let done = match ask(undo.address, method, path, body) {
            Ok(200..=299 | 404) => Ok(()),
            Ok(status) => Err(format!("{shown} was answered {status}")),
            Err(error) => Err(format!("{shown}: {error}")),
        };
        failed = failed.and(done);
    }
    failed.map(|()| format!("{} of {} is gone", undo.requests.len(), undo.address))
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\nuser-agent: brownout\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(READ).read_to_end(&mut answer)?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    let status = status.and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("no HTTP answer"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_gone_is_undone_and_the_rest_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = std::thread::spawn(move || {
            ["204 No Content", "500 Oh", "404 Not Found"].map(|status| {
                let (mut stream, _) = listener.accept().expect("a call");
                let mut request = [0; 1024];
                let length = stream.read(&mut request).expect("a request");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).expect("answered");
                String::from_utf8_lossy(&request[..length]).into_owned()
            })
        });
        let request = |path: &str| ("DELETE".to_owned(), path.to_owned(), String::new());
        let requests = vec![request("/a"), request("/b"), request("/c")];
        let error = undo(&HttpUndo { address, requests }).expect_err("one failed");
        assert!(error.contains("/b was answered 500"), "{error}");
        let asked = serving.join().expect("all were asked");
        assert!(asked[2].starts_with("DELETE /c HTTP/1.0\r\n"), "{asked:?}");
    }
}
