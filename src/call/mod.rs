//! A call: what it changes ([`Target`]), and its arguments decoded into the SDK's own input type ([`Input`]).

mod decode;
mod encode;

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_sdk_datazone::operation::update_user_profile::UpdateUserProfileInput as DataZoneInput;
#[cfg(feature = "finspace")]
use aws_sdk_finspace::operation::update_kx_user::UpdateKxUserInput;
use aws_sdk_sagemaker::operation::update_domain::UpdateDomainInput;
use aws_sdk_sagemaker::operation::update_user_profile::UpdateUserProfileInput;
use serde_json::{Map, Value};

use crate::api::Operation;
use crate::rules::target_kind;

pub use decode::{DecodeError, decode, received};
pub use encode::encode;

/// What a call changes. Its `Display` is what reports, guards and the ledger know it by:
/// `sagemaker:user-profile/d-abc/jane-doe`. A clone shares everything with it, and all is small: a batch can have 30,000.
#[derive(Clone)]
pub struct Target(Arc<Names>);

struct Names {
    name: Box<str>,
    /// Where it is not the name.
    key: Option<Box<str>>,
    /// The first identity member begins after the kind and has this length; the second is the rest.
    container: u32,
    operation: Operation,
}

impl Target {
    /// The target of `operation` whose identity members, in [`Operation::identity`]'s order, are these.
    pub fn new(operation: Operation, identity: &[String]) -> Self {
        let name = named(operation, identity);
        // SageMaker's user profile names are case-insensitive (API reference, CreateUserProfile).
        let key = match operation {
            Operation::SageMakerUpdateUserProfile => Some(name.to_lowercase()),
            Operation::SageMakerUpdateDomain
            | Operation::DataZoneUpdateUserProfile
            | Operation::FinSpaceUpdateKxUser => None,
        };
        let container = identity.first().map_or(0, String::len);
        Self(Arc::new(Names {
            operation,
            // No API takes a name of 4 GB.
            container: u32::try_from(container).unwrap_or(u32::MAX),
            key: key.filter(|key| *key != name).map(String::into_boxed_str),
            name: name.into_boxed_str(),
        }))
    }

    /// The operation that changes it.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// As its identity members spell it: what `Display` shows.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its identity members with their values.
    pub fn identity(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let values = [self.container(), self.user()];
        self.operation().identity().iter().copied().zip(values)
    }

    /// The name under which the service knows it to be one thing, whatever case a rule wrote.
    pub fn key(&self) -> &str {
        self.0.key.as_deref().unwrap_or(&self.0.name)
    }

    /// The domain or environment that it is in, or is.
    pub fn container(&self) -> &str {
        self.parts().0
    }

    /// The user within the domain or environment; empty for a domain.
    pub fn user(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let Names {
            operation,
            container,
            name,
            ..
        } = &*self.0;
        let parts = name.get(target_kind(*operation).len() + 1..);
        let container = usize::try_from(*container).unwrap_or(usize::MAX);
        let parts = parts.and_then(|parts| parts.split_at_checked(container));
        let (container, rest) = parts.unwrap_or_default();
        (container, rest.strip_prefix('/').unwrap_or_default())
    }

    /// The name that the same target has under another identifier of its user.
    pub fn alias(&self, user: &str) -> String {
        let identity = [self.container().to_owned(), user.to_owned()];
        named(self.operation(), &identity)
    }
}

fn named(operation: Operation, identity: &[String]) -> String {
    let mut name = target_kind(operation).to_owned();
    for part in identity {
        name.push('/');
        name.push_str(part);
    }
    name
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Target {}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// A call's arguments as the SDK takes them. There is no `Debug`: they are about people.
#[derive(Clone)]
pub enum Input {
    UserProfile(Box<UpdateUserProfileInput>),
    Domain(Box<UpdateDomainInput>),
    DataZoneProfile(Box<DataZoneInput>),
    #[cfg(feature = "finspace")]
    KxUser(Box<UpdateKxUserInput>),
}

impl Input {
    /// What it is the input of.
    pub fn operation(&self) -> Operation {
        match self {
            Self::UserProfile(_) => Operation::SageMakerUpdateUserProfile,
            Self::Domain(_) => Operation::SageMakerUpdateDomain,
            Self::DataZoneProfile(_) => Operation::DataZoneUpdateUserProfile,
            #[cfg(feature = "finspace")]
            Self::KxUser(_) => Operation::FinSpaceUpdateKxUser,
        }
    }

    /// Decodes the arguments of `operation`.
    ///
    /// # Errors
    /// At the first member that is unknown, missing or of another type than the SDK's.
    pub fn decode(operation: Operation, arguments: &Value) -> Result<Self, DecodeError> {
        match operation {
            Operation::SageMakerUpdateUserProfile => decode(arguments, |reader| {
                UpdateUserProfileInput::deserialize(reader)
            })
            .map(|input| Self::UserProfile(Box::new(input))),
            Operation::SageMakerUpdateDomain => {
                decode(arguments, |reader| UpdateDomainInput::deserialize(reader))
                    .map(|input| Self::Domain(Box::new(input)))
            }
            Operation::DataZoneUpdateUserProfile => data_zone_profile(arguments),
            Operation::FinSpaceUpdateKxUser => kx_user(arguments),
        }
    }
}

// DataZone's and FinSpace's crates have no public schemas yet; their inputs are a few strings.

fn data_zone_profile(arguments: &Value) -> Result<Input, DecodeError> {
    let mut members = Strings::of(arguments)?;
    let input = DataZoneInput::builder()
        .set_domain_identifier(members.take("domainIdentifier")?)
        .set_user_identifier(members.take("userIdentifier")?)
        .set_type(members.take("type")?.map(|kind| kind.as_str().into()))
        .set_status(members.take("status")?.map(|status| status.as_str().into()))
        .set_session_name(members.take("sessionName")?)
        .build();
    members.end()?;
    input
        .map(|input| Input::DataZoneProfile(Box::new(input)))
        .map_err(unbuildable)
}

#[cfg(feature = "finspace")]
fn kx_user(arguments: &Value) -> Result<Input, DecodeError> {
    let mut members = Strings::of(arguments)?;
    let input = UpdateKxUserInput::builder()
        .set_environment_id(members.take("environmentId")?)
        .set_user_name(members.take("userName")?)
        .set_iam_role(members.take("iamRole")?)
        .set_client_token(members.take("clientToken")?)
        .build();
    members.end()?;
    input
        .map(|input| Input::KxUser(Box::new(input)))
        .map_err(unbuildable)
}

#[cfg(not(feature = "finspace"))]
fn kx_user(_arguments: &Value) -> Result<Input, DecodeError> {
    Err(DecodeError {
        path: Vec::new(),
        message: "this build has no FinSpace; build it with the feature `finspace`".to_owned(),
    })
}

fn unbuildable(error: impl fmt::Display) -> DecodeError {
    DecodeError {
        path: Vec::new(),
        message: error.to_string(),
    }
}

/// An object whose members are strings, each to be taken once.
struct Strings<'a> {
    members: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Strings<'a> {
    fn of(arguments: &'a Value) -> Result<Self, DecodeError> {
        let members = arguments.as_object().ok_or_else(|| DecodeError {
            path: Vec::new(),
            message: "expected an object".to_owned(),
        })?;
        Ok(Self {
            members,
            taken: Vec::new(),
        })
    }

    fn take(&mut self, name: &'static str) -> Result<Option<String>, DecodeError> {
        self.taken.push(name);
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(DecodeError {
                path: vec![name.into()],
                message: "expected a string".to_owned(),
            }),
        }
    }

    fn end(self) -> Result<(), DecodeError> {
        let unknown = self
            .members
            .keys()
            .find(|name| !self.taken.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| {
            Err(DecodeError {
                path: vec![name.as_str().into()],
                message: "unknown member".to_owned(),
            })
        })
    }
}

/// SageMaker arguments as the SDK's types hold them, in JSON again: numbers, member order and enumerations are then
/// written as those of an observed target are, and the two can be compared.
///
/// # Errors
/// As [`Input::decode`].
pub fn canonical(operation: Operation, arguments: &Value) -> Result<Cow<'_, Value>, DecodeError> {
    let encoded = match Input::decode(operation, arguments)? {
        Input::UserProfile(input) => encode(input.as_ref()),
        Input::Domain(input) => encode(input.as_ref()),
        Input::DataZoneProfile(_) => return Ok(Cow::Borrowed(arguments)),
        #[cfg(feature = "finspace")]
        Input::KxUser(_) => return Ok(Cow::Borrowed(arguments)),
    };
    encoded.map(Cow::Owned).map_err(unbuildable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(operation: Operation, identity: &[&str]) -> Target {
        let identity: Vec<String> = identity.iter().map(ToString::to_string).collect();
        Target::new(operation, &identity)
    }

    #[test]
    fn a_target_knows_the_members_that_name_it_whatever_they_hold() {
        for (container, user) in [
            ("d-1", "jane"),
            ("d/1", "jane/doe"),
            ("", ""),
            ("d-ü", "Ü/"),
        ] {
            let operation = Operation::SageMakerUpdateUserProfile;
            let target = target(operation, &[container, user]);
            assert_eq!((target.container(), target.user()), (container, user));
            let identity: Vec<_> = target.identity().collect();
            assert_eq!(
                identity,
                [("DomainId", container), ("UserProfileName", user)]
            );
        }
        let domain = target(Operation::SageMakerUpdateDomain, &["d-1"]);
        assert_eq!((domain.container(), domain.user()), ("d-1", ""));
        assert_eq!(domain.identity().collect::<Vec<_>>(), [("DomainId", "d-1")]);
    }

    #[test]
    fn two_spellings_of_a_profile_are_one_target_and_each_keeps_its_own() {
        let of = |user| target(Operation::SageMakerUpdateUserProfile, &["d-1", user]);
        let (jane, upper) = (of("jane"), of("Jane"));
        assert!(jane == upper && jane.key() == upper.key());
        assert_eq!((jane.user(), upper.user()), ("jane", "Jane"));
        let kx = |user| target(Operation::FinSpaceUpdateKxUser, &["kx1", user]);
        assert!(kx("jane") != kx("Jane"));
    }
}
