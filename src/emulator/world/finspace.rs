//! What there is of FinSpace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::unique;

/// FinSpace kdb environments and their users.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FinSpace {
    /// By environment id.
    #[serde(default, deserialize_with = "unique")]
    pub environments: BTreeMap<String, Environment>,
}

/// A kdb environment.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Environment {
    /// By user name.
    #[serde(default, deserialize_with = "unique")]
    pub users: BTreeMap<String, KxUser>,
}

/// A kdb user.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KxUser {
    /// The ARN of the role that the user acts with.
    pub iam_role: String,
}
