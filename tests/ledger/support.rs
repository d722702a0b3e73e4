//! Ledgers to test, and times to test them with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use time::OffsetDateTime;
use usher::aws::{Place, configure, ledger_table};
use usher::ledger::{Ask, KEY, Ledger};

use crate::client::http_client;

/// A Saturday in 2026, and some seconds and nanoseconds.
pub fn second(seconds: i64) -> OffsetDateTime {
    let start = 1_791_043_200_123_456_789_i128;
    let nanoseconds = start + i128::from(seconds) * 1_000_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).expect("a time in this century")
}

pub fn ask<'a>(target: &'a str, claimant: &'a str, at: i64, lease: u64) -> Ask<'a> {
    Ask {
        target,
        at: second(at),
        claimant,
        lease: Duration::from_secs(lease),
    }
}

/// A target that no other test of this or another run has used.
pub fn fresh_target() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("sagemaker:user-profile/d-abc/{}-{count}", fresh_name())
}

fn fresh_name() -> String {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos();
    format!("t{now}-{}", std::process::id())
}

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(http_client());
    Client::from_conf(config.build())
}

/// Where moto's server is, if it runs.
pub fn endpoint() -> Option<String> {
    let endpoint = std::env::var("USHER_TEST_DYNAMODB_ENDPOINT").ok();
    if endpoint.is_none() {
        println!("skipped on DynamoDB: USHER_TEST_DYNAMODB_ENDPOINT is not set");
    }
    endpoint
}

/// The ledger in a table, at once: it does not wait before it tries again.
pub async fn in_table(endpoint: &str, name: &str) -> Ledger {
    let configuration = configure(Place::Emulator(endpoint)).await;
    let time = SharedTimeSource::new(SystemTimeSource::new());
    let configuration = configuration
        .expect("nothing is read")
        .in_time(SharedAsyncSleep::new(Hasty), time);
    Ledger::DynamoDb(ledger_table(&configuration, name))
}

#[derive(Debug)]
struct Hasty;

impl AsyncSleep for Hasty {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}

/// A new table as template.yaml has it, and the client that made it.
pub async fn table() -> Option<(String, Client, String)> {
    let endpoint = endpoint()?;
    let client = client(&endpoint);
    let name = format!("usher-{}", fresh_target().replace([':', '/'], "-"));
    let key = KeySchemaElement::builder()
        .attribute_name(KEY)
        .key_type(KeyType::Hash);
    let attribute = AttributeDefinition::builder()
        .attribute_name(KEY)
        .attribute_type(ScalarAttributeType::S);
    client
        .create_table()
        .table_name(&name)
        .key_schema(key.build().expect("a complete key"))
        .attribute_definitions(attribute.build().expect("a complete attribute"))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("moto's server makes the table");
    Some((endpoint, client, name))
}

pub async fn in_dynamodb() -> Option<Ledger> {
    let (endpoint, _, name) = table().await?;
    Some(in_table(&endpoint, &name).await)
}

/// Every ledger that can be tested here.
pub async fn ledgers() -> Vec<Ledger> {
    let mut ledgers = vec![Ledger::in_memory()];
    ledgers.extend(in_dynamodb().await);
    ledgers
}
