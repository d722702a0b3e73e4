//! Usher and an emulator, as a test needs them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use usher::apply::{Deadline, Invocation, Usher};
use usher::aws::{Place, Services, configure};
use usher::emulator::{Emulator, Options, Request, World};
use usher::event::{Defaults, Event};
use usher::ledger::Ledger;
use usher::plan::Plan;
use usher::report::{ChangeReport, Report};
use usher::rules::Rules;

pub const DOMAIN: &str = "d-abc123def456";
pub const JANE_AT_LAKE: &str = "3f2a9c64-1d7e-4b85-9a0f-6c5d2e8b7a10";

/// Long enough for all retries on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// One rule for each call, which sets what the event says.
pub const AS_THE_EVENT_SAYS: &str = r#"
version: 1
guards:
  roles: ["arn:aws:iam::111122223333:role/*"]
  protected: ["sagemaker:user-profile/*/admin-*"]
rules:
  - name: profile
    when: {source: [acme.hr], detail: {settings: [{exists: true}, {exists: false}], profile: [{exists: true}]}}
    at: "{% detail.at %}"
    do:
      - call: sagemaker:UpdateUserProfile
        with: {DomainId: d-abc123def456, UserProfileName: "{% detail.profile %}", UserSettings: "{% detail.settings %}"}
  - name: domain
    when: {source: [acme.hr], detail: {domain: [{exists: true}]}}
    at: "{% detail.at %}"
    do:
      - call: sagemaker:UpdateDomain
        with:
          DomainId: "{% detail.domain %}"
          DefaultUserSettings: "{% detail.userDefaults %}"
          DefaultSpaceSettings: "{% detail.spaceDefaults %}"
          DomainSettingsForUpdate: "{% detail.domainSettings %}"
          TagPropagation: "{% detail.tags %}"
          AppNetworkAccessType: "{% detail.network %}"
          SubnetIds: "{% detail.subnets %}"
  - name: lake
    when: {source: [acme.hr], detail: {lakeUser: [{exists: true}]}}
    at: "{% detail.at %}"
    do:
      - call: datazone:UpdateUserProfile
        with: {domainIdentifier: dzd_4rv6k2, userIdentifier: "{% detail.lakeUser %}", status: "{% detail.status %}"}
  - name: kdb
    when: {source: [acme.hr], detail: {kxUser: [{exists: true}]}}
    at: "{% detail.at %}"
    do:
      - call: finspace:UpdateKxUser
        with: {environmentId: kx1, userName: "{% detail.kxUser %}", iamRole: "{% detail.role %}", clientToken: "{% detail.token %}"}
"#;

/// The members that an event for [`AS_THE_EVENT_SAYS`] need not have.
const OPTIONAL: [&str; 8] = [
    "settings",
    "userDefaults",
    "spaceDefaults",
    "domainSettings",
    "tags",
    "network",
    "subnets",
    "token",
];

pub struct Desk {
    pub emulator: Emulator,
    pub usher: Usher,
    invocations: AtomicU32,
}

impl Desk {
    pub async fn new(rules: &str, world: World) -> Self {
        Self::with(rules, world, Options::default()).await
    }

    pub async fn with(rules: &str, world: World, options: Options) -> Self {
        let emulator = Emulator::start(world, options).await.expect("a free port");
        let config = configure(Place::Emulator(&emulator.endpoint()))
            .await
            .expect("the emulator needs no region");
        let usher = Usher {
            rules: rules_of(rules),
            services: Services::new(&config),
            ledger: Ledger::in_memory(),
            concurrency: 8,
            settle: false,
            single_sign_on: Default::default(),
        };
        Self {
            emulator,
            usher,
            invocations: AtomicU32::new(0),
        }
    }

    pub async fn apply(&self, events: &[Event]) -> Vec<Report> {
        self.apply_within(LONG, events).await
    }

    pub async fn apply_within(&self, time: Duration, events: &[Event]) -> Vec<Report> {
        let number = self.invocations.fetch_add(1, Ordering::Relaxed);
        let invocation = Invocation {
            id: &format!("attempt-{number}"),
            deadline: Deadline::after(time),
            now: &OffsetDateTime::now_utc,
        };
        let reports = self.usher.apply(events, &invocation).await;
        assert_eq!(
            reports.len(),
            events.len(),
            "every event has its own report"
        );
        reports
    }

    /// The only change of the only report.
    pub async fn change(&self, event: Event) -> (Report, ChangeReport) {
        let mut reports = self.apply(&[event]).await;
        let report = reports.remove(0);
        let change = report.changes.first().expect("a change").clone();
        assert_eq!(report.changes.len(), 1);
        (report, change)
    }

    pub async fn plan(&self, events: &[Event]) -> Vec<Plan> {
        self.usher.plan(events, Deadline::after(LONG)).await
    }

    /// Somebody else gives jane-doe this role once so many writes have arrived.
    pub async fn meanwhile(&self, writes: usize, role: &str) {
        while self.writes().len() < writes {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let config = configure(Place::Emulator(&self.emulator.endpoint()))
            .await
            .expect("a region");
        let call = aws_sdk_finspace::Client::new(config.sdk()).update_kx_user();
        let call = call.environment_id("kx1").user_name("jane-doe");
        let call = call.iam_role(role_arn(role));
        call.send().await.expect("an update");
    }

    pub fn writes(&self) -> Vec<Request> {
        let mut requests = self.emulator.requests();
        requests.retain(|request| request.operation.starts_with("Update"));
        requests
    }

    pub fn reads(&self) -> usize {
        self.emulator.requests().len() - self.writes().len()
    }

    pub fn settings_of(&self, profile: &str) -> Value {
        let world = serde_json::to_value(self.emulator.world()).expect("a world is JSON");
        world["sagemaker"]["domains"][DOMAIN]["userProfiles"][profile]["describe"]["UserSettings"]
            .clone()
    }

    pub fn kx_role(&self, user: &str) -> String {
        self.emulator.world().finspace.environments["kx1"].users[user]
            .iam_role
            .clone()
    }
}

pub fn rules_of(text: &str) -> Rules {
    match Rules::load("usher.yaml", text) {
        Ok((rules, _)) => rules,
        Err(problems) => panic!("{problems}"),
    }
}

pub fn taken(document: Value) -> Event {
    let defaults = Defaults {
        id: "no-id",
        time: OffsetDateTime::UNIX_EPOCH,
    };
    Event::from_json(document, &defaults).expect("a sound event")
}

/// One of the repository's own events.
pub fn file(name: &str) -> Event {
    let path = format!("{}/events/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("an event file");
    taken(serde_json::from_str(&text).expect("JSON"))
}

/// An event for [`AS_THE_EVENT_SAYS`], of the given second.
pub fn event(id: &str, second: u32, mut detail: Value) -> Event {
    let at = format!("2026-03-02T07:{:02}:{:02}Z", second / 60, second % 60);
    detail["at"] = at.clone().into();
    // An expression that yields nothing is an error; one that yields null leaves the member alone.
    for name in OPTIONAL {
        if detail.get(name).is_none() {
            detail[name] = Value::Null;
        }
    }
    taken(
        json!({"id": id, "source": "acme.hr", "detail-type": "Test", "time": at, "detail": detail}),
    )
}

pub fn jane(id: &str, second: u32, settings: Value) -> Event {
    event(
        id,
        second,
        json!({"profile": "jane-doe", "settings": settings}),
    )
}

pub fn kx(id: &str, second: u32, role: &str) -> Event {
    event(
        id,
        second,
        json!({"kxUser": "jane-doe", "role": role_arn(role)}),
    )
}

pub fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

/// A world from JSON merged over the sample.
pub fn sample_with(change: impl FnOnce(&mut Value)) -> World {
    let mut world = serde_json::to_value(World::sample()).expect("a world is JSON");
    change(&mut world);
    let text = serde_json::to_vec(&world).expect("JSON");
    World::from_json(&text).unwrap_or_else(|error| panic!("{error}"))
}
