//! A Toxiproxy that does not belong to a run, and outlives it: here, a `brownout proxy`.

use std::path::PathBuf;

use crate::{
    proxy::Proxy,
    support::{Bench, free_address},
};

pub(super) struct Elsewhere {
    pub(super) proxy: Proxy,
    /// Where the ways to its upstreams begin.
    pub(super) listens: [String; 2],
}

impl Elsewhere {
    pub(super) fn start(bench: &Bench, upstreams: [&str; 2]) -> Self {
        let listens = [(); 2].map(|()| free_address());
        let proxies: Vec<String> = listens
            .iter()
            .zip(upstreams)
            .map(|(listen, upstream)| {
                format!(
                    r#"{{"name": "{upstream}", "listen": "{listen}", "upstream": "{upstream}"}}"#
                )
            })
            .collect();
        bench.write("toxiproxy.json", &format!("[{}]", proxies.join(", ")));
        Self {
            proxy: Proxy::start(bench, &["-config", "toxiproxy.json"]),
            listens,
        }
    }

    /// What of a run's faults is in force there, as paths of its API.
    pub(super) fn faults(&self) -> Vec<PathBuf> {
        let answer = self.proxy.get("/proxies", "");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let proxies: serde_json::Value = serde_json::from_str(body).expect("valid JSON");
        let proxies = proxies.as_object().expect("proxies by name");
        let faulty = proxies.iter().filter(|(_, proxy)| {
            proxy["enabled"] != true || proxy["toxics"] != serde_json::json!([])
        });
        faulty
            .map(|(name, _)| PathBuf::from(format!("/proxies/{name}")))
            .collect()
    }
}
