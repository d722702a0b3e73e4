//! The table that orders writes: one writer at a time for each target, and never back to an older event.
//!
//! Events come twice, late and out of order, and several workers handle them at once. Before a worker writes to a
//! target it [claims](Ledger::claim) it, and afterwards it [releases](Ledger::release) it and says what became of the
//! write. Each is one conditional write of one row. The rows live in this process or in a DynamoDB table.
//!
//! # A row
//!
//! | member | means |
//! | --- | --- |
//! | `settled` | time of the newest event that is known to be on the target |
//! | `begun` | time of the newest event that a claim was granted to and that may be on the target; never below `settled` |
//! | `before` | `begun` as the last claim found it, for that claim to restore |
//! | `claimant` | who made the last claim |
//! | `until` | when the lease ends; absent once released |
//! | `expires` | when the row may be forgotten: [`KEPT`] after the end of the last lease |
//!
//! Recording the intent (`begun`) with the claim is what makes death harmless. A worker may die between its write to
//! AWS and its release; then nobody knows whether the write happened, but the row still says that it may have.
//!
//! # The states of a target
//!
//! ```text
//!                      claim T (T >= begun)
//!         ┌───────────────────────────────────────────────┐
//!         │                                               ▼
//!   ┌───────────┐    release Abandoned           ┌──────────────────┐
//!   │   free    │◄───────────────────────────────│      held        │
//!   │ (unknown, │    begun := before             │ begun = T, until │
//!   │ settled or│                                │                  │
//!   │ in doubt) │                                └──────────────────┘
//!   └───────────┘                                  │      │       │
//!      ▲     ▲          release Written            │      │       │ the worker dies, or stalls:
//!      │     └──── settled T (settled := T) ◄──────┘      │       │ the lease ends by itself
//!      │                                                  ▼       ▼
//!      └───────────────────────────────── in doubt about T (settled < begun = T)
//!                                          release InDoubt, or none
//! ```
//!
//! What an event of time `at` is told, the first that holds:
//!
//! 1. `settled > at`: [`Claim::Stale`]. A newer event is on the target; this one is done with, and will never be written.
//! 2. a lease lives: [`Claim::Busy`]. Whoever holds it may still abandon it, so this says nothing about staleness.
//! 3. `begun > at`: [`Claim::InDoubt`]. A newer event may be on the target, or may not. Its own redelivery settles that.
//! 4. otherwise [`Claim::Granted`]. So equal times go on: the later arrival is written later, and an event that is
//!    redelivered finds its own time and is written again, which changes nothing.
//!
//! # Why an older event waits for a newer one in doubt
//!
//! Writing it could put an older event on top of a newer one. Calling it `stale` would drop it on the strength of an
//! event that perhaps was never written and, if it fails for good when redelivered, never will be. So it is left to its queue.
//! The newer one was not reported as done, hence comes again: then the older is stale, or free to go if the
//! newer is abandoned in a claim that began without doubt. If the newer ends in the dead-letter queue, so may the older: both
//! are seen there, and driving them back settles both. Nothing is lost unseen. Any event at least as new settles a doubt.
//!
//! That holds for an event that can be written at all. One that is refused each time would leave a doubt for good, once a worker
//! has died with its claim. So callers claim nothing for an event that they would refuse, as far as that can be known before;
//! and where a refusal shows only afterwards, they release the claim as abandoned unless a request got no answer, or a 5xx. A throttle
//! and a conflict are answers: nothing was done.
//!
//! # Interleavings
//!
//! A handles an event of time 1, B one of time 2, both for one target.
//!
//! | what happens | what the ledger does |
//! | --- | --- |
//! | A claims, writes, releases; then B | B granted; ends at 2 |
//! | B claims, writes, releases; then A | A stale; ends at 2 |
//! | A holds, B asks | B busy; granted after A's release; ends at 2 |
//! | B holds, A asks; B releases Written | A busy, then stale |
//! | B holds, A asks; B releases Abandoned (AWS refused) | A busy, then granted: time 1 is the newest that can be had |
//! | B holds, A asks; B's call ends without an answer: InDoubt | A busy, then in doubt until B's event comes again |
//! | B dies before its write; A asks | busy until the lease ends, then in doubt; B's redelivery is granted, then A is stale |
//! | B dies after its write; A asks | the same: nobody could tell the two apart |
//! | A dies, before or after its write; B asks | busy until the lease ends, then granted; ends at 2; A's redelivery is stale |
//! | A dies; B is granted, then abandons | in doubt about 1 again; A's redelivery is granted |
//! | B dies; B's redelivery abandons | in doubt about 2 still: the first attempt may have been written |
//! | A stalls, its lease ends, B claims, writes, releases; A releases | [`Released::TooLate`]; the row still says 2 |
//! | A stalls, its lease ends, nobody claims; A releases | recorded: what A says is still true |
//! | A stalls with its call to AWS on the way; B claims and writes; A's call arrives | **not prevented**, see below |
//! | A's claim is made, its answer lost, and it is sent again | granted, the same lease |
//! | A's claim is made, its answer lost, A gives up | a lease without a worker: as if A had died |
//! | A's release is made, its answer lost, and it is sent again | [`Released::Recorded`] |
//! | a repeat of A's claim arrives after A's release | refused: a claimant claims once |
//! | A and another worker with the same event ask together | one is granted, one busy, and granted after it |
//! | the table does not answer | [`LedgerError`]: nothing may be written; the change ends as `retry` |
//!
//! # What the ledger cannot do
//!
//! None of the services takes a fencing token, so a call that is already on its way when the lease ends cannot be stopped. The
//! holder must therefore make no call that could outlast [`Lease::ends`]: every call needs a timeout that ends before it.
//! Others are kept out for [`SKEW`] longer, which covers the difference between two workers' clocks and a request that was
//! sent in the last moment. Clocks are compared only through the times that callers give; if two differ by more than
//! [`SKEW`], a live lease can be taken over. Lambda's clocks are kept within milliseconds by the Amazon Time Sync Service.
//!
//! Rows last [`KEPT`] after the last claim. SQS keeps a message for 14 days at most (SQS developer guide, quotas), so an
//! event that is in a queue or its dead-letter queue in turn is still ordered; an archive replayed after longer is not.
//!
//! The order is that of the events' own times. An event dated far in the future makes all others stale until it is
//! forgotten.

mod memory;
mod row;
mod table;

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

pub use crate::aws::dynamodb::{Table, TableError};
pub use memory::Memory;
pub use table::{EXPIRY, KEY};

/// How much longer than [`Lease::ends`] others are kept out: two seconds.
pub const SKEW: Duration = Duration::from_secs(2);

/// How long a row is kept after the end of its last lease: 30 days, more than twice the longest retention of SQS.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where the rows are.
#[derive(Debug)]
pub enum Ledger {
    /// In this process: the order holds among its own workers, until it ends.
    Memory(Memory),
    /// In a DynamoDB table whose partition key is the string [`KEY`] and whose time-to-live attribute is [`EXPIRY`]. It
    /// needs the permission `dynamodb:UpdateItem` and nothing else. In a global table all workers must use one
    /// Region's replica: conditions are checked against the replica that is asked.
    DynamoDb(Table),
}

/// What a ledger in memory knows of one target, for [`Memory::logged`]. There is no `Debug`: targets name people.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    pub target: String,
    /// Time of the newest event that is known to be on the target, if any is.
    pub settled: Option<OffsetDateTime>,
    /// Time of the newest event that may be on the target.
    pub begun: Option<OffsetDateTime>,
}

/// What a worker asks for before it writes.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What is to be changed, as in `sagemaker:user-profile/d-abc/jane-doe`; 1 to 2048 bytes in DynamoDB (its bound for a partition key).
    pub target: &'a str,
    /// The event's time, to the nanosecond; of several events that make one write, the newest's.
    pub at: OffsetDateTime,
    /// Names this attempt of this invocation and no other, so part of it is random. One claimant claims once: after a
    /// grant it is used up, whatever became of it. After any other answer it may ask again.
    pub claimant: &'a str,
    /// How long from `now` the claimant may write: until its invocation's deadline.
    pub lease: Duration,
}

/// The answer to an [`Ask`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// Write, then [release](Ledger::release). Read the target after this, not before: another may have written it.
    Granted(Lease),
    /// The event of this newer time is on the target. Write nothing; the change is done with.
    Stale { newer: OffsetDateTime },
    /// Another holds the target, at the latest until then; mostly it releases sooner, so ask again from time to time.
    Busy { until: OffsetDateTime },
    /// The event of this newer time may be on the target or not, and comes again. Write nothing; the change ends as `retry`.
    InDoubt { newer: OffsetDateTime },
}

/// The right to write to one target until it ends. To be given back with [`Ledger::release`].
#[derive(PartialEq, Eq)]
#[must_use = "a lease that is not released keeps others out until it ends"]
pub struct Lease {
    target: String,
    at: OffsetDateTime,
    claimant: String,
    ends: OffsetDateTime,
    /// `settled` and `begun` as the claim found them.
    settled: i128,
    before: i128,
}

/// What the ledger says of an older event that would go along with the one that was claimed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing newer is known: it may go along.
    Free,
    /// A newer event is on the target.
    Stale,
    /// A newer event may be on the target. Leave this one out; it ends as `retry`, and is stale then.
    InDoubt,
}

impl Lease {
    /// How an event of this time stands, as the claim found the target.
    pub fn standing(&self, at: OffsetDateTime) -> Standing {
        let at = at.unix_timestamp_nanos();
        if self.settled > at {
            Standing::Stale
        } else if self.before > at {
            Standing::InDoubt
        } else {
            Standing::Free
        }
    }

    /// Whether an event of this very time was on the target, as the claim found it: mostly the same event, come again.
    pub fn repeats(&self, at: OffsetDateTime) -> bool {
        self.settled == at.unix_timestamp_nanos()
    }

    /// The target that may be written.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The event's time that was claimed.
    pub fn at(&self) -> OffsetDateTime {
        self.at
    }

    /// No call may be on its way to AWS after this time, by the holder's clock.
    pub fn ends(&self) -> OffsetDateTime {
        self.ends
    }
}

/// What became of the write, in the claimant's knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The target is as the event says: AWS accepted the write, or nothing had to be written.
    Written,
    /// Nothing was written, for certain: nothing was sent, or every request that was sent got an answer that refused it.
    Abandoned,
    /// Some request, perhaps an earlier attempt of the same call, ended without an answer or with a 5xx.
    InDoubt,
}

/// What a release did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// The ledger knows.
    Recorded,
    /// The lease had ended and another has claimed the target since, or the row was forgotten; nothing was recorded. The
    /// change must not be reported as written: it ends as `retry`.
    TooLate,
}

/// The ledger gave no answer. Nothing may be written; the change ends as `retry`.
///
/// Messages name the table and never the target, which names a person.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row without a member that every row has. Somebody else wrote it.
    #[error(
        "ledger table `{table}`: a row has no readable `{member}`; only usher may write to this table"
    )]
    Unreadable { table: String, member: &'static str },
    /// The claimant's name has been granted a claim on this target before.
    #[error("a claimant asked twice for the same target: each attempt needs a name of its own")]
    ClaimantUsed,
    /// What a ledger in memory knows could not be taken down.
    #[error("cannot take down what is written to the target: {0}")]
    Log(#[source] std::io::Error),
}

impl LedgerError {
    /// Always true: without the ledger's answer the change was not tried, and can be.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Table(_) | Self::Unreadable { .. } | Self::ClaimantUsed | Self::Log(_) => true,
        }
    }
}

impl Ledger {
    /// Rows in this process, none yet.
    pub fn in_memory() -> Self {
        Self::Memory(Memory::default())
    }

    /// Asks for the right to write to `ask.target`, in one conditional write (two if the target's row is past its expiry).
    ///
    /// # Errors
    /// [`LedgerError`] if there is no answer; the claim may have been made nevertheless and then ends by itself.
    pub async fn claim(&self, ask: &Ask<'_>, now: OffsetDateTime) -> Result<Claim, LedgerError> {
        match self {
            Self::Memory(memory) => memory.claim(ask, now),
            Self::DynamoDb(table) => table::claim(table, ask, now).await,
        }
    }

    /// Gives a lease back, in one conditional write tied to its claimant: once another has claimed the target it does
    /// nothing.
    ///
    /// # Errors
    /// [`LedgerError`] if there is no answer; the release may have been made nevertheless. If not, the target is in
    /// doubt after the lease, as if the worker had died.
    pub async fn release(&self, lease: Lease, how: Release) -> Result<Released, LedgerError> {
        match self {
            Self::Memory(memory) => memory.release(&lease, how),
            Self::DynamoDb(table) => table::release(table, &lease, how).await,
        }
    }
}

/// Without the target, which names a person.
impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target: _,
            at,
            claimant,
            lease,
        } = self;
        let mut members = f.debug_struct("Ask");
        members
            .field("at", at)
            .field("claimant", claimant)
            .field("lease", lease);
        members.finish_non_exhaustive()
    }
}

/// Without the target, which names a person.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target: _,
            at,
            claimant,
            ends,
            settled: _,
            before: _,
        } = self;
        let mut members = f.debug_struct("Lease");
        members
            .field("at", at)
            .field("claimant", claimant)
            .field("ends", ends);
        members.finish_non_exhaustive()
    }
}
