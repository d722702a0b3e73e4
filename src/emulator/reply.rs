//! Answers as they leave: whole, or cut in the middle.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use super::operation::Service;
use super::protocol::Problem;

/// How long the first half of a cut answer has to reach the client before the connection ends.
const HALFWAY: Duration = Duration::from_millis(20);

/// An answer that is not yet on its way.
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Reply {
    /// Any bytes.
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Reply {
        let headers = vec![(CONTENT_TYPE.to_string(), content_type.to_owned())];
        Reply {
            status,
            headers,
            body: body.into(),
        }
    }

    /// A JSON document.
    pub(super) fn json(status: u16, content_type: &str, body: &Value) -> Reply {
        Reply::new(status, content_type, body.to_string())
    }

    /// An error in the form of its service.
    pub(super) fn problem(service: Service, problem: &Problem) -> Reply {
        let reply = Reply::json(
            problem.status,
            service.content_type(),
            &problem.body(service),
        );
        match service {
            Service::SageMaker => reply,
            Service::DataZone | Service::FinSpace => reply.with("x-amzn-errortype", &problem.code),
        }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The whole answer.
    pub(super) fn whole(self) -> Response {
        let body = Body::from(self.body.clone());
        self.respond(body)
    }

    /// The first half of the answer, under the length of the whole; then the connection ends.
    pub(super) fn truncated(self) -> Response {
        let half = self.body.slice(..self.body.len() / 2);
        let length = self.body.len().max(1).to_string();
        let end = stream::once(async {
            tokio::time::sleep(HALFWAY).await;
            Err(io::Error::from(io::ErrorKind::UnexpectedEof))
        });
        let body = Body::from_stream(stream::iter([Ok(half)]).chain(end));
        self.with(CONTENT_LENGTH.as_str(), &length).respond(body)
    }

    fn respond(self, body: Body) -> Response {
        let mut response = Response::new(body);
        // A status that is none can only come from a fault, and is then the fault's error.
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            // Likewise: faults from files and over HTTP have been checked, others are the caller's.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
