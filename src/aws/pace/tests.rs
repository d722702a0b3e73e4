use proptest::prelude::*;

use super::*;

#[path = "simulation.rs"]
mod simulation;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn rate(pace: &Pace) -> Option<f64> {
    match pace {
        Pace::Free { .. } => None,
        Pace::Paced(paced) => Some(paced.rate),
    }
}

/// The next turn, and when it comes.
fn turn(pace: &mut Pace, mut now: Duration) -> (Turn, Duration) {
    loop {
        match pace.permit(now) {
            Ok(turn) => return (turn, now),
            Err(wait) => now += wait,
        }
    }
}

/// A pace that has been throttled once, at the second 1.
fn throttled() -> Pace {
    let mut pace = Pace::new();
    let (first, now) = turn(&mut pace, seconds(1.0));
    pace.throttled(first, now);
    pace
}

#[test]
fn nothing_is_paced_before_the_first_throttle() {
    let mut pace = Pace::new();
    for nth in 0..10_000 {
        let now = Duration::from_micros(nth);
        let permit = pace.permit(now);
        let turn = permit.expect("nothing has been throttled");
        pace.accepted(turn);
    }
    assert!(pace.is_free());
}

#[test]
fn after_a_throttle_requests_go_out_evenly() {
    let mut pace = throttled();
    let rate = rate(&pace).expect("paced");
    let mut now = seconds(1.0);
    for _ in 0..10 {
        let (_, next) = turn(&mut pace, now);
        let gap = (next - now).as_secs_f64();
        assert!((gap - 1.0 / rate).abs() < 1e-6, "{gap}");
        now = next;
    }
}

#[test]
fn while_nothing_is_accepted_each_throttle_halves_the_rate_down_to_one_request_in_five_seconds() {
    let mut pace = throttled();
    let mut now = seconds(1.0);
    let mut expected = rate(&pace).expect("paced");
    for _ in 0..20 {
        let (turn, at) = turn(&mut pace, now);
        assert!(
            at - now <= seconds(5.001),
            "no turn is further away than 5 s"
        );
        now = at + seconds(0.01);
        pace.throttled(turn, now);
        expected = (expected / 2.0).max(LOWEST);
        assert_eq!(rate(&pace), Some(expected));
    }
    assert_eq!(rate(&pace), Some(LOWEST));
}

#[test]
fn the_throttles_of_one_flight_count_once() {
    let mut pace = Pace::new();
    let flight: Vec<Turn> = (0..8).map(|_| turn(&mut pace, seconds(1.0)).0).collect();
    for turn in flight {
        pace.throttled(turn, seconds(1.02));
    }
    let mut one = Pace::new();
    for _ in 0..7 {
        turn(&mut one, seconds(1.0));
    }
    let (last, _) = turn(&mut one, seconds(1.0));
    one.throttled(last, seconds(1.02));
    assert_eq!(rate(&pace), rate(&one));
}

#[test]
fn what_was_accepted_before_the_rate_was_lowered_does_not_raise_it() {
    let mut pace = Pace::new();
    let (early, _) = turn(&mut pace, seconds(1.0));
    let (other, _) = turn(&mut pace, seconds(1.0));
    pace.throttled(other, seconds(1.1));
    let before = rate(&pace);
    pace.accepted(early);
    assert_eq!(rate(&pace), before);
}

#[test]
fn a_rate_that_nobody_waits_for_does_not_grow() {
    let mut pace = throttled();
    let (first, mut now) = turn(&mut pace, seconds(1.0));
    pace.accepted(first);
    let found = rate(&pace);
    for _ in 0..100 {
        now += seconds(1.0);
        let permit = pace.permit(now).expect("a turn is due");
        pace.accepted(permit);
    }
    assert_eq!(rate(&pace), found);
}

#[test]
fn a_rate_that_is_waited_for_grows_ever_faster_until_the_next_throttle_cuts_it() {
    let mut pace = throttled();
    let mut now = seconds(1.0);
    let mut rates = Vec::new();
    for _ in 0..60 {
        let (turn, at) = turn(&mut pace, now);
        now = at;
        pace.accepted(turn);
        rates.push(rate(&pace).expect("paced"));
    }
    let grown = |from: usize, to: usize| rates[to] / rates[from];
    assert!(grown(1, 21) > 1.0);
    assert!(grown(39, 59) > grown(1, 21));
    let (last, at) = turn(&mut pace, now);
    pace.throttled(last, at + seconds(0.01));
    let cut = rate(&pace).expect("paced");
    assert!(
        (cut / rates[59] - 0.5).abs() < 1e-9,
        "the first cut is by half"
    );
}

#[test]
fn what_was_learnt_is_forgotten_after_thirty_seconds_without_a_request() {
    let mut pace = throttled();
    let (_, now) = turn(&mut pace, seconds(1.0));
    assert!(pace.permit(now + FORGET - seconds(0.001)).is_ok());
    assert!(!pace.is_free());
    let later = now + FORGET - seconds(0.001) + FORGET;
    assert!(pace.permit(later).is_ok());
    assert!(pace.is_free());
}

proptest! {
    #[test]
    fn whatever_happens_a_wait_is_at_most_five_seconds_and_a_turn_comes_after_it(
        steps in prop::collection::vec((0_u32..3, 0_u64..2_000), 1..200)
    ) {
        let mut pace = Pace::new();
        let mut now = Duration::ZERO;
        let mut open = Vec::new();
        for (what, millis) in steps {
            now += Duration::from_millis(millis);
            match (what, open.pop()) {
                (0, Some(turn)) => pace.throttled(turn, now),
                (1, Some(turn)) => pace.accepted(turn),
                (_, kept) => {
                    open.extend(kept);
                    match pace.permit(now) {
                        Ok(turn) => open.push(turn),
                        Err(wait) => {
                            prop_assert!(wait <= seconds(5.0));
                            let due = pace.permit(now + wait);
                            prop_assert!(due.is_ok());
                            now += wait;
                            open.extend(due.ok());
                        }
                    }
                }
            }
            if let Some(rate) = rate(&pace) {
                prop_assert!(rate.is_finite() && rate >= LOWEST);
            }
        }
    }

    #[test]
    fn over_any_stretch_no_more_go_out_than_the_rate_and_its_credit_allow(
        gaps in prop::collection::vec(0_u64..400, 1..300)
    ) {
        let mut pace = throttled();
        let rate = rate(&pace).expect("paced");
        let mut now = seconds(1.0);
        let mut sent = 0.0;
        for gap in gaps {
            now += Duration::from_millis(gap);
            while pace.permit(now).is_ok() {
                sent += 1.0;
            }
            let allowed = (now - seconds(1.0)).as_secs_f64() * rate + CREDIT + 1.0;
            prop_assert!(sent <= allowed, "{sent} of {allowed}");
        }
    }
}
