//! Where faults are put in.

use super::fixture::{Case, cowin, minutes, seconds};
use crate::{
    diagnostic::Spanned,
    plan::{Disk, LinkPlan, LinkTls, PlacePlan, Plan, ServiceId},
    scenario::model::*,
    target::model::Certificate,
    units::{ByteSize, Ratio},
};

fn http() -> Effect {
    Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Hang,
    })
}

/// Adds a fault of half an hour in the opening.
fn with(at: FaultPlace, effect: Effect) -> Case {
    let mut case = cowin();
    case.add_fault(
        "added",
        at,
        "opening",
        Some(Until::For(minutes(30))),
        effect,
    );
    case
}

fn on(service: &str) -> FaultPlace {
    FaultPlace::Service(service.into())
}

fn certificates() -> FaultPlace {
    FaultPlace::Feature {
        service: "portal".into(),
        feature: "certificates".into(),
    }
}

fn visitors_link(plan: &Plan) -> &LinkPlan {
    let links: Vec<_> = plan.links.iter().filter(|l| l.visitors).collect();
    assert_eq!(links.len(), 1);
    links[0]
}

#[test]
fn a_declared_link_is_interposed_and_visitors_walk_freely() {
    let plan = cowin().plan();
    let names: Vec<_> = plan.links.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["portal -> sms"]);
    assert_eq!(plan.links[0].upstream.to_string(), "127.0.0.1:8200");
}

#[test]
fn a_fault_at_a_service_stands_in_the_way_of_its_visitors() {
    let plan = with(on("portal"), Effect::Tcp(TcpEffect::Down)).plan();
    let link = visitors_link(&plan);
    assert_eq!(link.name, "visitors -> portal");
    assert_eq!((link.to, link.http), (ServiceId(0), false));
    assert_eq!(link.upstream.to_string(), "127.0.0.1:8100");
    assert_eq!(link.listen.to_string(), "127.0.0.1:0");
}

#[test]
fn one_way_serves_all_faults_of_its_visitors_and_understands_http_if_one_needs_it() {
    let mut case = with(on("portal"), Effect::Tcp(TcpEffect::Down));
    case.add_fault(
        "no_certs",
        certificates(),
        "evening",
        Some(Until::For(minutes(5))),
        http(),
    );
    let plan = case.plan();
    assert!(visitors_link(&plan).http);
    let place = |feature: Option<&str>| PlacePlan::Link {
        link: 1,
        feature: feature.map(str::to_owned),
    };
    assert_eq!(plan.faults[1].place, place(None));
    assert_eq!(plan.faults[2].place, place(Some("certificates")));
    let Effect::Http(effect) = &plan.faults[2].effect else {
        panic!("{:?}", plan.faults[2].effect);
    };
    let routes: Vec<_> = effect
        .matching
        .routes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(routes, ["GET /certificate/:id"]);
}

#[test]
fn a_probe_outside_the_routes_of_its_feature_is_met_too() {
    let mut case = with(certificates(), http());
    case.target.services[0].features[2].probe = Some(crate::target::model::ProbeRequest {
        method: Method::Get,
        path: "/ready/certificates?deep=1".into(),
    });
    let plan = case.plan();
    let Effect::Http(effect) = &plan.faults[1].effect else {
        panic!("{:?}", plan.faults[1].effect);
    };
    let routes: Vec<_> = effect
        .matching
        .routes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(routes, ["GET /certificate/:id", "GET /ready/certificates"]);
}

#[test]
fn names_and_zones() {
    let place = |name: &str| {
        let plan = with(
            FaultPlace::Dns(name.into()),
            Effect::Dns(DnsAnswer::Servfail.into()),
        )
        .plan();
        let met: Vec<_> = plan
            .services
            .iter()
            .filter(|s| plan.faults[1].meets_host(s))
            .map(|s| s.name.clone())
            .collect();
        (plan.faults[1].place.clone(), met.join(" "))
    };
    let dns = |name: &str, zone| PlacePlan::Dns {
        name: name.into(),
        zone,
    };
    assert_eq!(
        place("Cowin.Test."),
        (dns("cowin.test", true), "portal sms".into())
    );
    assert_eq!(
        place("sms.cowin.test"),
        (dns("sms.cowin.test", false), "sms".into())
    );
    assert_eq!(place("test"), (dns("test", true), "portal sms".into()));
}

/// A certificate fault at the declared link, which shows this.
fn at_link(shows: Option<Certificate>, flaw: TlsEffect) -> Case {
    let at = FaultPlace::Link {
        from: "portal".into(),
        to: "sms".into(),
    };
    let mut case = with(at, Effect::Tls(flaw));
    let link = &mut case.target.links[0];
    link.tls = shows.map(|shows| Spanned::new(shows, link.listen.place));
    case
}

fn own_certificate() -> Certificate {
    Certificate::Files {
        cert: "sms.pem".into(),
        key: "sms.key".into(),
    }
}

#[test]
fn a_link_shows_what_the_target_says() {
    let plan = at_link(Some(Certificate::Generated), TlsEffect::WrongName).plan();
    assert_eq!(plan.links[0].tls, Some(LinkTls::Generated));
    let told = crate::plan::describe(&plan);
    let links = told.touches.binds.iter().map(|(_, what)| what.as_str());
    let made = "link portal -> sms, TLS with a certificate made for the run";
    assert_eq!(links.filter(|what| *what == made).count(), 1);
    let does = told.faults.last().map(|fault| fault.does.as_str());
    assert_eq!(
        does,
        Some("handshakes show a certificate that is of another name")
    );
    let own = at_link(Some(own_certificate()), TlsEffect::Untrusted).plan();
    // beside the target's file
    let folder = std::path::Path::new("targets");
    let own_files = LinkTls::Files {
        cert: folder.join("sms.pem"),
        key: folder.join("sms.key"),
    };
    assert_eq!(own.links[0].tls, Some(own_files));
}

#[test]
fn who_sees_the_requests_to_an_https_service_speaks_tls_in_its_stead() {
    let secure = |effect| {
        let mut case = with(on("portal"), effect);
        case.target.services[0].url.value.https = true;
        let plan = case.plan();
        let link = visitors_link(&plan);
        (link.http, link.tls.clone())
    };
    let made = Some(LinkTls::Generated);
    assert_eq!(secure(http()), (true, made.clone()));
    assert_eq!(secure(Effect::Tls(TlsEffect::Expired)), (true, made));
    let bytes = secure(Effect::Tcp(TcpEffect::Down));
    assert_eq!(bytes, (false, None), "bytes are passed on as they are");
}

#[track_caller]
fn refused(case: &Case, expected: &str, hint: &str) {
    let found = case.mistakes();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains(expected) && found[0].contains(hint),
        "{found:#?}"
    );
}

#[test]
fn effects_that_do_not_fit_their_place() {
    refused(
        &with(certificates(), Effect::Tcp(TcpEffect::Down)),
        "fault `added` cannot do this at `feature portal/certificates`",
        "tcp faults stand at a link or `service NAME`",
    );
    refused(
        &with(on("portal"), Effect::Process(ProcessEffect::Pause)),
        "cannot do this at `service portal`",
        "process faults stand at `process NAME`",
    );
    let mut case = cowin();
    case.target.links[0].layer = crate::target::model::Layer::Tcp;
    refused(&case, "link `portal -> sms` passes bytes on", "layer: http");
    let place = case.target.links[0].listen.place;
    let elsewhere = "http://127.0.0.1:8474".to_owned();
    case.target.links[0].via = Some(Spanned::new(elsewhere, place));
    case.scenario.faults[0].effect.value = Effect::Tcp(TcpEffect::Corrupt {
        share: Ratio::ONE,
        stream: TcpStream::Upstream,
    });
    refused(
        &case,
        "the Toxiproxy of link `portal -> sms` has no such toxic",
        "without `via`",
    );
    refused(
        &with(certificates(), Effect::Tls(TlsEffect::Expired)),
        "fault `added` cannot do this at `feature portal/certificates`",
        "tls faults stand at a link or `service NAME`",
    );
    refused(
        &with(on("portal"), Effect::Tls(TlsEffect::Expired)),
        "`portal` is reached in plain",
        "https URL",
    );
    refused(
        &at_link(None, TlsEffect::Untrusted),
        "link `portal -> sms` shows nobody a certificate",
        "tls: generated",
    );
    refused(
        &at_link(Some(own_certificate()), TlsEffect::WrongName),
        "can show nothing of another name",
        "`untrusted` needs none",
    );
    let mut case = with(on("portal"), Effect::Tcp(TcpEffect::Down));
    case.scenario.faults[1].ramp = minutes(1);
    refused(
        &case,
        "has a ramp, but a listener is closed as a whole",
        "take out",
    );
    let mut case = with(
        FaultPlace::Process("sms".into()),
        Effect::Process(ProcessEffect::Pause),
    );
    case.scenario.faults[1].share = Ratio::new(0.5).expect("a share");
    refused(
        &case,
        "has a share, but a process is stopped as a whole",
        "take out",
    );
}

#[test]
fn what_is_not_started_again_cannot_crash_again_and_again() {
    let place = || FaultPlace::Process("sms".into());
    let restart_off = |effect| {
        let mut case = with(place(), Effect::Process(effect));
        for launch in &mut case.target.launch {
            launch.restart = false;
        }
        case
    };
    let case = restart_off(ProcessEffect::CrashLoop);
    refused(&case, "`sms` is not started again", "`restart` is false");
    let stop = restart_off(ProcessEffect::Stop);
    // whoever stopped it starts it again
    stop.plan();
}

#[test]
fn a_disk_that_fills_is_the_process_s_own() {
    let used = Ratio::new(0.95).expect("a share");
    let effect = Effect::Process(ProcessEffect::Disk { used });
    let mut case = with(FaultPlace::Process("sms".into()), effect);
    refused(
        &case,
        "`sms` has no disk of its own",
        "disk: {path: data, size: 64MB}",
    );
    for launch in &mut case.target.launch {
        launch.disk = Some(Disk {
            path: "data".into(),
            size: ByteSize(64_000_000),
        });
    }
    let plan = case.plan();
    let told = crate::plan::describe(&plan);
    let does: Vec<&str> = told.faults.iter().map(|f| f.does.as_str()).collect();
    assert!(does.contains(&"its disk 95% full"), "{does:?}");
    let (service, disk) = &told.touches.disks[0];
    assert_eq!(service, "sms");
    assert!(disk.starts_with("a disk of 64MB in memory over "), "{disk}");
}

#[test]
fn places_that_are_not_there() {
    let link = FaultPlace::Link {
        from: "portal".into(),
        to: "smss".into(),
    };
    refused(
        &with(link, http()),
        "unknown link `portal -> smss`",
        "`portal -> sms`",
    );
    refused(
        &with(on("portals"), http()),
        "unknown service `portals`",
        "`portal`",
    );
    let dns = FaultPlace::Dns("cowins.test".into());
    refused(
        &with(dns, Effect::Dns(DnsAnswer::Drop.into())),
        "unknown zone or name `cowins.test`",
        "did you mean `cowin.test`?",
    );
    let mut case = with(
        FaultPlace::Process("sms".into()),
        Effect::Process(ProcessEffect::Pause),
    );
    case.target.launch.truncate(1);
    refused(&case, "`sms` is no process of ours", "`launch:`");
    let mut case = with(on("portal"), http());
    case.target.services[0].at = None;
    case.target.launch.clear();
    case.target.zones.clear();
    case.scenario.gates.remove(0);
    refused(
        &case,
        "nothing says where the way to `portal` leads",
        "at: ADDRESS:PORT",
    );
}

#[test]
fn what_hides_a_dns_fault_is_warned_of() {
    let dns = || FaultPlace::Dns("cowin.test".into());
    let mut case = with(dns(), Effect::Dns(DnsAnswer::Servfail.into()));
    case.target.zones[0].ttl = seconds(60);
    refused(
        &case,
        "warning: fault `added` is shorter than the time that answers are cached",
        "ttl",
    );
    let mut case = with(dns(), Effect::Dns(DnsAnswer::Servfail.into()));
    case.scenario.load[0].client.reuse = Reuse::Shared;
    refused(
        &case,
        "warning: `citizens` keep their connections",
        "reuse: journey",
    );
}

#[test]
fn wrong_answers_lead_to_nobody_else() {
    let place = || FaultPlace::Dns("cowin.test".into());
    let wrong = |ip: &str| {
        let addresses = vec![ip.parse().expect(ip)];
        with(place(), Effect::Dns(DnsAnswer::Wrong(addresses).into()))
    };
    for safe in ["192.0.2.1", "203.0.113.9", "127.0.0.9", "2001:db8::1"] {
        let plan = wrong(safe).plan();
        assert!(
            matches!(&plan.faults[1].effect, Effect::Dns(effect) if effect.addresses().len() == 1)
        );
    }
    for stranger in ["8.8.8.8", "10.0.0.1", "2001:4860::1", "::ffff:8.8.8.8"] {
        let message = format!("fault `added` answers {stranger}, which lies outside `guard.allow`");
        refused(&wrong(stranger), &message, "192.0.2.0/24");
    }
    let dead = DnsEffect {
        servers: Some(2),
        ..DnsAnswer::Drop.into()
    };
    let mut case = with(place(), Effect::Dns(dead));
    refused(
        &case,
        "fault `added` is put in at 2 servers, and 1 answer",
        "dns: {servers: 2",
    );
    case.target.dns_servers = 2;
    case.plan();
}
