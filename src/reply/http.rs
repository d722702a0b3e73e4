//! HTTP answers, in the shape that both of API Gateway's payload formats and Function URLs take.
//!
//! One event is answered with its report, an array with the array of reports. What did not succeed is an RFC 9457 problem with the
//! report (`report`, of an array all `reports`; of a dry run `plan`, `plans`) as an extension member:
//!
//! | status | `type` | when |
//! | --- | --- | --- |
//! | 400, 404, 405, 406, 413, 415 | `urn:usher:problem:` and what is wrong with the request | it was no event, or no request for one |
//! | 403 | `…:refused` | a guard forbids it |
//! | 404 | `…:no-such-target` | the profile, domain or user does not exist |
//! | 409 | `…:conflict` | everything that did not succeed is stale or busy |
//! | 422 | `…:values` | the rules computed something that cannot be sent |
//! | 502 | `…:aws-refused` | AWS said no |
//! | 503 | `…:unfinished` | throttled, out of time, or AWS not reached; ask again |
//!
//! Where several things went wrong, with one event or with several, the status is the first of 503, 502, 403, 422, 404, 400 (and its like),
//! 409 that occurs: a 5xx says that not all of it was the sender's doing, and 409 only ever stands alone. `Retry-After` is there
//! whenever another try may do better. The events of an array do not depend on each other: one problem does not undo the rest,
//! and the `reports` say what was done.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{Answer, Answered, to_value};
use crate::event::Malformed;
use crate::ingress::{HttpAsk, HttpRequest, PayloadFormat};
use crate::report::{Cause, Disposition, Report};

/// Seconds after which another try makes sense: SageMaker's updates take about as long.
pub const RETRY_AFTER_SECONDS: u32 = 10;

/// The status, by precedence.
const GRAVEST_FIRST: [u16; 6] = [503, 502, 403, 422, 404, 400];

pub(super) fn reply(request: &HttpRequest, answers: Vec<Answered>) -> Value {
    match &request.ask {
        HttpAsk::Problem { problem, allow } => {
            let found = Problem::from(problem);
            let mut headers = Map::new();
            if let Some(allow) = allow {
                headers.insert("allow".to_owned(), json!(allow));
            }
            found.into_response(request, headers, None)
        }
        HttpAsk::Events | HttpAsk::OpenApi => events(request, answers),
    }
}

fn events(request: &HttpRequest, answers: Vec<Answered>) -> Value {
    let worst = gravest(
        answers
            .iter()
            .filter_map(|answered| Problem::of(&answered.answer)),
    );
    let again = answers
        .iter()
        .any(|answered| answered.answer.disposition() == Disposition::Retry);
    let single = !request.many;
    let name = match (request.dry_run, single) {
        (false, true) => "report",
        (false, false) => "reports",
        (true, true) => "plan",
        (true, false) => "plans",
    };
    // A single malformed event has no report; an array says of each of its events what became of it.
    let reported = request.many
        || answers
            .iter()
            .any(|answered| !matches!(answered.answer, Answer::Malformed(_)));
    let mut values = answers.into_iter().map(|answered| value(answered.answer));
    let body: Value = if single {
        values.next().unwrap_or_default()
    } else {
        values.collect()
    };
    match worst {
        None => response(request.format, 200, "application/json", Map::new(), &body),
        Some(problem) => {
            let mut headers = Map::new();
            if again {
                headers.insert(
                    "retry-after".to_owned(),
                    json!(RETRY_AFTER_SECONDS.to_string()),
                );
            }
            problem.into_response(request, headers, reported.then_some((name, body)))
        }
    }
}

fn value(answer: Answer) -> Value {
    match answer {
        Answer::Report(report) => to_value(&report),
        Answer::Ended(disposition) => json!({"disposition": disposition}),
        Answer::Plan(value) | Answer::Document(value) => value,
        Answer::Malformed(problem) => json!({"problem": Problem::from(&problem).into_members()}),
    }
}

/// What the members of RFC 9457 say.
struct Problem {
    status: u16,
    code: &'static str,
    detail: String,
}

impl From<&Malformed> for Problem {
    fn from(problem: &Malformed) -> Self {
        let Malformed {
            code,
            message,
            status,
        } = problem;
        Self {
            status: *status,
            code,
            detail: message.clone(),
        }
    }
}

impl Problem {
    fn of(answer: &Answer) -> Option<Self> {
        match answer {
            Answer::Report(report) => Self::of_report(report),
            Answer::Malformed(problem) => Some(Self::from(problem)),
            Answer::Ended(_) | Answer::Plan(_) | Answer::Document(_) => None,
        }
    }

    fn of_report(report: &Report) -> Option<Self> {
        let problems = report.changes.iter().filter_map(|change| {
            let cause = change.cause()?;
            let passing = change.error.as_ref().is_some_and(|error| error.retryable);
            let (status, code) = match cause {
                Cause::Busy | Cause::Stale => (409, "conflict"),
                Cause::Unfinished => (503, "unfinished"),
                Cause::Guard => (403, "refused"),
                // AWS's own trouble that may pass is not its answer.
                Cause::Service | Cause::Values | Cause::NoSuchTarget if passing => {
                    (503, "unfinished")
                }
                Cause::Service => (502, "aws-refused"),
                Cause::Values => (422, "values"),
                Cause::NoSuchTarget => (404, "no-such-target"),
            };
            let why = change.error.as_ref().map_or_else(
                || unexplained(cause).to_owned(),
                |error| format!("{}: {}", error.code, error.message),
            );
            let target = change
                .target
                .as_deref()
                .map(|target| format!(" of {target}"));
            let detail = format!("{}{}: {why}", change.call, target.unwrap_or_default());
            Some(Self {
                status,
                code,
                detail,
            })
        });
        gravest(problems)
    }

    const fn title(&self) -> &'static str {
        match self.status {
            400 => "The request is malformed",
            403 => "A guard refuses the change",
            404 => "Not found",
            405 => "The method is not allowed here",
            406 => "No acceptable form of the answer",
            409 => "The target is busy, or a newer event has changed it",
            413 => "The request is too large",
            415 => "The content type is not supported",
            422 => "The rules yield values that cannot be sent",
            502 => "AWS refuses the change",
            503 => "Not finished; try again",
            _ => "Something is wrong",
        }
    }

    fn into_members(self) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert(
            "type".to_owned(),
            json!(format!("urn:usher:problem:{}", self.code)),
        );
        members.insert("title".to_owned(), json!(self.title()));
        members.insert("status".to_owned(), json!(self.status));
        members.insert("detail".to_owned(), json!(self.detail));
        members
    }

    fn into_response(
        self,
        request: &HttpRequest,
        headers: Map<String, Value>,
        extension: Option<(&str, Value)>,
    ) -> Value {
        let status = self.status;
        let mut body = self.into_members();
        let id = utf8_percent_encode(&request.id, NON_ALPHANUMERIC)
            .to_string()
            .replace("%2D", "-");
        body.insert(
            "instance".to_owned(),
            json!(format!("urn:usher:request:{id}")),
        );
        if let Some((name, value)) = extension {
            body.insert(name.to_owned(), value);
        }
        response(
            request.format,
            status,
            "application/problem+json",
            headers,
            &Value::Object(body),
        )
    }
}

const fn unexplained(cause: Cause) -> &'static str {
    match cause {
        Cause::Stale => "a newer event has already changed it",
        Cause::Busy => "it is being changed",
        Cause::Guard => "a guard forbids it",
        Cause::Values => "the rules yield a value that cannot be sent",
        Cause::NoSuchTarget => "it does not exist",
        Cause::Service => "AWS refuses it",
        Cause::Unfinished => "it is not finished",
    }
}

/// The first of those with the gravest status; 409 comes last of all.
fn gravest(problems: impl Iterator<Item = Problem>) -> Option<Problem> {
    let rank = |problem: &Problem| match problem.status {
        409 => GRAVEST_FIRST.len(),
        status => GRAVEST_FIRST
            .iter()
            .position(|grave| *grave == status)
            .unwrap_or(GRAVEST_FIRST.len() - 1),
    };
    problems.min_by_key(rank)
}

fn response(
    format: PayloadFormat,
    status: u16,
    content_type: &str,
    mut headers: Map<String, Value>,
    body: &Value,
) -> Value {
    headers.insert("content-type".to_owned(), json!(content_type));
    // Answers are about people and about now.
    headers.insert("cache-control".to_owned(), json!("no-store"));
    headers.sort_keys();
    let mut response = json!({
        "statusCode": status,
        "headers": headers,
        "body": body.to_string(),
        "isBase64Encoded": false,
    });
    match format {
        // This format knows no `cookies`.
        PayloadFormat::V1 => {}
        // Optional for AWS; `aws_lambda_events`, with which emulators read answers, insists.
        PayloadFormat::V2 => response["cookies"] = json!([]),
    }
    response
}
