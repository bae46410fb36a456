//! The closed model on goose: goose schedules the users, and nothing else. The only file that
//! names it.
//!
//! What a user does in a turn ([`User::turn`]) is ours, and sends nothing by itself; goose's HTTP
//! client, metrics, controllers and test plans stay unused. All users of all closed populations are
//! started at once, and each waits for the place that its population's curve gives it: so the load
//! is shaped without goose's test plans, which know whole seconds only and write to stdout.
//!
//! What must be heeded (goose 0.19):
//! - The killswitch is global to the process, and a new attack resets it: one attack at a time, with
//!   all populations in it, and the switch is thrown until the attack has heard it.
//! - Users are detached tasks: the attack is awaited to its end, never dropped, on a runtime of its
//!   own.
//! - A user is called again as soon as it returns: when the load is over it returns slowly.
//! - goose asks for Ctrl-C itself. The program must have taken it before (`cli` does); then goose's
//!   attempt fails, which it does not mind.
//! - It logs to stdout unless a logger is there already.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    thread::JoinHandle,
    time::Duration,
};

use goose::{
    GooseAttack,
    client::GooseClientBuilder,
    config::GooseConfiguration,
    goose::{GooseUser, Scenario, Transaction, TransactionFunction},
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    script::LoadError,
    users::{Desk, User},
};

/// How long a user takes to return once the load is over.
const LEAVING: Duration = Duration::from_millis(20);
/// How often an attack that is over is told so.
const TELL_AGAIN: Duration = Duration::from_millis(50);
/// All users are launched in this part of a second, or as fast as the machine can.
const LAUNCHES_PER_SECOND: usize = 10;
/// Users who are not there by then never come: the load would be less than planned.
const LAUNCHED_WITHIN: Duration = Duration::from_secs(10);

/// Whether an attack is under way in this process.
static UNDER_WAY: AtomicBool = AtomicBool::new(false);

/// What went wrong with the users, if anything.
pub(super) type Trouble = Arc<OnceLock<String>>;

/// The users of a run, under way.
#[derive(Debug)]
pub(super) struct Attack {
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
    trouble: Trouble,
}

/// The right to be the only attack of this process.
struct Turnstile;

impl Turnstile {
    fn pass() -> Result<Self, LoadError> {
        let taken = UNDER_WAY.swap(true, Ordering::AcqRel);
        (!taken)
            .then_some(Self)
            .ok_or_else(|| LoadError::Users("another run of this process has users, too".into()))
    }
}

impl Drop for Turnstile {
    fn drop(&mut self) {
        UNDER_WAY.store(false, Ordering::Release);
    }
}

/// A logger that says nothing, in place of the one that goose would set up.
struct Silence;

impl log::Log for Silence {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}

impl Attack {
    /// Starts the users of a desk, which has at least one. They leave at `end`, or when cancelled.
    ///
    /// # Errors
    /// When an attack is under way already, or a thread cannot be started.
    pub(super) fn start(
        desk: &Arc<Desk>,
        end: Instant,
        cancel: &CancellationToken,
    ) -> Result<Self, LoadError> {
        let turnstile = Turnstile::pass()?;
        // a program that has a logger keeps it
        let _ = log::set_logger(&Silence);
        let over = cancel.child_token();
        let trouble = Trouble::default();
        let attack = attack(desk, &over, &trouble)
            .map_err(|error| LoadError::Users(format!("goose refuses them: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (tell_ended, ended) = oneshot::channel();
        let (seen, desk) = (Arc::clone(&trouble), Arc::clone(desk));
        let body = move || {
            let carried_out = carry_out(attack, &desk, end, over, &seen);
            if let Err(error) = runtime.block_on(carried_out) {
                // the first trouble is told
                let _ = seen.set(error);
            }
            drop(turnstile);
            // nobody may wait for it
            let _ = tell_ended.send(());
        };
        let thread = std::thread::Builder::new()
            .name("users".to_owned())
            .spawn(body)?;
        Ok(Self {
            thread,
            ended,
            trouble,
        })
    }

    /// What went wrong, if anything.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.get().cloned()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the last user has left.
    pub(super) async fn finish(self) {
        // a panic ends it, too
        let _ = self.ended.await;
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// One attack with a scenario for each closed population.
fn attack(
    desk: &Arc<Desk>,
    over: &CancellationToken,
    trouble: &Trouble,
) -> Result<GooseAttack, goose::GooseError> {
    let users: usize = desk.crowds.iter().map(|crowd| crowd.most() as usize).sum();
    let mut configuration = GooseConfiguration::default();
    // never dialled; goose wants one
    configuration.host = Some("http://127.0.0.1".to_owned());
    configuration.users = Some(users);
    configuration.increase_rate = Some((users * LAUNCHES_PER_SECOND).to_string());
    configuration.no_telnet = true;
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.quiet = 2;
    // one client for all users, since nobody uses it
    let client = GooseClientBuilder::new().without_cookies();
    let mut attack = GooseAttack::initialize_with_config(configuration)?
        .set_client_builder_without_cookies(client)?;
    for (index, crowd) in desk.crowds.iter().enumerate() {
        let turn = transaction(Arc::clone(desk), index, over.clone(), Arc::clone(trouble));
        let scenario = Scenario::new(&crowd.name)
            .set_weight(crowd.most() as usize)?
            .register_transaction(Transaction::new(turn));
        attack = attack.register_scenario(scenario);
    }
    Ok(attack)
}

/// A user's turn, as goose calls it again and again.
fn transaction(
    desk: Arc<Desk>,
    crowd: usize,
    over: CancellationToken,
    trouble: Trouble,
) -> TransactionFunction {
    Arc::new(move |member: &mut GooseUser| {
        let (desk, over, trouble) = (Arc::clone(&desk), over.clone(), Arc::clone(&trouble));
        Box::pin(async move {
            if member.get_session_data::<User>().is_none() {
                member.set_session_data(desk.user(crowd));
            }
            let user = member.get_session_data_unchecked_mut::<User>();
            let number = user.number;
            let panicked = tokio::select! {
                biased;
                () = over.cancelled() => None,
                panicked = survived(user.turn()) => panicked,
            };
            if let Some(panic) = panicked {
                let name = &desk.crowds[crowd].name;
                let said = said(panic.as_ref());
                let _ = trouble.set(format!("user {number} of `{name}` panicked: {said}"));
                // the run ends now; a broken user does nothing until then
                over.cancelled().await;
            }
            if over.is_cancelled() {
                sleep(LEAVING).await;
            }
            Ok(())
        })
    })
}

/// Carries a future out; its panic, if it panics. goose would lose the user without a word.
async fn survived(turn: impl Future<Output = ()>) -> Option<Box<dyn Any + Send>> {
    let mut turn = pin!(turn);
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| turn.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(None),
            Err(panic) => Poll::Ready(Some(panic)),
        }
    })
    .await
}

/// The text of a panic.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}

/// Runs an attack until the load is over and every user has left.
async fn carry_out(
    attack: GooseAttack,
    desk: &Desk,
    end: Instant,
    over: CancellationToken,
    trouble: &Trouble,
) -> Result<(), String> {
    let mut attack = pin!(attack.execute());
    let mut launched = pin!(sleep(LAUNCHED_WITHIN));
    let (mut leaving, mut looked) = (false, false);
    loop {
        tokio::select! {
            ended = &mut attack => {
                return match ended {
                    Err(error) => Err(format!("goose failed: {error}")),
                    Ok(_) if leaving => Ok(()),
                    Ok(_) => Err("goose ended before the load was over".to_owned()),
                };
            }
            () = over.cancelled(), if !leaving => leaving = true,
            () = sleep_until(end), if !leaving => {
                over.cancel();
                leaving = true;
            }
            () = &mut launched, if !looked && !leaving => {
                looked = true;
                if desk.absent() > 0 {
                    let absent = desk.absent();
                    let _ = trouble.set(format!("{absent} users were not launched in time"));
                }
            }
            () = sleep(TELL_AGAIN), if leaving => {}
        }
        if leaving {
            goose::trigger_killswitch("the load is over");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_told_and_survived() {
        let fine = survived(sleep(Duration::from_secs(1))).await;
        assert!(fine.is_none());
        for (panic, text) in [(0, "said so"), (1, "7 times"), (2, "without a word")] {
            let panicked = survived(async move {
                sleep(Duration::from_secs(1)).await;
                match panic {
                    0 => panic!("said so"),
                    1 => panic!("{} times", panic * 7),
                    _ => std::panic::panic_any(panic),
                }
            });
            let panicked = panicked.await.expect("it panicked");
            assert_eq!(said(panicked.as_ref()), text);
        }
    }

    #[test]
    fn one_attack_at_a_time() {
        let first = Turnstile::pass().expect("nobody is there");
        let second = Turnstile::pass().map(|_| ()).expect_err("somebody is");
        assert_eq!(
            second.to_string(),
            "cannot start users: another run of this process has users, too"
        );
        drop(first);
        assert!(Turnstile::pass().is_ok());
    }
}
