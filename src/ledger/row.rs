//! What the ledger knows of one target, and what follows from it: pure, and the same wherever rows are kept.

use std::time::Duration;

use time::{OffsetDateTime, PrimitiveDateTime};

use super::{Ask, Claim, KEPT, Known, Lease, LedgerError, Release, Released, SKEW};

/// Before any time that an event can carry, in nanoseconds: the `settled` and `begun` of a target that has none.
pub(super) const NEVER: i128 = -99_999_999_999_999_999_999_999;

/// See the table in the [module](super). Times are nanoseconds since 1970, `expires` seconds, as DynamoDB's time to live wants.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub settled: i128,
    pub begun: i128,
    pub before: i128,
    pub claimant: String,
    pub until: Option<i128>,
    pub expires: i128,
}

/// When a lease asked for at `now` ends, for its holder and for others, and when its row may be forgotten.
pub(super) struct Terms {
    pub ends: OffsetDateTime,
    pub until: i128,
    pub expires: i128,
}

impl Terms {
    pub fn of(ask: &Ask<'_>, now: OffsetDateTime) -> Self {
        let ends = later(now, ask.lease);
        let until = later(ends, SKEW);
        let expires = later(until, KEPT).unix_timestamp();
        Self {
            ends,
            until: until.unix_timestamp_nanos(),
            expires: expires.into(),
        }
    }
}

/// The answer to an ask that no row stands against. `settled` and `before` are what the claim found.
pub(super) fn grant(ask: &Ask<'_>, ends: OffsetDateTime, settled: i128, before: i128) -> Claim {
    let Ask {
        target,
        at,
        claimant,
        lease: _,
    } = *ask;
    Claim::Granted(Lease {
        target: target.to_owned(),
        at,
        claimant: claimant.to_owned(),
        ends,
        settled,
        before,
    })
}

impl Row {
    /// A row as another process left it: nobody holds it, and it does not expire before it is claimed again.
    pub fn known(known: &Known) -> Self {
        let time =
            |time: Option<OffsetDateTime>| time.map_or(NEVER, OffsetDateTime::unix_timestamp_nanos);
        let settled = time(known.settled);
        let begun = settled.max(time(known.begun));
        Self {
            settled,
            begun,
            before: begun,
            claimant: String::new(),
            until: None,
            expires: i128::MAX,
        }
    }

    pub fn as_known(&self, target: &str) -> Known {
        let time = |time: i128| (time != NEVER).then(|| moment(time));
        Known {
            target: target.to_owned(),
            settled: time(self.settled),
            begun: time(self.begun),
        }
    }

    /// Whether the row is to be taken as not there. DynamoDB deletes expired rows days late (developer guide, time to live).
    pub fn is_expired(&self, now: OffsetDateTime) -> bool {
        self.expires <= now.unix_timestamp().into()
    }

    pub fn is_leased(&self, now: OffsetDateTime) -> bool {
        self.until
            .is_some_and(|until| until > now.unix_timestamp_nanos())
    }

    /// What stands against the ask; nothing if it is to be granted.
    pub fn answer(&self, ask: &Ask<'_>, now: OffsetDateTime) -> Option<Result<Claim, LedgerError>> {
        let at = ask.at.unix_timestamp_nanos();
        if self.is_expired(now) {
            return None;
        }
        if self.claimant == ask.claimant {
            // The ask was granted, the answer was lost, and the client asked again.
            return Some(match self.until {
                Some(until) if self.begun == at && self.is_leased(now) => Ok(grant(
                    ask,
                    moment(until).saturating_sub(SKEW.try_into().unwrap_or_default()),
                    self.settled,
                    self.before,
                )),
                _ => Err(LedgerError::ClaimantUsed),
            });
        }
        match self.until {
            _ if self.settled > at => Some(Ok(Claim::Stale {
                newer: moment(self.settled),
            })),
            Some(until) if self.is_leased(now) => Some(Ok(Claim::Busy {
                until: moment(until),
            })),
            _ if self.begun > at => Some(Ok(Claim::InDoubt {
                newer: moment(self.begun),
            })),
            _ => None,
        }
    }

    /// The row once the ask is granted on top of what was found.
    pub fn claimed(found: Option<&Self>, ask: &Ask<'_>, terms: &Terms) -> Self {
        Self {
            settled: found.map_or(NEVER, |row| row.settled),
            begun: ask.at.unix_timestamp_nanos(),
            before: found.map_or(NEVER, |row| row.begun),
            claimant: ask.claimant.to_owned(),
            until: Some(terms.until),
            expires: terms.expires,
        }
    }

    /// Ends the claimant's lease, if no other has claimed since.
    pub fn release(&mut self, claimant: &str, how: Release) -> Released {
        if let Some(answer) = self.released(claimant) {
            return answer;
        }
        self.until = None;
        match how {
            Release::Written => self.settled = self.begun,
            Release::Abandoned => self.begun = self.before,
            Release::InDoubt => {}
        }
        Released::Recorded
    }

    /// The answer to a release that has nothing to change.
    pub fn released(&self, claimant: &str) -> Option<Released> {
        match self.until {
            _ if self.claimant != claimant => Some(Released::TooLate),
            // A lease is given back once, so it was this very release, whose answer was lost and which the client repeated.
            None => Some(Released::Recorded),
            Some(_) => None,
        }
    }
}

/// The end of time instead of an overflow.
fn later(from: OffsetDateTime, by: Duration) -> OffsetDateTime {
    time::Duration::try_from(by)
        .ok()
        .and_then(|by| from.checked_add(by))
        .unwrap_or(PrimitiveDateTime::MAX.assume_utc())
}

fn moment(nanoseconds: i128) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .unwrap_or(PrimitiveDateTime::MAX.assume_utc())
}
