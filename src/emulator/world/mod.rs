//! The world the emulator stands in for: what exists, and what will go wrong.
//!
//! A world file is JSON; [`World::sample`] is one. What is written in the services' own spelling
//! (`DomainName`, `iamRole`, …) is what the services answer; names and ids are the keys, ARNs follow from
//! them. The other members say how the emulator behaves. Reading the state of a running emulator yields a
//! world again, with the updates still settling and the faults still to come.

mod datazone;
mod finspace;
mod sagemaker;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::faults::Fault;
use super::names::{self, Name};
use super::rates::Rate;

pub use datazone::{DataZone, DataZoneDomain, DataZoneProfile, Details, ProfileStatus};
pub use finspace::{Environment, FinSpace, KxUser};
pub use sagemaker::{Below, Cleared, Domain, ProfileName, SageMaker, Settling, UserProfile};

/// Everything that exists in the account, and the faults still to come.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct World {
    /// The account number, twelve digits.
    pub account: String,
    /// The Region in the ARNs, such as `eu-central-1`.
    pub region: String,
    #[serde(default)]
    pub sagemaker: SageMaker,
    #[serde(default)]
    pub datazone: DataZone,
    #[serde(default)]
    pub finspace: FinSpace,
    /// The faults still to come, in the order in which they are looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// How many requests an operation takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why a world file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The JSON or its shape is wrong; says where, by path, line and column.
    #[error("{path}: {source}")]
    Shape {
        path: String,
        source: serde_json::Error,
    },
    /// The shape is right, the contents are not; all that is wrong, one to a line.
    #[error("{}", .0.join("\n"))]
    Contents(Vec<String>),
}

impl World {
    /// A small company: one SageMaker domain with three profiles, one DataZone domain, one kdb environment.
    pub fn sample() -> World {
        // The file is part of the program, and a test reads it.
        World::from_json(include_bytes!("../world.json")).unwrap_or_else(|_| World::empty())
    }

    /// An account in which nothing exists.
    pub fn empty() -> World {
        World {
            account: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            sagemaker: SageMaker::default(),
            datazone: DataZone::default(),
            finspace: FinSpace::default(),
            faults: Vec::new(),
            rates: Vec::new(),
        }
    }

    /// Reads a world file.
    ///
    /// # Errors
    /// If it is not JSON, has a member that there is not, or contradicts itself.
    pub fn from_json(json: &[u8]) -> Result<World, WorldError> {
        let mut source = serde_json::Deserializer::from_slice(json);
        let world: World =
            serde_path_to_error::deserialize(&mut source).map_err(|error| WorldError::Shape {
                path: error.path().to_string(),
                source: error.into_inner(),
            })?;
        source.end().map_err(|source| WorldError::Shape {
            path: ".".to_owned(),
            source,
        })?;
        let problems = world.problems();
        if problems.is_empty() {
            Ok(world)
        } else {
            Err(WorldError::Contents(problems))
        }
    }

    /// Everything that contradicts itself or the services.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !names::is_account(&self.account) {
            problems.push(format!(
                "account: {:?} is not an account number of twelve digits",
                self.account
            ));
        }
        let mut check = |path: String, name: &str, form: &Name| {
            if !(form.legal)(name) {
                problems.push(format!("{path}: {name:?} does not match {}", form.pattern));
            }
        };
        for (id, domain) in &self.sagemaker.domains {
            check("sagemaker.domains".to_owned(), id, &names::DOMAIN_ID);
            for name in domain.user_profiles.keys() {
                check(
                    format!("sagemaker.domains.{id}.userProfiles"),
                    &name.0,
                    &names::USER_PROFILE_NAME,
                );
            }
        }
        for id in self.datazone.domains.keys() {
            check("datazone.domains".to_owned(), id, &names::DATAZONE_DOMAIN);
        }
        for (id, environment) in &self.finspace.environments {
            check(
                "finspace.environments".to_owned(),
                id,
                &names::KX_ENVIRONMENT,
            );
            for (name, user) in &environment.users {
                check(
                    format!("finspace.environments.{id}.users"),
                    name,
                    &names::KX_USER,
                );
                check(
                    format!("finspace.environments.{id}.users.{name}.iamRole"),
                    &user.iam_role,
                    &names::IAM_ROLE,
                );
            }
        }
        problems.extend(self.datazone.problems());
        problems.extend(self.faults.iter().flat_map(Fault::problems));
        problems.extend(self.rates.iter().flat_map(Rate::problems));
        problems
    }
}

/// Counts only: a world is full of people.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profiles = self
            .sagemaker
            .domains
            .values()
            .map(|d| d.user_profiles.len());
        let datazone = self
            .datazone
            .domains
            .values()
            .map(|d| d.user_profiles.len());
        let users = self.finspace.environments.values().map(|e| e.users.len());
        f.debug_struct("World")
            .field("account", &self.account)
            .field("region", &self.region)
            .field("sagemaker_user_profiles", &profiles.sum::<usize>())
            .field("datazone_user_profiles", &datazone.sum::<usize>())
            .field("kx_users", &users.sum::<usize>())
            .field("faults", &self.faults.len())
            .finish_non_exhaustive()
    }
}

/// Reads a map in which no key stands twice; serde_json alone would let the last one win unseen.
fn unique<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    struct Unique<K, V>(PhantomData<(K, V)>);

    impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for Unique<K, V> {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = members.next_entry()? {
                if map.insert(key, value).is_some() {
                    return Err(de::Error::custom(
                        "this name stands here for the second time",
                    ));
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}
