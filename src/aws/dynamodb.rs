//! The one place that speaks to DynamoDB: a conditional update of one item, which on refusal says what the item is.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::warm_up::{Ping, answered};

/// The one action that is called, as IAM names it.
pub const ACTION: &str = "dynamodb:UpdateItem";

/// A table by its name, in the client's Region.
#[derive(Clone)]
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
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a connection, in addition to those that others open meanwhile, unless the service speaks plain HTTP.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self) -> Result<(), String> {
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("-", AttributeValue::S("-".to_owned()))
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()))
            .interceptor(Ping);
        answered(Box::pin(call.send()).await)
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
        let names = names
            .map(|name| (format!("#{name}"), name.to_owned()))
            .collect();
        let values = values
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), sent(value)?)))
            .collect();
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key(key, AttributeValue::S(value.to_owned()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(answer) => Ok(Updated::Done(received(
                answer.attributes.unwrap_or_default(),
            ))),
            Err(SdkError::ServiceError(answer)) => {
                let status = answer.raw().status().as_u16();
                match answer.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(refused) => {
                        Ok(Updated::Refused(
                            refused.item.filter(|item| !item.is_empty()).map(received),
                        ))
                    }
                    other => Err(self.failure(&other, status)),
                }
            }
            Err(error) => Err(TableError::Unreachable {
                table: self.name.clone(),
                reason: causes(&error),
            }),
        }
    }

    /// Most of these codes are not in the service's model, so codes are compared rather than variants.
    fn failure(&self, error: &UpdateItemError, status: u16) -> TableError {
        let table = self.name.clone();
        // An answer that could not be read has no code.
        let Some(code) = error.code().filter(|_| status < 500) else {
            let reason = format!("HTTP {status}: {}", causes(error));
            return TableError::Unreachable { table, reason };
        };
        let code = code.to_owned();
        let message = error.message().unwrap_or_default().to_owned();
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

/// The error and what caused it, in one line.
fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
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

fn sent(attribute: Attribute) -> Option<AttributeValue> {
    match attribute {
        Attribute::Text(text) => Some(AttributeValue::S(text)),
        Attribute::Number(number) => Some(AttributeValue::N(number.to_string())),
        Attribute::Other => None,
    }
}

fn received(item: HashMap<String, AttributeValue>) -> Item {
    item.into_iter()
        .map(|(name, value)| (name, read(value)))
        .collect()
}

fn read(value: AttributeValue) -> Attribute {
    match value {
        AttributeValue::S(text) => Attribute::Text(text),
        AttributeValue::N(number) => number.parse().map_or(Attribute::Other, Attribute::Number),
        _ => Attribute::Other,
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
