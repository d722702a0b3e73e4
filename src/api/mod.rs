//! The AWS operations Usher knows: their members, constraints, identity, and which members are roles.
//!
//! The constraints are data, generated from the public service models into one file by `tools/api-models.py`.
//! [`check`] finds everything in a call's arguments that breaks one of them, [`couplings`] what AWS documents about two
//! members together, and [`json_schema`] tells the same to an editor.

mod automaton;
mod check;
mod couplings;
mod event_schema;
#[rustfmt::skip] // generated, one line per entry
mod model;
mod nearest;
mod roles;
mod schema;
mod shape;
mod violation;
mod wording;

use std::fmt;

pub use check::{CheckOptions, UNKNOWN_VALUES_BY_DEFAULT, check, check_shape};
pub use couplings::couplings;
pub use nearest::nearest;
pub use roles::{is_role, roles_in};
pub use schema::json_schema;
pub use shape::{Kind, Member, Pattern, Shape, Span, UNBOUNDED};
pub use violation::{CODES, Segment, Violation, display_path};
pub(crate) use violation::{Step, path};

/// An AWS API operation that a rule can call.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Operation {
    SageMakerUpdateUserProfile,
    SageMakerUpdateDomain,
    DataZoneUpdateUserProfile,
    FinSpaceUpdateKxUser,
}

/// A name that is not one of the operations'.
#[derive(Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("no call has this name; there are {}", names())]
pub struct UnknownOperation {
    /// The operation that was probably meant.
    pub nearest: Option<Operation>,
}

fn names() -> String {
    Operation::ALL.map(Operation::name).join(", ")
}

impl Operation {
    /// All operations, in the order in which documentation lists them.
    pub const ALL: [Self; 4] = [
        Self::SageMakerUpdateUserProfile,
        Self::SageMakerUpdateDomain,
        Self::DataZoneUpdateUserProfile,
        Self::FinSpaceUpdateKxUser,
    ];

    /// The name as IAM writes it: `sagemaker:UpdateUserProfile`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SageMakerUpdateUserProfile => "sagemaker:UpdateUserProfile",
            Self::SageMakerUpdateDomain => "sagemaker:UpdateDomain",
            Self::DataZoneUpdateUserProfile => "datazone:UpdateUserProfile",
            Self::FinSpaceUpdateKxUser => "finspace:UpdateKxUser",
        }
    }

    /// The operation with exactly this name.
    ///
    /// # Errors
    /// With the nearest operation when there is none; one whose service was left out counts as near.
    pub fn from_name(name: &str) -> Result<Self, UnknownOperation> {
        let named = |wanted: &str| {
            Self::ALL
                .into_iter()
                .find(|operation| operation.name() == wanted)
        };
        named(name).ok_or_else(|| {
            let action = |operation: &Self| {
                let action = operation.name().split_once(':').map(|(_, action)| action);
                action.is_some_and(|action| action.eq_ignore_ascii_case(name))
            };
            let nearest = Self::ALL.into_iter().find(action);
            UnknownOperation {
                nearest: nearest
                    .or_else(|| nearest::nearest(name, Self::ALL.map(Self::name)).and_then(named)),
            }
        })
    }

    /// The members that name the target, in the order in which a target's name lists them.
    pub const fn identity(self) -> &'static [&'static str] {
        match self {
            Self::SageMakerUpdateUserProfile => &["DomainId", "UserProfileName"],
            Self::SageMakerUpdateDomain => &["DomainId"],
            Self::DataZoneUpdateUserProfile => &["domainIdentifier", "userIdentifier"],
            Self::FinSpaceUpdateKxUser => &["environmentId", "userName"],
        }
    }

    /// The settings structures, of which each first-level member is sent whole or not at all.
    pub const fn settings(self) -> &'static [&'static str] {
        match self {
            Self::SageMakerUpdateUserProfile => &["UserSettings"],
            Self::SageMakerUpdateDomain => &[
                "DefaultUserSettings",
                "DefaultSpaceSettings",
                "DomainSettingsForUpdate",
            ],
            Self::DataZoneUpdateUserProfile | Self::FinSpaceUpdateKxUser => &[],
        }
    }

    /// The shape of the whole arguments.
    pub fn input(self) -> Shape {
        // Every operation has an input in the generated file, which a test proves; the first is never the answer.
        Shape::input_of(self.name()).unwrap_or(Shape(0))
    }

    /// The shape at a path into the arguments, if the API has one there.
    pub fn shape_at(self, path: &[Segment]) -> Option<Shape> {
        path.iter().try_fold(self.input(), |shape, segment| {
            match (shape.kind(), segment) {
                (Kind::Structure { .. }, Segment::Key(key)) => Some(shape.member(key)?.shape),
                (Kind::List { item, .. }, Segment::Index(_)) => Some(item),
                (Kind::Map { value, .. }, Segment::Key(_)) => Some(value),
                _ => None,
            }
        })
    }

    /// Where a member stands among its siblings in the API reference, for printing in that order. What the API does
    /// not know comes last.
    pub fn member_order(self, parent: &[Segment], member: &str) -> usize {
        let members = self.shape_at(parent).map_or(&[][..], Shape::members);
        let known = members.iter().position(|known| known.name == member);
        known.unwrap_or(members.len())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
