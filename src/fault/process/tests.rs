//! The process plane, with a double in place of real processes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;

use crate::{
    fault::{
        FaultError, Planes, ProcessControl, ProcessFailure, ProcessHold, ProcessLimits,
        ProcessRoom, ProcessState,
        fixtures::{fault, plan},
    },
    plan::{FaultPlan, PlacePlan, ServiceId},
    scenario::model::{Effect, ProcessEffect},
    time::Clock,
    units::{ByteSize, Ratio},
};

/// Processes that can be made deaf to signals.
#[derive(Default)]
struct Double {
    states: Mutex<HashMap<ServiceId, ProcessState>>,
    deaf: Mutex<bool>,
    heard: Mutex<Vec<&'static str>>,
    limits: Mutex<ProcessLimits>,
    /// How full each disk was wanted, one after the other.
    filled: Mutex<Vec<Option<Ratio>>>,
}

impl Double {
    fn states(&self) -> MutexGuard<'_, HashMap<ServiceId, ProcessState>> {
        self.states.lock().expect("no panic")
    }

    fn set(&self, service: ServiceId, state: ProcessState) {
        self.states().insert(service, state);
    }

    fn signal(&self, name: &'static str, service: ServiceId, state: ProcessState) {
        self.heard.lock().expect("no panic").push(name);
        if !*self.deaf.lock().expect("no panic") {
            self.set(service, state);
        }
    }

    fn deafly(&self, detail: &str) -> Result<(), ProcessFailure> {
        match *self.deaf.lock().expect("no panic") {
            true => Err(ProcessFailure {
                detail: detail.into(),
            }),
            false => Ok(()),
        }
    }

    fn heard(&self) -> Vec<&'static str> {
        self.heard.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl ProcessControl for Double {
    async fn kill(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        if self.state(service).await? == ProcessState::Gone {
            return Err(ProcessFailure {
                detail: "no such process".into(),
            });
        }
        self.signal("kill", service, ProcessState::Gone);
        Ok(())
    }

    async fn pause(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.signal("pause", service, ProcessState::Stopped);
        Ok(())
    }

    async fn resume(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.signal("resume", service, ProcessState::Running);
        Ok(())
    }

    async fn restart(&self, service: ServiceId) -> Result<(), ProcessFailure> {
        self.signal("restart", service, ProcessState::Running);
        Ok(())
    }

    async fn hold(&self, service: ServiceId, hold: ProcessHold) -> Result<(), ProcessFailure> {
        let name = match hold {
            ProcessHold::Down => "keep down",
            ProcessHold::Crashing => "crash on",
        };
        self.signal(name, service, ProcessState::Gone);
        self.deafly("it does not end")
    }

    async fn release(&self, service: ServiceId, hold: ProcessHold) -> Result<(), ProcessFailure> {
        let name = match hold {
            ProcessHold::Down => "start",
            ProcessHold::Crashing => "let live",
        };
        self.signal(name, service, ProcessState::Running);
        self.deafly("it does not start")
    }

    async fn limit(&self, _: ServiceId, limits: ProcessLimits) -> Result<(), ProcessFailure> {
        self.deafly("the kernel says otherwise")?;
        *self.limits.lock().expect("no panic") = limits;
        Ok(())
    }

    async fn fill(&self, _: ServiceId, used: Option<Ratio>) -> Result<ProcessRoom, ProcessFailure> {
        self.deafly("it is still full")?;
        self.filled.lock().expect("no panic").push(used);
        let size = ByteSize(64_000_000);
        let free = ByteSize((64e6 * (1.0 - used.unwrap_or(Ratio::ZERO).get())) as u64);
        Ok(ProcessRoom { size, free })
    }

    async fn state(&self, service: ServiceId) -> Result<ProcessState, ProcessFailure> {
        let states = self.states();
        Ok(states
            .get(&service)
            .copied()
            .unwrap_or(ProcessState::Running))
    }
}

const PORTAL: ServiceId = ServiceId(0);

fn on_process(name: &str, effect: ProcessEffect) -> FaultPlan {
    fault(name, PlacePlan::Process(PORTAL), Effect::Process(effect))
}

fn limit(cpu: Option<f64>, memory: Option<u64>) -> ProcessEffect {
    ProcessEffect::Limit {
        cpu: cpu.map(|cpu| Ratio::new(cpu).expect("a share")),
        memory: memory.map(ByteSize),
    }
}

fn disk(used: f64) -> ProcessEffect {
    let used = Ratio::new(used).expect("a share");
    ProcessEffect::Disk { used }
}

fn planes() -> (Planes, Arc<Double>) {
    let faults = vec![
        on_process("died", ProcessEffect::Kill),
        on_process("froze", ProcessEffect::Pause),
        on_process("froze_too", ProcessEffect::Pause),
        on_process("stopped", ProcessEffect::Stop),
        on_process("stopped_too", ProcessEffect::Stop),
        on_process("looping", ProcessEffect::CrashLoop),
        on_process("deployed", ProcessEffect::Restart),
        on_process("slow", limit(Some(0.5), Some(64_000_000))),
        on_process("slower", limit(Some(0.2), None)),
        on_process("full", ProcessEffect::Disk { used: Ratio::ONE }),
        on_process("half", disk(0.5)),
    ];
    let plan = plan(Vec::new(), Vec::new(), faults);
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
    let double = Arc::new(Double::default());
    planes.set_process_control(double.clone());
    (planes, double)
}

#[tokio::test(start_paused = true)]
async fn a_kill_is_an_instant() {
    let (planes, double) = planes();
    planes.inject(0, Ratio::ONE).await.expect("injected");
    assert_eq!(planes.hits(0), 1);
    assert!(planes.remove(0).await.expect("removed").verified);
    assert_eq!(double.heard(), ["kill"]);
    let error = planes.inject(0, Ratio::ONE).await.expect_err("it is dead");
    assert!(error.to_string().contains("no such process"), "{error}");
    assert_eq!(planes.in_force(), []);
}

#[tokio::test(start_paused = true)]
async fn the_last_pause_to_go_resumes() {
    let (planes, double) = planes();
    for fault in [1, 2] {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    let removal = planes.remove(1).await.expect("removed");
    assert!(removal.verified);
    assert_eq!(double.state(PORTAL).await, Ok(ProcessState::Stopped));
    assert!(planes.remove(2).await.expect("removed").verified);
    assert_eq!(double.state(PORTAL).await, Ok(ProcessState::Running));
    assert_eq!(double.heard(), ["pause", "pause", "resume"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_died_meanwhile_needs_no_resume() {
    let (planes, double) = planes();
    planes.inject(1, Ratio::ONE).await.expect("injected");
    double.set(PORTAL, ProcessState::Gone);
    assert!(planes.remove(1).await.expect("removed").verified);
    assert_eq!(double.heard(), ["pause"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_take_effect_is_not_reported_in_force() {
    let (planes, double) = planes();
    *double.deaf.lock().expect("no panic") = true;
    let error = planes.inject(1, Ratio::ONE).await.expect_err("it runs on");
    assert!(matches!(error, FaultError::NotInjected { .. }), "{error}");
    assert_eq!(planes.in_force(), []);
    assert_eq!(planes.hits(1), 0);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_fails_is_owed() {
    let (planes, double) = planes();
    planes.inject(1, Ratio::ONE).await.expect("injected");
    *double.deaf.lock().expect("no panic") = true;
    let error = planes.remove(1).await.expect_err("it stays stopped");
    assert!(matches!(error, FaultError::NotRemoved { .. }), "{error}");
    assert_eq!(planes.in_force().len(), 1);
    *double.deaf.lock().expect("no panic") = false;
    assert!(planes.remove(1).await.expect("removed").verified);
    assert_eq!(planes.in_force(), []);
}

#[tokio::test(start_paused = true)]
async fn the_last_stop_to_go_starts_the_process() {
    let (planes, double) = planes();
    for fault in [3, 4, 5] {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    assert_eq!(double.state(PORTAL).await, Ok(ProcessState::Gone));
    let removal = planes.remove(3).await.expect("removed");
    assert!(removal.detail.contains("1 other"), "{}", removal.detail);
    assert!(planes.remove(5).await.expect("removed").verified);
    assert!(planes.remove(4).await.expect("removed").verified);
    assert_eq!(
        double.heard(),
        ["keep down", "crash on", "let live", "start"]
    );
    planes.inject(6, Ratio::ONE).await.expect("injected");
    assert!(planes.remove(6).await.expect("removed").verified);
    assert_eq!(double.heard().last(), Some(&"restart"));
    assert_eq!(planes.in_force(), []);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_does_not_end_is_released_at_once() {
    let (planes, double) = planes();
    *double.deaf.lock().expect("no panic") = true;
    let error = planes.inject(3, Ratio::ONE).await.expect_err("it goes on");
    assert!(error.to_string().contains("does not end"), "{error}");
    // the release failed as well, so it is owed
    assert_eq!(planes.in_force().len(), 1);
    *double.deaf.lock().expect("no panic") = false;
    assert!(planes.remove(3).await.expect("removed").verified);
    assert_eq!(double.heard(), ["keep down", "start", "start"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_limits_the_tighter_holds() {
    let (planes, double) = planes();
    let seen = || *double.limits.lock().expect("no panic");
    planes.inject(7, Ratio::ONE).await.expect("injected");
    planes.inject(8, Ratio::ONE).await.expect("injected");
    let both = ProcessLimits {
        cpu: Ratio::new(0.2),
        memory: Some(ByteSize(64_000_000)),
    };
    assert_eq!(seen(), both);
    // a removal that fails is owed
    *double.deaf.lock().expect("no panic") = true;
    planes
        .remove(7)
        .await
        .expect_err("the kernel says otherwise");
    *double.deaf.lock().expect("no panic") = false;
    assert!(planes.remove(7).await.expect("removed").verified);
    assert_eq!((seen().cpu, seen().memory), (Ratio::new(0.2), None));
    assert!(planes.remove(8).await.expect("removed").verified);
    assert_eq!(seen(), ProcessLimits::default());
    assert_eq!(planes.in_force(), []);
}

#[tokio::test(start_paused = true)]
async fn the_fullest_wish_fills_the_disk() {
    let (planes, double) = planes();
    let seen = || double.filled.lock().expect("no panic").last().copied();
    let share = |used| Some(Some(Ratio::new(used).expect("a share")));
    let (full, half) = (9, 10);
    planes.inject(half, Ratio::ONE).await.expect("injected");
    assert_eq!(seen(), share(0.5));
    // it grows from nothing: what is fuller already stays so
    planes.inject(full, Ratio::ZERO).await.expect("injected");
    assert_eq!(seen(), share(0.5));
    let level = Ratio::new(0.75).expect("a share");
    planes.level(full, level).await.expect("it grows");
    assert_eq!(seen(), share(0.75));
    planes.level(full, Ratio::ONE).await.expect("it grows");
    assert_eq!(seen(), share(1.0));
    *double.deaf.lock().expect("no panic") = true;
    planes.remove(full).await.expect_err("it is still full");
    *double.deaf.lock().expect("no panic") = false;
    let removal = planes.remove(full).await.expect("removed");
    assert!(
        removal.detail.contains("other faults"),
        "{}",
        removal.detail
    );
    assert_eq!(seen(), share(0.5));
    let removal = planes.remove(half).await.expect("removed");
    let expected = "gone; 64.0 MB of the disk's 64.0 MB are free";
    assert_eq!(
        (removal.verified, removal.detail.as_str()),
        (true, expected)
    );
    assert_eq!(seen(), Some(None));
    assert_eq!((planes.hits(full), planes.in_force()), (1, Vec::new()));
}

#[tokio::test]
async fn nothing_to_signal_is_an_error_and_so_is_the_wrong_plane() {
    let faults = vec![on_process("froze", ProcessEffect::Pause)];
    let bound = Planes::bind(
        Arc::new(plan(Vec::new(), Vec::new(), faults)),
        Clock::start(),
    );
    let planes = bound.expect("it binds");
    planes.inject(0, Ratio::ONE).await.expect_err("no control");
    assert_eq!(planes.in_force(), []);
    let unknown = planes.inject(9, Ratio::ONE).await.expect_err("unknown");
    assert!(matches!(unknown, FaultError::Unknown { index: 9 }));

    let mixed = fault(
        "mixed",
        PlacePlan::Process(PORTAL),
        Effect::Tcp(crate::scenario::model::TcpEffect::Down),
    );
    let bound = Planes::bind(
        Arc::new(plan(Vec::new(), Vec::new(), vec![mixed])),
        Clock::start(),
    );
    let error = bound.err().expect("refused").to_string();
    assert!(error.contains("`mixed`"), "{error}");
}
