//! Commands, with a double that runs none.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    fault::{
        ExecControl, ExecFailure, ExecJob, FaultError, Planes,
        fixtures::{fault, plan},
    },
    plan::PlacePlan,
    scenario::model::{Effect, ExecEffect},
    time::Clock,
    units::Ratio,
};

/// Commands that fail so many times before they succeed, and everything that was asked.
#[derive(Default)]
struct Double {
    failing: Mutex<HashMap<String, u32>>,
    heard: Mutex<Vec<String>>,
}

impl Double {
    fn fail(&self, command: &str, times: u32) {
        let mut failing = self.failing.lock().expect("no panic");
        failing.insert(command.to_owned(), times);
    }

    fn hear(&self, what: &str) {
        self.heard.lock().expect("no panic").push(what.to_owned());
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().expect("no panic"))
    }
}

#[async_trait]
impl ExecControl for Double {
    async fn promise(&self, _: &ExecJob) -> Result<(), ExecFailure> {
        self.hear("promise");
        Ok(())
    }

    async fn keep(&self, _: &ExecJob) -> Result<(), ExecFailure> {
        self.hear("keep");
        Ok(())
    }

    async fn run(&self, _: &ExecJob, command: &[String]) -> Result<(), ExecFailure> {
        let command = command.join(" ");
        self.hear(&command);
        if command == "nowhere" {
            return Err(ExecFailure::NotBegun("nowhere: no such file".into()));
        }
        let mut failing = self.failing.lock().expect("no panic");
        match failing.get_mut(&command) {
            Some(times) if *times > 0 => {
                *times -= 1;
                Err(ExecFailure::Failed(format!(
                    "`{command}` ended with exit code 1"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn planes(inject: &str, check: Option<&str>) -> (Planes, Arc<Double>) {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let effect = ExecEffect {
        inject: words(inject),
        undo: words("undo it"),
        check: check.map(words),
        timeout: Duration::from_secs(2),
    };
    let place = PlacePlan::Host {
        service: None,
        folder: "/".into(),
    };
    let faults = vec![fault("cut", place, Effect::Exec(effect))];
    let plan = plan(Vec::new(), Vec::new(), faults);
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
    let double = Arc::new(Double::default());
    planes.set_exec_control(double.clone());
    (planes, double)
}

#[tokio::test(start_paused = true)]
async fn it_is_promised_before_it_is_done_and_kept_after_it_is_gone() {
    let (planes, double) = planes("do it", Some("look"));
    planes.inject(0, Ratio::ONE).await.expect("injected");
    assert_eq!(double.heard(), ["promise", "do it"]);
    double.fail("look", 3);
    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified, "{}", removal.detail);
    assert_eq!(
        double.heard(),
        ["undo it", "look", "look", "look", "look", "keep"]
    );
    assert_eq!(planes.hits(0), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_says_no_is_believed_and_the_removal_owed() {
    let (planes, double) = planes("do it", Some("look"));
    planes.inject(0, Ratio::ONE).await.expect("injected");
    double.fail("look", u32::MAX);
    let error = planes.remove(0).await.expect_err("it is still there");
    assert!(matches!(error, FaultError::NotRemoved { .. }), "{error}");
    assert!(!double.heard().contains(&"keep".to_owned()));
    assert_eq!(planes.in_force().len(), 1);
    double.fail("look", 0);
    // whatever the undo command itself says
    double.fail("undo it", 1);
    assert!(planes.remove(0).await.expect("removed").verified);
    assert_eq!(double.heard().last().map(String::as_str), Some("keep"));
}

#[tokio::test(start_paused = true)]
async fn without_a_check_the_undo_commands_exit_code_decides() {
    let (planes, double) = planes("do it", None);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    double.fail("undo it", 1);
    let removal = planes.remove(0).await.expect("who knows");
    assert!(!removal.verified, "{}", removal.detail);
    // the journal keeps it
    assert_eq!(double.heard(), ["promise", "do it", "undo it"]);

    planes.inject(0, Ratio::ONE).await.expect("injected");
    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified && removal.detail.contains("no check"));
    assert_eq!(double.heard().last().map(String::as_str), Some("keep"));
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_undone_and_what_never_began_is_struck_out() {
    let (planes, double) = planes("do it", None);
    double.fail("do it", 1);
    let error = planes.inject(0, Ratio::ONE).await.expect_err("it failed");
    assert!(error.to_string().contains("exit code 1"), "{error}");
    assert_eq!(double.heard(), ["promise", "do it", "undo it", "keep"]);
    assert_eq!(planes.in_force(), []);

    let (planes, double) = self::planes("nowhere", None);
    let error = planes.inject(0, Ratio::ONE).await.expect_err("no program");
    assert!(error.to_string().contains("no such file"), "{error}");
    assert_eq!(double.heard()[..3], ["promise", "nowhere", "keep"]);
    assert_eq!(planes.in_force(), []);
}

#[tokio::test]
async fn nobody_to_run_commands_is_an_error() {
    let (planes, _) = planes("do it", None);
    let bare = Planes::bind(
        Arc::new(plan(
            Vec::new(),
            Vec::new(),
            vec![fault(
                "cut",
                PlacePlan::Host {
                    service: None,
                    folder: "/".into(),
                },
                Effect::Exec(ExecEffect {
                    inject: vec!["x".into()],
                    undo: vec!["y".into()],
                    check: None,
                    timeout: Duration::from_secs(1),
                }),
            )],
        )),
        Clock::start(),
    )
    .expect("it binds");
    let error = bare.inject(0, Ratio::ONE).await.expect_err("no control");
    assert!(error.to_string().contains("not allowed"), "{error}");
    planes.shutdown().await;
}
