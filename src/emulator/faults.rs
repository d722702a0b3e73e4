//! What goes wrong, written down beforehand.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::operation::Operation;

/// Something that goes wrong with the requests it matches.
///
/// In JSON: `{"operation": "finspace:*", "times": 2, "effect": {"reset": {"commit": true}}}`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The operation as IAM names it; `*` stands for any characters.
    #[serde(default = "anything")]
    pub operation: String,
    /// What the request is about, such as `sagemaker:user-profile/d-abc/jane-doe`; `*` stands for any
    /// characters, and case does not matter.
    #[serde(default = "anything")]
    pub target: String,
    /// How often; `null` is for ever, and once is the default.
    #[serde(default = "once")]
    pub times: Option<u32>,
    /// How probable it is for a request that matches, from 0 to 1.
    #[serde(default = "certain", skip_serializing_if = "is_certain")]
    pub chance: f64,
    /// What happens.
    pub effect: Effect,
}

/// What happens to a request. `commit` says whether the request takes effect all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// This error instead of the answer. The headers are added to it, such as `x-amz-retry-after`.
    Error {
        status: u16,
        code: String,
        #[serde(default)]
        message: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// The request waits, then goes on to the next fault that matches, or takes effect.
    Delay { millis: u64 },
    /// The connection is reset, before any byte of an answer.
    Reset {
        #[serde(default)]
        commit: bool,
    },
    /// The connection ends in the middle of the answer's body.
    Truncate {
        #[serde(default = "yes")]
        commit: bool,
    },
    /// HTTP 200 with a page of HTML, as a proxy in between might send.
    Garbage {
        #[serde(default = "yes")]
        commit: bool,
    },
    /// HTTP 200 without a body.
    Empty {
        #[serde(default = "yes")]
        commit: bool,
    },
    /// No answer at all, until the client gives up.
    Stall {
        #[serde(default)]
        commit: bool,
    },
}

impl Effect {
    /// An error answer without further headers.
    pub fn error(status: u16, code: &str, message: &str) -> Effect {
        Effect::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            headers: BTreeMap::new(),
        }
    }

    /// Whether the request takes effect all the same.
    pub(super) fn commits(&self) -> bool {
        match self {
            Effect::Error { .. } | Effect::Delay { .. } => false,
            Effect::Reset { commit }
            | Effect::Truncate { commit }
            | Effect::Garbage { commit }
            | Effect::Empty { commit }
            | Effect::Stall { commit } => *commit,
        }
    }
}

impl Fault {
    /// This effect on the next request, whatever it is.
    pub fn new(effect: Effect) -> Fault {
        Fault {
            operation: anything(),
            target: anything(),
            times: once(),
            chance: certain(),
            effect,
        }
    }

    /// Only for this operation, `sagemaker:UpdateUserProfile` or with `*`.
    #[must_use]
    pub fn on(self, operation: &str) -> Fault {
        Fault {
            operation: operation.to_owned(),
            ..self
        }
    }

    /// Only for requests about this target.
    #[must_use]
    pub fn about(self, target: &str) -> Fault {
        Fault {
            target: target.to_owned(),
            ..self
        }
    }

    /// For so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Fault {
        Fault {
            times: Some(times),
            ..self
        }
    }

    /// For all requests from now on.
    #[must_use]
    pub fn always(self) -> Fault {
        Fault {
            times: None,
            ..self
        }
    }

    /// With this probability, from 0 to 1.
    #[must_use]
    pub fn chance(self, chance: f64) -> Fault {
        Fault { chance, ..self }
    }

    /// Why it could never happen, or not as written.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = unknown_operation("faults", &self.operation);
        if !(0.0..=1.0).contains(&self.chance) {
            problems.push(format!(
                "faults: chance {} is not between 0 and 1",
                self.chance
            ));
        }
        if let Effect::Error {
            status, headers, ..
        } = &self.effect
        {
            if !(400..=599).contains(status) {
                problems.push(format!(
                    "faults: status {status} is not an error; use 400 to 599"
                ));
            }
            for (name, value) in headers {
                let legal = axum::http::HeaderName::try_from(name).is_ok()
                    && axum::http::HeaderValue::try_from(value).is_ok();
                if !legal {
                    problems.push(format!("faults: {name:?} cannot be sent as a header"));
                }
            }
        }
        problems
    }
}

pub(super) fn unknown_operation(place: &str, pattern: &str) -> Vec<String> {
    let known = Operation::ALL.map(Operation::call);
    if known.iter().any(|call| matches(pattern, call)) {
        return Vec::new();
    }
    vec![format!(
        "{place}: {pattern:?} matches no operation; there are {}",
        known.join(", ")
    )]
}

pub(super) fn anything() -> String {
    "*".to_owned()
}

// Absent is once and null for ever, so the default of this option is not None.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the type of the member it is the default of"
)]
fn once() -> Option<u32> {
    Some(1)
}

fn certain() -> f64 {
    1.0
}

fn is_certain(chance: &f64) -> bool {
    *chance >= 1.0
}

fn yes() -> bool {
    true
}

/// What will happen to one request.
#[derive(Default)]
pub(super) struct Fate {
    pub delay: Duration,
    pub effect: Option<Effect>,
}

/// Takes from the faults what will happen to a request: the delays that match, up to the first other one.
pub(super) fn draw(faults: &mut Vec<Fault>, call: &str, target: &str, random: &mut Random) -> Fate {
    let mut fate = Fate::default();
    for fault in faults.iter_mut() {
        let meant = fault.times != Some(0)
            && matches(&fault.operation, call)
            && matches(&fault.target, target);
        if !meant || (fault.chance < 1.0 && random.next() >= fault.chance) {
            continue;
        }
        fault.times = fault.times.map(|times| times - 1);
        if let Effect::Delay { millis } = fault.effect {
            fate.delay = fate.delay.saturating_add(Duration::from_millis(millis));
        } else {
            fate.effect = Some(fault.effect.clone());
            break;
        }
    }
    faults.retain(|fault| fault.times != Some(0));
    fate
}

/// Reproducible chance: SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(pub u64);

impl Random {
    /// The next number, from 0 to just under 1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Whether `pattern`, in which `*` stands for any characters, is the whole of `text`, whatever the case.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star: behind it in the pattern, one byte further in the text.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t + 1));
                p += 1;
            }
            Some(byte)
                if text
                    .get(t)
                    .is_some_and(|other| byte.eq_ignore_ascii_case(other)) =>
            {
                p += 1;
                t += 1;
            }
            Some(_) | None => {
                let Some((after, next)) = star else {
                    return false;
                };
                (p, t) = (after, next);
                star = Some((after, next + 1));
            }
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}
