//! The function as Lambda meets it: the real binary under a Runtime API, with the emulator in AWS's place.

#[path = "support/runtime.rs"]
mod runtime;
#[path = "support/tls.rs"]
mod tls;

#[path = "function/bad.rs"]
mod bad;
#[path = "function/http.rs"]
mod http;
#[path = "function/injection.rs"]
mod injection;
#[path = "function/kinds.rs"]
mod kinds;
#[path = "function/logs.rs"]
mod logs;
#[path = "function/replies.rs"]
mod replies;
#[path = "function/start.rs"]
mod start;
#[path = "function/traces.rs"]
mod traces;
#[path = "function/warm_up.rs"]
mod warm_up;

use std::fs;

use runtime::{Lambda, Logs};
use serde_json::{Value, json};
use usher::emulator::{Emulator, Options, World};

/// A function and the services that it talks to.
struct Stage {
    lambda: Lambda,
    aws: Emulator,
}

impl Stage {
    async fn set() -> Self {
        Self::with(&[]).await
    }

    /// With these settings on top of the usual ones.
    async fn with(settings: &[(&str, &str)]) -> Self {
        let emulator = Emulator::start(World::sample(), Options::default()).await;
        let aws = emulator.expect("the emulator starts");
        let endpoint = aws.endpoint();
        let mut all = vec![("AWS_ENDPOINT_URL", endpoint.as_str())];
        all.extend(settings);
        let lambda = Lambda::start(&all).await;
        Self { lambda, aws }
    }

    /// The calls that changed something, in order of their names.
    fn writes(&self) -> Vec<String> {
        let requests = self.aws.requests();
        let committed = requests.iter().filter(|request| request.committed);
        let mut writes: Vec<_> = committed
            .map(|request| {
                format!(
                    "{} {}",
                    request.call(),
                    request.target.as_deref().unwrap_or("")
                )
            })
            .collect();
        writes.sort();
        writes
    }

    fn stop(self) -> Logs {
        self.lambda.stop()
    }
}

/// A file of `events/`.
fn file(name: &str) -> String {
    let path = format!("{}/events/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn file_as_json(name: &str) -> Value {
    serde_json::from_str(&file(name)).expect("JSON")
}

/// An event about Jane, who is in the sample world.
fn moved(id: &str, team: &str, at: &str) -> Value {
    let mut event = file_as_json("person-moved.json");
    event["id"] = json!(id);
    event["detail"]["team"] = json!(team);
    event["detail"]["effectiveAt"] = json!(at);
    event
}
