//! Rows in a DynamoDB table: the same conditions as in `row.rs`, in DynamoDB's words.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::row::{NEVER, Row, Terms, grant};
use super::{Ask, Claim, Lease, LedgerError, Release, Released};
use crate::aws::dynamodb::{Attribute, Item, Table, Update, Updated};

/// The partition key of the table, a string.
pub const KEY: &str = "target";

/// The attribute that the table's time to live must be set to.
pub const EXPIRY: &str = "expires";

const CLAIM: &str = "SET #before = if_not_exists(#begun, :never), #begun = :at, #claimant = :me, #until = :until, #expires = :expires";

/// No newer event begun, no live lease. A used-up claimant is refused, or a repeat of its request that arrives after its release
/// would hold the target once more.
const CLAIMABLE: &str = "attribute_not_exists(#target) OR (#expires > :today AND #begun <= :at \
    AND (attribute_not_exists(#until) OR #until <= :now) AND #claimant <> :me)";

/// What an expired row says must not live on.
const CLAIM_AFRESH: &str = "SET #before = :never, #begun = :at, #claimant = :me, #until = :until, #expires = :expires REMOVE #settled";

const CLAIMABLE_AFRESH: &str = "attribute_not_exists(#target) OR #expires <= :today";

const RELEASABLE: &str = "#claimant = :me AND attribute_exists(#until)";

/// The first try finds an expired row, the second replaces it; another only if somebody else did both in between.
const TRIES: usize = 4;

pub(super) async fn claim(
    table: &Table,
    ask: &Ask<'_>,
    now: OffsetDateTime,
) -> Result<Claim, LedgerError> {
    let terms = Terms::of(ask, now);
    let mut afresh = false;
    for _ in 0..TRIES {
        let update = claim_of(ask, &terms, now, afresh);
        let found = match table.update(update).await? {
            Updated::Done(_) if afresh => return Ok(grant(ask, terms.ends, NEVER, NEVER)),
            Updated::Done(found) => {
                let number = |member| match found.get(member) {
                    Some(Attribute::Number(number)) => *number,
                    Some(Attribute::Text(_) | Attribute::Other) | None => NEVER,
                };
                let (settled, before) = (number("settled"), number("begun"));
                return Ok(grant(ask, terms.ends, settled, before));
            }
            Updated::Refused(None) => continue,
            Updated::Refused(Some(item)) => {
                read(&item).map_err(|member| unreadable(table, member))?
            }
        };
        if let Some(answer) = found.answer(ask, now) {
            return answer;
        }
        afresh = found.is_expired(now);
    }
    Ok(Claim::Busy { until: now })
}

fn claim_of<'a>(ask: &'a Ask<'_>, terms: &Terms, now: OffsetDateTime, afresh: bool) -> Update<'a> {
    let mut values = HashMap::from([
        (":me", Attribute::Text(ask.claimant.to_owned())),
        (":at", Attribute::Number(ask.at.unix_timestamp_nanos())),
        (":never", Attribute::Number(NEVER)),
        (":until", Attribute::Number(terms.until)),
        (":expires", Attribute::Number(terms.expires)),
        (":today", Attribute::Number(now.unix_timestamp().into())),
    ]);
    // DynamoDB refuses a request with a value that no expression uses.
    if !afresh {
        values.insert(":now", Attribute::Number(now.unix_timestamp_nanos()));
    }
    let (update, condition) = if afresh {
        (CLAIM_AFRESH, CLAIMABLE_AFRESH)
    } else {
        (CLAIM, CLAIMABLE)
    };
    Update {
        key: (KEY, ask.target),
        update,
        condition,
        values,
    }
}

pub(super) async fn release(
    table: &Table,
    lease: &Lease,
    how: Release,
) -> Result<Released, LedgerError> {
    let update = match how {
        Release::Written => "SET #settled = #begun REMOVE #until",
        Release::Abandoned => "SET #begun = #before REMOVE #until",
        Release::InDoubt => "REMOVE #until",
    };
    let values = HashMap::from([(":me", Attribute::Text(lease.claimant.clone()))]);
    let update = Update {
        key: (KEY, &lease.target),
        update,
        condition: RELEASABLE,
        values,
    };
    match table.update(update).await? {
        Updated::Done(_) => Ok(Released::Recorded),
        Updated::Refused(None) => Ok(Released::TooLate),
        Updated::Refused(Some(item)) => {
            let row = read(&item).map_err(|member| unreadable(table, member))?;
            Ok(row.released(&lease.claimant).unwrap_or(Released::TooLate))
        }
    }
}

/// The row, or the name of the member that is missing or of another type.
fn read(item: &Item) -> Result<Row, &'static str> {
    let number = |member| match item.get(member) {
        Some(Attribute::Number(number)) => Ok(Some(*number)),
        Some(Attribute::Text(_) | Attribute::Other) => Err(member),
        None => Ok(None),
    };
    let claimant = match item.get("claimant") {
        Some(Attribute::Text(claimant)) => claimant.clone(),
        Some(Attribute::Number(_) | Attribute::Other) | None => return Err("claimant"),
    };
    Ok(Row {
        settled: number("settled")?.unwrap_or(NEVER),
        begun: number("begun")?.ok_or("begun")?,
        before: number("before")?.ok_or("before")?,
        claimant,
        until: number("until")?,
        expires: number(EXPIRY)?.ok_or(EXPIRY)?,
    })
}

fn unreadable(table: &Table, member: &'static str) -> LedgerError {
    LedgerError::Unreadable {
        table: table.name().to_owned(),
        member,
    }
}
