//! The users of closed populations: each waits until there is a place for it, walks its journey,
//! pauses, and begins again.
//!
//! The journey itself is walked by a worker, as an arrival's is: a user hands in a ticket and waits
//! for its end. So users share clients, guard, resolution and measurement with arrivals. A user
//! whose pauses are short stays with its worker for a [`Stint`] of many journeys: to cross from
//! thread to thread and back for each of them would cost more than a small request does.
//!
//! The intended start of a user's journey is the instant at which it begins: users wait for their
//! answers, so a target that stalls is asked less often, and the waiting of those who did not come
//! meanwhile is not measured (coordinated omission, inherent to the closed model).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc::UnboundedSender, oneshot},
    time::{sleep, sleep_until},
};

use super::release::Arrival;
use crate::{
    plan::{PAUSE_AFTER_FAILURE, Plan, UsersPlan},
    seed::{Seed, Stream},
    time::{Clock, Offset},
};

/// Pauses up to here are made by the worker. Whoever pauses longer goes back, and takes none of the
/// worker's room meanwhile.
const STAYS: Duration = Duration::from_millis(100);

/// What a worker is asked to walk.
#[derive(Debug)]
pub(super) enum Ticket {
    /// An arrival's journey; nobody waits for its end.
    Arrival(Arrival),
    /// A user's journeys.
    User(Stint),
}

/// Journeys of a user, one after the other.
#[derive(Debug)]
pub(super) struct Stint {
    user: User,
    /// Told how it ended; dropped when the worker ends before.
    ended: oneshot::Sender<(User, Duration)>,
}

impl Stint {
    /// Walks until the user's place is gone, the plan ends, or a pause is longer than a worker waits
    /// for.
    pub(super) async fn walk(
        mut self,
        plan_end: Offset,
        mut journey: impl AsyncFnMut(Arrival) -> bool,
    ) {
        let clock = self.user.desk.clock;
        let mut pause = Duration::ZERO;
        while pause <= STAYS {
            // tokio's shortest sleep is a millisecond
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let now = clock.now();
            let Some(arrival) = self.user.begin(now).filter(|_| now < plan_end) else {
                pause = Duration::ZERO;
                break;
            };
            let good = journey(arrival).await;
            pause = self.user.ended(good);
        }
        // when the load is over nobody waits
        let _ = self.ended.send((self.user, pause));
    }
}

/// The closed populations of a run, and where their users hand in their tickets.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) crowds: Vec<Crowd>,
    clock: Clock,
    workers: Vec<UnboundedSender<Ticket>>,
}

/// A closed population.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) name: String,
    population: u16,
    plan: UsersPlan,
    seed: Seed,
    /// The number that the next user gets.
    next: AtomicU32,
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    desk: Arc<Desk>,
    crowd: usize,
    /// Its number in its population.
    pub(super) number: u32,
    /// How often it has walked.
    walked: u64,
    /// Whether it takes part, or waits for a place.
    present: bool,
}

impl Desk {
    pub(super) fn new(plan: &Plan, clock: Clock, workers: Vec<UnboundedSender<Ticket>>) -> Self {
        let populations = (0u16..).zip(&plan.populations);
        let crowds = populations.filter_map(|(population, p)| {
            let users = p.users.clone().filter(|users| users.most > 0)?;
            Some(Crowd {
                name: p.name.clone(),
                population,
                plan: users,
                seed: plan.seed.named(&p.name).named("pauses"),
                next: 0.into(),
            })
        });
        Self {
            crowds: crowds.collect(),
            clock,
            workers,
        }
    }

    /// The next user of a closed population.
    pub(super) fn user(self: &Arc<Self>, crowd: usize) -> User {
        User {
            desk: Arc::clone(self),
            crowd,
            number: self.crowds[crowd].next.fetch_add(1, Ordering::Relaxed),
            walked: 0,
            present: false,
        }
    }

    /// Users whom goose has not launched yet.
    pub(super) fn absent(&self) -> u32 {
        let absent = |c: &Crowd| c.plan.most.saturating_sub(c.next.load(Ordering::Relaxed));
        self.crowds.iter().map(absent).sum()
    }

    /// Places that are open while their users are not there yet: the harness is late with them.
    pub(super) fn missing(&self) -> u64 {
        let now = self.clock.now();
        let missing = |crowd: &Crowd| {
            let there = crowd.next.load(Ordering::Relaxed);
            u64::from(crowd.plan.curve.at(now).whole().saturating_sub(there))
        };
        self.crowds.iter().map(missing).sum()
    }
}

impl Crowd {
    /// The most users at once.
    pub(super) const fn most(&self) -> u32 {
        self.plan.most
    }
}

impl User {
    /// One turn: waits for a place if it has none, has a worker walk its journeys, and pauses. May be
    /// dropped at any instant; a journey under way then ends by itself.
    pub(super) async fn turn(&mut self) {
        if !self.present {
            self.wait_for_place().await;
            self.present = true;
            // who comes in does so at some point of its pause, so that users do not walk in step
            let mut stream = self
                .crowd()
                .seed
                .named("coming")
                .indexed(self.index())
                .stream();
            let part = stream.unit();
            let pause = self.pause(&mut stream);
            sleep(pause.mul_f64(part)).await;
        }
        let pause = self.stint().await;
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }

    /// The journey that begins now, if there is still a place for the user.
    fn begin(&mut self, now: Offset) -> Option<Arrival> {
        self.present = self.plan().curve.has_place(self.number, now);
        self.present.then(|| Arrival {
            population: self.crowd().population,
            index: self.index(),
            intended: now,
        })
    }

    /// The journey has ended; the pause after it.
    fn ended(&mut self, good: bool) -> Duration {
        let pause = self.pause(&mut self.stream());
        self.walked += 1;
        if good {
            pause
        } else {
            pause.max(PAUSE_AFTER_FAILURE)
        }
    }

    fn crowd(&self) -> &Crowd {
        &self.desk.crowds[self.crowd]
    }

    fn plan(&self) -> &UsersPlan {
        &self.crowd().plan
    }

    /// The number of the journey that comes next: no two of a population are the same, and each
    /// belongs to one user and one round, on any number of workers.
    fn index(&self) -> u64 {
        self.walked * u64::from(self.plan().most) + u64::from(self.number)
    }

    /// Draws what this round needs beside its data.
    fn stream(&self) -> Stream {
        self.crowd().seed.indexed(self.index()).stream()
    }

    fn pause(&self, stream: &mut Stream) -> Duration {
        stream.duration(self.plan().pause_min, self.plan().pause_max)
    }

    async fn wait_for_place(&self) {
        let clock = self.desk.clock;
        // the plan has no users before its zero
        sleep_until(clock.instant(Offset::ZERO)).await;
        match self.plan().curve.opens(self.number, clock.now()) {
            Some(at) => sleep_until(clock.instant(at)).await,
            None => std::future::pending().await,
        }
    }

    /// Has a worker walk for a while; what is left to pause.
    async fn stint(&mut self) -> Duration {
        let (ended, end) = oneshot::channel();
        let stint = Stint {
            user: self.clone(),
            ended,
        };
        let workers = &self.desk.workers;
        if workers[self.number as usize % workers.len()]
            .send(Ticket::User(stint))
            .is_err()
        {
            // the worker has ended, and the load with it
            std::future::pending::<()>().await;
        }
        match end.await {
            Ok((user, pause)) => {
                *self = user;
                pause
            }
            // likewise
            Err(_) => PAUSE_AFTER_FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Mutex};

    use tokio::{sync::mpsc::unbounded_channel, time::timeout_at};

    use super::*;
    use crate::{plan::UserCurve, units::Users};

    /// A journey that a worker of the test was asked for.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Walked {
        user: u64,
        round: u64,
        at: f64,
    }

    /// What a worker of the test was asked for.
    #[derive(Debug, PartialEq)]
    struct Observed {
        seen: Vec<Walked>,
        stints: usize,
    }

    /// 2 users for 10 s, then 5 for 10 s, then 1 for 10 s.
    const STEPS: [(u64, f64); 6] = [
        (0, 2.0),
        (10, 2.0),
        (10, 5.0),
        (20, 5.0),
        (20, 1.0),
        (30, 1.0),
    ];

    /// Lets the users of a crowd come and go for 40 s; each journey takes so long and ends so. What
    /// they asked for, in order.
    async fn observe(pause: (u64, u64), lasts: Duration, good: bool) -> Observed {
        let curve = UserCurve {
            knots: STEPS
                .iter()
                .map(|(at, n)| {
                    (
                        Offset(Duration::from_secs(*at)),
                        Users::new(*n).expect("users"),
                    )
                })
                .collect(),
        };
        let (counter, mut tickets) = unbounded_channel();
        let clock = Clock::start();
        let desk = Arc::new(Desk {
            crowds: vec![Crowd {
                name: "clerks".into(),
                population: 0,
                plan: UsersPlan {
                    most: curve.most(),
                    curve,
                    pause_min: Duration::from_millis(pause.0),
                    pause_max: Duration::from_millis(pause.1),
                },
                seed: Seed(7),
                next: 0.into(),
            }],
            clock,
            workers: vec![counter],
        });
        assert_eq!((desk.absent(), desk.missing()), (5, 2));
        for _ in 0..5 {
            let mut user = desk.user(0);
            tokio::spawn(async move {
                loop {
                    user.turn().await;
                }
            });
        }
        assert_eq!((desk.absent(), desk.missing()), (0, 0));
        // users never end by themselves
        let end = clock.instant(Offset(Duration::from_secs(40)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut stints = 0;
        while let Ok(Some(ticket)) = timeout_at(end, tickets.recv()).await {
            let Ticket::User(stint) = ticket else {
                panic!("{ticket:?} of nobody");
            };
            stints += 1;
            let seen = Arc::clone(&seen);
            tokio::spawn(
                stint.walk(Offset(Duration::from_secs(40)), async move |arrival| {
                    seen.lock().expect("no panic").push(Walked {
                        user: arrival.index % 5,
                        round: arrival.index / 5,
                        at: arrival.intended.as_secs_f64(),
                    });
                    sleep(lasts).await;
                    good
                }),
            );
        }
        let seen = seen.lock().expect("no panic").clone();
        Observed { seen, stints }
    }

    fn users(seen: &[Walked], from: f64, to: f64) -> BTreeSet<u64> {
        let within = seen.iter().filter(|w| (from..to).contains(&w.at));
        within.map(|w| w.user).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_users_walk_as_the_curve_says() {
        let Observed { seen, stints } = observe((1000, 1000), Duration::ZERO, true).await;
        assert!(
            (1 + seen.len()..seen.len() + 8).contains(&stints),
            "{stints}"
        );
        assert_eq!(users(&seen, 0.0, 10.0), BTreeSet::from([0, 1]));
        assert_eq!(users(&seen, 10.0, 20.0), BTreeSet::from([0, 1, 2, 3, 4]));
        assert_eq!(users(&seen, 20.0, 30.0), BTreeSet::from([0]));
        assert_eq!(users(&seen, 30.0, 40.0), BTreeSet::new());
        // each walks once a second, and comes in within a second
        let walked = |user| seen.iter().filter(|w| w.user == user).count();
        assert!((29..=30).contains(&walked(0)), "{}", walked(0));
        assert!((9..=10).contains(&walked(4)), "{}", walked(4));
        for user in 0..5 {
            let rounds = seen.iter().filter(|w| w.user == user).map(|w| w.round);
            assert!(
                rounds.eq(0..walked(user) as u64),
                "user {user} walks round by round"
            );
        }
        // not in step
        let first: BTreeSet<_> = seen[..2].iter().map(|w| w.at.to_bits()).collect();
        assert_eq!(first.len(), 2, "{:?}", &seen[..2]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_pauses_shortly_stays_with_its_worker() {
        let Observed { seen, stints } = observe((0, 100), Duration::from_millis(50), true).await;
        // two come, three more, four leave, and then the last one
        assert_eq!(stints, 5);
        for (user, from, to) in [(0, 0.0, 30.0), (1, 0.0, 20.0), (4, 10.0, 20.0)] {
            let own: Vec<_> = seen.iter().filter(|w| w.user == user).collect();
            assert!(
                own.iter().map(|w| w.round).eq(0..own.len() as u64),
                "{user}"
            );
            // 50 ms for a journey and 50 ms for a pause, on the average
            let expected = (to - from) / 0.1;
            assert!(
                (own.len() as f64 / expected - 1.0).abs() < 0.1,
                "{}",
                own.len()
            );
            let at = |walked: Option<&&Walked>| walked.expect("it walked").at;
            assert!(
                at(own.first()) - from < 0.15 && to - at(own.last()) < 0.25,
                "{own:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_is_no_sleep() {
        let seen = observe((0, 0), Duration::from_millis(10), true).await.seen;
        let gaps = seen.iter().filter(|w| w.user == 0).map(|w| w.at);
        let at: Vec<f64> = gaps.collect();
        assert!(at.windows(2).all(|w| w[1] - w[0] < 0.0111), "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_leaves_after_its_journey() {
        let seen = observe((1000, 3000), Duration::from_secs(4), true)
            .await
            .seen;
        // who began just before the fall to one user walks on, and does not begin again
        assert_eq!(users(&seen, 20.0, 40.0), BTreeSet::from([0]));
        let last = seen.iter().filter(|w| w.user > 0).map(|w| w.at);
        let last = last.fold(0.0, f64::max);
        assert!((16.0..20.0).contains(&last), "{last}");
        // a journey, and at least the pause, lie between two beginnings
        for user in 0..5 {
            let at: Vec<f64> = seen
                .iter()
                .filter(|w| w.user == user)
                .map(|w| w.at)
                .collect();
            assert!(at.windows(2).all(|w| w[1] - w[0] >= 5.0), "{at:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_target_is_not_knocked_at_in_a_tight_loop() {
        let seen = observe((0, 0), Duration::ZERO, false).await.seen;
        // 2 users for 10 s, 5 for 10 s, 1 for 10 s, a journey a second each
        assert!((70..=85).contains(&seen.len()), "{}", seen.len());
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_makes_the_same_journeys() {
        let once = observe((500, 2500), Duration::from_millis(20), true).await;
        let again = observe((500, 2500), Duration::from_millis(20), true).await;
        assert!(once.seen.len() > 40);
        assert_eq!(once, again);
    }
}
