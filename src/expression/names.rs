//! Legal names for people, from whatever the event calls them.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// SageMaker's `UserProfileName`: at most 63 characters of `[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}` (botocore model).
const PROFILE_NAME_MAX: usize = 63;
/// FinSpace's `userName`: `[0-9A-Za-z_-]{1,50}` (botocore model).
const KX_USER_NAME_MAX: usize = 50;
/// How many hexadecimal digits of SHA-256 tell two inputs apart: 32 bits, so that among a thousand people with
/// one and the same beginning a collision has a chance of about 1 in 9000, and a collision is refused.
const HASH_DIGITS: usize = 8;

/// Why no name can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the input has no letter or digit that a name may have")]
pub struct NameError;

/// A legal SageMaker user profile name: what is outside `[a-zA-Z0-9-]` becomes `-`, runs of `-` collapse, the ends
/// are trimmed. A name longer than 63 characters is cut and ends with `-` and eight digits of the input's SHA-256;
/// with `always_hash` every name does.
///
/// # Errors
/// When nothing is left of the input.
pub fn profile_name(input: &str, always_hash: bool) -> Result<String, NameError> {
    legal_name(input, always_hash, PROFILE_NAME_MAX, |c| {
        c.is_ascii_alphanumeric()
    })
}

/// A legal FinSpace kx user name: as [`profile_name`], with `[0-9A-Za-z_-]` and 50 characters.
///
/// # Errors
/// When nothing is left of the input.
pub fn kx_user_name(input: &str, always_hash: bool) -> Result<String, NameError> {
    legal_name(input, always_hash, KX_USER_NAME_MAX, |c| {
        c.is_ascii_alphanumeric() || c == '_'
    })
}

fn legal_name(
    input: &str,
    always_hash: bool,
    max: usize,
    legal: fn(char) -> bool,
) -> Result<String, NameError> {
    let mut name = String::with_capacity(input.len().min(max));
    for c in input.chars() {
        if legal(c) {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(name.trim_end_matches('-').len());
    if name.is_empty() {
        return Err(NameError);
    }
    if always_hash || name.len() > max {
        name.truncate(max - 1 - HASH_DIGITS);
        name.truncate(name.trim_end_matches('-').len());
        name.push('-');
        for byte in Sha256::digest(input.as_bytes())
            .iter()
            .take(HASH_DIGITS / 2)
        {
            // Writing into a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
    }
    Ok(name)
}

/// A name that an expression made, and from what.
///
/// Two different inputs that give one name within an invocation would change one person's profile for another:
/// compare what the invocation's evaluations made with [`NameMade::collides_with`]. There is no `Debug`: the input
/// is a person's.
#[derive(Clone, PartialEq, Eq)]
pub struct NameMade {
    /// `profileName` or `kxUserName`.
    pub function: &'static str,
    /// What the expression passed.
    pub input: String,
    /// What it got.
    pub name: String,
}

impl NameMade {
    /// What the service takes for one name: user profile names are compared without regard to case, as SageMaker does.
    pub fn place(&self) -> (&'static str, Cow<'_, str>) {
        let name = match self.function {
            "profileName" => self.name.to_ascii_lowercase().into(),
            _ => Cow::Borrowed(self.name.as_str()),
        };
        (self.function, name)
    }

    /// Whether this and `other` name two people alike.
    pub fn collides_with(&self, other: &NameMade) -> bool {
        self.place() == other.place() && self.input != other.input
    }
}
