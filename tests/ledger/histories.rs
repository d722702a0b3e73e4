//! Random histories of claims, releases, deaths and passing time, against an oracle that keeps every claim there was.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use time::OffsetDateTime;
use usher::ledger::{Claim, KEPT, Lease, Ledger, LedgerError, Release, Released, SKEW};

use super::support::{ask, fresh_target, in_dynamodb, second};

#[derive(Debug, Clone)]
enum Step {
    /// A new claimant asks, with an event of this second.
    Claim { at: i64, lease: u64 },
    /// The newest claim that was granted is sent again.
    Repeat,
    /// The lease of this number, counted from the newest, is given back, however late. Those never given back died.
    Release(usize, Release),
    /// So many seconds pass.
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let how = prop_oneof![
        3 => Just(Release::Written),
        1 => Just(Release::Abandoned),
        1 => Just(Release::InDoubt),
    ];
    let step = prop_oneof![
        8 => (0..6_i64, 0..20_u64).prop_map(|(at, lease)| Step::Claim { at, lease }),
        1 => Just(Step::Repeat),
        6 => (0..3_usize, how).prop_map(|(number, how)| Step::Release(number, how)),
        4 => (0..15_i64).prop_map(Step::Pass),
        1 => Just(Step::Pass(KEPT.as_secs() as i64)),
    ];
    prop::collection::vec(step, 1..40)
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Open,
    Released(Release),
}

/// A claim that was granted.
#[derive(Debug, Clone)]
struct Past {
    claimant: String,
    at: i64,
    ends: OffsetDateTime,
    fate: Fate,
}

impl Past {
    fn keeps_out_until(&self) -> OffsetDateTime {
        self.ends + SKEW
    }
}

/// All claims that were granted, in their order; what the answers must be follows from them.
#[derive(Default)]
struct Oracle {
    granted: Vec<Past>,
    /// How many of them lie before the row last expired.
    forgotten: usize,
}

impl Oracle {
    fn remembered(&self) -> &[Past] {
        &self.granted[self.forgotten..]
    }

    fn newest(&self, fits: impl Fn(Fate) -> bool) -> Option<i64> {
        let fitting = self.remembered().iter().filter(|past| fits(past.fate));
        fitting.map(|past| past.at).max()
    }

    /// Rows expire by the second.
    fn forget(&mut self, now: OffsetDateTime) {
        let expiry = self
            .granted
            .last()
            .map(|last| last.keeps_out_until() + KEPT);
        if expiry.is_some_and(|expiry| expiry.unix_timestamp() <= now.unix_timestamp()) {
            self.forgotten = self.granted.len();
        }
    }

    /// What stands against a claim, if anything.
    fn against(&mut self, at: i64, now: OffsetDateTime) -> Option<Claim> {
        self.forget(now);
        let last = self.remembered().last()?;
        let written = self.newest(|fate| fate == Fate::Released(Release::Written));
        if let Some(newer) = written.filter(|newer| *newer > at) {
            return Some(Claim::Stale {
                newer: second(newer),
            });
        }
        if last.fate == Fate::Open && last.keeps_out_until() > now {
            return Some(Claim::Busy {
                until: last.keeps_out_until(),
            });
        }
        let begun = self.newest(|fate| fate != Fate::Released(Release::Abandoned));
        let newer = begun.filter(|newer| *newer > at)?;
        Some(Claim::InDoubt {
            newer: second(newer),
        })
    }

    /// Only the last claim can still be released.
    fn release(&mut self, claimant: &str, how: Release) -> Released {
        match self.granted.last_mut() {
            Some(last) if last.claimant == claimant => {
                last.fate = Fate::Released(how);
                Released::Recorded
            }
            _ => Released::TooLate,
        }
    }
}

/// One history on one target of one ledger.
struct History<'a> {
    ledger: &'a Ledger,
    target: String,
    now: OffsetDateTime,
    oracle: Oracle,
    leases: HashMap<String, Lease>,
}

impl History<'_> {
    async fn step(&mut self, number: usize, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Pass(seconds) => self.now += time::Duration::seconds(seconds),
            Step::Claim { at, lease } => {
                self.claim(&format!("claimant {number}"), at, lease).await?
            }
            Step::Repeat => self.repeat().await?,
            Step::Release(back, how) => self.release(back, how).await?,
        }
        Ok(())
    }

    async fn claim(&mut self, claimant: &str, at: i64, lease: u64) -> Result<(), TestCaseError> {
        let asked = ask(&self.target, claimant, at, lease);
        let found = self.ledger.claim(&asked, self.now).await;
        let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
        match (self.oracle.against(at, self.now), found) {
            (None, Claim::Granted(lease)) => {
                self.promises(at)?;
                let (claimant, ends) = (claimant.to_owned(), lease.ends());
                self.leases.insert(claimant.clone(), lease);
                self.oracle.granted.push(Past {
                    claimant,
                    at,
                    ends,
                    fate: Fate::Open,
                });
            }
            (None, found) => prop_assert!(false, "granted was expected: {found:?}"),
            (Some(expected), found) => prop_assert_eq!(expected, found),
        }
        Ok(())
    }

    /// What a grant means, whatever the oracle's own rules are.
    fn promises(&self, at: i64) -> Result<(), TestCaseError> {
        for past in self.oracle.remembered() {
            let perhaps_written = past.fate != Fate::Released(Release::Abandoned);
            prop_assert!(
                !(perhaps_written && past.at > at),
                "an older write after a newer: {past:?}"
            );
            let alive = past.fate == Fate::Open && past.keeps_out_until() > self.now;
            prop_assert!(!alive, "two live leases: {past:?}");
        }
        Ok(())
    }

    async fn repeat(&mut self) -> Result<(), TestCaseError> {
        self.oracle.forget(self.now);
        let Some(past) = self.oracle.remembered().last().cloned() else {
            return Ok(());
        };
        let found = self
            .ledger
            .claim(&ask(&self.target, &past.claimant, past.at, 1), self.now)
            .await;
        if past.fate == Fate::Open && past.keeps_out_until() > self.now {
            let Ok(Claim::Granted(lease)) = found else {
                return Err(TestCaseError::fail(format!(
                    "the lease was expected again: {found:?}"
                )));
            };
            prop_assert_eq!(lease.ends(), past.ends);
        } else {
            prop_assert!(
                matches!(found, Err(LedgerError::ClaimantUsed)),
                "{:?}",
                found
            );
        }
        Ok(())
    }

    async fn release(&mut self, back: usize, how: Release) -> Result<(), TestCaseError> {
        let Some(claimant) = self
            .oracle
            .granted
            .iter()
            .rev()
            .nth(back)
            .map(|past| past.claimant.clone())
        else {
            return Ok(());
        };
        if let Some(lease) = self.leases.remove(&claimant) {
            let found = self.ledger.release(lease, how).await;
            let found = found.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(self.oracle.release(&claimant, how), found);
        }
        Ok(())
    }
}

fn run(ledger: &Ledger, runtime: &tokio::runtime::Runtime, cases: u32) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        let mut history = History {
            ledger,
            target: fresh_target(),
            now: second(0),
            oracle: Oracle::default(),
            leases: HashMap::new(),
        };
        runtime.block_on(async {
            for (number, step) in steps.iter().enumerate() {
                history.step(number, step).await?;
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{ledger:?}: {failure}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn any_history_in_memory_goes_as_its_claims_imply() {
    run(&Ledger::in_memory(), &runtime(), 4_000);
}

#[test]
fn any_history_in_dynamodb_goes_as_its_claims_imply() {
    let runtime = runtime();
    if let Some(ledger) = runtime.block_on(in_dynamodb()) {
        run(&ledger, &runtime, 48);
    }
}
