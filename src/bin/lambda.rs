//! `usher-lambda`: the function. Everything is checked before the first event is asked for, and what takes time to build but
//! cannot fail is built while it is awaited.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, run_concurrent, service_fn};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use usher::apply::Usher;
use usher::aws::{Services, from_environment, ledger_table};
use usher::event::Malformed;
use usher::function::{Function, Request, unreadable};
use usher::ledger::Ledger;
use usher::rules::Rules;
use usher::settings::Settings;
use usher::telemetry::traces::Daemon;
use usher::telemetry::{Lines, filter, hush_panics, panicked};

fn main() -> anyhow::Result<()> {
    hush_panics(panicked);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // As a task: what wakes the future of `block_on` goes through the kernel each time.
    runtime.block_on(async { tokio::spawn(start()).await? })
}

async fn start() -> anyhow::Result<()> {
    let settings = settings()?;
    let lines = Lines::new(settings.format, OffsetDateTime::now_utc, std::io::stdout());
    tracing_subscriber::registry()
        .with(lines.with_filter(filter(settings.level)))
        .init();
    let function = Arc::new(build(&settings)?);
    let ready = make_ready(Arc::clone(&function));
    match function.connects() {
        // Before the first poll: an environment that is provisioned is frozen as soon as it polls.
        true => drop(tokio::join!(function.connect(), ready)),
        false => drop(tokio::spawn(ready)),
    }
    let handler = service_fn(move |event: LambdaEvent<Payload>| {
        let function = Arc::clone(&function);
        async move { answer(&function, event).await }
    });
    run_concurrent(handler)
        .await
        .map_err(|error| anyhow!(error))
}

/// Builds what the first event needs and the first poll does not, while the poll is under way. An event that comes before
/// that builds it itself.
async fn make_ready(function: Arc<Function>) {
    // Long enough for the poll to be sent; and where it was not, because the processor was somebody else's meanwhile, the
    // connection is opened, greeted and written to first.
    tokio::time::sleep(Duration::from_millis(1)).await;
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    let rules = function.usher.rules.rules.iter();
    for call in rules.flat_map(|rule| &rule.calls) {
        function.usher.services.prepare(call.operation).await;
    }
    function.compile_patterns();
    function.warm_up_functions();
}

/// An environment variable. What is no UTF-8 is kept as something that no setting allows, not taken for unset.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn settings() -> anyhow::Result<Settings> {
    Settings::read(variable).map_err(|bad| {
        let lines: Vec<String> = bad.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })
}

fn build(settings: &Settings) -> anyhow::Result<Function> {
    let rules = rules(settings)?;
    let config = from_environment(variable, settings.ca_bundle.as_deref())?;
    let ledger = match &settings.ledger_table {
        None => Ledger::in_memory(),
        Some(table) => Ledger::DynamoDb(ledger_table(&config, table)),
    };
    Ok(Function {
        usher: Usher {
            rules,
            services: Services::new(&config),
            ledger,
            concurrency: settings.concurrency,
            settle: false,
            single_sign_on: Default::default(),
        },
        margin: settings.margin,
        now: OffsetDateTime::now_utc,
        daemon: settings.daemon.map(|address| Arc::new(Daemon::at(address))),
    })
}

fn rules(settings: &Settings) -> anyhow::Result<Rules> {
    let path = rules_file(settings)?;
    let name = path.display().to_string();
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
    let (rules, warnings) = Rules::load(&name, &text)?;
    for warning in warnings {
        tracing::warn!(
            code = warning.code,
            line = warning.line,
            reason = warning.message,
            "rules"
        );
    }
    Ok(rules)
}

fn rules_file(settings: &Settings) -> anyhow::Result<PathBuf> {
    if let Some(path) = &settings.rules {
        return Ok(path.clone());
    }
    let layer = Path::new("/opt/usher.yaml");
    let beside = std::env::current_exe()?.with_file_name("usher.yaml");
    match [layer, &beside].into_iter().find(|place| place.is_file()) {
        Some(found) => Ok(found.to_owned()),
        None => bail!(
            "there is no rules file: neither {} nor {} exists, and USHER_RULES is not set",
            layer.display(),
            beside.display()
        ),
    }
}

/// What the runtime hands over, as it is. What is no JSON arrives too, so that it is answered and logged like anything
/// else that cannot be read. Lambda itself lets nothing but JSON through (API reference, Invoke), its stand-ins do.
struct Payload(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer).ok()))
    }
}

async fn answer(function: &Function, event: LambdaEvent<Payload>) -> Result<Value, Diagnostic> {
    let (Payload(payload), context) = event.into_parts();
    let deadline = OffsetDateTime::UNIX_EPOCH + Duration::from_millis(context.deadline);
    let attempt = attempt(&context.request_id);
    let request = Request {
        id: &context.request_id,
        attempt: &attempt,
        deadline,
        trace: context.xray_trace_id.as_deref(),
    };
    let answer = async {
        match payload {
            Some(payload) => function.answer(payload.into(), &request).await,
            None => {
                let problem =
                    Malformed::new(400, "malformed-json", "the payload is not JSON in UTF-8");
                Err(unreadable(&problem, &request))
            }
        }
    };
    // Left to itself, the runtime answers with the panic's text, which could repeat a value.
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(answer) => answer.map_err(|error| Diagnostic {
            error_type: error.kind.name().to_owned(),
            error_message: error.message,
        }),
        Err(_) => Err(Diagnostic {
            error_type: "Usher.Panic".to_owned(),
            error_message: "a bug in Usher; the log says where".to_owned(),
        }),
    }
}

/// A name for this attempt of an invocation: the id comes again when Lambda repeats one, the time and the process do not.
fn attempt(request_id: &str) -> String {
    let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
    format!("{request_id}/{}/{nanos}", std::process::id())
}
