//! Globs over names that are made of segments: ARNs, targets, sources of events.
//!
//! `*` stands for any number of characters and `?` for one, neither for a separator: a segment ends at `:` and `/`. So
//! `arn:aws:iam::111122223333:role/studio-*` reaches neither `role/studio-x/../admin` nor a role of another account. There is no
//! `**` and no escape; every other character stands for itself.

use std::fmt;

/// The most characters of a glob; an ARN has at most 2048.
const LONGEST: usize = 2048;

/// A compiled glob.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    /// What is compared: the text, in lower case when case does not count.
    segments: Vec<Vec<char>>,
    /// The separator after each segment but the last.
    separators: Vec<char>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exact,
    Target,
}

/// Why a text is no glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// There is nothing in it.
    #[error("a glob cannot be empty")]
    Empty,
    /// `**`, which elsewhere crosses segments.
    #[error("`**` has no meaning here: `*` stands for any text within one segment")]
    DoubleStar,
    /// Longer than any ARN.
    #[error("a glob has at most {LONGEST} characters")]
    TooLong,
    /// A space or a control character, which no name that is compared here has.
    #[error("a glob has no blanks and no control characters")]
    Blank,
}

impl Glob {
    /// A glob over ARNs or sources, which are compared exactly.
    ///
    /// # Errors
    /// When the text is empty, has more than 2048 characters, blanks, or `**`.
    pub fn new(text: &str) -> Result<Self, GlobError> {
        Self::compile(text, Kind::Exact)
    }

    /// A glob over targets such as `sagemaker:user-profile/d-abc/jane-doe`.
    ///
    /// It protects, so in doubt it matches: case does not count, because SageMaker's profile names are
    /// case-insensitive, and everything after the second `/` is one segment, because a DataZone user can be named by an
    /// ARN, which has separators of its own.
    ///
    /// # Errors
    /// As [`Glob::new`].
    pub fn for_targets(text: &str) -> Result<Self, GlobError> {
        Self::compile(text, Kind::Target)
    }

    fn compile(text: &str, kind: Kind) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        if text.chars().count() > LONGEST {
            return Err(GlobError::TooLong);
        }
        if text.contains("**") {
            return Err(GlobError::DoubleStar);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(GlobError::Blank);
        }
        let (segments, separators) = split(text, kind);
        Ok(Self {
            text: text.to_owned(),
            segments,
            separators,
            kind,
        })
    }

    /// The text it was made of.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole name matches. Takes at most time in proportion to the product of both lengths.
    pub fn matches(&self, name: &str) -> bool {
        let mut separators = self.separators.iter();
        let mut segments = self.segments.iter();
        let mut rest = Some(name);
        let mut slashes = 0;
        while let Some(text) = rest {
            let Some(glob) = segments.next() else {
                return false;
            };
            let end = text.find([':', '/']).filter(|_| self.kind.splits(slashes));
            let segment = end.and_then(|end| text.get(..end)).unwrap_or(text);
            let separator = end.and_then(|end| text.get(end..)?.chars().next());
            // After the last segment there is neither.
            if separator != separators.next().copied() || !self.kind.matches(glob, segment) {
                return false;
            }
            slashes += usize::from(separator == Some('/'));
            rest = end.and_then(|end| text.get(end + 1..));
        }
        segments.next().is_none()
    }
}

impl Kind {
    /// Whether another segment may begin after so many slashes.
    fn splits(self, slashes: usize) -> bool {
        match self {
            Self::Exact => true,
            Self::Target => slashes < 2,
        }
    }

    fn matches(self, glob: &[char], segment: &str) -> bool {
        match self {
            Self::Exact => segment_matches(glob, segment.chars()),
            Self::Target => segment_matches(glob, segment.chars().flat_map(char::to_lowercase)),
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Glob").field(&self.text).finish()
    }
}

fn split(text: &str, kind: Kind) -> (Vec<Vec<char>>, Vec<char>) {
    let (mut segments, mut separators) = (Vec::new(), Vec::new());
    let (mut segment, mut slashes) = (Vec::new(), 0);
    for c in text.chars() {
        let splits = match kind {
            Kind::Exact => matches!(c, ':' | '/'),
            Kind::Target => matches!(c, ':' | '/') && slashes < 2,
        };
        slashes += usize::from(c == '/');
        if splits {
            separators.push(c);
            segments.push(std::mem::take(&mut segment));
        } else {
            match kind {
                Kind::Exact => segment.push(c),
                Kind::Target => segment.extend(c.to_lowercase()),
            }
        }
    }
    segments.push(segment);
    (segments, separators)
}

/// Greedy: each `*` takes as little as it can, and only the last one met is ever given more. That is enough, for
/// what an earlier one could take, the last can as well.
fn segment_matches(glob: &[char], text: impl Iterator<Item = char> + Clone) -> bool {
    let (mut at, mut from) = (0, text);
    let mut star = None;
    loop {
        let mut next = from.clone();
        let Some(found) = next.next() else {
            return glob.iter().skip(at).all(|c| *c == '*');
        };
        match glob.get(at) {
            Some('*') => {
                star = Some((at, from.clone()));
                at += 1;
            }
            Some(c) if *c == '?' || *c == found => {
                at += 1;
                from = next;
            }
            _ => match &mut star {
                Some((star_at, taken)) => {
                    taken.next();
                    at = *star_at + 1;
                    from = taken.clone();
                }
                None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, name: &str) -> bool {
        Glob::new(glob).expect("a glob").matches(name)
    }

    const ROLE: &str = "arn:aws:iam::111122223333:role/studio-*";

    #[test]
    fn a_star_stays_within_its_segment() {
        assert!(matches(ROLE, "arn:aws:iam::111122223333:role/studio-rates"));
        assert!(matches(ROLE, "arn:aws:iam::111122223333:role/studio-"));
        for other in [
            "arn:aws:iam::111122223333:role/studio-x/../admin",
            "arn:aws:iam::111122223333:role/studio-x/y",
            "arn:aws:iam::444455556666:role/studio-x",
            "arn:aws:iam::111122223333:role/Studio-x",
            "arn:aws:iam::111122223333:role/x/studio-x",
            "arn:aws:iam::111122223333:role:studio-x",
            "xarn:aws:iam::111122223333:role/studio-x",
        ] {
            assert!(!matches(ROLE, other), "{other}");
        }
        assert!(matches(
            "arn:aws:iam::*:role/a",
            "arn:aws:iam::111122223333:role/a"
        ));
        assert!(!matches("*", "a/b") && !matches("*", "a:b") && matches("*", "a.b"));
    }

    #[test]
    fn stars_and_question_marks_find_every_way_to_match() {
        assert!(matches("a*b*c", "aXbXbXc") && matches("*a*", "bab") && matches("a?c", "abc"));
        assert!(!matches("a?c", "ac") && !matches("a?c", "a/c") && !matches("a*b", "ac"));
        assert!(matches("*.hr", "acme.hr") && !matches("*.hr", "acme.hrx"));
        assert!(matches("?", "ä") && !matches("?", "ab"));
    }

    #[test]
    fn a_target_s_glob_ignores_case_and_takes_the_rest_as_one_segment() {
        let glob = Glob::for_targets("sagemaker:user-profile/*/admin-*").expect("a glob");
        assert!(glob.matches("sagemaker:user-profile/d-abc/Admin-root"));
        assert!(!glob.matches("sagemaker:user-profile/d-abc/x-admin-root"));
        assert!(!glob.matches("sagemaker:domain/d-abc"));
        let glob = Glob::for_targets("datazone:user-profile/dzd_1/*").expect("a glob");
        assert!(glob.matches("datazone:user-profile/dzd_1/arn:aws:iam::111122223333:role/x"));
        assert!(!glob.matches("datazone:user-profile/dzd_2/jane.doe"));
    }

    #[test]
    fn a_long_name_takes_no_long_time() {
        let glob = "*a".repeat(1000);
        let started = std::time::Instant::now();
        assert!(!matches(&glob, &format!("{}b", "a".repeat(2000))));
        assert!(started.elapsed().as_secs() < 1);
    }

    #[test]
    fn what_could_be_meant_otherwise_is_refused() {
        assert_eq!(Glob::new(""), Err(GlobError::Empty));
        assert_eq!(Glob::new("role/**"), Err(GlobError::DoubleStar));
        assert_eq!(Glob::new("role/ x"), Err(GlobError::Blank));
        assert_eq!(Glob::new(&"x".repeat(3000)), Err(GlobError::TooLong));
    }
}
