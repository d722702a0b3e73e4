//! Lambda's side of the bargain: a Runtime API (Lambda developer guide, "Using the Lambda runtime API for custom runtimes")
//! and the real binary under it. Payloads are bytes, so that what is no JSON can be handed over as well.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What the function said to an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Response(Value),
    Error { kind: String, message: String },
}

impl Reply {
    pub fn response(self) -> Value {
        match self {
            Self::Response(value) => value,
            Self::Error { kind, message } => panic!("a function error: {kind}: {message}"),
        }
    }

    pub fn error(self) -> (String, String) {
        match self {
            Self::Response(value) => panic!("no function error: {value}"),
            Self::Error { kind, message } => (kind, message),
        }
    }
}

struct Waiting {
    id: String,
    payload: Vec<u8>,
    deadline: u128,
    trace: Option<String>,
}

struct Shared {
    send: mpsc::UnboundedSender<Waiting>,
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Waiting>>,
    replies: Mutex<HashMap<String, oneshot::Sender<Reply>>>,
    /// The function's polls so far: it has started when there is one.
    polls: AtomicU32,
}

/// A function that runs.
pub struct Lambda {
    shared: Arc<Shared>,
    child: Ended,
    out: JoinHandle<Vec<String>>,
    err: JoinHandle<String>,
    server: tokio::task::JoinHandle<()>,
    count: AtomicU32,
}

/// A process that is over when the test is, also one that fails: without its Runtime API a function would try for ever.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a function left behind.
pub struct Logs {
    /// The lines on standard output.
    pub lines: Vec<String>,
    pub stderr: String,
}

impl Logs {
    /// The log lines, without the metrics.
    pub fn json(&self) -> Vec<Value> {
        self.parsed(false)
    }

    /// The metric lines.
    pub fn metrics(&self) -> Vec<Value> {
        self.parsed(true)
    }

    fn parsed(&self, metrics: bool) -> Vec<Value> {
        let parse = |line: &String| -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        let lines = self.lines.iter().map(parse);
        lines
            .filter(|line| line.get("_aws").is_some() == metrics)
            .collect()
    }

    /// The log lines that say this.
    pub fn saying(&self, message: &str) -> Vec<Value> {
        let mut lines = self.json();
        lines.retain(|line| line["message"] == message);
        lines
    }
}

/// Environment variables that every function has, before the settings of a test. Nothing is inherited.
fn environment(api: &str) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "usher"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "planted-secret-key"),
        ("AWS_SESSION_TOKEN", "planted-session-token"),
        (
            "USHER_RULES",
            concat!(env!("CARGO_MANIFEST_DIR"), "/usher.yaml"),
        ),
        ("HOME", "/nowhere"),
    ];
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// The binary with these settings; an empty value removes a variable.
fn command(api: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher-lambda"));
    command.env_clear().envs(environment(api));
    for (name, value) in settings {
        match value.is_empty() {
            true => command.env_remove(name),
            false => command.env(name, value),
        };
    }
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Lambda {
    /// Starts the function and waits until it asks for its first event.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        let (send, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            send,
            queue: tokio::sync::Mutex::new(queue),
            replies: Mutex::default(),
            polls: AtomicU32::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let api = listener.local_addr().expect("an address").to_string();
        let router = Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let child = command(&api, settings).spawn();
        let mut child = Ended(child.expect("the function starts"));
        let out = BufReader::new(child.0.stdout.take().expect("stdout"));
        let mut err = child.0.stderr.take().expect("stderr");
        let mut lambda = Self {
            shared,
            child,
            out: thread::spawn(move || out.lines().map_while(Result::ok).collect()),
            err: thread::spawn(move || {
                let mut text = String::new();
                let _ = err.read_to_string(&mut text);
                text
            }),
            server,
            count: AtomicU32::new(0),
        };
        let started = Instant::now();
        while lambda.shared.polls.load(Ordering::SeqCst) == 0 {
            let ended = lambda.child.0.try_wait().expect("a status").is_some();
            if ended || started.elapsed() > Duration::from_secs(60) {
                panic!("the function does not start: {}", lambda.stop().stderr);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        lambda
    }

    /// Hands a payload over, with 20 seconds to answer.
    pub async fn invoke(&self, payload: impl Into<Vec<u8>>) -> Reply {
        self.invoke_within(payload, Duration::from_secs(20)).await
    }

    /// Hands a payload over, with this long to answer.
    pub async fn invoke_within(&self, payload: impl Into<Vec<u8>>, time: Duration) -> Reply {
        self.hand_over(payload.into(), time, None).await
    }

    /// Hands a payload over that stands here in a trace, with this long to answer.
    pub async fn invoke_traced(
        &self,
        payload: impl Into<Vec<u8>>,
        time: Duration,
        trace: &str,
    ) -> Reply {
        self.hand_over(payload.into(), time, Some(trace.to_owned()))
            .await
    }

    async fn hand_over(&self, payload: Vec<u8>, time: Duration, trace: Option<String>) -> Reply {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let id = format!("request-{number}");
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a time");
        let (reply, answer) = oneshot::channel();
        lock(&self.shared.replies).insert(id.clone(), reply);
        let waiting = Waiting {
            id,
            payload,
            deadline: (now + time).as_millis(),
            trace,
        };
        self.shared.send.send(waiting).expect("the queue");
        let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
        answer.expect("an answer in time").expect("an answer")
    }

    /// Ends the function and gives all that it wrote.
    pub fn stop(self) -> Logs {
        drop(self.child);
        self.server.abort();
        Logs {
            lines: self.out.join().expect("standard output"),
            stderr: self.err.join().expect("standard error"),
        }
    }
}

/// What a start that fails says: exit code, standard output and standard error.
pub fn start_that_fails(settings: &[(&str, &str)]) -> (i32, String, String) {
    let mut child = command("127.0.0.1:9", settings)
        .spawn()
        .expect("the function starts");
    let started = Instant::now();
    while child.try_wait().expect("a status").is_none() {
        if started.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            panic!("the start neither fails nor ends");
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().expect("an exit code");
    (code, text(output.stdout), text(output.stderr))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_start_matches("/2018-06-01/runtime/");
    let path: Vec<&str> = path.split('/').collect();
    match (parts.method.as_str(), path.as_slice()) {
        ("GET", ["invocation", "next"]) => next(&shared).await,
        ("POST", ["invocation", id, how @ ("response" | "error")]) => {
            answered(&shared, id, how, body).await
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn next(shared: &Shared) -> Response {
    shared.polls.fetch_add(1, Ordering::SeqCst);
    let Some(waiting) = shared.queue.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let arn = "arn:aws:lambda:eu-central-1:111122223333:function:usher";
    let response = match waiting.trace {
        Some(trace) => Response::builder().header("lambda-runtime-trace-id", trace),
        None => Response::builder(),
    };
    response
        .header("lambda-runtime-aws-request-id", waiting.id)
        .header("lambda-runtime-deadline-ms", waiting.deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", arn)
        .header("content-type", "application/json")
        .body(Body::from(waiting.payload))
        .expect("a response")
}

async fn answered(shared: &Shared, id: &str, how: &str, body: Body) -> Response {
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("an answer in JSON");
    let text = |name: &str| body[name].as_str().expect(name).to_owned();
    let reply = match how {
        "response" => Reply::Response(body),
        _ => Reply::Error {
            kind: text("errorType"),
            message: text("errorMessage"),
        },
    };
    let waiting = lock(&shared.replies).remove(id);
    waiting.expect("an invocation that waits").send(reply).ok();
    StatusCode::ACCEPTED.into_response()
}
