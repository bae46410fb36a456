//! What holds for any requests: the laws that property tests and fuzzing share. Nothing listens
//! and no name is looked up: the proxy stays disabled.

use std::{
    collections::BTreeSet,
    pin::pin,
    task::{Context, Poll, Waker},
};

use serde_json::Value;

use super::{
    error::ApiError,
    metrics::Counters,
    proxy::Ground,
    registry::{Registry, Wanted, populated, read_list},
    toxic::Order,
    wire::Object,
};
use crate::{fault::tcp::Lanes, guard::Guard, seed::Seed};

/// More requests than that show nothing new.
const MOST: usize = 64;

/// A request a line: what is asked, a blank, the body. Each is done or refused with a reason, and
/// whatever is there then reads back as it is shown.
pub(crate) fn requests_are_answered(bytes: &[u8]) {
    let mut registry = Registry::new(Ground {
        guard: Guard::loopback(),
        seed: Seed(7),
        counters: Counters::default(),
        lanes: Lanes::default(),
    });
    for line in bytes.split(|byte| *byte == b'\n').take(MOST) {
        let at = line.iter().position(|byte| *byte == b' ');
        let (asked, body) = line.split_at(at.unwrap_or(line.len()));
        if let Err(error) = ask(&mut registry, asked, body) {
            let status = error.status();
            assert!(status.is_client_error(), "{status}: {error}");
            assert!(!error.to_string().is_empty());
        }
        reads_back(&registry);
    }
}

fn ask(registry: &mut Registry, asked: &[u8], body: &[u8]) -> Result<(), ApiError> {
    let (what, name) = asked.split_first().unwrap_or((&b'?', b""));
    let name = String::from_utf8_lossy(name);
    match what {
        b'c' => {
            let mut wanted = Wanted::read(&Object::read(body)?, None)?;
            wanted.enabled = false;
            ready(registry.create(wanted)).map(drop)
        }
        b'p' => {
            let read = read_list(body).map(drop);
            let told = populated(Vec::new(), &read);
            assert_eq!(told["proxies"].is_array(), read.is_ok());
            read
        }
        b'l' => {
            let lease = registry.lease(&name, &Object::read(body)?)?;
            let again = Object::new(lease.clone(), "a lease")?;
            let again = registry.lease(&name, &again)?;
            assert_eq!(again["holds"], lease["holds"]);
            Ok(())
        }
        b'd' => ready(registry.delete(&name)),
        what => {
            let (proxy, toxic) = name.split_once('/').unwrap_or(("p", &name));
            match what {
                b'a' => ready(registry.add_toxic(proxy, &Object::read(body)?)).map(drop),
                b'u' => ready(registry.change_toxic(proxy, toxic, &Object::read(body)?)).map(drop),
                b'r' => ready(registry.remove_toxic(proxy, toxic)),
                _ => registry.proxy(proxy)?.toxic(toxic).map(drop),
            }
        }
    }
}

/// What is shown could be sent as it is, and would be shown again; and no name stands twice.
fn reads_back(registry: &Registry) {
    let all = registry.all();
    let text = all.to_string();
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), all);
    for (name, proxy) in all.as_object().expect("proxies by name") {
        assert_eq!(proxy["name"], name.as_str());
        let mut names = BTreeSet::new();
        for shown in proxy["toxics"].as_array().expect("toxics") {
            let name = shown["name"].as_str().expect("a name");
            assert!(names.insert(name), "twice: {name}");
            let body = Object::new(shown.clone(), "a toxic").expect("an object");
            let toxic = Order::read(&body).and_then(|order| order.build(Seed(7)));
            let toxic = toxic.unwrap_or_else(|error| panic!("{error}: {shown}"));
            assert_eq!(&toxic.to_json(), shown);
        }
    }
}

/// What a disabled proxy is asked is done at once.
fn ready<T>(doing: impl Future<Output = T>) -> T {
    match pin!(doing).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}
