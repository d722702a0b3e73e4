//! Who there is, what happens to them, and how everything should be at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use usher::emulator::{
    DataZoneDomain, DataZoneProfile, Details, Domain, Environment, KxUser, ProfileName,
    ProfileStatus, UserProfile, World,
};

use crate::queue::Message;
use crate::random::Random;

const ROLE: &str = "arn:aws:iam::111122223333:role/";

/// Every value that is written carries its event's number, so that the requests tell the order of the events; DataZone's
/// statuses cannot, but everyone joins once and leaves once.
pub const RULES: &str = include_str!("rules.yaml");

pub struct Story {
    people: Vec<Person>,
    pub events: Vec<Told>,
}

struct Person {
    name: String,
    lake_user: String,
    is_sso: bool,
    /// The number of the first event after they have left.
    leaves: u64,
}

/// One event, its wishes, and whether it can come true.
pub struct Told {
    pub id: String,
    pub number: u64,
    body: Value,
    pub wishes: Vec<Wish>,
    pub fate: Fate,
}

pub struct Wish {
    pub target: String,
    /// As [`rank`] reads it.
    pub value: String,
    /// A guard forbids it.
    pub forbidden: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Sound,
    /// A guard refuses one of its wishes, or its person does not exist: the dead-letter queue is where it belongs.
    Hopeless,
}

impl Story {
    pub fn new(events: u64, random: &mut Random) -> Self {
        let count = (events / 8).max(4);
        let people: Vec<Person> = (0..count)
            .map(|number| Person {
                name: format!("p-{number:04}"),
                lake_user: format!("00000000-0000-4000-8000-{number:012}"),
                is_sso: number % 2 == 0,
                leaves: 2 + random.below(10),
            })
            .collect();
        let mut numbers = vec![0_u64; people.len() + 1];
        let mut told = Vec::new();
        for _ in 0..events {
            let place = random.below(count + 1) as usize;
            numbers[place] += 1;
            let number = numbers[place];
            told.push(match people.get(place) {
                Some(person) => about(person, number, random),
                None => defaults(number),
            });
        }
        for number in 1..=(events / 100).max(2) {
            told.push(ghost(number));
        }
        Self {
            people,
            events: told,
        }
    }

    /// The events as messages: shuffled, some twice, each after a delay of its own; and some that are no events.
    pub fn messages(&self, spread: Duration, random: &mut Random) -> Vec<Message> {
        let mut bodies = Vec::new();
        for told in &self.events {
            for copy in 0..1 + u64::from(random.percent(15)) {
                bodies.push((format!("m-{}-{copy}", told.id), told.body.to_string()));
            }
        }
        for number in 0..2 {
            bodies.push((
                format!("m-nonsense-{number}"),
                "{\"source\": \"acme.hr\"".to_owned(),
            ));
        }
        random.shuffle(&mut bodies);
        let millis = u64::try_from(spread.as_millis()).expect("a spread of hours at most");
        let delayed =
            |(id, body)| Message::new(id, body, Duration::from_millis(random.below(millis + 1)));
        bodies.into_iter().map(delayed).collect()
    }

    /// The world before the first event.
    pub fn world(&self) -> World {
        let mut world = World::empty();
        let mut domain = Domain::default();
        domain
            .describe
            .default_user_settings
            .insert("ExecutionRole".to_owned(), json!(role("studio", 0)));
        let mut lake = DataZoneDomain::default();
        let mut kdb = Environment::default();
        for person in &self.people {
            let mut profile = UserProfile::default();
            profile
                .describe
                .user_settings
                .insert("ExecutionRole".to_owned(), json!(role("studio", 0)));
            domain
                .user_profiles
                .insert(ProfileName(person.name.clone()), profile);
            lake.user_profiles
                .insert(person.lake_user.clone(), person.profile());
            kdb.users.insert(
                person.name.clone(),
                KxUser {
                    iam_role: role("kdb", 0),
                },
            );
        }
        world.datazone.sso_millis = 5;
        world.sagemaker.domains.insert("d-chaos".to_owned(), domain);
        world.datazone.domains.insert("dzd-chaos".to_owned(), lake);
        world.finspace.environments.insert("kx1".to_owned(), kdb);
        world
    }

    /// How every target that somebody asked something of should be: as its newest event that may come true says.
    pub fn ending(&self) -> BTreeMap<String, String> {
        let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
        for told in &self.events {
            for wish in told.wishes.iter().filter(|wish| !wish.forbidden) {
                let found = newest.entry(wish.target.clone()).or_default();
                if told.number >= found.0 {
                    *found = (told.number, wish.value.clone());
                }
            }
        }
        newest
            .into_iter()
            .map(|(target, (_, value))| (target, value))
            .collect()
    }
}

impl Person {
    fn profile(&self) -> DataZoneProfile {
        let (status, details) = if self.is_sso {
            let username = self.name.clone();
            (
                ProfileStatus::NotAssigned,
                Details::Sso {
                    username,
                    first_name: None,
                    last_name: None,
                },
            )
        } else {
            let arn = role("person", 0) + &self.name;
            let details = Details::Iam {
                arn,
                principal_id: None,
                session_name: None,
                group_profile_id: None,
            };
            (ProfileStatus::Deactivated, details)
        };
        DataZoneProfile {
            status,
            details,
            hidden_until: None,
        }
    }

    fn status(&self, number: u64) -> &'static str {
        match (self.is_sso, number < self.leaves) {
            (true, true) => "ASSIGNED",
            (true, false) => "NOT_ASSIGNED",
            (false, true) => "ACTIVATED",
            (false, false) => "DEACTIVATED",
        }
    }
}

/// One thing or several about a person; now and then a role that nobody may have.
fn about(person: &Person, number: u64, random: &mut Random) -> Told {
    let which = 1 + random.below(7);
    let forbidden = which & 1 != 0 && random.percent(10);
    let name = &person.name;
    let mut detail = json!({"person": name});
    let mut wishes = Vec::new();
    let mut wish = |target: String, value: &str, forbidden| {
        wishes.push(Wish {
            target,
            value: value.to_owned(),
            forbidden,
        });
    };
    if which & 1 != 0 {
        let role = suffix(if forbidden { "root" } else { "studio" }, number);
        detail["studio"] = json!(role);
        wish(
            format!("sagemaker:user-profile/d-chaos/{name}"),
            &(ROLE.to_owned() + &role),
            forbidden,
        );
    }
    if which & 2 != 0 {
        detail["lake"] = json!(person.status(number));
        detail["lakeUser"] = json!(person.lake_user);
        let target = format!("datazone:user-profile/dzd-chaos/{}", person.lake_user);
        wish(target, person.status(number), false);
    }
    if which & 4 != 0 {
        let role = suffix("kdb", number);
        detail["kdb"] = json!(role);
        wish(
            format!("finspace:kx-user/kx1/{name}"),
            &(ROLE.to_owned() + &role),
            false,
        );
    }
    let fate = if forbidden {
        Fate::Hopeless
    } else {
        Fate::Sound
    };
    told(format!("{name}-{number}"), number, detail, wishes, fate)
}

fn defaults(number: u64) -> Told {
    let wish = Wish {
        target: "sagemaker:domain/d-chaos".to_owned(),
        value: role("studio", number),
        forbidden: false,
    };
    let detail = json!({"defaults": suffix("studio", number)});
    told(
        format!("defaults-{number}"),
        number,
        detail,
        vec![wish],
        Fate::Sound,
    )
}

/// An event about nobody that there is.
fn ghost(number: u64) -> Told {
    let detail = json!({"person": format!("ghost-{number}"), "studio": suffix("studio", number)});
    told(
        format!("ghost-{number}"),
        number,
        detail,
        Vec::new(),
        Fate::Hopeless,
    )
}

fn told(id: String, number: u64, mut detail: Value, wishes: Vec<Wish>, fate: Fate) -> Told {
    let second = i64::try_from(number).expect("few events");
    let at = OffsetDateTime::from_unix_timestamp(1_791_043_200 + second)
        .expect("a time in this century");
    detail["effectiveAt"] = json!(at.format(&Rfc3339).expect("it has a form"));
    let body = json!({
        "version": "0",
        "id": id,
        "source": "acme.hr",
        "detail-type": "Person Moved",
        "account": "111122223333",
        "region": "eu-central-1",
        "time": "2026-10-01T00:00:00Z",
        "resources": [],
        "detail": detail,
    });
    Told {
        id,
        number,
        body,
        wishes,
        fate,
    }
}

fn suffix(kind: &str, number: u64) -> String {
    format!("{kind}-{number:05}")
}

fn role(kind: &str, number: u64) -> String {
    format!("{ROLE}{}", suffix(kind, number))
}
