//! The functions an expression may call, and how many arguments each takes.

use strsim::damerau_levenshtein;

/// What is known about a function before it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub name: &'static str,
    /// Arguments without which the function cannot work.
    pub required: usize,
    /// `usize::MAX` when any number will do.
    pub most: usize,
    /// Whether a missing first argument is taken from the context (`-` in JSONata's signatures).
    pub context: bool,
}

impl Known {
    /// The fewest arguments a call may have.
    pub fn fewest(&self) -> usize {
        self.required.saturating_sub(usize::from(self.context))
    }

    /// "1 or 2 arguments", for messages.
    pub fn takes(&self) -> String {
        match (self.fewest(), self.most) {
            (fewest, usize::MAX) => format!("at least {}", plural(fewest)),
            (0, 0) => "no arguments".to_owned(),
            (fewest, most) if fewest == most => plural(most),
            (fewest, most) if fewest + 1 == most => format!("{fewest} or {}", plural(most)),
            (fewest, most) => format!("{fewest} to {}", plural(most)),
        }
    }
}

fn plural(count: usize) -> String {
    match count {
        1 => "1 argument".to_owned(),
        _ => format!("{count} arguments"),
    }
}

const fn of(name: &'static str, required: usize, most: usize) -> Known {
    Known {
        name,
        required,
        most,
        context: false,
    }
}

/// A function whose first argument may be left to the context.
const fn on(name: &'static str, required: usize, most: usize) -> Known {
    Known {
        name,
        required,
        most,
        context: true,
    }
}

/// JSONata's own functions (docs.jsonata.org, function library; the counts are those of its signatures), then
/// Step Functions' (developer guide, "Transforming data with JSONata"), then ours.
#[rustfmt::skip]
const KNOWN: &[Known] = &[
    on("abs", 1, 1), of("append", 2, 2), of("assert", 1, 2), of("average", 1, 1), on("base64decode", 1, 1),
    on("base64encode", 1, 1), on("boolean", 1, 1), on("ceil", 1, 1), on("contains", 2, 2), of("count", 1, 1),
    on("decodeUrl", 1, 1), on("decodeUrlComponent", 1, 1), of("distinct", 1, 1), on("each", 2, 2),
    on("encodeUrl", 1, 1), on("encodeUrlComponent", 1, 1), of("error", 0, 1), of("exists", 1, 1),
    of("filter", 2, 2), on("floor", 1, 1), on("formatBase", 1, 2), on("formatInteger", 2, 2),
    on("formatNumber", 2, 3), on("fromMillis", 1, 3), of("join", 1, 2), on("keys", 1, 1), on("length", 1, 1),
    on("lookup", 2, 2), on("lowercase", 1, 1), of("map", 2, 2), on("match", 2, 3), of("max", 1, 1),
    of("merge", 1, 1), of("min", 1, 1), on("not", 1, 1), on("number", 1, 1), on("pad", 2, 3),
    on("parseInteger", 2, 2), on("power", 2, 2), of("reduce", 2, 3), on("replace", 3, 4), of("reverse", 1, 1),
    on("round", 1, 2), on("sift", 2, 2), of("single", 1, 2), of("sort", 1, 2), on("split", 2, 3),
    on("spread", 1, 1), on("sqrt", 1, 1), on("string", 1, 2), on("substring", 2, 3), on("substringAfter", 2, 2),
    on("substringBefore", 2, 2), of("sum", 1, 1), on("toMillis", 1, 2), on("trim", 1, 1), of("type", 1, 1),
    on("uppercase", 1, 1), of("zip", 1, usize::MAX),
    of("hash", 2, 2), of("parse", 1, 1), of("partition", 2, 2), of("range", 3, 3),
    of("kxUserName", 1, 2), of("profileName", 1, 2),
];

/// Functions whose result depends on the moment or on chance, or whose text is an expression itself. A plan must
/// be the same each time, and what an expression reads must be known when the file is loaded.
pub(super) const FORBIDDEN: &[&str] = &["eval", "millis", "now", "random", "shuffle", "uuid"];

/// Functions whose result can be as long as a number among their arguments is great: they are called with all their
/// arguments in sight, or not at all.
pub(super) const UNBOUNDED: &[&str] = &["formatInteger", "pad"];

/// Names that always mean one thing.
pub(super) const BOUND: &[&str] = &["current", "event", "states"];

pub(super) fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.name)
}

/// The candidate a writer most likely meant by `name`, if any is near.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    // One letter in three; a name of one or two letters is near to every other.
    let tolerance = match name.chars().count() {
        0..=2 => 0,
        length => length / 3,
    };
    candidates
        .map(|candidate| {
            (
                damerau_levenshtein(&wanted, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Why a name cannot be a constant's, or `None` if it can: it must be one that `$name` can spell, and it must not
/// take the place of `$event`, `$states`, `$current` or a function.
pub fn constant_name_problem(name: &str) -> Option<String> {
    let mut chars = name.chars();
    let spelled = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !spelled {
        return Some(
            "a constant's name is letters, digits and `_`, and does not begin with a digit"
                .to_owned(),
        );
    }
    if BOUND.contains(&name) {
        return Some(format!("`${name}` is bound already, to something else"));
    }
    (FORBIDDEN.contains(&name) || known(name).is_some())
        .then(|| format!("`${name}` is a function in expressions"))
}
