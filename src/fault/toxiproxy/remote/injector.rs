//! A TCP fault in a Toxiproxy that runs elsewhere.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    RemoteJournal, RemoteUndo,
    api::segment,
    lease::Lease,
    link::RemoteLink,
    orders::{Orders, differs},
};
use crate::{
    fault::{FaultError, Injector, Removal, dose::Dose},
    scenario::model::TcpEffect,
    units::Ratio,
};

/// Who keeps the journal of a run's faults elsewhere.
#[derive(Default)]
pub(in crate::fault) struct Undoing(OnceLock<Arc<dyn RemoteJournal>>);

impl Undoing {
    /// Gives a journal; the first one given stays.
    pub(in crate::fault) fn set_journal(&self, journal: Arc<dyn RemoteJournal>) {
        let _ = self.0.set(journal);
    }
}

/// A TCP fault in a Toxiproxy that runs elsewhere. How many connections it met is known after its
/// removal, and only where the other side counts them (`brownout proxy` does).
pub(in crate::fault) struct RemoteInjector {
    link: Arc<RemoteLink>,
    dose: Arc<Dose>,
    orders: Orders,
    undoing: Arc<Undoing>,
    /// Since an injection began, until its removal was seen.
    armed: Mutex<Option<Armed>>,
}

struct Armed {
    /// The path of the proxy.
    proxy: String,
    /// The name of the proxy.
    name: String,
    /// Names of toxics.
    toxics: Vec<String>,
    lease: Option<Lease>,
}

impl RemoteInjector {
    /// # Errors
    /// When the effect cannot be said in Toxiproxy's units.
    pub(in crate::fault) fn prepare(
        link: Arc<RemoteLink>,
        dose: Arc<Dose>,
        effect: &TcpEffect,
        undoing: Arc<Undoing>,
    ) -> Result<Self, String> {
        Ok(Self {
            link,
            dose,
            orders: Orders::new(effect)?,
            undoing,
            armed: Mutex::default(),
        })
    }

    fn toxics(&self, level: Ratio) -> Vec<Value> {
        let share = self.dose.share();
        self.orders.toxics(self.dose.name(), share, level)
    }

    async fn put_in(&self, level: Ratio, armed: &mut Option<Armed>) -> Result<(), String> {
        let (name, proxy) = self.link.find().await?;
        let wanted = self.toxics(level);
        let name_of = |toxic: &Value| toxic["name"].as_str().unwrap_or_default().to_owned();
        let toxics: Vec<String> = wanted.iter().map(name_of).collect();
        let undo = undo(self.dose.name(), &self.link, &proxy, &toxics);
        if let Some(journal) = self.undoing.0.get() {
            journal.promise(&undo).await?;
        }
        // from here on something may be in force
        let state = armed.insert(Armed {
            proxy: proxy.clone(),
            name: name.clone(),
            toxics: toxics.clone(),
            lease: None,
        });
        let holds = match self.orders {
            Orders::Down => vec![json!({"proxy": name})],
            Orders::Toxics(..) => {
                let hold = |toxic| json!({"proxy": name, "toxic": toxic});
                toxics.iter().map(hold).collect()
            }
        };
        state.lease = Lease::claim(&self.link, self.dose.name(), holds).await?;
        if self.orders == Orders::Down {
            self.ask(200, "POST", &proxy, &json!({"enabled": false}))
                .await?;
            return self.expect_enabled(&proxy, false).await;
        }
        for toxic in &wanted {
            let path = format!("{proxy}/toxics");
            // one of this name can only be what a run before this one left
            self.take_out(&path, toxic).await?;
            self.ask(200, "POST", &path, toxic).await?;
            self.expect_toxic(&path, toxic).await?;
        }
        Ok(())
    }

    async fn ask(&self, status: u16, how: &str, path: &str, body: &Value) -> Result<Value, String> {
        let answer = self.link.api.ask(how, path, body).await?;
        answer.of(status, &format!("{how} {path}"))
    }

    /// Reads a toxic back.
    async fn expect_toxic(&self, path: &str, wanted: &Value) -> Result<(), String> {
        let name = wanted["name"].as_str().unwrap_or_default();
        let path = format!("{path}/{}", segment(name));
        let found = self.ask(200, "GET", &path, &Value::Null).await?;
        differs(wanted, &found).map_or(Ok(()), Err)
    }

    /// Reads back whether a proxy is enabled.
    async fn expect_enabled(&self, proxy: &str, enabled: bool) -> Result<(), String> {
        let found = self.ask(200, "GET", proxy, &Value::Null).await?;
        if found["enabled"] == enabled {
            return Ok(());
        }
        Err(format!("wanted enabled: {enabled}, found {found}"))
    }

    /// Deletes a toxic, and looks that it is gone.
    async fn take_out(&self, path: &str, toxic: &Value) -> Result<(), String> {
        let name = toxic["name"].as_str().unwrap_or_default();
        let path = format!("{path}/{}", segment(name));
        let answer = self.link.api.ask("DELETE", &path, &Value::Null).await?;
        if answer.status != 404 {
            answer.of(204, &format!("DELETE {path}"))?;
        }
        self.ask(404, "GET", &path, &Value::Null).await.map(drop)
    }

    /// How many connections its toxics met, where the other side tells.
    async fn met(&self, state: &Armed) -> u64 {
        let asked = self.link.api.ask("GET", "/connections", &Value::Null);
        let counts = asked.await.map_or(Value::Null, |answer| answer.body);
        let counts = &counts[state.name.as_str()]["toxics"];
        let of = |toxic: &String| counts[toxic.as_str()].as_u64();
        // one that acts on both directions meets a connection in each
        state.toxics.iter().filter_map(of).max().unwrap_or(0)
    }

    async fn undo(&self, armed: &mut Option<Armed>) -> Result<String, String> {
        let Some(state) = armed else {
            return Ok("it was not in force".to_owned());
        };
        let path = format!("{}/toxics", state.proxy);
        let met = self.met(state).await;
        for name in &state.toxics {
            self.take_out(&path, &json!({"name": name})).await?;
        }
        if self.orders == Orders::Down {
            let enabled = json!({"enabled": true});
            self.ask(200, "POST", &state.proxy, &enabled).await?;
            self.expect_enabled(&state.proxy, true).await?;
        }
        if let Some(lease) = state.lease.take() {
            lease.end(&self.link).await;
        }
        *armed = None;
        for _ in 0..met {
            self.dose.hit();
        }
        if let Some(journal) = self.undoing.0.get() {
            journal.keep(self.dose.name()).await?;
        }
        Ok(format!("gone from http://{}", self.link.api.addr))
    }
}

/// What undoes a fault, should we not live to do it.
fn undo(fault: &str, link: &RemoteLink, proxy: &str, toxics: &[String]) -> RemoteUndo {
    let delete = |name: &String| {
        let path = format!("{proxy}/toxics/{}", segment(name));
        ("DELETE".to_owned(), path, String::new())
    };
    let mut requests: Vec<_> = toxics.iter().map(delete).collect();
    if requests.is_empty() {
        let enable = json!({"enabled": true}).to_string();
        requests.push(("POST".to_owned(), proxy.to_owned(), enable));
    }
    RemoteUndo {
        fault: fault.to_owned(),
        api: link.api.addr,
        requests,
    }
}

#[async_trait]
impl Injector for RemoteInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        let mut armed = self.armed.lock().await;
        let put_in = self.put_in(level, &mut armed).await;
        put_in.map_err(|detail| FaultError::NotInjected {
            fault: self.dose.name().to_owned(),
            detail: format!("link `{}`: {detail}", self.link.name),
        })
    }

    async fn level(&self, level: Ratio) -> Result<(), FaultError> {
        let armed = self.armed.lock().await;
        let changing = async {
            let Some(state) = &*armed else {
                return Ok(());
            };
            let path = format!("{}/toxics", state.proxy);
            for toxic in self.toxics(level) {
                let name = toxic["name"].as_str().unwrap_or_default();
                let at = format!("{path}/{}", segment(name));
                self.ask(200, "POST", &at, &toxic).await?;
                self.expect_toxic(&path, &toxic).await?;
            }
            Ok(())
        };
        changing
            .await
            .map_err(|detail: String| FaultError::NotInjected {
                fault: self.dose.name().to_owned(),
                detail: format!("link `{}`: {detail}", self.link.name),
            })
    }

    async fn remove(&self) -> Result<Removal, FaultError> {
        let mut armed = self.armed.lock().await;
        let was = armed.is_some();
        let undone = self.undo(&mut armed).await;
        let detail = undone.map_err(|detail| FaultError::NotRemoved {
            fault: self.dose.name().to_owned(),
            detail: format!("link `{}`: {detail}", self.link.name),
        })?;
        if !was {
            return Ok(Removal::verified(detail));
        }
        Ok(match self.link.api.accepts(self.link.listen).await {
            Ok(()) => Removal::verified(format!("{detail}; {} accepts", self.link.listen)),
            Err(why) => Removal::doubtful(format!("{detail}; {why}")),
        })
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}
