//! The ledger's table, and a bad connection to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use usher::ledger::KEY;

use crate::client::http_client;
use crate::random::Random;

/// Where moto's server is, if it runs.
pub fn endpoint() -> Option<String> {
    std::env::var("USHER_TEST_DYNAMODB_ENDPOINT")
        .ok()
        .filter(|endpoint| !endpoint.is_empty())
}

/// A new table as template.yaml has it.
pub async fn create(endpoint: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
    let name = format!("usher-chaos-{}-{now}-{count}", std::process::id());
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("chaos", "chaos", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(http_client());
    let key = KeySchemaElement::builder()
        .attribute_name(KEY)
        .key_type(KeyType::Hash);
    let attribute = AttributeDefinition::builder()
        .attribute_name(KEY)
        .attribute_type(ScalarAttributeType::S);
    Client::from_conf(config.build())
        .create_table()
        .table_name(&name)
        .key_schema(key.build().expect("a complete key"))
        .attribute_definitions(attribute.build().expect("a complete attribute"))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .expect("moto's server makes the table");
    name
}

/// A way to the table on which requests, or the answers to requests that were carried out, get lost.
pub struct BadLine {
    pub endpoint: String,
    calm: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Weather {
    calm: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    random: Arc<Mutex<Random>>,
}

impl BadLine {
    pub async fn to(endpoint: &str, random: Random) -> Self {
        let beyond: SocketAddr = endpoint
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .replace("localhost", "127.0.0.1")
            .parse()
            .expect("USHER_TEST_DYNAMODB_ENDPOINT is http://ADDRESS:PORT");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let weather = Weather {
            calm: Arc::default(),
            lost: Arc::default(),
            random: Arc::new(Mutex::new(random)),
        };
        let (calm, lost) = (Arc::clone(&weather.calm), Arc::clone(&weather.lost));
        let server = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(beyond).await else {
                    continue;
                };
                let (from_near, to_near) = near.into_split();
                let (from_far, to_far) = far.into_split();
                let (asked, answered) = (weather.clone(), weather.clone());
                // Either direction that ends takes the other one with it.
                tokio::spawn(async move {
                    tokio::select! {
                        () = asked.carry(from_near, to_far) => {}
                        () = answered.carry(from_far, to_near) => {}
                    }
                });
            }
        });
        Self {
            endpoint,
            calm,
            lost,
            server,
        }
    }

    pub fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// How many pieces of requests or answers were lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Weather {
    async fn carry(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            let (is_lost, delay) = {
                let mut random = self.random.lock().expect("no holder of this lock panics");
                (
                    random.percent(2),
                    if random.percent(5) {
                        random.below(300)
                    } else {
                        0
                    },
                )
            };
            if !self.calm.load(Ordering::Relaxed) {
                if is_lost {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}
