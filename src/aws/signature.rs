//! Signs requests with Signature Version 4 (IAM user guide, "Create a signed AWS API request").
//!
//! The SDK's own crate for it, `aws-sigv4`, costs a call 60,000 instructions beside the hashes, a third of all that the call takes.
//! What it signs and what is signed here is the same for requests as they are made here; proptest holds one against the other. Names
//! and values of the query are encoded already, no segment of a path is empty, `.` or `..` ([`super::rest`], [`super::endpoint`]), and
//! no header has two blanks side by side.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::box_error::BoxError;
use hmac::digest::InvalidLength;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::utf8_percent_encode;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::endpoint::Place;
use super::rest::RESERVED;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// What proxies and tracers may change on the way (aws-sigv4 1.6, `http_request/settings.rs`).
const UNSIGNED: [&str; 2] = ["user-agent", "x-amzn-trace-id"];

/// Puts the host, the time, the session's token and the signature on a request whose URI is absolute.
///
/// # Errors
/// When there is no host, or a header that is no text.
pub(super) fn put_on(
    request: &mut Parts,
    body: &[u8],
    credentials: &Credentials,
    place: &Place,
    time: SystemTime,
) -> Result<(), BoxError> {
    let time = stamp(time)?;
    let day = time.get(..8).unwrap_or_default();
    request.headers.insert(HOST, host(&request.uri)?);
    request.headers.insert(DATE, HeaderValue::from_str(&time)?);
    if let Some(token) = credentials.session_token() {
        let mut token = HeaderValue::from_str(token)?;
        token.set_sensitive(true);
        request.headers.insert(TOKEN, token);
    }

    let (canonical, signed) = canonical(request, body)?;
    let scope = format!("{day}/{}/{}/aws4_request", place.region, place.name);
    let mut said = format!("{ALGORITHM}\n{time}\n{scope}\n");
    hex(&mut said, &Sha256::digest(canonical));

    let secret = format!("AWS4{}", credentials.secret_access_key());
    let mut key = hmac(secret.as_bytes(), day)?;
    for part in [place.region.as_str(), &place.name, "aws4_request", &said] {
        key = hmac(&key, part)?;
    }
    let id = credentials.access_key_id();
    let mut header =
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature=");
    hex(&mut header, &key);
    let mut header = HeaderValue::from_str(&header)?;
    header.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, header);
    Ok(())
}

/// The request in its canonical form, and the names of the headers in it.
fn canonical(request: &Parts, body: &[u8]) -> Result<(String, String), BoxError> {
    let mut headers: Vec<(&str, &str)> = Vec::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        if !UNSIGNED.contains(&name.as_str()) {
            headers.push((name.as_str(), value.to_str()?));
        }
    }
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");

    let mut text = String::with_capacity(1024);
    text.push_str(request.method.as_str());
    text.push('\n');
    // The path once more: it stands encoded in the URI.
    for segment in request.uri.path().split('/').skip(1) {
        text.push('/');
        text.extend(utf8_percent_encode(segment, &RESERVED));
    }
    text.push('\n');
    let mut query: Vec<&str> = request.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable_by_key(|pair| pair.split_once('=').unwrap_or((pair, "")));
    text.push_str(&query.join("&"));
    text.push('\n');
    for (name, value) in headers {
        // Into a string, this cannot fail.
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    text.push('\n');
    text.push_str(&names);
    text.push('\n');
    hex(&mut text, &Sha256::digest(body));
    Ok((text, names))
}

/// The host, and the port if it is not the scheme's own.
fn host(uri: &Uri) -> Result<HeaderValue, BoxError> {
    let host = uri.host().ok_or("the endpoint has no host")?;
    let own = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let value = match uri.port_u16().filter(|port| *port != own) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
        None => HeaderValue::from_str(host),
    };
    Ok(value?)
}

/// `20261121T174530Z`.
fn stamp(time: SystemTime) -> Result<String, BoxError> {
    let since = time::Duration::try_from(time.duration_since(UNIX_EPOCH)?)?;
    let time = OffsetDateTime::UNIX_EPOCH.checked_add(since);
    let time = time.ok_or("the clock is beyond the year 9999")?;
    let mut text = String::with_capacity(16);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    // Into a string, this cannot fail.
    let _ = write!(
        text,
        "{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z",
        u8::from(month)
    );
    Ok(text)
}

fn hmac(key: &[u8], text: &str) -> Result<[u8; 32], InvalidLength> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}

fn hex(text: &mut String, bytes: &[u8]) {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;
    use http::{Method, Request};
    use proptest::prelude::*;

    use super::super::rest::{path, with_query};
    use super::*;

    fn request(method: Method, url: &str, target: Option<&'static str>) -> Parts {
        let mut request = Request::builder().method(method).uri(url);
        request = request
            .header("user-agent", "usher")
            .header("x-amzn-trace-id", "Root=1");
        if let Some(target) = target {
            request = request
                .header("x-amz-target", target)
                .header("content-type", "application/x-amz-json-1.1");
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn place() -> Place {
        Place {
            url: String::new(),
            region: "eu-central-1".to_owned(),
            name: "sagemaker".to_owned(),
        }
    }

    /// The headers that the SDK's crate puts on a request.
    fn theirs(
        request: &Parts,
        body: &[u8],
        credentials: &Credentials,
        time: SystemTime,
    ) -> Vec<(&'static str, String)> {
        let (identity, place) = (credentials.clone().into(), place());
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&place.region)
            .name(&place.name)
            .time(time)
            .settings(SigningSettings::default());
        let params = params.build().expect("all parameters").into();
        let text = |value: &HeaderValue| value.to_str().expect("a text").to_owned();
        let headers: Vec<(&str, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), text(value)))
            .collect();
        let signable = SignableRequest::new(
            request.method.as_str(),
            request.uri.to_string(),
            headers.iter().map(|(name, value)| (*name, value.as_str())),
            SignableBody::Bytes(body),
        );
        let signed = sign(signable.expect("a request"), &params).expect("a signature");
        let (headers, _) = signed.into_parts().0.into_parts();
        let pairs = headers
            .iter()
            .map(|header| (header.name(), header.value().to_owned()));
        pairs.collect()
    }

    proptest! {
        #[test]
        fn what_is_signed_is_what_the_sdk_signs(
            method in prop_oneof![Just(Method::GET), Just(Method::PUT), Just(Method::POST)],
            host in prop_oneof![
                Just("https://api.sagemaker.eu-central-1.amazonaws.com"),
                Just("http://127.0.0.1:4566"),
                Just("https://example.com:443"),
                Just("http://example.com:443"),
            ],
            segments in prop::collection::vec("[^.]{1,12}|[a-z]{1,4}[.]{1,3}", 0..5),
            query in prop::collection::vec(("[a-zA-Z]{1,5}", prop::option::of(".{0,8}")), 0..4),
            is_rpc: bool,
            body in prop::collection::vec(any::<u8>(), 0..300),
            (id, secret) in ("[A-Z0-9]{16,20}", "[ -~]{20,60}"),
            token in prop::option::of("[!-~]{1,200}"),
            seconds in 0..4_000_000_000_u64,
        ) {
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            let path = if segments.is_empty() { "/".to_owned() } else { path(&segments).expect("no dots") };
            let query: Vec<(&str, Option<&str>)> =
                query.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            let url = format!("{host}{}", with_query(path, &query));
            let target = is_rpc.then_some("SageMaker.DescribeDomain");
            let credentials = Credentials::from_keys(id, secret, token);
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let mut ours = request(method, &url, target);
            let theirs = theirs(&ours, &body, &credentials, time);
            put_on(&mut ours, &body, &credentials, &place(), time).expect("it can be signed");
            for (name, value) in theirs {
                let own = ours.headers.get(name).and_then(|value| value.to_str().ok());
                prop_assert_eq!(own, Some(value.as_str()), "{} of {}", name, url);
            }
        }
    }

    #[test]
    fn neither_token_nor_signature_is_shown() {
        let credentials = Credentials::from_keys("id", "secret", Some("token".to_owned()));
        let mut parts = request(Method::GET, "https://example.com/", None);
        put_on(&mut parts, b"", &credentials, &place(), UNIX_EPOCH).expect("it can be signed");
        let shown = format!("{:?}", parts.headers.values().collect::<Vec<_>>());
        assert!(
            !shown.contains("token\"") && !shown.contains("Signature="),
            "{shown}"
        );
    }
}
