//! All planes of a run behind one face.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use super::{
    BindError, ExecControl, ExecJob, FaultError, Injector, ProcessControl, Removal,
    dns::{DnsInjector, DnsServer, Listen},
    dose::Dose,
    exec::{Commands, ExecInjector},
    http::{HttpInjector, TlsInjector},
    process::{ProcessInjector, Processes},
    tcp::{Lanes, Link, TcpInjector},
    toxiproxy::{RemoteInjector, RemoteJournal, RemoteLink, Undoing, find_api},
};
use crate::{
    marks::Marks,
    plan::{FaultPlan, LinkTls, PlacePlan, Plan, Resolver},
    scenario::model::Effect,
    time::{Clock, Offset},
    tls::Authority,
    units::Ratio,
};

/// The fault planes of a run: every listener that it needs, and every fault of its plan.
///
/// All methods take `&self` and may be called at once from several tasks; those about the same
/// fault wait for each other.
pub struct Planes {
    visitors: Vec<Option<SocketAddr>>,
    marks: Arc<Marks>,
    authority: Option<Arc<Authority>>,
    links: Vec<Way>,
    /// Where the connections of TCP links are served.
    _lanes: Lanes,
    dns: Option<Arc<DnsServer>>,
    processes: Arc<Processes>,
    commands: Arc<Commands>,
    undoing: Arc<Undoing>,
    faults: Vec<Slot>,
    /// Since when each fault is in force, by order of injection.
    order: Mutex<BTreeMap<u64, (usize, Offset)>>,
    clock: Clock,
    over: AtomicBool,
}

/// A link: ours, or a proxy of a Toxiproxy that runs elsewhere.
enum Way {
    Ours(Arc<Link>),
    Elsewhere(Arc<RemoteLink>),
}

struct Slot {
    name: String,
    injector: Box<dyn Injector>,
    /// Held while the fault is put in or taken out; its place in the order while in force.
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not in force.
    Out,
    /// In force; its place in the order.
    In(u64),
    /// Injection or removal failed: it may be in force, and a removal is owed.
    Owed(u64),
}

impl Planes {
    /// Looks the names up that a plan has for Toxiproxies elsewhere, once, and puts the addresses in
    /// their place: before [`Planes::bind`].
    ///
    /// # Errors
    /// When one cannot be found, or lies only where the guard forbids.
    pub async fn look_up(plan: &mut Plan) -> Result<(), BindError> {
        for link in plan.links.iter_mut() {
            if let Some(host) = &link.via {
                let addr = find_api(&link.name, host, &plan.zones, &plan.guard).await?;
                link.via = Some(addr.to_string());
            }
        }
        Ok(())
    }

    /// Binds every link, and the DNS server if a zone or a fault needs it, and begins to serve.
    /// No fault is in force yet. The tokio runtime that this is called in runs it all but TCP links, which
    /// have threads of their own: it should have several threads, or links and dispatcher wait for
    /// each other.
    ///
    /// # Errors
    /// When an address is taken, or a fault cannot be carried out where it is placed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(plan: Arc<Plan>, clock: Clock) -> Result<Self, BindError> {
        let marks = Arc::new(Marks::default());
        let mut visitors = vec![None; plan.services.len()];
        let authority = authority(&plan)?;
        let lanes = Lanes::default();
        let mut links = Vec::with_capacity(plan.links.len());
        for link_plan in &plan.links {
            if let Some(api) = &link_plan.via {
                let link = RemoteLink::new(link_plan, api, &plan.guard)?;
                links.push(Way::Elsewhere(Arc::new(link)));
                continue;
            }
            let link = Link::bind(
                link_plan,
                plan.services.get(usize::from(link_plan.to.0)),
                authority.as_ref(),
                &plan.guard,
                &marks,
                &lanes,
            )?;
            if link_plan.visitors
                && let Some(slot) = visitors.get_mut(usize::from(link_plan.to.0))
            {
                *slot = Some(link.addr());
            }
            links.push(Way::Ours(Arc::new(link)));
        }
        let asked = |fault: &FaultPlan| matches!(fault.place, PlacePlan::Dns { .. });
        let resolves = plan.launch.iter().any(|l| l.resolver == Resolver::Brownout);
        let dns = if plan.zones.is_empty() && !plan.faults.iter().any(asked) && !resolves {
            None
        } else {
            let listen = Listen::anywhere(plan.dns_servers, resolves);
            Some(Arc::new(DnsServer::bind(
                &plan.zones,
                &listen,
                None,
                Some(Arc::clone(&marks)),
            )?))
        };
        let mut planes = Self {
            visitors,
            marks,
            authority,
            links,
            _lanes: lanes,
            dns,
            processes: Arc::default(),
            commands: Arc::default(),
            undoing: Arc::default(),
            faults: Vec::with_capacity(plan.faults.len()),
            order: Mutex::default(),
            clock,
            over: AtomicBool::new(false),
        };
        for fault in &plan.faults {
            let dose = Arc::new(Dose::new(fault, plan.seed));
            let slot = Slot {
                name: fault.name.clone(),
                injector: planes.injector(fault, dose)?,
                state: tokio::sync::Mutex::new(State::Out),
            };
            planes.faults.push(slot);
        }
        Ok(planes)
    }

    fn injector(&self, fault: &FaultPlan, dose: Arc<Dose>) -> Result<Box<dyn Injector>, BindError> {
        let misplaced = |detail: String| BindError::Misplaced {
            fault: fault.name.clone(),
            at: fault.at.clone(),
            detail,
        };
        let link = |index: usize| {
            let link = self.links.get(index);
            link.ok_or_else(|| misplaced(format!("there is no link number {index}")))
        };
        Ok(match (&fault.place, &fault.effect) {
            (PlacePlan::Link { link: index, .. }, Effect::Tcp(effect)) => match link(*index)? {
                Way::Ours(link) => {
                    Box::new(TcpInjector::new(Arc::clone(link), dose, effect.clone()))
                }
                Way::Elsewhere(link) => {
                    let undoing = Arc::clone(&self.undoing);
                    let link = Arc::clone(link);
                    let prepared = RemoteInjector::prepare(link, dose, effect, undoing);
                    Box::new(prepared.map_err(misplaced)?)
                }
            },
            (PlacePlan::Link { link: index, .. }, Effect::Http(effect)) => {
                let Way::Ours(link) = link(*index)? else {
                    return Err(misplaced("its link runs elsewhere".into()));
                };
                let prepared = HttpInjector::prepare(Arc::clone(link), dose, effect);
                Box::new(prepared.map_err(misplaced)?)
            }
            (PlacePlan::Link { link: index, .. }, Effect::Tls(effect)) => {
                let Way::Ours(link) = link(*index)? else {
                    return Err(misplaced("its link runs elsewhere".into()));
                };
                let prepared = TlsInjector::prepare(Arc::clone(link), dose, *effect);
                Box::new(prepared.map_err(misplaced)?)
            }
            (PlacePlan::Dns { name, zone }, Effect::Dns(effect)) => {
                let server = self.dns.clone();
                let server = server.ok_or_else(|| misplaced("there is no DNS server".into()))?;
                Box::new(DnsInjector::prepare(
                    server,
                    dose,
                    name,
                    *zone,
                    effect.clone(),
                )?)
            }
            (PlacePlan::Process(service), Effect::Process(effect)) => {
                let processes = Arc::clone(&self.processes);
                Box::new(ProcessInjector::new(processes, *service, *effect, dose))
            }
            (PlacePlan::Host { folder, .. }, Effect::Exec(effect)) => {
                let job = ExecJob {
                    fault: fault.name.clone(),
                    effect: effect.clone(),
                    folder: folder.clone(),
                };
                Box::new(ExecInjector::new(Arc::clone(&self.commands), job, dose))
            }
            (
                PlacePlan::Link { .. }
                | PlacePlan::Dns { .. }
                | PlacePlan::Process(_)
                | PlacePlan::Host { .. },
                Effect::Http(_)
                | Effect::Tcp(_)
                | Effect::Tls(_)
                | Effect::Dns(_)
                | Effect::Process(_)
                | Effect::Exec(_),
            ) => return Err(misplaced("its effect belongs to another plane".into())),
        })
    }

    /// For each service, where its visitors' link listens, if there is one.
    #[must_use]
    pub fn visitors(&self) -> Vec<Option<SocketAddr>> {
        self.visitors.clone()
    }

    /// What faults did to requests that got no answer; by their names.
    #[must_use]
    pub fn marks(&self) -> Arc<Marks> {
        Arc::clone(&self.marks)
    }

    /// Who signs what those links show that have no certificate of the operator's; nobody where no
    /// link needs one.
    #[must_use]
    pub const fn authority(&self) -> Option<&Arc<Authority>> {
        self.authority.as_ref()
    }

    /// Where each link of the plan listens.
    #[must_use]
    pub fn links(&self) -> Vec<SocketAddr> {
        let addr = |way: &Way| match way {
            Way::Ours(link) => link.addr(),
            Way::Elsewhere(link) => link.addr(),
        };
        self.links.iter().map(addr).collect()
    }

    /// Where the fault DNS server listens (UDP and TCP): as many addresses as the target has
    /// servers; none if there is no need of it.
    #[must_use]
    pub fn dns(&self) -> Vec<SocketAddr> {
        let dns = self.dns.as_ref();
        dns.map_or_else(Vec::new, |dns| dns.addrs().to_vec())
    }

    /// Where launched processes find the DNS server at port 53: as many addresses as the target has
    /// servers; none when no process asks it.
    #[must_use]
    pub fn resolvers(&self) -> Vec<IpAddr> {
        let dns = self.dns.as_ref();
        dns.map_or_else(Vec::new, |dns| dns.resolvers().to_vec())
    }

    /// Gives power over the launched processes; needed before a process fault is injected. The
    /// first one given stays.
    pub fn set_process_control(&self, control: Arc<dyn ProcessControl>) {
        self.processes.set_control(control);
    }

    /// Gives power to run commands; needed before an exec fault is injected. The first one given stays.
    pub fn set_exec_control(&self, control: Arc<dyn ExecControl>) {
        self.commands.set_control(control);
    }

    /// Gives a journal for faults in a Toxiproxy that runs elsewhere; the first one given stays.
    pub fn set_remote_journal(&self, journal: Arc<dyn RemoteJournal>) {
        self.undoing.set_journal(journal);
    }

    /// Puts a fault in at `level`; when this returns it is in force. A fault that is in force
    /// already is merely levelled.
    ///
    /// # Errors
    /// When it did not take effect: then what was done of it is undone.
    pub async fn inject(&self, fault: usize, level: Ratio) -> Result<(), FaultError> {
        let slot = self.slot(fault)?;
        let mut state = slot.state.lock().await;
        if self.over.load(Relaxed) {
            return Err(FaultError::ShutDown);
        }
        match *state {
            State::In(_) => return slot.injector.level(level).await,
            State::Owed(place) => {
                slot.injector.remove().await?;
                self.forget(place);
                *state = State::Out;
            }
            State::Out => {}
        }
        // noted before it is done: whatever happens from here on, it will be undone
        let place = self.note(fault);
        *state = State::Owed(place);
        match slot.injector.inject(level).await {
            Ok(()) => {
                *state = State::In(place);
                Ok(())
            }
            Err(error) => {
                if slot.injector.remove().await.is_ok() {
                    self.forget(place);
                    *state = State::Out;
                }
                Err(error)
            }
        }
    }

    /// Changes how much of a fault is in force: a part of its share or, for TCP latency, of its
    /// amount.
    ///
    /// # Errors
    /// When it is not in force, or the change did not take effect.
    pub async fn level(&self, fault: usize, level: Ratio) -> Result<(), FaultError> {
        let slot = self.slot(fault)?;
        let state = slot.state.lock().await;
        match *state {
            State::In(_) => slot.injector.level(level).await,
            State::Out | State::Owed(_) => Err(FaultError::NotInForce {
                fault: slot.name.clone(),
            }),
        }
    }

    /// Takes a fault out, releases what it holds, and looks whether it is gone. A fault that is
    /// not in force is gone.
    ///
    /// # Errors
    /// When it is known to be still in force; it may be tried again.
    pub async fn remove(&self, fault: usize) -> Result<Removal, FaultError> {
        let slot = self.slot(fault)?;
        let mut state = slot.state.lock().await;
        let (State::In(place) | State::Owed(place)) = *state else {
            return Ok(Removal::verified("it was not in force"));
        };
        *state = State::Owed(place);
        let removal = slot.injector.remove().await?;
        *state = State::Out;
        self.forget(place);
        Ok(removal)
    }

    /// Takes every fault out that is in force, the last one injected first; what became of each.
    pub async fn remove_all(&self) -> Vec<(usize, Result<Removal, FaultError>)> {
        let mut results = Vec::new();
        let in_force = self.in_force();
        for (fault, _) in in_force.into_iter().rev() {
            results.push((fault, self.remove(fault).await));
        }
        results
    }

    /// The faults in force (or owed a removal), in order of injection, and since when.
    #[must_use]
    pub fn in_force(&self) -> Vec<(usize, Offset)> {
        self.order().values().copied().collect()
    }

    /// How many requests, connections or questions a fault met so far; 0 for an unknown one.
    #[must_use]
    pub fn hits(&self, fault: usize) -> u64 {
        let slot = self.faults.get(fault);
        slot.map_or(0, |slot| slot.injector.hits())
    }

    /// To how many of those that it was meant for a fault could do nothing so far.
    #[must_use]
    pub fn spared(&self, fault: usize) -> u64 {
        let slot = self.faults.get(fault);
        slot.map_or(0, |slot| slot.injector.spared())
    }

    /// Takes all faults out, closes every listener and connection, and waits until all tasks have
    /// ended. Nothing can be injected any more.
    pub async fn shutdown(&self) {
        self.over.store(true, Relaxed);
        // the listeners go anyway; what lies outside this process (a stopped one) must not stay
        self.remove_all().await;
        for way in &self.links {
            if let Way::Ours(link) = way {
                link.shut_down().await;
            }
        }
        if let Some(dns) = &self.dns {
            dns.shut_down().await;
        }
    }

    fn slot(&self, index: usize) -> Result<&Slot, FaultError> {
        self.faults.get(index).ok_or(FaultError::Unknown { index })
    }

    fn order(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, (usize, Offset)>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, fault: usize) -> u64 {
        let mut order = self.order();
        let place = order.last_key_value().map_or(0, |(last, _)| last + 1);
        order.insert(place, (fault, self.clock.now()));
        place
    }

    fn forget(&self, place: u64) {
        self.order().remove(&place);
    }
}

/// A new authority, if a link shows a certificate that one has to sign.
fn authority(plan: &Plan) -> Result<Option<Arc<Authority>>, BindError> {
    let wants = |tls: &Option<LinkTls>| matches!(tls, Some(LinkTls::Generated));
    let Some(link) = plan.links.iter().find(|link| wants(&link.tls)) else {
        return Ok(None);
    };
    let made = Authority::new().map_err(|detail| BindError::Certificate {
        link: link.name.clone(),
        detail,
    });
    Ok(Some(Arc::new(made?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fault::fixtures::{fault, http_fault, link, nowhere, plan},
        plan::{Protocol, ServiceId, ServicePlan, TlsPlan},
        scenario::model::{DnsAnswer, HttpAction, TcpEffect},
    };

    fn service() -> ServicePlan {
        ServicePlan {
            name: "portal".into(),
            https: false,
            host: "portal.test".into(),
            port: 80,
            at: None,
            in_zone: false,
            health: None,
            capacity: None,
            headers: Vec::new(),
            protocol: Protocol::default(),
            tls: TlsPlan::default(),
            features: Vec::new(),
        }
    }

    #[tokio::test]
    async fn visitors_are_told_where_to_go() {
        let upstream = nowhere().await;
        let mut visitors = link(upstream, true);
        visitors.visitors = true;
        visitors.to = ServiceId(1);
        let links = vec![link(upstream, false), visitors];
        let mut plan = plan(links, Vec::new(), Vec::new());
        plan.services = vec![service(), service()];
        let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
        assert_eq!(planes.visitors(), [None, Some(planes.links()[1])]);
        assert_eq!(planes.dns(), [], "nothing asks for a DNS server");
        planes.shutdown().await;
    }

    #[tokio::test]
    async fn effects_belong_to_their_planes() {
        let upstream = nowhere().await;
        let bad_status = HttpAction::Status {
            code: 7,
            headers: Vec::new(),
            body: String::new(),
        };
        let dns = PlacePlan::Dns {
            name: "portal.test".into(),
            zone: false,
        };
        let far = PlacePlan::Link {
            link: 9,
            feature: None,
        };
        for (http, misplaced) in [
            (true, http_fault("f", &[], bad_status)),
            (false, http_fault("f", &[], HttpAction::Hang)),
            (true, fault("f", dns.clone(), Effect::Tcp(TcpEffect::Down))),
            (true, fault("f", far, Effect::Tcp(TcpEffect::Down))),
        ] {
            let plan = plan(vec![link(upstream, http)], Vec::new(), vec![misplaced]);
            let error = Planes::bind(Arc::new(plan), Clock::start()).err();
            assert!(
                matches!(error, Some(BindError::Misplaced { .. })),
                "{error:?}"
            );
        }
        let lost = fault("f", dns, Effect::Dns(DnsAnswer::Drop.into()));
        let plan = plan(Vec::new(), Vec::new(), vec![lost]);
        let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
        assert_eq!(planes.dns().len(), 1, "a fault asks for it");
        planes.shutdown().await;
        let late = planes.inject(0, Ratio::ONE).await;
        assert!(matches!(late, Err(FaultError::ShutDown)));
    }

    #[tokio::test]
    async fn levels_are_for_what_is_in_force() {
        let down = crate::fault::fixtures::on_link("f", Effect::Tcp(TcpEffect::Down));
        let plan = plan(vec![link(nowhere().await, false)], Vec::new(), vec![down]);
        let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
        let early = planes.level(0, Ratio::ONE).await;
        assert!(matches!(early, Err(FaultError::NotInForce { .. })));
        assert!(planes.remove(0).await.expect("nothing to do").verified);

        let addr = planes.links()[0];
        // who is accepted may see at once that the upstream refuses: that is a reset
        let refuses = async || {
            let dialled = tokio::net::TcpStream::connect(addr).await;
            dialled.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
        };
        planes.inject(0, Ratio::ZERO).await.expect("injected");
        assert!(!refuses().await, "none of it is in force yet");
        planes.level(0, Ratio::ONE).await.expect("levelled");
        assert!(refuses().await);
        planes.level(0, Ratio::ZERO).await.expect("levelled");
        assert!(!refuses().await);
        // what a shutdown finds in force goes with it
        planes.shutdown().await;
        assert_eq!(planes.in_force(), []);
        assert!(refuses().await);
    }
}
