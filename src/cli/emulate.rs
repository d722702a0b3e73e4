//! `usher emulate`, and the world that the stand-in begins with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};
use usher::api::{CheckOptions, Shape, check_shape};
use usher::emulator::{Emulator, Options, World};

use super::{Exit, events};

#[derive(Args)]
pub struct Emulate {
    /// The port on 127.0.0.1; 0 takes any that is free.
    #[arg(long, default_value_t = 4599)]
    port: u16,
    /// What it begins with, as a JSON file; without it, a sample world.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// How long a SageMaker change stays Updating.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 200)]
    settle: u64,
    /// How long every answer takes.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    latency: u64,
}

impl Emulate {
    pub async fn run(&self, json: bool) -> anyhow::Result<Exit> {
        let options = Options {
            port: self.port,
            settle: Duration::from_millis(self.settle),
            latency: Duration::from_millis(self.latency),
            validate: Some(validate),
            ..Options::default()
        };
        let emulator = Emulator::start(world(self.world.as_deref())?, options)
            .await
            .with_context(|| format!("cannot listen on 127.0.0.1:{}", self.port))?;
        let endpoint = emulator.endpoint();
        if json {
            super::print(&json!({"endpoint": endpoint}))?;
        } else {
            anstream::println!("AWS_ENDPOINT_URL={endpoint}");
            anstream::eprintln!("listening until Ctrl-C; {endpoint}/_usher/world shows the state");
        }
        tokio::signal::ctrl_c().await?;
        emulator.stop().await;
        Ok(Exit::Done)
    }
}

/// The world of a file, or the sample.
pub fn world(path: Option<&Path>) -> anyhow::Result<World> {
    let Some(path) = path else {
        return Ok(World::sample());
    };
    let name = path.display();
    let bytes = events::bytes(path).with_context(|| format!("cannot read {name}"))?;
    // Its text has the reasons in it already.
    World::from_json(&bytes).map_err(|error| anyhow!("{name} is no world: {error}"))
}

/// What the API models say of an operation's input: the stand-in refuses what AWS would.
pub fn validate(operation: &str, input: &Value) -> Result<(), String> {
    let Some(shape) = Shape::input_of(operation) else {
        return Ok(());
    };
    let unknown = ["InstanceType".to_owned(), "HiddenInstanceTypes".to_owned()];
    let options = CheckOptions {
        computed: &|_| false,
        allow_unknown_values: &unknown,
        partial: false,
    };
    match check_shape(shape, input, &options).first() {
        None => Ok(()),
        Some(violation) => Err(violation.to_string()),
    }
}
