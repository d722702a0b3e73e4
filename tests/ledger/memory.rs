//! What only the ledger in memory does: it forgets, and it is taken down for another to begin with.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use usher::ledger::{Claim, KEPT, Known, Lease, Ledger, LedgerError, Memory, Release};

use super::support::{ask, second};

const BOUND: usize = 20;

fn memory(ledger: &Ledger) -> &Memory {
    match ledger {
        Ledger::Memory(memory) => memory,
        Ledger::DynamoDb(_) => panic!("not in memory"),
    }
}

async fn claim(ledger: &Ledger, target: &str, at: i64, now: i64) -> Claim {
    let claimant = format!("{target} {at} {now}");
    let answer = ledger
        .claim(&ask(target, &claimant, at, 10), second(now))
        .await;
    answer.expect("an answer")
}

async fn lease(ledger: &Ledger, target: &str, at: i64, now: i64) -> Lease {
    match claim(ledger, target, at, now).await {
        Claim::Granted(lease) => lease,
        other => panic!("{other:?}"),
    }
}

async fn write(ledger: &Ledger, target: &str, at: i64, now: i64) {
    let lease = lease(ledger, target, at, now).await;
    let released = ledger.release(lease, Release::Written).await;
    released.expect("an answer");
}

#[tokio::test]
async fn a_full_memory_forgets_what_was_claimed_longest_ago_and_nothing_that_is_held() {
    let ledger = Ledger::Memory(Memory::bounded(BOUND));
    let held = lease(&ledger, "held", 5, 0).await;
    for number in 0..BOUND - 1 {
        write(&ledger, &format!("target {number}"), 5, 0).await;
    }
    // Claimed again, so no longer the oldest.
    write(&ledger, "target 0", 6, 0).await;
    assert_eq!(memory(&ledger).len(), BOUND);
    write(&ledger, "one more", 5, 0).await;
    assert!(memory(&ledger).len() <= BOUND);
    let stale = Claim::Stale { newer: second(6) };
    assert_eq!(claim(&ledger, "target 0", 1, 0).await, stale);
    assert!(matches!(
        claim(&ledger, "target 1", 1, 0).await,
        Claim::Granted(_)
    ));
    assert!(matches!(
        claim(&ledger, "held", 1, 0).await,
        Claim::Busy { .. }
    ));
    ledger
        .release(held, Release::Written)
        .await
        .expect("an answer");
    let stale = Claim::Stale { newer: second(5) };
    assert_eq!(claim(&ledger, "held", 1, 0).await, stale);
}

#[tokio::test]
async fn a_memory_full_of_what_is_held_grows_and_shrinks_again() {
    let ledger = Ledger::Memory(Memory::bounded(BOUND));
    let mut leases = Vec::new();
    for number in 0..2 * BOUND {
        leases.push(lease(&ledger, &format!("target {number}"), 5, 0).await);
    }
    assert_eq!(memory(&ledger).len(), 2 * BOUND);
    for lease in leases {
        ledger
            .release(lease, Release::Written)
            .await
            .expect("an answer");
    }
    write(&ledger, "one more", 5, 0).await;
    assert!(memory(&ledger).len() <= BOUND);
}

#[tokio::test]
async fn expired_targets_are_forgotten_before_any_other() {
    let ledger = Ledger::Memory(Memory::bounded(BOUND));
    let later = KEPT.as_secs() as i64;
    for number in 0..BOUND - 2 {
        write(&ledger, &format!("target {number}"), 5, 0).await;
    }
    write(&ledger, "recent", 5, later).await;
    write(&ledger, "more recent", 5, later).await;
    write(&ledger, "most recent", 5, later + 60).await;
    assert_eq!(memory(&ledger).len(), 3);
}

#[tokio::test]
async fn nothing_that_is_printed_names_a_target() {
    let ledger = Ledger::in_memory();
    let asked = ask("sagemaker:user-profile/d-abc/jane-doe", "c", 1, 10);
    let answer = ledger.claim(&asked, second(0)).await;
    let printed = format!("{ledger:?} {asked:?} {answer:?}");
    assert!(printed.contains("Granted"), "{printed}");
    assert!(!printed.contains("jane"), "{printed}");
}

#[tokio::test]
async fn a_lease_without_an_end_or_a_time_at_the_edge_is_no_overflow() {
    let ledger = Ledger::in_memory();
    let mut asked = ask("target", "a", 1, u64::MAX);
    asked.at = time::PrimitiveDateTime::MAX.assume_utc();
    let answer = ledger.claim(&asked, second(0)).await.expect("an answer");
    assert!(matches!(answer, Claim::Granted(_)));
    let mut asked = ask("target", "b", 1, 10);
    asked.at = time::PrimitiveDateTime::MIN.assume_utc();
    let now = time::PrimitiveDateTime::MAX.assume_utc() - time::Duration::HOUR;
    let answer = ledger.claim(&asked, now).await.expect("an answer");
    assert!(matches!(answer, Claim::Busy { .. }), "{answer:?}");
}

type Log = Arc<Mutex<Vec<Known>>>;

/// A ledger that begins with what is known, and what it takes down.
fn logged(known: impl IntoIterator<Item = Known>) -> (Ledger, Log) {
    let log = Log::default();
    let kept = Arc::clone(&log);
    let memory = Memory::logged(known, move |known| {
        kept.lock().expect("nobody panicked").push(known.clone());
        Ok(())
    });
    (Ledger::Memory(memory), log)
}

/// The last that was taken down of each target.
fn last(log: &Log) -> Vec<Known> {
    let log = log.lock().expect("nobody panicked");
    let newest = |index: usize, known: &Known| {
        let later = log.iter().skip(index + 1);
        !later.clone().any(|other| other.target == known.target)
    };
    let known = log.iter().enumerate();
    let known = known.filter(|(index, known)| newest(*index, known));
    known.map(|(_, known)| known.clone()).collect()
}

#[tokio::test]
async fn what_is_taken_down_says_of_each_end_what_another_ledger_must_know() {
    for how in [
        Some(Release::Written),
        Some(Release::Abandoned),
        Some(Release::InDoubt),
        None,
    ] {
        let (ledger, log) = logged([]);
        write(&ledger, "target", 3, 0).await;
        let lease = lease(&ledger, "target", 5, 1).await;
        if let Some(how) = how {
            let released = ledger.release(lease, how).await;
            released.expect("an answer");
        }
        // Another process, whatever became of the lease.
        let (other, _) = logged(last(&log));
        let oldest = claim(&other, "target", 2, 2).await;
        let between = claim(&other, "target", 4, 3).await;
        match how {
            Some(Release::Written) => {
                assert_eq!(oldest, Claim::Stale { newer: second(5) });
                assert_eq!(between, Claim::Stale { newer: second(5) });
            }
            Some(Release::Abandoned) => {
                assert_eq!(oldest, Claim::Stale { newer: second(3) });
                assert!(matches!(between, Claim::Granted(_)), "{between:?}");
            }
            Some(Release::InDoubt) | None => {
                assert_eq!(oldest, Claim::Stale { newer: second(3) });
                assert_eq!(between, Claim::InDoubt { newer: second(5) });
            }
        }
    }
}

#[tokio::test]
async fn what_is_known_from_before_does_not_expire_and_equal_times_go_on() {
    let known = Known {
        target: "target".to_owned(),
        settled: Some(second(5)),
        begun: Some(second(5)),
    };
    let (ledger, _) = logged([known]);
    let later = 2 * KEPT.as_secs() as i64;
    let stale = Claim::Stale { newer: second(5) };
    assert_eq!(claim(&ledger, "target", 4, later).await, stale);
    let again = claim(&ledger, "target", 5, later).await;
    assert!(matches!(again, Claim::Granted(_)), "{again:?}");
}

#[tokio::test]
async fn nothing_is_granted_or_confirmed_that_could_not_be_taken_down() {
    let full = Arc::new(Mutex::new(true));
    let is_full = Arc::clone(&full);
    let ledger = Ledger::Memory(Memory::logged([], move |_| {
        match *is_full.lock().expect("nobody panicked") {
            true => Err(Error::from(ErrorKind::StorageFull)),
            false => Ok(()),
        }
    }));
    let refused = ledger.claim(&ask("target", "a", 1, 10), second(0)).await;
    let Err(error @ LedgerError::Log(_)) = refused else {
        panic!("{refused:?}");
    };
    assert!(error.retryable());
    *full.lock().expect("nobody panicked") = false;
    let lease = lease(&ledger, "target", 1, 0).await;
    *full.lock().expect("nobody panicked") = true;
    let released = ledger.release(lease, Release::Written).await;
    assert!(matches!(released, Err(LedgerError::Log(_))), "{released:?}");
}
