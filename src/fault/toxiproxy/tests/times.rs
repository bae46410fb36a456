//! The time limits of the API.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{Times, api_with};
use crate::fault::fixtures::{PATIENCE, read_out};

#[tokio::test]
async fn who_is_slow_is_not_waited_for() {
    let hour = Duration::from_secs(3600);
    let short = Duration::from_millis(100);
    let long = Times {
        read: hour,
        write: hour,
        answer: hour,
    };

    // a head, and then a body, that never ends
    let (api, _) = api_with(Times {
        read: short,
        ..long
    })
    .await;
    let mut stream = TcpStream::connect(api.addr).await.expect("it accepts");
    let begun = b"GET /version HTTP/1.1\r\nhost: a\r\n";
    stream.write_all(begun).await.expect("written");
    let heard = read_out(&mut stream).await.expect("an end");
    assert!(!heard.starts_with(b"HTTP/1.1 200"), "{heard:?}");
    let mut stream = TcpStream::connect(api.addr).await.expect("it accepts");
    let begun = b"POST /proxies HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{";
    stream.write_all(begun).await.expect("written");
    let heard = read_out(&mut stream).await.expect("an answer and an end");
    let heard = String::from_utf8_lossy(&heard).into_owned();
    assert!(heard.starts_with("HTTP/1.1 400"), "{heard}");
    assert!(heard.contains("bad request body: i/o timeout"), "{heard}");
    api.expect(200, "GET", "/version", Value::Null).await;

    // something that takes too long is answered, and done all the same
    let (api, app) = api_with(Times {
        answer: short,
        ..long
    })
    .await;
    let held = app.registry.lock().await;
    let proxy = json!({"name": "db", "upstream": "127.0.0.1:1", "enabled": false});
    let late = api.ask("POST", "/proxies", proxy).await;
    assert_eq!(late.status, 503, "{late:?}");
    assert!(late.body.contains("<h1>Timeout</h1>"), "{late:?}");
    drop(held);
    let made = async {
        loop {
            let all = app.registry.lock().await.all();
            if all != json!({}) {
                break all;
            }
            tokio::task::yield_now().await;
        }
    };
    let made = timeout(PATIENCE, made).await.expect("it was done");
    assert_eq!(made["db"]["enabled"], json!(false));

    // a client that asks and asks, and takes no answer
    let (api, _) = api_with(Times {
        write: short,
        ..long
    })
    .await;
    let mut stream = TcpStream::connect(api.addr).await.expect("it accepts");
    let asking = async {
        let many = "GET /version HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1000);
        while stream.write_all(many.as_bytes()).await.is_ok() {}
    };
    timeout(PATIENCE, asking).await.expect("it is given up");
    api.expect(200, "GET", "/version", Value::Null).await;
}
