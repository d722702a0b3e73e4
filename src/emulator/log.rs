//! What the emulator received, in order, and how it ended.

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

/// One request as it was received and answered.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// From 1 on, in order of arrival.
    pub number: u64,
    /// When it arrived, by the emulator's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `sagemaker`, `datazone` or `finspace`.
    pub service: &'static str,
    /// `UpdateUserProfile`; empty if there is no such operation.
    pub operation: &'static str,
    /// What it was about, such as `sagemaker:user-profile/d-abc/jane-doe`.
    pub target: Option<String>,
    /// The members of the path, the query string and the body; null if they could not be read.
    pub input: Value,
    /// The FinSpace or DataZone client token.
    pub client_token: Option<String>,
    /// Where it stands in a trace: its `X-Amzn-Trace-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The HTTP status of the answer; none if there was no answer, or none yet.
    pub status: Option<u16>,
    /// The error's code.
    pub error: Option<String>,
    /// Whether the request changed the world. Known before the answer is sent.
    pub committed: bool,
    /// The how-manyth change of the world that was; changes need not come in the order of arrival.
    pub commit: Option<u64>,
}

impl Request {
    /// Service and operation as IAM names them.
    pub fn call(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// Without target and input, which are about people.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("number", &self.number)
            .field("call", &self.call())
            .field("status", &self.status)
            .field("error", &self.error)
            .field("committed", &self.committed)
            .finish_non_exhaustive()
    }
}

/// The last requests. It is bounded, so that an emulator can run for long.
pub(super) struct Log {
    requests: VecDeque<Request>,
    received: u64,
    commits: u64,
    limit: usize,
}

impl Log {
    pub(super) fn new(limit: usize) -> Log {
        Log {
            requests: VecDeque::new(),
            received: 0,
            commits: 0,
            limit,
        }
    }

    /// Gives the request its number.
    pub(super) fn receive(&mut self, mut request: Request) -> u64 {
        self.received += 1;
        request.number = self.received;
        self.requests.push_back(request);
        while self.requests.len() > self.limit {
            self.requests.pop_front();
        }
        self.received
    }

    /// Notes what a request came to in the world: a change or none, and the error's code.
    pub(super) fn executed(&mut self, number: u64, committed: bool, error: Option<String>) {
        self.commits += u64::from(committed);
        let commit = committed.then_some(self.commits);
        if let Some(request) = self.request(number) {
            request.committed = committed;
            request.commit = commit;
            request.error = error;
        }
    }

    /// The request of this number, if it is still there.
    pub(super) fn request(&mut self, number: u64) -> Option<&mut Request> {
        let first = self.requests.front()?.number;
        self.requests
            .get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.iter()
    }

    /// Forgets all requests; numbers go on.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }
}
