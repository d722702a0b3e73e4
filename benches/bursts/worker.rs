//! One process: 8 workers that take people from the queue until there are none. Prints for how many it failed.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_sagemaker::types::{NotebookOutputOption, SharingSettings, UserSettings};
use serde_json::json;
use time::OffsetDateTime;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use usher::apply::{Deadline, Invocation, Usher};
use usher::aws::{Configuration, Place, Services, configure};
use usher::emulator::{Emulator, Options, World};
use usher::event::{Defaults, Event};
use usher::ledger::Ledger;
use usher::report::{Disposition, Report};
use usher::rules::Rules;

use super::{DOMAIN, WORKERS};

/// An invocation of Lambda has 15 minutes at most.
const TIME: Duration = Duration::from_secs(900);

const RULES: &str = r#"
version: 1
rules:
  - name: studio
    when: {source: [acme.hr]}
    do:
      - call: sagemaker:UpdateUserProfile
        with: {DomainId: d-abc123def456, UserProfileName: "{% detail.person %}", UserSettings: {SharingSettings: {NotebookOutputOption: Allowed}}}
  - name: everywhere
    when: {source: [acme.hr], detail-type: [Moved]}
    do:
      - call: datazone:UpdateUserProfile
        with: {domainIdentifier: dzd_4rv6k2, userIdentifier: "{% detail.user %}", status: NOT_ASSIGNED}
      - call: finspace:UpdateKxUser
        with: {environmentId: kx1, userName: "{% detail.person %}", iamRole: "arn:aws:iam::111122223333:role/kdb-rates"}
"#;

/// What makes the two calls.
enum Maker {
    Usher(Box<Usher>),
    Sdk(aws_sdk_sagemaker::Client),
}

pub async fn run(arguments: &[String]) -> Result<(), String> {
    let [name, endpoint, queue] = arguments else {
        return Err("worker NAME ENDPOINT QUEUE".to_owned());
    };
    let config = configuration(endpoint).await?;
    let maker = match name.as_str() {
        "usher" => Maker::Usher(Box::new(usher(&config)?)),
        "sdk-standard" => sdk(&config, RetryConfig::standard()),
        "sdk-adaptive" => sdk(&config, RetryConfig::adaptive()),
        _ => return Err(format!("there is no {name}")),
    };
    let maker = Arc::new(maker);
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| tokio::spawn(work(Arc::clone(&maker), queue.clone())))
        .collect();
    let mut failed = 0;
    for worker in workers {
        failed += worker.await.map_err(|error| error.to_string())??;
    }
    println!("{failed}");
    Ok(())
}

async fn configuration(endpoint: &str) -> Result<Configuration, String> {
    let config = configure(Place::Emulator(endpoint)).await;
    config.map_err(|error| error.to_string())
}

fn usher(config: &Configuration) -> Result<Usher, String> {
    let (rules, _) = Rules::load("usher.yaml", RULES).map_err(|problems| problems.to_string())?;
    Ok(Usher {
        rules,
        services: Services::new(config),
        ledger: Ledger::in_memory(),
        concurrency: WORKERS,
        settle: false,
        single_sign_on: Default::default(),
    })
}

/// The SDK as it is, but with as many attempts as it takes to go on for long.
fn sdk(config: &Configuration, retries: RetryConfig) -> Maker {
    let retries = retries.with_max_attempts(10);
    let config = config
        .sdk()
        .clone()
        .into_builder()
        .retry_config(retries)
        .build();
    Maker::Sdk(aws_sdk_sagemaker::Client::new(&config))
}

async fn work(maker: Arc<Maker>, queue: String) -> Result<usize, String> {
    let stream = TcpStream::connect(queue).await;
    let mut stream = BufReader::new(stream.map_err(|error| error.to_string())?);
    let mut failed = 0;
    loop {
        let mut person = String::new();
        let asked = async {
            stream.write_all(b"\n").await?;
            stream.read_line(&mut person).await
        };
        asked.await.map_err(|error| error.to_string())?;
        let person = person.trim();
        if person.is_empty() {
            return Ok(failed);
        }
        failed += usize::from(!maker.serve(person).await);
    }
}

impl Maker {
    async fn serve(&self, person: &str) -> bool {
        match self {
            Self::Usher(usher) => {
                let reports = usher
                    .apply(&[event(person, "Hired", person)], &invocation(person))
                    .await;
                let done = |report: &Report| report.disposition == Disposition::Done;
                let failed = reports.iter().find(|report| !done(report));
                if let Some(failed) = failed {
                    eprintln!("{}", json!(failed));
                }
                failed.is_none()
            }
            Self::Sdk(client) => {
                let read = client.describe_user_profile().domain_id(DOMAIN);
                if read.user_profile_name(person).send().await.is_err() {
                    return false;
                }
                let sharing = SharingSettings::builder()
                    .notebook_output_option(NotebookOutputOption::Allowed)
                    .build();
                let settings = UserSettings::builder().sharing_settings(sharing);
                let write = client
                    .update_user_profile()
                    .domain_id(DOMAIN)
                    .user_profile_name(person);
                write.user_settings(settings.build()).send().await.is_ok()
            }
        }
    }
}

fn event(person: &str, kind: &str, id: &str) -> Event {
    let document = json!({"id": id, "source": "acme.hr", "detail-type": kind, "time": "2026-03-02T07:00:00Z",
        "detail": {"person": person, "user": "3f2a9c64-1d7e-4b85-9a0f-6c5d2e8b7a10"}});
    let defaults = Defaults {
        id,
        time: OffsetDateTime::UNIX_EPOCH,
    };
    Event::from_json(document, &defaults).expect("an event")
}

fn invocation(id: &str) -> Invocation<'_> {
    Invocation {
        id,
        deadline: Deadline::after(TIME),
        now: &OffsetDateTime::now_utc,
    }
}

/// 10 events for one person, in one invocation.
pub async fn coalescing() -> Result<(), String> {
    let emulator = Emulator::start(World::sample(), Options::default()).await;
    let emulator = emulator.map_err(|error| error.to_string())?;
    let usher = usher(&configuration(&emulator.endpoint()).await?)?;
    let ids: Vec<String> = (0..10).map(|nth| format!("event-{nth}")).collect();
    let events: Vec<Event> = ids
        .iter()
        .map(|id| event("jane-doe", "Moved", id))
        .collect();
    usher.apply(&events, &invocation("coalescing")).await;
    println!("\n10 events for one person, three targets each, in one invocation:");
    for request in emulator.requests() {
        println!("- {}", request.call());
    }
    Ok(())
}
