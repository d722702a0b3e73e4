//! From a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Map, Value};

use super::admin;
use super::faults::{Effect, Fate};
use super::log::Request;
use super::operation::{Operation, Service};
use super::protocol::{self, Answer, Problem, Routed};
use super::reply::Reply;
use super::state::{Busy, Shared, Stopped};
use super::wire::Fuse;

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;
/// The largest body that is let through unread, so that the client comes to read the answer.
const DRAIN_LIMIT: usize = 16 * BODY_LIMIT;
/// What something in between might answer.
const GARBAGE: &str = "<html><body>It works!</body></html>";

/// Answers one HTTP request.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    request: HttpRequest,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    if parts.uri.path().starts_with("/_usher/") {
        return admin::answer(&shared, &parts, body.as_deref());
    }
    match answer(&shared, &parts, body.as_deref()).await {
        Ok(response) => response,
        Err(Unanswered) => {
            fuse.blow();
            Response::default()
        }
    }
}

/// There is no answer: the connection is reset.
struct Unanswered;

impl From<Stopped> for Unanswered {
    fn from(Stopped: Stopped) -> Unanswered {
        Unanswered
    }
}

/// The body, unless it is too large.
async fn read(body: Body) -> Option<Vec<u8>> {
    let mut frames = body.into_data_stream();
    let (mut bytes, mut received) = (Vec::new(), 0_usize);
    while let Some(Ok(frame)) = frames.next().await {
        received = received.saturating_add(frame.len());
        if received <= BODY_LIMIT {
            bytes.extend_from_slice(&frame);
        } else if received > DRAIN_LIMIT {
            break;
        }
    }
    (received <= BODY_LIMIT).then_some(bytes)
}

async fn answer(
    shared: &Arc<Shared>,
    parts: &Parts,
    body: Option<&[u8]>,
) -> Result<Response, Unanswered> {
    let asked = understand(parts, body);
    let (service, operation, input) = match &asked {
        Ok(Routed { operation, input }) => (operation.service(), Some(*operation), Some(input)),
        Err(Misunderstood {
            service, operation, ..
        }) => (*service, *operation, None),
    };
    let number = receive(shared, parts, service, operation, input);
    let call = Call {
        shared,
        number,
        service,
    };
    shared.pause(shared.options.latency).await?;
    match asked {
        Ok(routed) => {
            let fate = call.fate(&routed);
            call.meet(&routed, fate).await
        }
        Err(Misunderstood { problem, .. }) => Ok(call.send(Err(problem)).whole()),
    }
}

/// What could be made out of a request that cannot be served, and why it cannot.
struct Misunderstood {
    service: Service,
    operation: Option<Operation>,
    problem: Problem,
}

fn understand(parts: &Parts, body: Option<&[u8]>) -> Result<Routed, Misunderstood> {
    let mut routed = protocol::route(&parts.method, &parts.uri, &parts.headers).map_err(
        |(service, problem)| Misunderstood {
            service,
            operation: None,
            problem,
        },
    )?;
    let operation = routed.operation;
    let fail = |problem| Misunderstood {
        service: operation.service(),
        operation: Some(operation),
        problem,
    };
    if !parts.headers.contains_key(AUTHORIZATION) {
        // AWS API reference, common errors. No signature is verified: there are no secrets here.
        let problem = Problem::new(
            403,
            "MissingAuthenticationToken",
            "Missing Authentication Token",
        );
        return Err(fail(problem));
    }
    let Some(body) = body else {
        let message = format!("The body is larger than {BODY_LIMIT} bytes");
        return Err(fail(Problem::new(
            413,
            "RequestEntityTooLargeException",
            message,
        )));
    };
    protocol::read_body(&mut routed, body).map_err(fail)?;
    Ok(routed)
}

/// Enters the request in the log.
fn receive(
    shared: &Shared,
    parts: &Parts,
    service: Service,
    operation: Option<Operation>,
    input: Option<&Map<String, Value>>,
) -> u64 {
    let token = input
        .and_then(|input| input.get("clientToken"))
        .and_then(Value::as_str);
    let trace = parts.headers.get("x-amzn-trace-id");
    let request = Request {
        number: 0,
        at: shared.options.clock.now(),
        service: service.name(),
        operation: operation.map_or("", Operation::name),
        target: operation
            .zip(input)
            .and_then(|(operation, input)| operation.target(input)),
        input: input.cloned().map_or(Value::Null, Value::Object),
        client_token: token.map(str::to_owned),
        trace: trace.and_then(|trace| Some(trace.to_str().ok()?.to_owned())),
        status: None,
        error: None,
        committed: false,
        commit: None,
    };
    shared.state().log.receive(request)
}

/// One request on its way.
struct Call<'a> {
    shared: &'a Arc<Shared>,
    number: u64,
    service: Service,
}

impl Call<'_> {
    /// What is going to happen to the request.
    fn fate(&self, routed: &Routed) -> Fate {
        let now = self.shared.options.clock.now();
        let target = routed.operation.target(&routed.input);
        let mut state = self.shared.state();
        if state.take(routed.operation, now) {
            return state.draw(routed.operation, target.as_deref());
        }
        let Problem {
            status,
            code,
            message,
            ..
        } = Problem::throttled(self.service);
        let effect = Effect::error(status, &code, &message);
        Fate {
            delay: Duration::ZERO,
            effect: Some(effect),
        }
    }

    /// Lets it happen.
    async fn meet(&self, routed: &Routed, fate: Fate) -> Result<Response, Unanswered> {
        self.shared.pause(fate.delay).await?;
        // A delay has been waited for by now, so as an effect it is none.
        let Some(effect) = fate
            .effect
            .filter(|effect| !matches!(effect, Effect::Delay { .. }))
        else {
            return Ok(self.send(self.execute(routed).await?).whole());
        };
        if effect.commits() {
            let result = self.execute(routed).await?;
            if matches!(effect, Effect::Truncate { .. }) {
                return Ok(self.send(result).truncated());
            }
        }
        let reply = match effect {
            Effect::Error {
                status,
                code,
                message,
                headers,
            } => {
                let problem = Problem {
                    status,
                    code: code.into(),
                    message,
                    reason: None,
                };
                let reply = self.send(Err(problem));
                let with =
                    |reply: Reply, (name, value): (&String, &String)| reply.with(name, value);
                return Ok(headers.iter().fold(reply, with).whole());
            }
            Effect::Delay { .. } | Effect::Reset { .. } => return Err(Unanswered),
            Effect::Stall { .. } => {
                self.shared.stopped().await;
                return Err(Unanswered);
            }
            Effect::Truncate { .. } => {
                let reply = Reply::new(200, self.service.content_type(), r#"{"cut": true}"#);
                return Ok(self.leave(reply).truncated());
            }
            Effect::Garbage { .. } => Reply::new(200, "text/html", GARBAGE),
            Effect::Empty { .. } => Reply::new(200, self.service.content_type(), ""),
        };
        Ok(self.leave(reply).whole())
    }

    /// Does what the request asks for, and says so in the log before anything can be lost.
    async fn execute(&self, routed: &Routed) -> Result<Result<Answer, Problem>, Stopped> {
        let Routed { operation, input } = routed;
        let valid = self.validate(routed);
        let (mut result, takes) = {
            let mut state = self.shared.state();
            let result =
                valid.and_then(|()| state.execute(*operation, input, self.shared.moment()));
            let committed = result.as_ref().is_ok_and(|answer| answer.committed);
            state.log.executed(self.number, committed, code(&result));
            (
                result,
                Duration::from_millis(u64::from(state.world.datazone.sso_millis)),
            )
        };
        if let Some(domain) = result.as_mut().ok().and_then(|answer| answer.busy.take()) {
            let shared = Arc::clone(self.shared);
            let _until_then = Busy { shared, domain };
            self.shared.pause(takes).await?;
        }
        Ok(result)
    }

    fn validate(&self, routed: &Routed) -> Result<(), Problem> {
        let Some(validate) = self.shared.options.validate else {
            return Ok(());
        };
        let input = Value::Object(routed.input.clone());
        validate(routed.operation.call(), &input).map_err(|message| Problem::validation(&message))
    }

    /// The answer in the form of its service.
    fn send(&self, result: Result<Answer, Problem>) -> Reply {
        let error = code(&result);
        if let Some(entry) = self.shared.state().log.request(self.number) {
            entry.error = error;
        }
        self.leave(match result {
            Ok(Answer { status, body, .. }) => {
                Reply::json(status, self.service.content_type(), &body)
            }
            Err(problem) => Reply::problem(self.service, &problem),
        })
    }

    /// Notes the status in the log and numbers the answer, as the services do.
    fn leave(&self, reply: Reply) -> Reply {
        if let Some(entry) = self.shared.state().log.request(self.number) {
            entry.status = Some(reply.status());
        }
        reply.with(
            "x-amzn-RequestId",
            &format!("00000000-0000-4000-8000-{:012x}", self.number),
        )
    }
}

fn code(result: &Result<Answer, Problem>) -> Option<String> {
    result
        .as_ref()
        .err()
        .map(|problem| problem.code.to_string())
}
