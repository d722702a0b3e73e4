//! What kind of payload this is, from the names at its top level. Nothing is built, and nothing recurses.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::event::Malformed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    EventBridge,
    Direct,
    Sqs,
    Sns,
    Array,
    /// API Gateway REST, payload format 1.0.
    HttpV1,
    /// API Gateway HTTP and Function URL, payload format 2.0.
    HttpV2,
}

pub(super) fn probe(text: &str) -> Result<Kind, Malformed> {
    let first = text.trim_start().chars().next();
    let parsed = match first {
        Some('{') => serde_json::from_str(text).map(Some),
        _ => serde_json::from_str::<IgnoredAny>(text).map(|_| None),
    };
    let members: Option<Members<'_>> =
        parsed.map_err(|error| Malformed::json("the payload", &error))?;
    match (members, first) {
        (Some(members), _) => members.kind(),
        (None, Some('[')) => Ok(Kind::Array),
        (None, first) => {
            let what = scalar(first);
            let message = format!("the payload is {what}; an object or an array is expected");
            Err(Malformed::event(message))
        }
    }
}

const fn scalar(first: Option<char>) -> &'static str {
    match first {
        Some('"') => "a string",
        Some('n') => "null",
        Some('t' | 'f') => "a boolean",
        _ => "a number",
    }
}

/// The names that tell one kind from another.
#[derive(Default)]
struct Members<'a> {
    request_context: bool,
    http_method: bool,
    route: bool,
    account: bool,
    region: bool,
    records: Option<&'a RawValue>,
}

impl Members<'_> {
    fn kind(&self) -> Result<Kind, Malformed> {
        if self.request_context && self.route {
            return Ok(Kind::HttpV2);
        }
        if self.request_context && self.http_method {
            return Ok(Kind::HttpV1);
        }
        match self.records {
            Some(records) => source_of(records),
            // A bus says whose it is; what a person writes seldom does.
            None if self.account && self.region => Ok(Kind::EventBridge),
            None => Ok(Kind::Direct),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TopLevel)
    }
}

struct TopLevel;

impl<'de> Visitor<'de> for TopLevel {
    type Value = Members<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key_seed(Name)? {
            match name {
                Member::Records => {
                    members.records = Some(map.next_value()?);
                    continue;
                }
                Member::RequestContext => members.request_context = true,
                Member::HttpMethod => members.http_method = true,
                Member::Route => members.route = true,
                Member::Account => members.account = true,
                Member::Region => members.region = true,
                Member::Other => {}
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(members)
    }
}

enum Member {
    Records,
    RequestContext,
    HttpMethod,
    Route,
    Account,
    Region,
    Other,
}

/// A member's name, looked at and not kept.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Member;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Member, E> {
        Ok(match name {
            "Records" => Member::Records,
            "requestContext" => Member::RequestContext,
            "httpMethod" => Member::HttpMethod,
            "rawPath" | "routeKey" => Member::Route,
            "account" => Member::Account,
            "region" => Member::Region,
            _ => Member::Other,
        })
    }
}

/// SQS writes `eventSource`, SNS writes `EventSource`.
#[derive(Deserialize)]
struct Source {
    #[serde(rename = "eventSource", alias = "EventSource")]
    name: String,
}

/// The first record that says where it comes from decides. Lambda lets all do so, but the first may be the broken one.
fn source_of(records: &RawValue) -> Result<Kind, Malformed> {
    let Ok(records) = serde_json::from_str::<Vec<&RawValue>>(records.get()) else {
        return Err(Malformed::event(
            "`Records` is no array; an array of records is expected",
        ));
    };
    let source = records
        .iter()
        .find_map(|record| serde_json::from_str::<Source>(record.get()).ok());
    match source.as_ref().map(|source| source.name.as_str()) {
        Some("aws:sqs") => Ok(Kind::Sqs),
        Some("aws:sns") => Ok(Kind::Sns),
        Some(_) => Err(Malformed::event(
            "`Records` come from a service that is not read here; records of aws:sqs and aws:sns are expected",
        )),
        None => Err(Malformed::event(
            "`Records` do not say where they come from; `eventSource` aws:sqs or `EventSource` aws:sns is expected",
        )),
    }
}
