//! A TCP fault in a Toxiproxy that runs elsewhere.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    RemoteJournal, RemoteUndo, api::segment, lease::Lease, link::RemoteLink, orders::Orders,
    writer::Proxy,
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
    proxy: Proxy,
    /// Names of toxics, in the order of the orders.
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
        let proxy = self.link.find().await?;
        let mut wanted = self.toxics(level);
        let mut toxics = Vec::new();
        for toxic in &mut wanted {
            let name = self.link.name(&proxy, toxic);
            toxic["name"] = json!(name);
            toxics.push(name);
        }
        let undo = undo(self.dose.name(), &self.link, &proxy.path, &toxics);
        if let Some(journal) = self.undoing.0.get() {
            journal.promise(&undo).await?;
        }
        // from here on something may be in force
        let state = armed.insert(Armed {
            proxy: proxy.clone(),
            toxics: toxics.clone(),
            lease: None,
        });
        let name = &proxy.name;
        let holds = match self.orders {
            Orders::Down => vec![json!({"proxy": name})],
            Orders::Toxics(..) => {
                let hold = |toxic| json!({"proxy": name, "toxic": toxic});
                toxics.iter().map(hold).collect()
            }
        };
        state.lease = Lease::claim(&self.link, self.dose.name(), holds).await?;
        if self.orders == Orders::Down {
            return self.link.enable(&proxy, false).await;
        }
        for (toxic, name) in wanted.iter().zip(&toxics) {
            if proxy.toxics.contains(name) {
                // of our names: it can only be what a run before this one left
                self.take_out(&proxy, name).await?;
            }
            self.link.add(&proxy, toxic).await?;
        }
        Ok(())
    }

    /// Deletes a toxic, and looks that it is gone.
    async fn take_out(&self, proxy: &Proxy, name: &str) -> Result<(), String> {
        let path = format!("{}/toxics/{}", proxy.path, segment(name));
        let answer = self.link.api.ask("DELETE", &path, &Value::Null).await?;
        if answer.status != 404 {
            answer.of(204, &format!("DELETE {path}"))?;
        }
        let gone = self.link.ask(404, "GET", &path, &Value::Null).await;
        gone.map(drop)
    }

    /// How many connections its toxics met, where the other side tells.
    async fn met(&self, state: &Armed) -> u64 {
        let asked = self.link.api.ask("GET", "/connections", &Value::Null);
        let counts = asked.await.map_or(Value::Null, |answer| answer.body);
        let counts = &counts[state.proxy.name.as_str()]["toxics"];
        let of = |toxic: &String| counts[toxic.as_str()].as_u64();
        // one that acts on both directions meets a connection in each
        state.toxics.iter().filter_map(of).max().unwrap_or(0)
    }

    async fn undo(&self, armed: &mut Option<Armed>) -> Result<String, String> {
        let Some(state) = armed else {
            return Ok("it was not in force".to_owned());
        };
        // what was asked for and given up must not come after its removal
        self.link.settle().await;
        let met = self.met(state).await;
        for name in &state.toxics {
            self.take_out(&state.proxy, name).await?;
        }
        if self.orders == Orders::Down {
            self.link.enable(&state.proxy, true).await?;
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
            for (mut toxic, name) in self.toxics(level).into_iter().zip(&state.toxics) {
                toxic["name"] = json!(name);
                let at = format!("{}/toxics/{}", state.proxy.path, segment(name));
                self.link.ask(200, "POST", &at, &toxic).await?;
                self.link.expect_toxic(&state.proxy, &toxic).await?;
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
