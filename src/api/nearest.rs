//! The nearest right name or value for a wrong one.

// Longer input is no typing error, and the distance costs the product of both lengths.
const LONGEST: usize = 128;

/// The candidate that was probably meant: the same but for case and separators, or else the one a few typing errors
/// away (at most a third of its length, at least one). The first of equals.
pub fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.is_empty() || found.len() > LONGEST {
        return None;
    }
    let (bare, lower) = (bare(found), found.to_lowercase());
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if !bare.is_empty() && self::bare(candidate) == bare {
            return Some(candidate);
        }
        let length = candidate.chars().count();
        let limit = (length / 3).clamp(1, 4);
        if length.abs_diff(lower.chars().count()) > limit {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Lower case without separators: `execution_role` is `ExecutionRole`.
fn bare(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether an unknown value is put together like the known ones, and so is more likely new than mistyped: its first
/// and last parts, digits aside, are known. `ml.g7.2xlarge` is, `ml.t3.medum` is not.
pub(super) fn alike(values: &[&str], text: &str) -> bool {
    let ends = |value: &str| -> [String; 2] {
        let bare = |part: &str| part.trim_matches(|c: char| c.is_ascii_digit()).to_owned();
        let first = value.split('.').next().unwrap_or_default();
        [
            first.to_owned(),
            bare(value.rsplit('.').next().unwrap_or_default()),
        ]
    };
    let [first, last] = ends(text);
    let known = |index: usize, part: &str| values.iter().any(|value| ends(value)[index] == part);
    known(0, &first) && known(1, &last)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn case_and_separators_come_first() {
        assert_eq!(nearest("Enabled", ["DISABLED", "ENABLED"]), Some("ENABLED"));
        assert_eq!(
            nearest("execution_role", ["ExecutionRole"]),
            Some("ExecutionRole")
        );
    }

    #[test]
    fn a_few_typing_errors_are_forgiven_and_no_more() {
        assert_eq!(
            nearest("KendraSetting", ["CanvasAppSettings", "KendraSettings"]),
            Some("KendraSettings")
        );
        assert_eq!(
            nearest("ml.t3.medum", ["ml.t3.micro", "ml.t3.medium"]),
            Some("ml.t3.medium")
        );
        assert_eq!(nearest("Anything", ["ENABLED", "DISABLED"]), None);
        assert_eq!(nearest("", ["A"]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), ["xxxx"]), None);
    }
}
