//! Lambda as the function sees it: the Runtime API on loopback, one for each process, and an end without warning when an
//! invocation takes longer than the function's timeout.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::diary::Diary;
use crate::queue::{Message, Queue};

/// The function's timeout.
pub const TIMEOUT: Duration = Duration::from_millis(2800);

/// `USHER_DEADLINE_MARGIN_MS`.
const MARGIN: &str = "400";

/// How long a poller waits before it looks into the queue again.
const POLL: Duration = Duration::from_millis(20);

/// Where a process finds everything.
#[derive(Clone)]
pub struct Place {
    pub rules: std::path::PathBuf,
    /// The emulator.
    pub aws: String,
    /// DynamoDB's endpoint and the ledger's table.
    pub ledger: Option<(String, String)>,
}

/// One process of the function and the Runtime API that it asks.
pub struct Process {
    child: Child,
    api: Arc<Api>,
    server: JoinHandle<()>,
    reader: Option<std::thread::JoinHandle<()>>,
}

struct Api {
    queue: Arc<Queue>,
    diary: Arc<Diary>,
    name: String,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    invocations: HashMap<String, Invoked>,
    started: u64,
    closed: bool,
}

struct Invoked {
    messages: Vec<Message>,
    until: Instant,
}

impl Process {
    /// Starts the function's own binary. With `concurrency` above 1 it takes several invocations at once, as on managed
    /// instances.
    pub async fn start(
        name: &str,
        place: &Place,
        queue: &Arc<Queue>,
        diary: &Arc<Diary>,
        concurrency: u32,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let api = Arc::new(Api {
            queue: Arc::clone(queue),
            diary: Arc::clone(diary),
            name: name.to_owned(),
            running: Mutex::default(),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failure))
            .route(
                "/2018-06-01/runtime/init/error",
                post(|| async { StatusCode::ACCEPTED }),
            )
            .with_state(Arc::clone(&api));
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher-lambda"));
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "usher")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "usher")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", name)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "chaos")
            .env("AWS_SECRET_ACCESS_KEY", "chaos")
            .env("AWS_ENDPOINT_URL", &place.aws)
            .env("USHER_RULES", &place.rules)
            .env("USHER_DEADLINE_MARGIN_MS", MARGIN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        if let Some((endpoint, table)) = &place.ledger {
            command
                .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
                .env("USHER_LEDGER_TABLE", table);
        }
        if concurrency > 1 {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_string());
        }
        let mut child = command.spawn().expect("the function's binary starts");
        let out = child.stdout.take().expect("stdout is piped");
        let written = Arc::clone(diary);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                written.line(&line);
            }
        });
        Self {
            child,
            api,
            server,
            reader: Some(reader),
        }
    }

    /// Whether an invocation has run out of time, which Lambda ends together with its process, or the process has ended.
    pub fn is_over(&mut self) -> bool {
        let now = Instant::now();
        let late = self
            .api
            .running()
            .invocations
            .values()
            .any(|invoked| invoked.until <= now);
        if late {
            self.api.diary.timed_out();
        }
        let ended = self.child.try_wait().expect("it is our child").is_some();
        assert!(!ended, "the function ended by itself; it never should");
        late
    }

    pub fn is_working(&self) -> bool {
        !self.api.running().invocations.is_empty()
    }

    /// SIGKILL. What it was working on comes back when it is visible again.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.api.running().closed = true;
        // An error would mean that it is dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.server.abort();
        let lost = std::mem::take(&mut self.api.running().invocations);
        for message in lost.values().flat_map(|invoked| &invoked.messages) {
            self.api.diary.killed(&message.id);
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

impl Api {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().expect("no holder of this lock panics")
    }

    fn invoke(&self) -> Option<Response> {
        let mut running = self.running();
        if running.closed {
            return None;
        }
        let messages = self.queue.receive();
        if messages.is_empty() {
            return None;
        }
        running.started += 1;
        let id = format!("{}-{}", self.name, running.started);
        let records: Vec<Value> = messages.iter().map(Message::record).collect();
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970");
        let headers = [
            ("lambda-runtime-aws-request-id", id.clone()),
            (
                "lambda-runtime-deadline-ms",
                (since + TIMEOUT).as_millis().to_string(),
            ),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-central-1:111122223333:function:usher".to_owned(),
            ),
        ];
        let until = Instant::now() + TIMEOUT;
        running.invocations.insert(id, Invoked { messages, until });
        Some((headers, json!({"Records": records}).to_string()).into_response())
    }

    /// The messages of an invocation that has ended; none if it is over already.
    fn ended(&self, id: &str) -> Vec<Message> {
        let invoked = self.running().invocations.remove(id);
        invoked.map(|invoked| invoked.messages).unwrap_or_default()
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    loop {
        if let Some(invocation) = api.invoke() {
            return invocation;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What the poller of an SQS mapping with `ReportBatchItemFailures` does: it deletes what is not named, and nothing of a reply that names a
/// message it did not send (Lambda developer guide, SQS error handling).
async fn response(State(api): State<Arc<Api>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let reply: Value = serde_json::from_slice(&body).expect("a reply is JSON");
    let failures = reply["batchItemFailures"]
        .as_array()
        .expect("a reply to SQS lists its failures");
    let failed: Vec<&str> = failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().expect("an id"))
        .collect();
    let messages = api.ended(&id);
    let known = |id: &&str| messages.iter().any(|message| message.id == **id);
    assert!(
        messages.is_empty() || failed.iter().all(known),
        "a reply names a message of another batch"
    );
    for message in messages
        .iter()
        .filter(|message| !failed.contains(&message.id.as_str()))
    {
        api.queue.delete(&message.id);
    }
    StatusCode::ACCEPTED
}

/// The whole batch comes again.
async fn failure(State(api): State<Arc<Api>>, Path(id): Path<String>) -> StatusCode {
    for message in api.ended(&id) {
        api.diary.failed(&message.id);
    }
    StatusCode::ACCEPTED
}
