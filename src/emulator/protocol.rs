//! The two wire protocols: which operation a request is for, what it carries, how answers and errors look.
//!
//! awsJson1.1 (SageMaker): `POST /` with the operation in `X-Amz-Target`, errors named in the body's
//! `__type`. restJson1 (DataZone, FinSpace): method and path, errors named in `x-amzn-errortype`.
//! Paths, members and statuses are those of the public API models (botocore service-2.json).

use std::borrow::Cow;

use axum::http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::operation::{Operation, Service};

/// A request whose operation is known, before its body has been read.
pub(super) struct Routed {
    pub operation: Operation,
    /// Members from the path and the query string.
    pub input: Map<String, Value>,
}

/// Finds the operation of a request; what cannot be found is an error of the service that was meant.
pub(super) fn route(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Routed, (Service, Problem)> {
    if let Some(target) = headers.get("x-amz-target") {
        let operation = (target.to_str().ok())
            .and_then(|target| target.strip_prefix("SageMaker."))
            .filter(|_| method == Method::POST)
            .and_then(|name| {
                let named = |o: &&Operation| o.call().strip_prefix("sagemaker:") == Some(name);
                Operation::ALL.iter().find(named)
            });
        return match operation {
            Some(operation) => Ok(Routed {
                operation: *operation,
                input: Map::new(),
            }),
            None => Err((Service::SageMaker, Problem::unknown_operation(400))),
        };
    }
    let service = if uri.path().starts_with("/kx/") {
        Service::FinSpace
    } else {
        Service::DataZone
    };
    rest(method, uri).map_err(|problem| (service, problem))
}

fn rest(method: &Method, uri: &Uri) -> Result<Routed, Problem> {
    // Split before decoding: a name may hold an encoded slash, as role ARNs do.
    let segments: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
    let (operation, path): (Operation, &[(&str, &str)]) =
        match (method.as_str(), segments.as_slice()) {
            ("POST", ["v2", "domains", domain, "user-profiles"]) => (
                Operation::CreateDataZoneProfile,
                &[("domainIdentifier", *domain)],
            ),
            ("GET", ["v2", "domains", domain, "user-profiles", user]) => (
                Operation::GetDataZoneProfile,
                &[("domainIdentifier", *domain), ("userIdentifier", *user)],
            ),
            ("PUT", ["v2", "domains", domain, "user-profiles", user]) => (
                Operation::UpdateDataZoneProfile,
                &[("domainIdentifier", *domain), ("userIdentifier", *user)],
            ),
            ("POST", ["kx", "environments", environment, "users"]) => {
                (Operation::CreateKxUser, &[("environmentId", *environment)])
            }
            ("GET", ["kx", "environments", environment, "users", user]) => (
                Operation::GetKxUser,
                &[("environmentId", *environment), ("userName", *user)],
            ),
            ("PUT", ["kx", "environments", environment, "users", user]) => (
                Operation::UpdateKxUser,
                &[("environmentId", *environment), ("userName", *user)],
            ),
            ("DELETE", ["kx", "environments", environment, "users", user]) => (
                Operation::DeleteKxUser,
                &[("environmentId", *environment), ("userName", *user)],
            ),
            _ => return Err(Problem::unknown_operation(404)),
        };
    let query = (uri.query().unwrap_or_default().split('&'))
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut input = Map::new();
    for (member, value) in query.chain(path.iter().copied()) {
        let value = percent_decode_str(value).decode_utf8();
        let value = value.map_err(|_| Problem::serialization(&format!("{member} is not UTF-8")))?;
        input.insert(member.to_owned(), Value::String(value.into_owned()));
    }
    Ok(Routed { operation, input })
}

/// Reads the body into the input. Members of the path and the query win: the body has none of them.
pub(super) fn read_body(routed: &mut Routed, body: &[u8]) -> Result<(), Problem> {
    if body.is_empty() && routed.operation.service() != Service::SageMaker {
        return Ok(());
    }
    let mut input = match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return Err(Problem::serialization("Start of structure expected")),
        Err(error) => return Err(Problem::serialization(&format!("Malformed JSON: {error}"))),
    };
    input.extend(std::mem::take(&mut routed.input));
    routed.input = input;
    Ok(())
}

/// A successful answer.
pub(super) struct Answer {
    pub status: u16,
    pub body: Value,
    /// Whether the request changed the world.
    pub committed: bool,
    /// The DataZone domain that an SSO change keeps busy until it is answered.
    pub busy: Option<String>,
}

impl Answer {
    pub(super) fn read(body: Value) -> Answer {
        Answer {
            status: 200,
            body,
            committed: false,
            busy: None,
        }
    }

    pub(super) fn written(body: Value) -> Answer {
        Answer {
            status: 200,
            body,
            committed: true,
            busy: None,
        }
    }
}

/// An error answer.
#[derive(Debug)]
pub(super) struct Problem {
    pub status: u16,
    pub code: Cow<'static, str>,
    pub message: String,
    /// FinSpace's ConflictException has a second member, `reason`.
    pub reason: Option<&'static str>,
}

impl Problem {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Problem {
        Problem {
            status,
            code: Cow::Borrowed(code),
            message: message.into(),
            reason: None,
        }
    }

    pub(super) fn validation(message: &str) -> Problem {
        Problem::new(400, "ValidationException", message)
    }

    pub(super) fn serialization(message: &str) -> Problem {
        Problem::new(400, "SerializationException", message)
    }

    pub(super) fn unknown_operation(status: u16) -> Problem {
        Problem::new(
            status,
            "UnknownOperationException",
            "The requested operation is not known to this endpoint",
        )
    }

    /// Too many requests: HTTP 400 from SageMaker (aws-cli#7596), 429 from DataZone and FinSpace
    /// (their models).
    pub(super) fn throttled(service: Service) -> Problem {
        let status = match service {
            Service::SageMaker => 400,
            Service::DataZone | Service::FinSpace => 429,
        };
        Problem::new(status, "ThrottlingException", "Rate exceeded")
    }

    /// The body, in the service's own spelling. SageMaker's modelled errors say `Message`, those that
    /// are not in its model `message`; the other two services say `message`.
    pub(super) fn body(&self, service: Service) -> Value {
        let modelled = ["ResourceNotFound", "ResourceInUse", "ResourceLimitExceeded"];
        match service {
            Service::SageMaker if modelled.contains(&self.code.as_ref()) => {
                json!({"__type": self.code, "Message": self.message})
            }
            Service::SageMaker => json!({"__type": self.code, "message": self.message}),
            Service::DataZone | Service::FinSpace => match self.reason {
                Some(reason) => json!({"message": self.message, "reason": reason}),
                None => json!({"message": self.message}),
            },
        }
    }
}
