//! Numbers as EventBridge compares them: by value, to six digits after the decimal point, between -5.0e9 and 5.0e9.
//!
//! The bounds and the precision are the EventBridge user guide's (Comparison operators, "Numeric matching"). A digit beyond
//! the sixth is cut off downwards, on both sides of a comparison.

use std::fmt;

const MICROS: i64 = 1_000_000;
/// The largest magnitude that compares as a number.
pub(super) const LIMIT: i64 = 5_000_000_000;

/// A number in a pattern where a value is expected, such as `[5]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Number {
    /// Within the bounds: millionths, so that 300, 300.0 and 3.0e2 are one number.
    Micros(i64),
    /// Outside the bounds, such as an account number: EventBridge's engine then compares the number as it is written.
    /// What `serde_json` keeps of that is whether it is an integer, and its shortest digits.
    Written(Box<str>),
}

impl Number {
    pub(super) fn of(number: &serde_json::Number) -> Self {
        match micros(number) {
            Some(micros) => Self::Micros(micros),
            None => Self::Written(number.to_string().into()),
        }
    }

    pub(super) fn matches(&self, number: &serde_json::Number) -> bool {
        match self {
            Self::Micros(expected) => micros(number) == Some(*expected),
            Self::Written(expected) => {
                micros(number).is_none() && **expected == *number.to_string()
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Micros(micros) => f.write_str(&decimal(*micros)),
            Self::Written(text) => f.write_str(text),
        }
    }
}

/// The number in millionths, or nothing when it is outside the bounds.
pub(super) fn micros(number: &serde_json::Number) -> Option<i64> {
    if let Some(integer) = number.as_i64() {
        return (-LIMIT..=LIMIT)
            .contains(&integer)
            .then(|| integer * MICROS);
    }
    if number.is_u64() {
        return None;
    }
    let float = number.as_f64()?;
    if !(-(LIMIT as f64)..=LIMIT as f64).contains(&float) {
        return None;
    }
    if float.fract() == 0.0 {
        return Some(float as i64 * MICROS);
    }
    floor_of_digits(&format!("{float}"))
}

/// Works on the digits: arithmetic on the binary value would turn 0.3 into 299999 millionths.
fn floor_of_digits(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut micros: i64 = whole.parse::<i64>().ok()?.checked_mul(MICROS)?;
    let mut unit = MICROS;
    let mut cut = false;
    for digit in fraction.bytes() {
        unit /= 10;
        cut |= unit == 0 && digit != b'0';
        micros += i64::from(digit.wrapping_sub(b'0')) * unit;
    }
    Some(if negative {
        -micros - i64::from(cut)
    } else {
        micros
    })
}

/// Millionths as a decimal number, without trailing zeros.
pub(super) fn decimal(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let magnitude = micros.unsigned_abs();
    let (whole, fraction) = (magnitude / MICROS as u64, magnitude % MICROS as u64);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{fraction:06}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// What `numeric` accepts, in millionths, both ends included. Empty when `low > high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Range {
    pub(super) const ALL: Self = Self {
        low: -LIMIT * MICROS,
        high: LIMIT * MICROS,
    };

    pub(super) fn contains(&self, number: &serde_json::Number) -> bool {
        micros(number).is_some_and(|micros| (self.low..=self.high).contains(&micros))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (decimal(self.low), decimal(self.high));
        match (self.low == Self::ALL.low, self.high == Self::ALL.high) {
            _ if self.low == self.high => write!(f, "a number equal to {low}"),
            (true, true) => f.write_str("any number"),
            (true, false) => write!(f, "a number of at most {high}"),
            (false, true) => write!(f, "a number of at least {low}"),
            (false, false) => write!(f, "a number from {low} to {high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<i64> {
        micros(&serde_json::from_str(text).expect("a JSON number"))
    }

    #[test]
    fn spellings_of_one_number_are_one_number() {
        for text in ["300", "300.0", "3.0e2", "3e2", "300.0000000"] {
            assert_eq!(of(text), Some(300_000_000), "{text}");
        }
        assert_eq!(of("-0.0"), Some(0));
    }

    #[test]
    fn digits_beyond_the_sixth_are_cut_downwards() {
        assert_eq!(of("0.3"), Some(300_000));
        assert_eq!(of("0.0000019"), Some(1));
        assert_eq!(of("-0.0000001"), Some(-1));
        assert_eq!(of("-1.5"), Some(-1_500_000));
        assert_eq!(of("4999999999.999999"), Some(4_999_999_999_999_999));
    }

    #[test]
    fn the_bounds_are_included_and_beyond_them_there_is_no_number() {
        assert_eq!(of("5e9"), Some(5_000_000_000_000_000));
        assert_eq!(of("-5000000000"), Some(-5_000_000_000_000_000));
        for text in [
            "5000000000.1",
            "5000000001",
            "-5.1e9",
            "1e300",
            "18446744073709551615",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn millionths_print_as_the_number_they_are() {
        assert_eq!(decimal(1), "0.000001");
        assert_eq!(decimal(-1_500_000), "-1.5");
        assert_eq!(decimal(300_000_000), "300");
    }
}
