//! Every member of every settings structure: event → SDK → wire → described → compared.

use std::collections::BTreeSet;

use aws_sdk_sagemaker::operation::update_domain::UpdateDomainInput;
use aws_sdk_sagemaker::operation::update_user_profile::UpdateUserProfileInput;
use aws_smithy_schema::serde::{SerdeError, ShapeDeserializer};
use aws_smithy_schema::{Schema, ShapeType};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document};
use serde_json::{Map, Value, json};
use usher::api::{Kind, Operation, Shape};
use usher::emulator::World;
use usher::report::Outcome;

use crate::support::{DOMAIN, Desk, sample_with, taken};
use crate::values::whole;

/// Gives every shape that it is asked for all of its members, and notes their paths. A union has one at a time: another in
/// each round.
#[derive(Default)]
struct Walker {
    round: usize,
    path: Vec<String>,
    found: BTreeSet<String>,
}

type Read<'a, 'b> = &'a mut dyn FnMut(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>;

impl Walker {
    fn step(&mut self, name: &str, read: Read<'_, '_>) -> Result<(), SerdeError> {
        self.path.push(name.to_owned());
        self.found.insert(self.path.join("."));
        let result = read(self);
        self.path.pop();
        result
    }
}

impl ShapeDeserializer for Walker {
    fn read_struct(
        &mut self,
        schema: &Schema<'_>,
        state: &mut dyn FnMut(&Schema<'_>, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let union = schema.shape_type() == ShapeType::Union;
        let members = schema.members();
        for (place, member) in members.iter().enumerate() {
            if union && place != self.round % members.len() {
                continue;
            }
            let name = member.member_name().unwrap_or_default().to_owned();
            self.step(&name, &mut |reader| state(member, reader))?;
        }
        Ok(())
    }

    fn read_list(&mut self, _: &Schema<'_>, state: Read<'_, '_>) -> Result<(), SerdeError> {
        state(self)
    }

    fn read_map(
        &mut self,
        _: &Schema<'_>,
        state: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        state("key".to_owned(), self)
    }

    fn read_boolean(&mut self, _: &Schema<'_>) -> Result<bool, SerdeError> {
        Ok(true)
    }

    fn read_byte(&mut self, _: &Schema<'_>) -> Result<i8, SerdeError> {
        Ok(1)
    }

    fn read_short(&mut self, _: &Schema<'_>) -> Result<i16, SerdeError> {
        Ok(1)
    }

    fn read_integer(&mut self, _: &Schema<'_>) -> Result<i32, SerdeError> {
        Ok(1)
    }

    fn read_long(&mut self, _: &Schema<'_>) -> Result<i64, SerdeError> {
        Ok(1)
    }

    fn read_float(&mut self, _: &Schema<'_>) -> Result<f32, SerdeError> {
        Ok(1.0)
    }

    fn read_double(&mut self, _: &Schema<'_>) -> Result<f64, SerdeError> {
        Ok(1.0)
    }

    fn read_big_integer(&mut self, _: &Schema<'_>) -> Result<BigInteger, SerdeError> {
        Err(SerdeError::custom("no member is one"))
    }

    fn read_big_decimal(&mut self, _: &Schema<'_>) -> Result<BigDecimal, SerdeError> {
        Err(SerdeError::custom("no member is one"))
    }

    fn read_string(&mut self, _: &Schema<'_>) -> Result<String, SerdeError> {
        Ok("x".to_owned())
    }

    fn read_blob(&mut self, _: &Schema<'_>) -> Result<Blob, SerdeError> {
        Ok(Blob::new(*b"x"))
    }

    fn read_timestamp(&mut self, _: &Schema<'_>) -> Result<DateTime, SerdeError> {
        Ok(DateTime::from_secs(1))
    }

    fn read_document(&mut self, _: &Schema<'_>) -> Result<Document, SerdeError> {
        Ok(Document::Null)
    }

    fn is_null(&self) -> bool {
        false
    }

    fn container_size(&self) -> Option<usize> {
        None
    }
}

/// The paths of all members that the model knows.
fn paths(shape: Shape, path: &str, found: &mut BTreeSet<String>) {
    match shape.kind() {
        Kind::Structure { members, .. } => {
            for member in members.members() {
                let path = match path {
                    "" => member.name.to_owned(),
                    path => format!("{path}.{}", member.name),
                };
                paths(member.shape, &path, found);
                found.insert(path);
            }
        }
        Kind::List { item, .. } => paths(item, path, found),
        Kind::Map { value, .. } => paths(value, path, found),
        Kind::String { .. } | Kind::Integer { .. } => {}
    }
}

fn assert_same_members(
    operation: Operation,
    read: impl Fn(&mut dyn ShapeDeserializer) -> Result<(), SerdeError>,
) {
    let mut walker = Walker::default();
    // More than any union has members.
    for round in 0..12 {
        walker.round = round;
        read(&mut walker).expect("the SDK takes what its own schemas say");
    }
    let mut known = BTreeSet::new();
    paths(operation.input(), "", &mut known);
    let only_sdk: Vec<_> = walker.found.difference(&known).collect();
    let only_model: Vec<_> = known.difference(&walker.found).collect();
    assert!(
        only_sdk.is_empty() && only_model.is_empty(),
        "run tools/api-models.py again, or update the SDK: only in the SDK {only_sdk:?}, only in the model {only_model:?}"
    );
    assert!(known.len() > 100);
}

#[test]
fn the_sdk_and_the_model_have_the_same_members_of_update_user_profile() {
    assert_same_members(Operation::SageMakerUpdateUserProfile, |reader| {
        UpdateUserProfileInput::deserialize(reader).map(drop)
    });
}

#[test]
fn the_sdk_and_the_model_have_the_same_members_of_update_domain() {
    assert_same_members(Operation::SageMakerUpdateDomain, |reader| {
        UpdateDomainInput::deserialize(reader).map(drop)
    });
}

/// Rules that make one call with these arguments, whatever the event.
fn rules(call: &str, arguments: &Value) -> String {
    json!({
        "version": 1,
        "rules": [{
            "name": "whole",
            "when": {"source": ["acme.hr"]},
            "do": [{"call": call, "with": arguments}],
        }],
    })
    .to_string()
}

/// Applies `arguments`, member by member and then whole; each time they are sent, described and compared as they are.
async fn round_trip(call: &str, identity: Value, rest: &Map<String, Value>, world: World) -> Desk {
    let mut arguments = identity.as_object().expect("an object").clone();
    arguments.extend(rest.clone());
    let desk = Desk::new(&rules(call, &arguments.clone().into()), world).await;
    let event = || taken(json!({"id": "1", "source": "acme.hr", "detail-type": "x", "detail": {}}));
    let (_, change) = desk.change(event()).await;
    let why = change.error.map(|error| error.message).unwrap_or_default();
    assert_eq!(change.outcome, Outcome::Updated, "{why}");
    assert_eq!(
        desk.writes()[0].input,
        Value::Object(arguments),
        "sent as they were written"
    );
    let (_, change) = desk.change(event()).await;
    assert_eq!(change.outcome, Outcome::Unchanged, "{:?}", change.members);
    assert_eq!(desk.writes().len(), 1);
    let plan = desk.plan(&[event()]).await;
    assert!(plan[0].changes[0].members.is_empty());
    desk
}

fn empty_domain() -> World {
    sample_with(|world| {
        let domain = &mut world["sagemaker"]["domains"][DOMAIN];
        domain["describe"] =
            json!({"Status": "InService", "AppNetworkAccessType": "PublicInternetOnly"});
        domain["userProfiles"]["jane-doe"]["describe"] = json!({"Status": "InService"});
    })
}

fn member(operation: Operation, name: &str) -> Value {
    let members = operation.input();
    whole(members.member(name).expect("a member").shape)
}

#[tokio::test]
async fn every_member_of_user_settings_makes_the_round_trip() {
    let settings = member(Operation::SageMakerUpdateUserProfile, "UserSettings");
    let identity = json!({"DomainId": DOMAIN, "UserProfileName": "jane-doe"});
    let rest = Map::from_iter([("UserSettings".to_owned(), settings.clone())]);
    let call = "sagemaker:UpdateUserProfile";
    let desk = round_trip(call, identity.clone(), &rest, empty_domain()).await;
    assert_eq!(desk.settings_of("jane-doe"), settings);
    for (name, value) in settings.as_object().expect("an object") {
        let rest = Map::from_iter([("UserSettings".to_owned(), json!({name: value}))]);
        let desk = round_trip(call, identity.clone(), &rest, empty_domain()).await;
        assert_eq!(desk.settings_of("jane-doe"), json!({name: value}));
    }
}

#[tokio::test]
async fn every_member_of_update_domain_makes_the_round_trip() {
    let operation = Operation::SageMakerUpdateDomain;
    let call = operation.name();
    let identity = json!({"DomainId": DOMAIN});
    let Value::Object(mut all) = whole(operation.input()) else {
        panic!("an input is a structure");
    };
    all.remove("DomainId");
    // The network cannot be changed together with RStudio.
    let network: Map<_, _> = ["AppNetworkAccessType", "VpcId", "SubnetIds"]
        .into_iter()
        .map(|name| (name.to_owned(), all.remove(name).expect(name)))
        .collect();
    let mut vpc_only = network;
    vpc_only.insert("AppNetworkAccessType".to_owned(), "VpcOnly".into());
    round_trip(call, identity.clone(), &vpc_only, empty_domain()).await;

    let desk = round_trip(call, identity, &all, empty_domain()).await;
    let world = serde_json::to_value(desk.emulator.world()).expect("JSON");
    let described = &world["sagemaker"]["domains"][DOMAIN]["describe"];
    for name in [
        "DefaultUserSettings",
        "DefaultSpaceSettings",
        "TagPropagation",
    ] {
        assert_eq!(described[name], all[name], "{name}");
    }
}

#[tokio::test]
async fn every_member_of_the_domains_settings_makes_the_round_trip_alone() {
    let operation = Operation::SageMakerUpdateDomain;
    for settings in operation.settings() {
        let all = member(operation, settings);
        for (name, value) in all.as_object().expect("an object") {
            let rest = Map::from_iter([((*settings).to_owned(), json!({name: value}))]);
            // The landing page needs the portal.
            let needs_portal = name == "DefaultLandingUri" || name == "StudioWebPortal";
            if !needs_portal {
                round_trip(
                    operation.name(),
                    json!({"DomainId": DOMAIN}),
                    &rest,
                    empty_domain(),
                )
                .await;
            }
        }
    }
}

#[tokio::test]
async fn every_member_of_the_data_zone_and_fin_space_calls_is_sent() {
    let session = "arn:aws:iam::111122223333:role/analyst";
    let world = || {
        sample_with(|world| {
            world["datazone"]["domains"]["dzd_4rv6k2"]["userProfiles"]["00000000-0000-4000-8000-000000000001"] = json!({
                "status": "ACTIVATED",
                "details": {"iam": {"arn": session, "sessionName": "jane"}},
            });
        })
    };
    let data_zone = json!({
        "domainIdentifier": "dzd_4rv6k2",
        "userIdentifier": session,
        "type": "IAM",
        "status": "DEACTIVATED",
        "sessionName": "jane",
    });
    let fin_space = json!({
        "environmentId": "kx1",
        "userName": "jane-doe",
        "iamRole": "arn:aws:iam::111122223333:role/kdb-rates",
        "clientToken": "ticket-4711",
    });
    for (operation, arguments) in [
        (Operation::DataZoneUpdateUserProfile, data_zone),
        (Operation::FinSpaceUpdateKxUser, fin_space),
    ] {
        let given = arguments.as_object().expect("an object");
        for member in operation.input().members() {
            assert!(
                given.contains_key(member.name),
                "{} is new: add it",
                member.name
            );
        }
        round_trip(operation.name(), json!({}), given, world()).await;
    }
}
