//! The Runtime API (Lambda developer guide, "Using the Lambda runtime API for custom runtimes") for one function, with the
//! times at which things happen.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::http::{Reply, Request, Server};

/// How long anything is waited for: functions under valgrind take their time.
const PATIENCE: Duration = Duration::from_secs(300);

/// The Runtime API of one function.
pub struct Runtime {
    shared: Arc<Shared>,
    server: Server,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    polls: Vec<Instant>,
    payloads: VecDeque<Vec<u8>>,
    handed: Option<Instant>,
    answers: VecDeque<Answer>,
    is_over: bool,
}

/// What a function said to an invocation.
pub struct Answer {
    pub is_error: bool,
    pub body: Vec<u8>,
    /// From the invocation's leaving to the answer's arrival.
    pub took: Duration,
}

impl Runtime {
    pub fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let answers = Arc::clone(&shared);
        let server = Server::start(None, move |request| answers.serve(&request))?;
        Ok(Self { shared, server })
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Waits for the function's `count`th poll.
    pub fn poll(&self, count: usize) -> Option<Instant> {
        let mut state = self.shared.lock();
        while state.polls.len() < count {
            state = self.shared.wait(state)?;
        }
        state.polls.get(count - 1).copied()
    }

    /// Hands a payload over and waits for the answer.
    pub fn invoke(&self, payload: Vec<u8>) -> Option<Answer> {
        let mut state = self.shared.lock();
        state.payloads.push_back(payload);
        self.shared.changed.notify_all();
        loop {
            if let Some(answer) = state.answers.pop_front() {
                return Some(answer);
            }
            state = self.shared.wait(state)?;
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for any change; nothing when none comes.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> Option<MutexGuard<'a, State>> {
        let waited = self.changed.wait_timeout(state, PATIENCE);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then_some(state)
    }

    fn serve(&self, request: &Request) -> Reply {
        match request.method.as_str() {
            "GET" => self.next(request.arrived),
            _ => self.answered(request),
        }
    }

    fn next(&self, arrived: Instant) -> Reply {
        let mut state = self.lock();
        state.polls.push(arrived);
        let number = state.polls.len();
        self.changed.notify_all();
        let payload = loop {
            if let Some(payload) = state.payloads.pop_front() {
                break payload;
            }
            state = match self.wait(state) {
                Some(state) if !state.is_over => state,
                Some(_) | None => return gone(),
            };
        };
        let deadline = SystemTime::now() + PATIENCE;
        let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = format!(
            "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-{number:012}\r\n\
             lambda-runtime-deadline-ms: {}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:111122223333:function:people\r\n",
            deadline.as_millis()
        );
        state.handed = Some(Instant::now());
        Reply {
            headers,
            ..Reply::json(payload)
        }
    }

    fn answered(&self, request: &Request) -> Reply {
        let mut state = self.lock();
        let handed = state.handed.take();
        let answer = Answer {
            is_error: request.path.ends_with("/error"),
            body: request.body.clone(),
            took: handed.map_or(Duration::ZERO, |handed| request.arrived - handed),
        };
        state.answers.push_back(answer);
        self.changed.notify_all();
        Reply {
            status: 202,
            ..Reply::json("{}")
        }
    }
}

fn gone() -> Reply {
    Reply {
        status: 410,
        ..Reply::json("{}")
    }
}
