//! What schedules draw, whatever the seed.

use proptest::prelude::*;

use super::*;

fn rules() -> impl Strategy<Value = Rules> {
    let range = |most: u64| {
        (1..most, 0..most).prop_map(|(low, more)| {
            let millis = Duration::from_millis;
            (millis(low), millis(low + more))
        })
    };
    (
        1..6usize,
        0..400_000u64,
        range(60_000),
        range(90_000),
        1..4usize,
    )
        .prop_map(|(faults, length, every, lasting, at_most)| Rules {
            faults,
            length: Duration::from_millis(length),
            every,
            lasting,
            at_most,
        })
}

proptest! {
    #[test]
    fn never_too_many_at_once_and_all_in_time(rules in rules(), seed in any::<u64>()) {
        let drawn = comings(&rules, &mut Seed(seed).stream());
        prop_assert_eq!(&drawn, &comings(&rules, &mut Seed(seed).stream()), "the seed decides");
        for (index, coming) in drawn.iter().enumerate() {
            prop_assert!(coming.at + coming.lasts <= rules.length, "{:?}", coming);
            prop_assert!(coming.lasts >= rules.lasting.0 && coming.lasts <= rules.lasting.1);
            let earlier = &drawn[..index];
            prop_assert!(earlier.iter().all(|e| e.at + rules.every.0 <= coming.at));
            // the most are in force when one comes
            let in_force = || earlier.iter().filter(|e| e.at + e.lasts >= coming.at);
            prop_assert!(in_force().count() < rules.at_most, "{:?}", drawn);
            prop_assert!(in_force().all(|e| e.fault != coming.fault), "one twice at once");
        }
    }

    #[test]
    fn each_fault_has_its_turn(rules in rules(), seed in any::<u64>()) {
        let one = Rules { at_most: 1, ..rules };
        let drawn = comings(&one, &mut Seed(seed).stream());
        let came = |fault: usize| drawn.iter().filter(|c| c.fault == fault).count();
        let counts: Vec<usize> = (0..one.faults).map(came).collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "{:?}", counts);
    }
}

#[test]
fn another_seed_draws_otherwise() {
    let seconds = Duration::from_secs;
    let rules = Rules {
        faults: 3,
        length: seconds(3600),
        every: (seconds(60), seconds(300)),
        lasting: (seconds(20), seconds(60)),
        at_most: 2,
    };
    let drawn = |seed| comings(&rules, &mut Seed(seed).stream());
    assert!(drawn(1).len() >= 10);
    assert_ne!(drawn(1), drawn(2));
}
