//! Reads a pattern: its objects, `$or`, and the arrays at its leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::complexity;
use super::field::Field;
use super::operand::{self, Item};
use super::operator::{Excluded, Operator};
use super::problem::{PatternProblem, Problems, found};

/// Deepest nesting of objects. EventBridge's limit on a pattern's size (4,096 characters at most) keeps below it in practice.
pub(super) const MAX_DEPTH: usize = 256;
/// Most combinations that `$or` may make; the user guide's limit for it.
const MAX_COMBINATIONS: usize = 1_000;
pub(super) const OR: &str = "$or";

/// Names that make `$or` an ordinary field when they are used inside it, some reserved for operators that do not exist yet
/// (aws/event-ruler, `Constants`).
const RESERVED_IN_OR: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// One combination of fields, all of which must match. The last mention of a path counts, as in EventBridge.
type Combination = BTreeMap<Arc<str>, Arc<Field>>;

/// Reads the pattern into the combinations any of which may match, each sorted as EventBridge looks at its fields.
///
/// As EventBridge does, takes `$or` for an ordinary field name, in the whole pattern, when it cannot be the operator and the
/// pattern is right that way (aws/event-ruler, README, "The backward compatibility of using $or").
pub(super) fn parse(pattern: &Value) -> Result<Vec<Vec<Arc<Field>>>, Vec<PatternProblem>> {
    let mut parser = Parser::new(true);
    let combinations = match parser.pattern(pattern) {
        Ok(combinations) => combinations,
        Err(problems) if parser.saw_or => {
            Parser::new(false).pattern(pattern).map_err(|_| problems)?
        }
        Err(problems) => return Err(problems),
    };
    let sorted = combinations.into_iter().map(|combination| {
        let mut fields: Vec<Arc<Field>> = combination.into_values().collect();
        sort(&mut fields);
        fields
    });
    Ok(sorted.collect())
}

/// As EventBridge looks at them.
pub(super) fn sort(fields: &mut [Arc<Field>]) {
    fields.sort_by(|a, b| a.name.encode_utf16().cmp(b.name.encode_utf16()));
}

struct Parser {
    /// Whether `$or` is the operator.
    or_is_operator: bool,
    saw_or: bool,
    too_many: bool,
}

impl Parser {
    fn new(or_is_operator: bool) -> Self {
        Self {
            or_is_operator,
            saw_or: false,
            too_many: false,
        }
    }

    fn pattern(&mut self, pattern: &Value) -> Result<Vec<Combination>, Vec<PatternProblem>> {
        let mut problems = Problems::default();
        let mut combinations = vec![Combination::new()];
        match pattern {
            Value::Object(members) => {
                self.object(members, None, false, &mut combinations, &mut problems);
            }
            other => {
                let help = "for example {\"source\": [\"acme.hr\"]}".to_owned();
                let message = format!("a pattern is an object, found {}", found(other));
                problems.refuse::<()>("not-an-object", message, Some(help));
            }
        }
        match problems.into_list() {
            problems if problems.is_empty() => Ok(combinations),
            problems => Err(problems),
        }
    }

    fn object<'p>(
        &mut self,
        members: &'p Map<String, Value>,
        prefix: Option<&str>,
        inside_or: bool,
        combinations: &mut Vec<Combination>,
        problems: &mut Problems<'p>,
    ) {
        if members.is_empty() {
            let help = "name a field, or leave the object out".to_owned();
            problems.refuse::<()>(
                "empty-object",
                "an empty object: expected at least one field".to_owned(),
                Some(help),
            );
        }
        if problems.depth() > MAX_DEPTH {
            problems.refuse::<()>(
                "too-deep",
                format!("more than {MAX_DEPTH} levels of nesting"),
                None,
            );
            return;
        }
        for (key, value) in members {
            problems.within(key.as_str(), |problems| {
                if key == OR && self.or_is_operator {
                    self.saw_or = true;
                    self.or(value, prefix, combinations, problems);
                    return;
                }
                if inside_or && RESERVED_IN_OR.contains(&key.as_str()) {
                    problems.refuse::<()>(
                        "reserved-in-or",
                        format!("`{key}` cannot name a field inside `$or`"),
                        None,
                    );
                    return;
                }
                let name = prefix.map_or_else(|| key.clone(), |prefix| format!("{prefix}.{key}"));
                match value {
                    Value::Object(members) => {
                        self.object(members, Some(&name), inside_or, combinations, problems)
                    }
                    Value::Array(items) => leaf(items, name.into(), combinations, problems),
                    other => refuse_leaf(other, problems),
                }
            });
        }
    }

    /// Forks the combinations read so far, once for each object of `$or`.
    fn or<'p>(
        &mut self,
        value: &'p Value,
        prefix: Option<&str>,
        combinations: &mut Vec<Combination>,
        problems: &mut Problems<'p>,
    ) {
        let help = Some("write {\"$or\": [{\"a\": […]}, {\"b\": […]}]}".to_owned());
        let Value::Array(items) = value else {
            let message = format!("`$or` takes an array of objects, found {}", found(value));
            problems.refuse::<()>("or", message, help);
            return;
        };
        if items.len() < 2 {
            let message = format!("`$or` takes two or more objects, found {}", items.len());
            problems.refuse::<()>("or", message, help.clone());
        }
        let before = std::mem::take(combinations);
        for (index, item) in items.iter().enumerate() {
            problems.within(index, |problems| match item {
                Value::Object(members) => {
                    let mut forked = before.clone();
                    self.object(members, prefix, true, &mut forked, problems);
                    combinations.append(&mut forked);
                }
                other => {
                    let message = format!("`$or` takes objects only, found {}", found(other));
                    problems.refuse::<()>("or", message, help.clone());
                }
            });
            self.limit(combinations, problems);
        }
        if combinations.is_empty() {
            *combinations = before;
        }
    }

    /// Says once that there are too many combinations, and goes on with one so that reading the rest stays cheap.
    fn limit(&mut self, combinations: &mut Vec<Combination>, problems: &mut Problems<'_>) {
        if combinations.len() <= MAX_COMBINATIONS {
            return;
        }
        combinations.truncate(1);
        if !std::mem::replace(&mut self.too_many, true) {
            problems.refuse::<()>(
                "too-many-combinations",
                format!("`$or` makes more than {MAX_COMBINATIONS} combinations"),
                Some("split the pattern into several rules".to_owned()),
            );
        }
    }
}

fn refuse_leaf(value: &Value, problems: &mut Problems<'_>) {
    let help = match value {
        Value::String(text) if text.chars().count() > 40 => {
            "write the value inside an array".to_owned()
        }
        scalar => format!("write [{scalar}]"),
    };
    problems.refuse::<()>(
        "leaf-not-an-array",
        format!("expected an array or an object, found {}", found(value)),
        Some(help),
    );
}

fn leaf<'p>(
    items: &'p [Value],
    name: Arc<str>,
    combinations: &mut [Combination],
    problems: &mut Problems<'p>,
) {
    if items.is_empty() {
        let help = "for any value write [{\"exists\": true}]".to_owned();
        problems.refuse::<()>(
            "empty-array",
            "an empty array matches nothing".to_owned(),
            Some(help),
        );
    }
    let mut operators = Vec::new();
    let mut absent = false;
    for (index, item) in items.iter().enumerate() {
        match problems.within(index, |problems| operand::item(item, problems)) {
            Some(Item::Has(operator)) => operators.push(operator),
            Some(Item::Absent) => absent = true,
            None => {}
        }
    }
    if too_complex(&operators) {
        problems.refuse::<()>(
            "too-complex",
            "the wildcards of this field are too complex for EventBridge".to_owned(),
            Some(
                "use fewer stars, fewer repeated characters after a star, or prefix and suffix"
                    .to_owned(),
            ),
        );
    }
    let field = Arc::new(Field {
        name: Arc::clone(&name),
        operators,
        absent,
    });
    for combination in combinations {
        combination.insert(Arc::clone(&name), Arc::clone(&field));
    }
}

/// Whether EventBridge would refuse a field with the wildcards of these operators.
pub(super) fn too_complex(operators: &[Operator]) -> bool {
    let wildcards = operators.iter().flat_map(|operator| match operator {
        Operator::Wildcard(wildcard) => std::slice::from_ref(wildcard),
        Operator::AnythingBut(Excluded::Wildcards(wildcards)) => wildcards,
        _ => &[],
    });
    let wildcards: Vec<_> = wildcards.collect();
    !wildcards.is_empty() && complexity::too_complex(&wildcards)
}
