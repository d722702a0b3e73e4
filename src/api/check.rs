//! Arguments against the model: every constraint, every path, all violations at once.

use serde_json::{Map, Value};

use super::nearest::{alike, nearest};
use super::violation::{self, Step, Violation};
use super::wording::{between, described, listed, names_of, quoted, shown, whole_number};
use super::{Kind, Member, Operation, Shape, UNBOUNDED};

/// The members whose unknown values pass when a rules file says nothing: AWS adds instance types weekly, both to use
/// and to hide.
pub const UNKNOWN_VALUES_BY_DEFAULT: &[&str] = &["InstanceType", "HiddenInstanceTypes"];

/// How strictly to look.
pub struct CheckOptions<'a> {
    /// Whether a string is an expression, whose value is not known yet. Such a value breaks no constraint; names
    /// and values around it are still checked.
    pub computed: &'a dyn Fn(&str) -> bool,
    /// The members whose enumerations may have values that the model does not know yet. Of those, only what looks
    /// like a typing error is reported.
    pub allow_unknown_values: &'a [String],
    /// Whether the arguments are a part, and another rule or the observed target may bring the rest. Then only
    /// identity members and members of list elements (lists are replaced, not merged) can be missing.
    pub partial: bool,
}

/// Everything in a call's arguments that the API would refuse, in the arguments' order.
///
/// `null` is refused: to leave a member alone, leave it out. A number with a fraction of zero is a whole number. Each
/// value is reported once: a string of a wrong length is not matched against its pattern too.
pub fn check(
    operation: Operation,
    arguments: &Value,
    options: &CheckOptions<'_>,
) -> Vec<Violation> {
    checked(operation.input(), operation.identity(), arguments, options)
}

/// As [`check`], for any shape: the input of a create or delete, or a part of one.
pub fn check_shape(shape: Shape, value: &Value, options: &CheckOptions<'_>) -> Vec<Violation> {
    checked(shape, &[], value, options)
}

fn checked(
    shape: Shape,
    identity: &[&'static str],
    value: &Value,
    options: &CheckOptions<'_>,
) -> Vec<Violation> {
    let mut check = Check {
        options,
        path: Vec::new(),
        violations: Vec::new(),
    };
    let needed = if options.partial {
        Needed::Only(identity)
    } else {
        Needed::All
    };
    check.value(shape, value, "", needed);
    check.names(identity, value);
    check.violations
}

/// Which of the required members must be there.
#[derive(Copy, Clone)]
enum Needed<'a> {
    All,
    Only(&'a [&'a str]),
}

struct Check<'a> {
    options: &'a CheckOptions<'a>,
    path: Vec<Step<'a>>,
    violations: Vec<Violation>,
}

impl<'a> Check<'a> {
    /// Checks one value; `member` is the nearest member's name around it. As deep as the model, which is finite.
    fn value(&mut self, shape: Shape, value: &'a Value, member: &str, needed: Needed<'_>) {
        if let Value::String(text) = value
            && (self.options.computed)(text)
        {
            return;
        }
        match (shape.kind(), value) {
            (Kind::Structure { union, .. }, Value::Object(members)) => {
                self.structure(shape, union, members, needed);
            }
            (Kind::List { item, min, max }, Value::Array(items)) => {
                self.entries(items.len(), min, max, "elements");
                for (index, value) in items.iter().enumerate() {
                    self.at(Step::Index(index), |check| {
                        check.value(item, value, member, Needed::All)
                    });
                }
            }
            (
                Kind::Map {
                    key,
                    value,
                    min,
                    max,
                },
                Value::Object(entries),
            ) => {
                self.entries(entries.len(), min, max, "entries");
                for (name, entry) in entries {
                    self.at(Step::Key(name), |check| {
                        check.text(key, name, member);
                        check.value(value, entry, member, Needed::All);
                    });
                }
            }
            (Kind::String { .. }, Value::String(text)) => self.text(shape, text, member),
            (Kind::Integer { min, max }, Value::Number(number)) => {
                let whole = number
                    .as_i64()
                    .map(i128::from)
                    .or(number.as_u64().map(i128::from));
                match whole.or_else(|| without_fraction(number.as_f64()?)) {
                    Some(number) => self.number(number, min, max),
                    None => self.wrong_type(shape, value),
                }
            }
            _ => self.wrong_type(shape, value),
        }
    }

    /// What names a target is a part of the path in REST APIs, and DataZone's pattern lets `..` through, which would make an update of
    /// a user one of the domain.
    fn names(&mut self, identity: &[&'static str], arguments: &'a Value) {
        for member in identity {
            let name = arguments.get(member).and_then(Value::as_str);
            let Some(name @ ("." | "..")) = name else {
                continue;
            };
            self.at(Step::Key(member), |check| {
                if check
                    .violations
                    .iter()
                    .all(|violation| violation.path != violation::path(&check.path))
                {
                    let allowed = "a name that leads nowhere else in a path".to_owned();
                    check.report(violation::PATTERN, quoted(name), allowed, None);
                }
            });
        }
    }

    fn structure(
        &mut self,
        shape: Shape,
        union: bool,
        members: &'a Map<String, Value>,
        needed: Needed<'_>,
    ) {
        let below = match needed {
            Needed::All => Needed::All,
            Needed::Only(_) => Needed::Only(&[]),
        };
        let mut known = 0;
        for (name, value) in members {
            match shape.member(name) {
                Some(member) => {
                    known += 1;
                    self.at(Step::Key(name), |check| {
                        check.value(member.shape, value, member.name, below)
                    });
                }
                None => self.at(Step::Key(name), |check| check.unknown(shape, name)),
            }
        }
        for member in shape.members() {
            let due = match needed {
                Needed::All => member.required,
                Needed::Only(names) => names.contains(&member.name),
            };
            if due && !members.contains_key(member.name) {
                let allowed = format!("{} (required)", described(member.shape));
                self.at(Step::Key(member.name), |check| {
                    check.report(violation::MISSING_MEMBER, "nothing", allowed, None)
                });
            }
        }
        // An unknown member has been reported and was probably meant to be the one.
        if union && known != 1 && known == members.len() {
            let allowed = format!("exactly one of {}", listed(names_of(shape.members())));
            let found = format!("{known} members");
            self.report(violation::UNION, found, allowed, None);
        }
    }

    fn unknown(&mut self, shape: Shape, name: &str) {
        let allowed = match shape.members().len() {
            0 => "none".to_owned(),
            _ => format!("one of {}", listed(names_of(shape.members()))),
        };
        let near = nearest(name, names_of(shape.members())).map(str::to_owned);
        // A member one level too high is the most common mistake that is not one of typing.
        let below = |member: &Member| {
            let inner = member.shape.member(name)?;
            Some(format!("{}.{}", member.name, inner.name))
        };
        let help = near.or_else(|| shape.members().iter().find_map(below));
        self.report(
            violation::UNKNOWN_MEMBER,
            "an unknown member",
            allowed,
            help,
        );
    }

    fn text(&mut self, shape: Shape, text: &str, member: &str) {
        let Kind::String {
            min, max, values, ..
        } = shape.kind()
        else {
            return;
        };
        let length = text.chars().count();
        let code = if length < min as usize {
            Some(violation::TOO_SHORT)
        } else if max != UNBOUNDED && length > max as usize {
            Some(violation::TOO_LONG)
        } else {
            None
        };
        if let Some(code) = code {
            let found = format!("{} of {length} characters", quoted(text));
            return self.report(
                code,
                found,
                format!("{} characters", between(min, max)),
                None,
            );
        }
        if let Some(pattern) = shape.pattern().filter(|pattern| !pattern.matches(text)) {
            let allowed = format!("text that matches {} as a whole", pattern.model());
            return self.report(violation::PATTERN, quoted(text), allowed, None);
        }
        let values = values.values();
        if !values.is_empty() && !values.contains(&text) {
            self.enumeration(values, text, member);
        }
    }

    fn enumeration(&mut self, values: &[&'static str], text: &str, member: &str) {
        let near = nearest(text, values.iter().copied());
        let unknown_allowed = self
            .options
            .allow_unknown_values
            .iter()
            .any(|name| name == member);
        if unknown_allowed && (near.is_none() || alike(values, text)) {
            return;
        }
        let allowed = format!("one of {}", listed(values.iter().copied()));
        self.report(
            violation::ENUM,
            quoted(text),
            allowed,
            near.map(str::to_owned),
        );
    }

    fn number(&mut self, number: i128, min: i64, max: i64) {
        let code = if number < i128::from(min) {
            violation::BELOW_MINIMUM
        } else if number > i128::from(max) {
            violation::ABOVE_MAXIMUM
        } else {
            return;
        };
        let nearest = number.clamp(min.into(), max.into()).to_string();
        self.report(
            code,
            format!("the number {number}"),
            whole_number(min, max),
            Some(nearest),
        );
    }

    fn entries(&mut self, count: usize, min: u32, max: u32, unit: &str) {
        let code = if count < min as usize {
            violation::LIST_TOO_SHORT
        } else if max != UNBOUNDED && count > max as usize {
            violation::LIST_TOO_LONG
        } else {
            return;
        };
        self.report(
            code,
            format!("{count} {unit}"),
            format!("{} {unit}", between(min, max)),
            None,
        );
    }

    fn wrong_type(&mut self, shape: Shape, value: &Value) {
        let help = match (shape.kind(), value) {
            (Kind::String { .. }, Value::Number(number)) => Some(format!("\"{number}\"")),
            (Kind::String { .. }, Value::Bool(flag)) => Some(format!("\"{flag}\"")),
            (Kind::Integer { .. }, Value::String(text)) => {
                text.parse::<i64>().ok().map(|number| number.to_string())
            }
            (Kind::List { .. }, Value::String(text)) => Some(format!("[{}]", quoted(text))),
            _ => None,
        };
        let mut allowed = described(shape);
        if value.is_null() {
            allowed.push_str(", or to leave the member out");
        }
        self.report(violation::WRONG_TYPE, shown(value), allowed, help);
    }

    fn at(&mut self, step: Step<'a>, check: impl FnOnce(&mut Self)) {
        self.path.push(step);
        check(self);
        self.path.pop();
    }

    fn report(
        &mut self,
        code: &'static str,
        found: impl Into<String>,
        allowed: String,
        help: Option<String>,
    ) {
        let path = violation::path(&self.path);
        self.violations
            .push(Violation::new(&path, code, found, allowed).with_help(help));
    }
}

/// A float's whole number, if that is what it is.
fn without_fraction(number: f64) -> Option<i128> {
    // Beyond 2^53 a float no longer says which whole number was meant.
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    exact.then_some(number as i128)
}
