//! `guards`: limits on what any plan may do.

use super::loading::{Keys, Loading, Value};
use super::{GuardConfig, target_kind};
use crate::api::{Operation, nearest};
use crate::document::{Member, Step};
use crate::glob::Glob;
use crate::problem::Problem;

const KEYS: Keys = Keys {
    required: &[],
    optional: &["roles", "protected", "sources"],
};

const SOURCES: Keys = Keys {
    required: &[],
    optional: &["http"],
};

/// The guards, and whether those on roles can be relied on.
#[derive(Default)]
pub(super) struct Guards {
    pub config: GuardConfig,
    /// `roles` stands in the file but has problems of its own: nothing is held against it.
    pub roles_unclear: bool,
}

pub(super) fn guards<'a>(loading: &mut Loading<'a>, value: Value<'a>) -> Guards {
    let mut guards = Guards::default();
    let members = loading.object(value, &KEYS).unwrap_or_default();
    for member in members {
        let errors = loading.problems.len();
        match &*member.key {
            "roles" => {
                let globs = globs(loading, member, Glob::new, role_shape);
                guards.config.roles = Some(globs);
                guards.roles_unclear = loading.problems.len() > errors;
            }
            "protected" => {
                guards.config.protected = globs(loading, member, Glob::for_targets, target_shape);
            }
            "sources" => loading.within(Step::Key("sources"), |loading| {
                let members = loading.object(member.into(), &SOURCES).unwrap_or_default();
                let http = members.iter().find(|member| member.key == "http");
                guards.config.http_sources =
                    http.map(|http| globs(loading, http, Glob::new, |_| None));
            }),
            _ => {}
        }
    }
    guards
}

/// What is wrong with a glob's shape, and what to do.
struct Misshapen {
    message: String,
    help: String,
}

fn globs<'a>(
    loading: &mut Loading<'a>,
    member: &'a Member<'a>,
    compile: fn(&str) -> Result<Glob, crate::glob::GlobError>,
    shape: fn(&str) -> Option<Misshapen>,
) -> Vec<Glob> {
    loading.within(Step::Key(&member.key), |loading| {
        let mut globs = Vec::new();
        for (index, node, text) in loading.texts(member.into()) {
            let problem = match compile(text) {
                Ok(glob) => {
                    globs.push(glob);
                    shape(text).map(|Misshapen { message, help }| {
                        Problem::error("guard-glob", node.span.clone(), message)
                            .label("this matches nothing")
                            .help(help)
                    })
                }
                Err(error) => Some(
                    Problem::error("guard-glob", node.span.clone(), error.to_string())
                        .label("not a glob"),
                ),
            };
            if let Some(problem) = problem {
                loading.report_below(&[Step::Index(index)], problem);
            }
        }
        globs
    })
}

/// A role's ARN is `arn:<partition>:iam::<account>:role/<path and name>` (IAM user guide, "IAM identifiers").
fn role_shape(text: &str) -> Option<Misshapen> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let literal =
        |part: &&str, wanted: &str| Glob::new(part).is_ok_and(|glob| glob.matches(wanted));
    let right = match parts.as_slice() {
        [arn, _, service, region, _, role] => {
            literal(arn, "arn")
                && literal(service, "iam")
                && (region.is_empty() || *region == "*")
                && role
                    .split_once('/')
                    .is_some_and(|(kind, _)| literal(&kind, "role"))
        }
        _ => false,
    };
    (!right).then(|| Misshapen {
        message: "no role's ARN has this form".to_owned(),
        help: "write it like `arn:aws:iam::111122223333:role/studio-*`".to_owned(),
    })
}

fn target_shape(text: &str) -> Option<Misshapen> {
    let (kind, names) = text.split_once('/').unwrap_or((text, ""));
    let Ok(glob) = Glob::for_targets(kind) else {
        return Some(Misshapen {
            message: "a target has a kind and a name".to_owned(),
            help: "write it like `sagemaker:user-profile/*/admin-*`".to_owned(),
        });
    };
    let matching = Operation::ALL
        .into_iter()
        .filter(|operation| glob.matches(target_kind(*operation)));
    let mut matching = matching.peekable();
    if matching.peek().is_none() {
        let near = nearest(kind, Operation::ALL.map(target_kind));
        let kinds = Operation::ALL.map(target_kind).join(", ");
        return Some(Misshapen {
            message: format!("there is no kind of target `{kind}`"),
            help: match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("kinds are {kinds}"),
            },
        });
    }
    // A user profile is named by two members, a domain by one.
    let given = names.split('/').filter(|name| !name.is_empty()).count();
    let fits = matching.any(|operation| {
        let wanted = operation.identity().len();
        given == wanted || (given > wanted && wanted == 2)
    });
    (!fits).then(|| Misshapen {
        message: format!("no target `{kind}` is named like this"),
        help:
            "write it like `sagemaker:user-profile/*/admin-*` or `sagemaker:domain/d-abc123def456`"
                .to_owned(),
    })
}
