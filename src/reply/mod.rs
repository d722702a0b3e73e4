//! The way out: what became of the events, as whoever delivered them expects to hear it. The mirror of [`crate::ingress`].
//!
//! | delivered by | done | retry | reject, or no event at all |
//! | --- | --- | --- | --- |
//! | EventBridge, SNS, direct | the report | function error `Usher.Retry` | function error `Usher.Reject` |
//! | Pipes, or any array | the reports | `Usher.Retry` | `Usher.Reject` |
//! | SQS | – | batch item failure | batch item failure |
//! | HTTP | 200 | see [`http`] | see [`http`] |
//!
//! Lambda tries an asynchronous invocation again whichever of the two errors it gets, and then hands it to the on-failure destination; the
//! error's name tells who looks there whether another try can help.

pub mod http;

use std::fmt;

use serde_json::{Value, json};

use crate::event::Malformed;
use crate::ingress::Origin;
use crate::report::{Disposition, Report};

/// What one item of the delivery comes to. `Debug` prints no plan.
#[derive(Clone, PartialEq)]
pub enum Answer {
    Report(Report),
    /// How it ended, where nobody asks for more: SQS.
    Ended(Disposition),
    /// A plan that nobody applied: `?dryRun=true`.
    Plan(Value),
    Malformed(Malformed),
    /// The `OpenAPI` document, to [`crate::ingress::HttpAsk::OpenApi`].
    Document(Value),
}

impl fmt::Debug for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report(report) => out.debug_tuple("Report").field(report).finish(),
            Self::Ended(end) => out.debug_tuple("Ended").field(end).finish(),
            Self::Malformed(problem) => out.debug_tuple("Malformed").field(problem).finish(),
            Self::Plan(_) => out.write_str("Plan"),
            Self::Document(_) => out.write_str("Document"),
        }
    }
}

impl Answer {
    /// What is to happen with the item.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::Report(report) => report.disposition,
            Self::Ended(disposition) => *disposition,
            Self::Malformed(_) => Disposition::Reject,
            Self::Plan(_) | Self::Document(_) => Disposition::Done,
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Report(report) => to_value(&report),
            Self::Ended(disposition) => json!({"disposition": disposition}),
            Self::Plan(value) | Self::Document(value) => value,
            Self::Malformed(problem) => {
                json!({"error": {"code": problem.code, "message": problem.message, "retryable": false}})
            }
        }
    }
}

/// An answer and the [`crate::ingress::Item::id`] it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub item: String,
    pub answer: Answer,
}

/// The invocation as a whole fails with this: Lambda's `errorType` and `errorMessage`. Names events by their id, and nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}", kind = self.kind.name())]
pub struct FunctionError {
    pub kind: ErrorKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Another try may succeed.
    Retry,
    /// Another try would end the same.
    Reject,
}

impl ErrorKind {
    /// As Lambda and the on-failure destination show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "Usher.Retry",
            Self::Reject => "Usher.Reject",
        }
    }
}

impl From<&Malformed> for FunctionError {
    /// For a payload of which no item could be read ([`crate::ingress::read`]).
    fn from(problem: &Malformed) -> Self {
        let message = format!(
            "the payload cannot be read: {}: {}",
            problem.code, problem.message
        );
        Self {
            kind: ErrorKind::Reject,
            message,
        }
    }
}

/// What the function returns. `answers` are in the delivery's order, one for each item; for [`crate::ingress::HttpAsk::OpenApi`] the
/// document alone; for [`crate::ingress::HttpAsk::Problem`] none.
///
/// # Errors
/// [`FunctionError`] for EventBridge, SNS, Pipes and direct invocation, when an item is to be tried again or rejected. SQS and HTTP have
/// replies that say so and never fail here.
pub fn reply(origin: &Origin, answers: Vec<Answered>) -> Result<Value, FunctionError> {
    match origin {
        Origin::Sqs { fifo } => Ok(sqs(*fifo, &answers)),
        Origin::Http(request) => Ok(http::reply(request, answers)),
        Origin::Pipes => all(answers, true),
        Origin::EventBridge | Origin::Sns | Origin::Direct => {
            let many = answers.len() > 1;
            all(answers, many)
        }
    }
}

/// Item failures as `ReportBatchItemFailures` wants them. "If you're using this feature with a FIFO queue, your function should stop
/// processing messages after the first failure and return all failed and unprocessed messages" (Lambda developer guide, SQS error
/// handling): so it keeps the order of those behind a failure.
fn sqs(fifo: bool, answers: &[Answered]) -> Value {
    let failed = |answered: &Answered| answered.answer.disposition() != Disposition::Done;
    let mut behind_a_failure = false;
    let failures: Vec<Value> = answers
        .iter()
        .filter(|answered| {
            let listed = failed(answered) || (fifo && behind_a_failure);
            behind_a_failure |= listed;
            listed
        })
        .map(|answered| json!({"itemIdentifier": answered.item}))
        .collect();
    json!({"batchItemFailures": failures})
}

/// Everything or nothing: there is no way to say which of several has failed. Those that succeeded are `unchanged` the next time.
fn all(answers: Vec<Answered>, many: bool) -> Result<Value, FunctionError> {
    let having = |disposition| {
        answers
            .iter()
            .filter(move |answered| answered.answer.disposition() == disposition)
    };
    for (kind, disposition) in [
        (ErrorKind::Retry, Disposition::Retry),
        (ErrorKind::Reject, Disposition::Reject),
    ] {
        if let Some(first) = having(disposition).next() {
            let message = summary(first, having(disposition).count(), answers.len());
            return Err(FunctionError { kind, message });
        }
    }
    let mut values = answers
        .into_iter()
        .map(|answered| answered.answer.into_value());
    Ok(if many {
        values.collect()
    } else {
        values.next().unwrap_or_else(|| json!([]))
    })
}

fn summary(first: &Answered, failed: usize, of: usize) -> String {
    let what = match &first.answer {
        Answer::Report(report) => {
            let failure = report.first_failure().map_or_else(String::new, |change| {
                let code = change
                    .error
                    .as_ref()
                    .map_or("refused", |error| error.code.as_str());
                format!(": {}: {code}", change.call)
            });
            format!("event {}{failure}", report.event.id)
        }
        Answer::Malformed(problem) => {
            format!("item {}: {}: {}", first.item, problem.code, problem.message)
        }
        Answer::Ended(_) | Answer::Plan(_) | Answer::Document(_) => format!("item {}", first.item),
    };
    match of {
        1 => what,
        _ => format!("{failed} of {of} events did not succeed; the first: {what}"),
    }
}

/// A report as JSON. It has string keys and finite numbers only, so that this cannot fail.
fn to_value(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or_default()
}
