//! The forms of the names that requests carry. All patterns are those of the public API models
//! (botocore service-2.json of sagemaker, datazone and finspace).

use serde_json::{Map, Value};

use super::protocol::Problem;

/// A member that names what a request is about, and how a legal one looks.
pub(super) struct Name {
    pub member: &'static str,
    pub pattern: &'static str,
    pub legal: fn(&str) -> bool,
}

pub(super) const DOMAIN_ID: Name = Name {
    member: "DomainId",
    pattern: "d-(-*[a-z0-9]){1,61}",
    legal: |s| {
        s.len() <= 63
            && s.strip_prefix("d-").is_some_and(|rest| {
                rest.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && rest
                        .bytes()
                        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            })
    },
};

pub(super) const USER_PROFILE_NAME: Name = Name {
    member: "UserProfileName",
    pattern: "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
    legal: |s| {
        s.len() <= 63
            && s.starts_with(|c: char| c.is_ascii_alphanumeric())
            && s.ends_with(|c: char| c.is_ascii_alphanumeric())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    },
};

pub(super) const DATAZONE_DOMAIN: Name = Name {
    member: "domainIdentifier",
    pattern: "dzd[-_][a-zA-Z0-9_-]{1,36}",
    legal: |s| {
        s.strip_prefix("dzd-")
            .or_else(|| s.strip_prefix("dzd_"))
            .is_some_and(|rest| {
                within(rest, 1, 36, |b| {
                    b.is_ascii_alphanumeric() || b"_-".contains(&b)
                })
            })
    },
};

pub(super) const DATAZONE_USER: Name = Name {
    member: "userIdentifier",
    pattern: "(^([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}$|\
              ^[a-zA-Z_0-9+=,.@-]+$|^arn:aws:iam::\\d{12}:.+$)",
    // A user id has only characters that a user name may have, too.
    legal: |s| {
        is_iam_arn(s)
            || within(s, 1, usize::MAX, |b| {
                b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)
            })
    },
};

pub(super) const KX_ENVIRONMENT: Name = Name {
    member: "environmentId",
    pattern: "^[a-zA-Z0-9]{1,26}$",
    legal: |s| within(s, 1, 26, |b| b.is_ascii_alphanumeric()),
};

pub(super) const KX_USER: Name = Name {
    member: "userName",
    pattern: "^[0-9A-Za-z_-]{1,50}$",
    legal: |s| {
        within(s, 1, 50, |b| {
            b.is_ascii_alphanumeric() || b"_-".contains(&b)
        })
    },
};

pub(super) const IAM_ROLE: Name = Name {
    member: "iamRole",
    pattern: "^arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+$",
    legal: is_role_arn,
};

pub(super) const CLIENT_TOKEN: Name = Name {
    member: "clientToken",
    pattern: ".*\\S.*",
    legal: |s| within(s, 1, 36, |_| true) && !s.trim().is_empty(),
};

fn within(s: &str, min: usize, max: usize, legal: fn(u8) -> bool) -> bool {
    (min..=max).contains(&s.len()) && s.bytes().all(legal)
}

/// An IAM principal as DataZone takes it.
pub(super) fn is_iam_arn(s: &str) -> bool {
    s.strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(':'))
        .is_some_and(|(account, principal)| is_account(account) && !principal.is_empty())
}

/// An account number: twelve digits.
pub(super) fn is_account(s: &str) -> bool {
    within(s, 12, 12, |b| b.is_ascii_digit())
}

/// A UUID, as ids of DataZone profiles and of Identity Center users are (with an optional prefix of ten
/// hexadecimal digits).
pub(super) fn is_user_id(s: &str) -> bool {
    let parts: Vec<&str> = s.split('-').collect();
    let uuid = match parts.as_slice() {
        [prefix, rest @ ..] if parts.len() == 6 && prefix.len() == 10 => rest,
        all => all,
    };
    let lengths = [8, 4, 4, 4, 12];
    uuid.len() == lengths.len()
        && uuid
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length)
        && parts
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_role_arn(s: &str) -> bool {
    let Some(rest) = s.strip_prefix("arn:aws") else {
        return false;
    };
    let Some((partition, rest)) = rest.split_once(":iam::") else {
        return false;
    };
    let Some((account, resource)) = rest.split_once(':') else {
        return false;
    };
    (20..=2048).contains(&s.len())
        && partition
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b == b'-')
        && is_account(account)
        && resource.strip_prefix("role").is_some_and(|name| {
            within(name, 1, usize::MAX, |b| {
                b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b)
            }) && name != "/"
        })
}

/// The member's value, which must be there and legal.
pub(super) fn required<'a>(input: &'a Map<String, Value>, name: &Name) -> Result<&'a str, Problem> {
    optional(input, name)?.ok_or_else(|| refused(name.member, "null", "Member must not be null"))
}

/// The member's value, which must be legal if it is there.
pub(super) fn optional<'a>(
    input: &'a Map<String, Value>,
    name: &Name,
) -> Result<Option<&'a str>, Problem> {
    match text(input, name.member)? {
        Some(value) if !(name.legal)(value) => {
            let constraint = format!(
                "Member must satisfy regular expression pattern: {}",
                name.pattern
            );
            Err(refused(name.member, &format!("'{value}'"), &constraint))
        }
        found => Ok(found),
    }
}

/// A string member. `null` is the same as absent in both JSON protocols (Smithy: awsJson1.1, restJson1).
pub(super) fn text<'a>(
    input: &'a Map<String, Value>,
    member: &str,
) -> Result<Option<&'a str>, Problem> {
    match input.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(Problem::serialization(&format!(
            "{member} must be a string"
        ))),
    }
}

/// A string member that must be one of a few.
pub(super) fn one_of<'a>(
    input: &'a Map<String, Value>,
    member: &str,
    allowed: &[&str],
) -> Result<Option<&'a str>, Problem> {
    match text(input, member)? {
        Some(value) if !allowed.contains(&value) => {
            let constraint = format!(
                "Member must satisfy enum value set: [{}]",
                allowed.join(", ")
            );
            Err(refused(member, &format!("'{value}'"), &constraint))
        }
        found => Ok(found),
    }
}

/// The services' own wording of a broken constraint. They write members with a small first letter.
pub(super) fn refused(path: &str, value: &str, constraint: &str) -> Problem {
    let lower = |member: &str| {
        let mut letters = member.chars();
        let first = letters.next().map(|c| c.to_ascii_lowercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let path = path.split('.').map(lower).collect::<Vec<_>>().join(".");
    Problem::validation(&format!(
        "1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {constraint}"
    ))
}
