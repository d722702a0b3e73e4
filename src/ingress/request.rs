//! An HTTP request, out of either of API Gateway's payload formats.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::MAX_HTTP_BODY;
use crate::event::Malformed;

/// A request as its sender made it.
pub(super) struct Request {
    pub id: Option<String>,
    pub method: String,
    /// Without the stage and without a slash at the end.
    pub path: String,
    /// Decoded, in order, names as often as they stand there.
    pub query: Vec<(String, String)>,
    pub headers: Headers,
    /// Who called, as the gateway has established it.
    pub caller: Option<String>,
    body: Option<String>,
    base64: bool,
}

impl Request {
    /// The body as text.
    ///
    /// # Errors
    /// 413 when it is larger than [`MAX_HTTP_BODY`]; 400 when it is no base64 although the gateway says so, or no UTF-8.
    pub fn body(&self) -> Result<String, Malformed> {
        let body = self.body.as_deref().unwrap_or_default();
        let size = if self.base64 {
            body.len() / 4 * 3
        } else {
            body.len()
        };
        // The padding of base64 counts for up to two bytes too many.
        if size > MAX_HTTP_BODY + 2 {
            return Err(too_large());
        }
        if !self.base64 {
            return sized(body.to_owned());
        }
        let bytes = STANDARD.decode(body).map_err(|_| {
            Malformed::new(
                400,
                "malformed-body",
                "the body is not base64, although it is marked so",
            )
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Malformed::new(400, "malformed-body", "the body is not UTF-8"))?;
        sized(text)
    }
}

fn sized(body: String) -> Result<String, Malformed> {
    if body.len() <= MAX_HTTP_BODY {
        Ok(body)
    } else {
        Err(too_large())
    }
}

fn too_large() -> Malformed {
    let message = format!("the body is too large; at most {MAX_HTTP_BODY} bytes are read");
    Malformed::new(413, "too-large", message)
}

/// Headers by their name in lower case.
#[derive(Default)]
pub(super) struct Headers(BTreeMap<String, String>);

impl Headers {
    fn new(headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        Self(headers.into_iter().map(lower).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Payload format 2.0 (API Gateway developer guide, Lambda proxy integrations for HTTP APIs; Lambda developer guide, Function URLs).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V2 {
    raw_path: Option<String>,
    route_key: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    request_context: Value,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

pub(super) fn v2(text: &str) -> Result<Request, Malformed> {
    let request: V2 = serde_json::from_str(text).map_err(|error| not_a_request(&error))?;
    let context = &request.request_context;
    let given = request.raw_path.as_deref().unwrap_or("/");
    let route = request
        .route_key
        .as_deref()
        .and_then(|key| key.split_once(' '))
        .map(|(_, path)| path);
    let caller = text_at(context, "/authorizer/iam/userArn")
        .or_else(|| text_at(context, "/authorizer/jwt/claims/sub"));
    Ok(Request {
        id: text_at(context, "/requestId"),
        method: text_at(context, "/http/method").unwrap_or_default(),
        path: path(given, route, context),
        query: query(request.raw_query_string.as_deref().unwrap_or_default()),
        headers: Headers::new(request.headers.unwrap_or_default()),
        caller,
        body: request.body,
        base64: request.is_base64_encoded.unwrap_or(false),
    })
}

/// Payload format 1.0 (API Gateway developer guide, Lambda proxy integrations for REST APIs). Whatever is empty is `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V1 {
    http_method: Option<String>,
    path: Option<String>,
    resource: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    request_context: Value,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

pub(super) fn v1(text: &str) -> Result<Request, Malformed> {
    let request: V1 = serde_json::from_str(text).map_err(|error| not_a_request(&error))?;
    let context = &request.request_context;
    let given = request.path.as_deref().unwrap_or("/");
    let caller = text_at(context, "/identity/userArn")
        .or_else(|| text_at(context, "/authorizer/claims/sub"));
    // The plain ones hold only the last value of a name.
    let mut headers = request.headers.unwrap_or_default();
    for (name, values) in request.multi_value_headers.unwrap_or_default() {
        headers.insert(name, values.join(", "));
    }
    let single = request.query_string_parameters.unwrap_or_default();
    let query = match request.multi_value_query_string_parameters {
        Some(several) => several
            .into_iter()
            .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
            .collect(),
        None => single.into_iter().collect(),
    };
    Ok(Request {
        id: text_at(context, "/requestId"),
        method: request.http_method.unwrap_or_default(),
        path: path(given, request.resource.as_deref(), context),
        query,
        headers: Headers::new(headers),
        caller,
        body: request.body,
        base64: request.is_base64_encoded.unwrap_or(false),
    })
}

fn not_a_request(error: &serde_json::Error) -> Malformed {
    Malformed::json("the gateway's request", error)
}

fn text_at(context: &Value, pointer: &str) -> Option<String> {
    let text = context.pointer(pointer)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Where the request goes. The gateway's own route says it best, for a custom domain puts a base path before it; a route with variables
/// (`/{proxy+}`) says nothing, and then the path counts, which begins with the stage's name unless that is `$default`.
fn path(given: &str, route: Option<&str>, context: &Value) -> String {
    let literal = route.filter(|route| route.starts_with('/') && !route.contains('{'));
    let stage = context.pointer("/stage").and_then(Value::as_str);
    let without_stage = stage
        .and_then(|stage| given.strip_prefix('/')?.strip_prefix(stage))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = literal.or(without_stage).unwrap_or(given);
    match path.strip_suffix('/').unwrap_or(path) {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn query(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
