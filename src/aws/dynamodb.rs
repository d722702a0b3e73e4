//! The one place that speaks to DynamoDB: a conditional update of one item, which on refusal says what the item is.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::endpoint::Endpoint;
use http::Method;
use serde_json::{Map, Value, json};

use super::answer::{Fault, Refused};
use super::client::{Call, Client, Service};
use super::endpoint::{Wanted, at_once};
use super::retries::Throttles;

/// The one action that is called, as IAM names it.
pub const ACTION: &str = "dynamodb:UpdateItem";

pub(super) static DYNAMODB: Service = Service {
    id: "DynamoDB",
    name: "dynamodb",
    endpoint,
    content: "application/x-amz-json-1.0",
    throttles: Throttles::Here,
};

fn endpoint(wanted: &Wanted) -> Result<Endpoint, BoxError> {
    let params = Params::builder()
        .set_region(wanted.region.clone())
        .use_fips(wanted.fips)
        .use_dual_stack(wanted.dual_stack)
        .set_endpoint(wanted.url.clone())
        .set_account_id(wanted.account.clone())
        .account_id_endpoint_mode(&wanted.account_mode)
        .set_resource_arn(wanted.resource.clone())
        .build()?;
    at_once(DefaultResolver::new().resolve_endpoint(&params))
}

/// A table by its name, in the client's Region.
pub struct Table {
    client: Client,
    name: String,
}

/// An attribute's value, of the types that are read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    Text(String),
    /// A whole number of at most 38 digits, DynamoDB's precision.
    Number(i128),
    Other,
}

/// An item's attributes by name.
pub type Item = HashMap<String, Attribute>;

/// One update. A `#name` in an expression is the attribute `name`, which may be a word that DynamoDB reserves.
pub struct Update<'a> {
    /// The partition key and its value.
    pub key: (&'a str, &'a str),
    pub update: &'a str,
    pub condition: &'a str,
    /// All that the expressions use and no other, as DynamoDB asks.
    pub values: HashMap<&'static str, Attribute>,
}

/// The answer to an update.
pub enum Updated {
    /// Made; what the item was before, with nothing in it if there was none.
    Done(Item),
    /// The condition did not hold for this item, or for there being none; nothing was changed.
    Refused(Option<Item>),
}

/// Why there was no answer. Messages name the table and no key.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(
        "DynamoDB table `{table}` does not exist or is not active in this account and Region; create it or correct its name"
    )]
    Missing { table: String },
    #[error("DynamoDB table `{table}` may not be updated; allow dynamodb:UpdateItem: {message}")]
    AccessDenied { table: String, message: String },
    #[error("DynamoDB table `{table}` is throttled ({code})")]
    Throttled { table: String, code: String },
    #[error("DynamoDB table `{table}` could not be reached: {reason}")]
    Unreachable { table: String, reason: String },
    #[error("DynamoDB refused to update table `{table}`: {code}: {message}")]
    Refused {
        table: String,
        code: String,
        message: String,
    },
}

impl Table {
    pub(super) fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the service is known to be spoken to without TLS.
    pub fn speaks_plainly(&self) -> bool {
        self.client.speaks_plainly()
    }

    /// Opens a connection, in addition to those that others open meanwhile, unless the service speaks plain HTTP.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self) -> Result<(), String> {
        self.client.connect().await
    }

    /// Makes the update if its condition holds, else says what the item is, in one request: no item can change between
    /// the two (API reference, UpdateItem, `ReturnValuesOnConditionCheckFailure`).
    ///
    /// # Errors
    /// [`TableError`] if there is no answer, after the client's own retries. The update may have been made nevertheless.
    pub async fn update(&self, update: Update<'_>) -> Result<Updated, TableError> {
        let Update {
            key: (key, value),
            update,
            condition,
            values,
        } = update;
        let names = names_in(update).chain(names_in(condition));
        let names: Map<String, Value> = names
            .map(|name| (format!("#{name}"), name.into()))
            .collect();
        let values: Map<String, Value> = values
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), sent(value)?)))
            .collect();
        let input = json!({
            "TableName": self.name,
            "Key": {key: {"S": value}},
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_OLD",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        let call = Call {
            operation: "UpdateItem",
            method: Method::POST,
            path: "/",
            target: Some("DynamoDB_20120810.UpdateItem"),
            body: input.to_string().into(),
        };
        match self.client.call(&call).await {
            Ok(answer) => Ok(Updated::Done(item(&answer, "Attributes"))),
            Err(Fault::Refused(refused)) => match refused.code.as_deref() {
                Some("ConditionalCheckFailedException") => {
                    let item = item(&refused.members, "Item");
                    Ok(Updated::Refused(Some(item).filter(|item| !item.is_empty())))
                }
                _ => Err(self.failure(*refused)),
            },
            Err(fault) => Err(TableError::Unreachable {
                table: self.name.clone(),
                reason: fault.to_string(),
            }),
        }
    }

    /// Most of these codes are not in the service's model.
    fn failure(&self, refused: Refused) -> TableError {
        let table = self.name.clone();
        let reason = refused.to_string();
        let Refused {
            status,
            code,
            message,
            ..
        } = refused;
        // An answer that could not be read has no code.
        let Some(code) = code.filter(|_| status < 500) else {
            return TableError::Unreachable { table, reason };
        };
        let message = message.unwrap_or_default();
        match code.as_str() {
            "ResourceNotFoundException" => TableError::Missing { table },
            "AccessDeniedException"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "MissingAuthenticationTokenException" => TableError::AccessDenied { table, message },
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException" => TableError::Throttled { table, code },
            _ => TableError::Refused {
                table,
                code,
                message,
            },
        }
    }
}

/// The words after `#`, as often as they come.
fn names_in(expression: &str) -> impl Iterator<Item = &str> {
    let after = expression.split('#').skip(1);
    after.map(|rest| {
        rest.split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or(rest)
    })
}

/// As the JSON protocol writes an attribute's value: under its type (API reference, AttributeValue).
fn sent(attribute: Attribute) -> Option<Value> {
    match attribute {
        Attribute::Text(text) => Some(json!({ "S": text })),
        Attribute::Number(number) => Some(json!({ "N": number.to_string() })),
        Attribute::Other => None,
    }
}

fn item(answer: &Value, member: &str) -> Item {
    let attributes = answer.get(member).and_then(Value::as_object);
    let attributes = attributes.into_iter().flatten();
    attributes
        .map(|(name, value)| (name.clone(), read(value)))
        .collect()
}

fn read(value: &Value) -> Attribute {
    let of = |kind| value.get(kind).and_then(Value::as_str);
    match (of("S"), of("N").map(str::parse)) {
        (Some(text), _) => Attribute::Text(text.to_owned()),
        (None, Some(Ok(number))) => Attribute::Number(number),
        (None, Some(Err(_)) | None) => Attribute::Other,
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client: _, name } = self;
        f.debug_struct("Table")
            .field("name", name)
            .finish_non_exhaustive()
    }
}
