//! Reads the operand of `numeric`.

use serde_json::Value;

use super::number::{self, LIMIT, Range};
use super::problem::{Problems, found};

const HELP: &str = "write [\"=\", 5], [\"<\", 10], or a range as in [\">\", 0, \"<=\", 5]";

/// Reads `[operator, number]`, or a range: `[> or >=, number, < or <=, number]`, in this order only.
pub(super) fn read<'p>(operand: &'p Value, problems: &mut Problems<'p>) -> Option<Range> {
    let Value::Array(items) = operand else {
        let message = format!("expected an array, found {}", found(operand));
        return problems.refuse("operand", message, Some(HELP.to_owned()));
    };
    match items.as_slice() {
        [operator, bound] => {
            let operator = one_of(&["=", "<", "<=", ">", ">="], 0, operator, problems);
            let bound = problems.within(1, |problems| bounded(bound, problems));
            Some(range(operator?, bound?))
        }
        [above, low, below, high] => {
            let above = one_of(&[">", ">="], 0, above, problems);
            let low = problems.within(1, |problems| bounded(low, problems));
            let below = one_of(&["<", "<="], 2, below, problems);
            let high = problems.within(3, |problems| bounded(high, problems));
            let (above, low, below, high) = (above?, low?, below?, high?);
            if low >= high {
                let message = "the lower bound of a range must be less than the upper one";
                let help = "for a single number write [\"=\", 5]";
                return problems.refuse("numeric", message.to_owned(), Some(help.to_owned()));
            }
            Some(Range {
                low: range(above, low).low,
                high: range(below, high).high,
            })
        }
        items => {
            let message = format!(
                "expected an operator and a number, or two of each, found {} items",
                items.len()
            );
            problems.refuse("numeric", message, Some(HELP.to_owned()))
        }
    }
}

/// A number that compares as a number, in millionths.
pub(super) fn bounded(value: &Value, problems: &mut Problems<'_>) -> Option<i64> {
    let Value::Number(number) = value else {
        return problems.refuse(
            "operand",
            format!("expected a number, found {}", found(value)),
            None,
        );
    };
    number::micros(number).or_else(|| {
        let message = format!("numbers compare between -{LIMIT} and {LIMIT} only, found {number}");
        let help = "compare larger numbers as values: [123456789012]".to_owned();
        problems.refuse("number-range", message, Some(help))
    })
}

fn one_of<'p>(
    allowed: &[&str],
    index: usize,
    item: &'p Value,
    problems: &mut Problems<'p>,
) -> Option<&'p str> {
    match item {
        Value::String(text) if allowed.contains(&text.as_str()) => Some(text),
        other => problems.within(index, |problems| {
            let message = format!("expected {}, found {}", allowed.join(" or "), found(other));
            problems.refuse("numeric", message, Some(HELP.to_owned()))
        }),
    }
}

fn range(operator: &str, bound: i64) -> Range {
    let (low, high) = match operator {
        "<" => (Range::ALL.low, bound - 1),
        "<=" => (Range::ALL.low, bound),
        ">" => (bound + 1, Range::ALL.high),
        ">=" => (bound, Range::ALL.high),
        _ => (bound, bound),
    };
    Range { low, high }
}
