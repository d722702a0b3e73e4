//! Every interleaving that the module's documentation lists, step by step, on either ledger.

use std::collections::HashMap;
use std::sync::Arc;

use usher::ledger::{Claim, KEPT, Ledger, LedgerError, Release, Released, SKEW, Standing};

use super::support::{ask, fresh_target, in_dynamodb, ledgers, second};
use Expect::{Busy, Granted, InDoubt, Stale, Used};
use Release::{Abandoned, Written};
use Released::{Recorded, TooLate};
use Step::{Claims, Passes, Releases};

/// How long each claimant's lease is.
const LEASE: u64 = 10;
/// Until when a lease that was asked for at 0 keeps others out.
const KEPT_OUT: i64 = LEASE as i64 + SKEW.as_secs() as i64;

enum Step {
    /// This claimant asks for the target with an event of this second.
    Claims(&'static str, i64, Expect),
    Releases(&'static str, Release, Released),
    /// So many seconds pass.
    Passes(i64),
}

/// The second that the answer names: of the newer event, or of the end of the lease.
#[derive(Debug, PartialEq)]
enum Expect {
    Granted,
    Stale(i64),
    Busy(i64),
    InDoubt(i64),
    Used,
}

async fn play(ledger: &Ledger, title: &str, steps: &[Step]) {
    let target = fresh_target();
    let mut now = 0;
    let mut leases = HashMap::new();
    for (number, step) in steps.iter().enumerate() {
        let place = format!("{title}, step {number}, {ledger:?}");
        match step {
            Passes(seconds) => now += seconds,
            Claims(claimant, at, expected) => {
                let answer = ledger
                    .claim(&ask(&target, claimant, *at, LEASE), second(now))
                    .await;
                let found = match answer {
                    Ok(Claim::Granted(lease)) => {
                        assert_eq!(lease.target(), target, "{place}");
                        assert_eq!(lease.at(), second(*at), "{place}");
                        leases.insert(*claimant, lease);
                        Granted
                    }
                    Ok(Claim::Stale { newer }) => Stale((newer - second(0)).whole_seconds()),
                    Ok(Claim::Busy { until }) => Busy((until - second(0)).whole_seconds()),
                    Ok(Claim::InDoubt { newer }) => InDoubt((newer - second(0)).whole_seconds()),
                    Err(LedgerError::ClaimantUsed) => Used,
                    Err(other) => panic!("{place}: {other}"),
                };
                assert_eq!(&found, expected, "{place}");
            }
            Releases(claimant, how, expected) => {
                let lease = leases.remove(claimant).expect("a claimant with a lease");
                let found = ledger.release(lease, *how).await.expect("an answer");
                assert_eq!(&found, expected, "{place}");
            }
        }
    }
}

async fn play_all(scenarios: &[(&str, &[Step])]) {
    for ledger in ledgers().await {
        for (title, steps) in scenarios {
            play(&ledger, title, steps).await;
        }
    }
}

#[tokio::test]
async fn workers_that_follow_each_other_never_go_back() {
    play_all(&[
        (
            "older first",
            &[
                Claims("a", 1, Granted),
                Releases("a", Written, Recorded),
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Claims("a again", 1, Stale(2)),
            ],
        ),
        (
            "newer first",
            &[
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Claims("a", 1, Stale(2)),
                Claims("c", 3, Granted),
            ],
        ),
        (
            "equal times keep the order of arrival, and a redelivered event finds its own time",
            &[
                Claims("a", 1, Granted),
                Releases("a", Written, Recorded),
                Claims("a again", 1, Granted),
                Releases("a again", Written, Recorded),
                Claims("b", 1, Granted),
            ],
        ),
        (
            "a claim that AWS refused leaves no trace",
            &[
                Claims("b", 2, Granted),
                Releases("b", Abandoned, Recorded),
                Claims("a", 1, Granted),
                Releases("a", Abandoned, Recorded),
                Claims("z", -5, Granted),
            ],
        ),
        (
            "a claim that AWS refused leaves what was recorded before it",
            &[
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Claims("c", 3, Granted),
                Releases("c", Abandoned, Recorded),
                Claims("a", 1, Stale(2)),
                Claims("b again", 2, Granted),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_live_lease_makes_others_wait() {
    play_all(&[
        (
            "the newer waits for the older",
            &[
                Claims("a", 1, Granted),
                Passes(3),
                Claims("b", 2, Busy(KEPT_OUT)),
                Releases("a", Written, Recorded),
                Claims("b", 2, Granted),
            ],
        ),
        (
            "the older waits for the newer, then is stale",
            &[
                Claims("b", 2, Granted),
                Claims("a", 1, Busy(KEPT_OUT)),
                Releases("b", Written, Recorded),
                Claims("a", 1, Stale(2)),
            ],
        ),
        (
            "the older waits for the newer, which is refused",
            &[
                Claims("b", 2, Granted),
                Claims("a", 1, Busy(KEPT_OUT)),
                Releases("b", Abandoned, Recorded),
                Claims("a", 1, Granted),
            ],
        ),
        (
            "one that is older than what is recorded need not wait",
            &[
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Claims("c", 3, Granted),
                Claims("a", 1, Stale(2)),
                Claims("b again", 2, Busy(KEPT_OUT)),
            ],
        ),
        (
            "two deliveries of one event",
            &[
                Claims("a", 1, Granted),
                Claims("a again", 1, Busy(KEPT_OUT)),
                Releases("a", Written, Recorded),
                Claims("a again", 1, Granted),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_dead_workers_lease_ends_by_itself_and_leaves_its_intent() {
    play_all(&[
        (
            "the newer goes on after it",
            &[
                Claims("a", 1, Granted),
                Passes(KEPT_OUT - 1),
                Claims("b", 2, Busy(KEPT_OUT)),
                Passes(1),
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Claims("a again", 1, Stale(2)),
            ],
        ),
        (
            "the older waits for the newer's redelivery",
            &[
                Claims("b", 2, Granted),
                Passes(KEPT_OUT),
                Claims("a", 1, InDoubt(2)),
                Claims("b again", 2, Granted),
                Releases("b again", Written, Recorded),
                Claims("a", 1, Stale(2)),
            ],
        ),
        (
            "a third, newer still, settles the doubt",
            &[
                Claims("b", 2, Granted),
                Passes(KEPT_OUT),
                Claims("c", 3, Granted),
                Releases("c", Written, Recorded),
                Claims("b again", 2, Stale(3)),
                Claims("a", 1, Stale(3)),
            ],
        ),
        (
            "one that is refused on top of a doubt leaves the doubt",
            &[
                Claims("b", 2, Granted),
                Passes(KEPT_OUT),
                Claims("c", 3, Granted),
                Releases("c", Abandoned, Recorded),
                Claims("a", 1, InDoubt(2)),
                Claims("b again", 2, Granted),
                Releases("b again", Abandoned, Recorded),
                Claims("a", 1, InDoubt(2)),
            ],
        ),
        (
            "what was recorded before the doubt is still stale for the older",
            &[
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Claims("d", 4, Granted),
                Passes(KEPT_OUT),
                Claims("a", 1, Stale(2)),
                Claims("c", 3, InDoubt(4)),
            ],
        ),
        (
            "a call without an answer frees the target at once and leaves the doubt",
            &[
                Claims("b", 2, Granted),
                Releases("b", Release::InDoubt, Recorded),
                Claims("a", 1, InDoubt(2)),
                Claims("b again", 2, Granted),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_release_that_comes_too_late_does_no_harm() {
    play_all(&[
        (
            "another has written since",
            &[
                Claims("a", 1, Granted),
                Passes(KEPT_OUT),
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Releases("a", Written, TooLate),
                Claims("a again", 1, Stale(2)),
            ],
        ),
        (
            "another holds the target",
            &[
                Claims("a", 1, Granted),
                Passes(KEPT_OUT),
                Claims("b", 2, Granted),
                Releases("a", Abandoned, TooLate),
                Claims("c", 3, Busy(2 * KEPT_OUT)),
                Releases("b", Written, Recorded),
                Claims("c", 3, Granted),
            ],
        ),
        (
            "nobody has claimed since: it is still true",
            &[
                Claims("b", 2, Granted),
                Passes(3 * KEPT_OUT),
                Releases("b", Written, Recorded),
                Claims("a", 1, Stale(2)),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_request_that_is_sent_twice_counts_once() {
    play_all(&[
        (
            "a claim",
            &[
                Claims("b", 2, Granted),
                Passes(1),
                Claims("b", 2, Granted),
                Releases("b", Abandoned, Recorded),
                Claims("a", 1, Granted),
            ],
        ),
        (
            "a claim whose repeat arrives after the release",
            &[
                Claims("a", 1, Granted),
                Releases("a", Written, Recorded),
                Claims("a", 1, Used),
                Claims("b", 2, Granted),
            ],
        ),
        (
            "a claimant's name for two events",
            &[Claims("a", 1, Granted), Claims("a", 2, Used)],
        ),
        (
            "a claimant's name after its lease",
            &[
                Claims("a", 1, Granted),
                Passes(KEPT_OUT),
                Claims("a", 1, Used),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_expired_row_counts_as_none_though_it_is_still_there() {
    let kept = KEPT.as_secs() as i64;
    play_all(&[
        (
            "before",
            &[
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Passes(KEPT_OUT + kept - 1),
                Claims("a", 1, Stale(2)),
            ],
        ),
        (
            "after, and nothing of it lives on",
            &[
                Claims("b", 2, Granted),
                Releases("b", Written, Recorded),
                Passes(KEPT_OUT + kept),
                Claims("a", 1, Granted),
                Releases("a", Abandoned, Recorded),
                Claims("z", 0, Granted),
            ],
        ),
        (
            "after, for a newer event too",
            &[
                Claims("b", 2, Granted),
                Releases("b", Release::InDoubt, Recorded),
                Passes(KEPT_OUT + kept),
                Claims("c", 3, Granted),
                Releases("c", Abandoned, Recorded),
                Claims("a", 1, Granted),
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn times_are_told_apart_to_the_nanosecond() {
    for ledger in ledgers().await {
        let target = fresh_target();
        let older = ask(&target, "a", 0, LEASE);
        let mut newer = ask(&target, "b", 0, LEASE);
        newer.at += time::Duration::nanoseconds(1);
        let Ok(Claim::Granted(lease)) = ledger.claim(&newer, second(0)).await else {
            panic!("{ledger:?}: the first is granted");
        };
        assert_eq!(lease.ends(), second(LEASE as i64));
        assert_eq!(
            ledger.release(lease, Written).await.expect("an answer"),
            Recorded
        );
        let answer = ledger.claim(&older, second(0)).await.expect("an answer");
        assert_eq!(answer, Claim::Stale { newer: newer.at }, "{ledger:?}");
    }
}

#[tokio::test]
async fn claim_and_release_may_be_repeated_after_a_lost_answer() {
    for ledger in ledgers().await {
        let target = fresh_target();
        let asked = ask(&target, "a", 1, LEASE);
        let Ok(Claim::Granted(first)) = ledger.claim(&asked, second(0)).await else {
            panic!("{ledger:?}: the first is granted");
        };
        let Ok(Claim::Granted(repeated)) = ledger.claim(&asked, second(5)).await else {
            panic!("{ledger:?}: and so is its repeat");
        };
        assert_eq!(first.ends(), repeated.ends());
        for lease in [first, repeated] {
            let answer = ledger.release(lease, Written).await.expect("an answer");
            assert_eq!(answer, Recorded, "{ledger:?}");
        }
    }
}

#[tokio::test]
async fn of_many_contenders_one_wins() {
    let mut ledgers = vec![Arc::new(Ledger::in_memory())];
    ledgers.extend(in_dynamodb().await.map(Arc::new));
    for ledger in ledgers {
        let target = Arc::new(fresh_target());
        let contenders: Vec<_> = (0..32)
            .map(|number| {
                let (ledger, target) = (Arc::clone(&ledger), Arc::clone(&target));
                tokio::spawn(async move {
                    let claimant = format!("contender {number}");
                    let asked = ask(&target, &claimant, number, LEASE);
                    ledger.claim(&asked, second(0)).await
                })
            })
            .collect();
        let mut granted = 0;
        for contender in contenders {
            match contender.await.expect("no panic").expect("an answer") {
                Claim::Granted(_) => granted += 1,
                Claim::Busy { until } => assert_eq!(until, second(KEPT_OUT)),
                other => panic!("{ledger:?}: {other:?}"),
            }
        }
        assert_eq!(granted, 1, "{ledger:?}");
    }
}

#[tokio::test]
async fn a_lease_tells_how_older_events_stand_that_would_go_along() {
    for ledger in ledgers().await {
        let target = fresh_target();
        let Ok(Claim::Granted(first)) = ledger.claim(&ask(&target, "a", 2, LEASE), second(0)).await
        else {
            panic!("{ledger:?}: the first is granted");
        };
        assert_eq!(first.standing(second(1)), Standing::Free, "{ledger:?}");
        let answer = ledger.release(first, Written).await.expect("an answer");
        assert_eq!(answer, Recorded);
        // Nobody knows whether the event of second 4 was written.
        let Ok(Claim::Granted(second_lease)) =
            ledger.claim(&ask(&target, "b", 4, LEASE), second(0)).await
        else {
            panic!("{ledger:?}: the second is granted");
        };
        let answer = ledger.release(second_lease, Release::InDoubt).await;
        assert_eq!(answer.expect("an answer"), Recorded);
        let asked = ask(&target, "c", 6, LEASE);
        for repeat in ["the claim", "its repeat"] {
            let Ok(Claim::Granted(lease)) = ledger.claim(&asked, second(0)).await else {
                panic!("{ledger:?}: {repeat} is granted");
            };
            assert_eq!(
                lease.standing(second(1)),
                Standing::Stale,
                "{ledger:?}, {repeat}"
            );
            assert_eq!(
                lease.standing(second(2)),
                Standing::InDoubt,
                "{ledger:?}, {repeat}"
            );
            assert_eq!(
                lease.standing(second(4)),
                Standing::Free,
                "{ledger:?}, {repeat}"
            );
        }
    }
}
