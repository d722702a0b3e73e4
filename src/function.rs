//! One invocation of the function: payload in, reply out. It knows nothing of the runtime that carries them.

mod warm_up;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use crate::apply::{Deadline, Invocation, Usher};
use crate::aws::traced;
use crate::event::{Event, Malformed};
use crate::guard::admit;
use crate::ingress::{self, Delivery, HttpAsk, HttpRequest, Item, Origin};
use crate::plan::Plan;
use crate::reply::{Answer, Answered, FunctionError, reply};
use crate::report::{Disposition, Report};
use crate::rules::Rule;
use crate::telemetry::traces::{Daemon, Trace};
use crate::telemetry::{self, metrics};

/// The HTTP API as it describes itself.
const OPENAPI: &str = include_str!("openapi.json");

/// How long an invocation is given when its deadline is not known.
pub const UNKNOWN_DEADLINE: Duration = Duration::from_secs(30);

/// Everything that is built once.
pub struct Function {
    pub usher: Usher,
    /// How long before its deadline an invocation stops working.
    pub margin: Duration,
    /// The wall clock.
    pub now: fn() -> OffsetDateTime,
    /// Who takes the traces of sampled invocations, if anybody does.
    pub daemon: Option<Arc<Daemon>>,
}

/// What the runtime says of an invocation.
pub struct Request<'a> {
    pub id: &'a str,
    /// Names this attempt and no other: Lambda repeats an id when it tries an invocation again.
    pub attempt: &'a str,
    /// When it will be stopped.
    pub deadline: OffsetDateTime,
    /// Where it stands in an X-Ray trace: the tracing header.
    pub trace: Option<&'a str>,
}

impl Function {
    /// Answers one payload.
    ///
    /// # Errors
    /// The function error that makes the sender try again or give up, where it is one that listens to those.
    pub async fn answer(
        &self,
        payload: Box<str>,
        request: &Request<'_>,
    ) -> Result<Value, FunctionError> {
        let now = (self.now)();
        let context = ingress::Context {
            request_id: request.id,
            now,
        };
        let delivery = ingress::read(payload.as_bytes(), &context)
            .map_err(|problem| unreadable(&problem, request))?;
        // The events are what is left to do; a batch's text is as large as Lambda lets it be.
        drop(payload);
        let Delivery { origin, items } = delivery;
        if let Origin::Http(http) = &origin {
            match &http.ask {
                HttpAsk::OpenApi => return reply(&origin, vec![document()?]),
                HttpAsk::Problem { problem, .. } => {
                    telemetry::malformed(problem, "request", request.id, http.caller.as_deref());
                    return reply(&origin, Vec::new());
                }
                HttpAsk::Events => {}
            }
        }
        let trace = request
            .trace
            .map(|header| Trace::new(header, request.attempt, self.daemon.as_ref(), self.now));
        // To the heap, or it is copied from future to future on its way.
        let answers = Box::pin(self.answers(&origin, items, request, now));
        let answers = traced(trace, answers).await;
        reply(&origin, answers)
    }

    async fn answers(
        &self,
        origin: &Origin,
        items: Vec<Item>,
        request: &Request<'_>,
        now: OffsetDateTime,
    ) -> Vec<Answered> {
        let caller = origin.caller();
        let mut ids = Vec::with_capacity(items.len());
        let mut events = Vec::with_capacity(items.len());
        let mut refused = 0;
        for Item { id, event, .. } in items {
            let problem = match event.map(|event| self.admitted(origin, event, request)) {
                Ok(Ok(event)) => {
                    events.push(event);
                    None
                }
                Ok(Err(problem)) => {
                    refused += 1;
                    Some(problem)
                }
                Err(problem) => {
                    telemetry::malformed(&problem, &id, request.id, caller);
                    Some(problem)
                }
            };
            ids.push((id.into_boxed_str(), problem.map(Box::new)));
        }
        metrics::emit_refused(refused, now);
        let deadline = self.deadline(request, now);
        let done = self.done(origin, &mut events, request, deadline).await;
        drop(events);
        let mut done = done.into_iter();
        let answer = |(item, problem): (Box<str>, Option<Box<Malformed>>)| {
            let answer = match problem {
                Some(problem) => Some(Answer::Malformed(*problem)),
                None => done.next(),
            };
            let item = item.into_string();
            answer.map(|answer| Answered { item, answer })
        };
        ids.into_iter().filter_map(answer).collect()
    }

    /// What becomes of the events, one answer each.
    async fn done(
        &self,
        origin: &Origin,
        events: &mut [Event],
        request: &Request<'_>,
        deadline: Deadline,
    ) -> Vec<Answer> {
        let caller = origin.caller();
        if let Origin::Http(HttpRequest { dry_run: true, .. }) = origin {
            let plans = self.usher.plan(events, deadline).await;
            let logged = |plan: &Plan| {
                telemetry::plan(plan, request.id, caller);
                planned(plan)
            };
            return plans.iter().map(logged).collect();
        }
        let passed_over = self.passed_over(events);
        let mut tally = metrics::Tally::default();
        let told = |position: usize, report: &Report| {
            let passed_over = passed_over.get(&position);
            let passed_over = passed_over.map_or(&[][..], Vec::as_slice);
            telemetry::report(report, passed_over, request.id, caller);
            tally.add(report);
        };
        let invocation = Invocation {
            id: request.attempt,
            deadline,
            now: &self.now,
        };
        let answers = match origin {
            Origin::Sqs { .. } => self.ends(events, &invocation, told).await,
            _ => self.reports(events, &invocation, told).await,
        };
        tally.emit((self.now)());
        answers
    }

    /// All that SQS is told. A batch is as large as Lambda lets it be; its reports would be many times that.
    async fn ends(
        &self,
        events: &mut [Event],
        invocation: &Invocation<'_>,
        mut told: impl FnMut(usize, &Report) + Send,
    ) -> Vec<Answer> {
        let mut ends = vec![Disposition::Retry; events.len()];
        let tell = |position: usize, report: Report| {
            told(position, &report);
            if let Some(end) = ends.get_mut(position) {
                *end = report.disposition;
            }
        };
        self.usher.apply_each(events, invocation, tell).await;
        ends.into_iter().map(Answer::Ended).collect()
    }

    async fn reports(
        &self,
        events: &mut [Event],
        invocation: &Invocation<'_>,
        mut told: impl FnMut(usize, &Report) + Send,
    ) -> Vec<Answer> {
        let mut answers: Vec<Answer> = events
            .iter()
            .map(|_| Answer::Ended(Disposition::Retry))
            .collect();
        let tell = |position: usize, report: Report| {
            told(position, &report);
            if let Some(answer) = answers.get_mut(position) {
                *answer = Answer::Report(report);
            }
        };
        self.usher.apply_each(events, invocation, tell).await;
        answers
    }

    /// By event, the rules that would have been for it if it did not tell of a call that failed. Hardly any does, and none has to be
    /// parsed to tell.
    fn passed_over(&self, events: &[Event]) -> HashMap<usize, Vec<&Rule>> {
        let suspects = events
            .iter()
            .enumerate()
            .filter(|(_, event)| event.may_have("errorCode"));
        let passed_over = |(position, event): (usize, &Event)| {
            let rules = self.usher.rules.passed_over(&event.read());
            (!rules.is_empty()).then_some((position, rules))
        };
        suspects.filter_map(passed_over).collect()
    }

    /// Over HTTP anybody who may call writes what he likes into `source`; a guard says what is taken.
    fn admitted(
        &self,
        origin: &Origin,
        event: Event,
        request: &Request<'_>,
    ) -> Result<Event, Malformed> {
        if !matches!(origin, Origin::Http(_)) {
            return Ok(event);
        }
        match admit(&event, &self.usher.rules.guards) {
            Ok(()) => Ok(event),
            Err(refusal) => {
                telemetry::refused(&event, refusal.guard, request.id, origin.caller());
                Err(Malformed::new(403, "refused", refusal.to_string()))
            }
        }
    }

    /// A deadline that is past already means that it is not known: `cargo lambda watch` sends a constant one.
    fn deadline(&self, request: &Request<'_>, now: OffsetDateTime) -> Deadline {
        let left = Duration::try_from(request.deadline - now).unwrap_or_default();
        match left.is_zero() {
            true => Deadline::after(UNKNOWN_DEADLINE),
            false => Deadline::after(left.saturating_sub(self.margin)),
        }
    }
}

/// The answer to a payload of which nothing can be read; `payload` may not even be JSON.
pub fn unreadable(problem: &Malformed, request: &Request<'_>) -> FunctionError {
    telemetry::malformed(problem, "payload", request.id, None);
    FunctionError::from(problem)
}

fn planned(plan: &Plan) -> Answer {
    // A plan is made of JSON and strings; a failure here would be a bug that the answer shows.
    let failed = |error: serde_json::Error| Value::String(error.to_string());
    Answer::Plan(serde_json::to_value(plan).unwrap_or_else(failed))
}

fn document() -> Result<Answered, FunctionError> {
    let document = serde_json::from_str(OPENAPI).map_err(|error| {
        let problem = Malformed::json("the OpenAPI document", &error);
        FunctionError::from(&problem)
    })?;
    Ok(Answered {
        item: "openapi".to_owned(),
        answer: Answer::Document(document),
    })
}
