//! What the calls of a batch have in common.

use std::collections::HashSet;
use std::sync::Arc;

use crate::report::{Cause, Failure};

/// A failure that calls share, or at least its last words: ten thousand events can each have a value of their own that the API
/// would refuse, in a sentence that ends in the same constraint.
#[derive(Clone)]
pub struct SharedFailure(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    code: Arc<str>,
    begin: Box<str>,
    end: Option<Arc<str>>,
    retryable: bool,
    cause: Cause,
}

impl From<Failure> for SharedFailure {
    fn from(failure: Failure) -> Self {
        let Failure {
            code,
            message,
            retryable,
            cause,
        } = failure;
        Self(Arc::new(Parts {
            code: code.into(),
            begin: message.into(),
            end: None,
            retryable,
            cause,
        }))
    }
}

impl SharedFailure {
    /// The failure by itself.
    pub fn alone(&self) -> Failure {
        let parts = &*self.0;
        Failure {
            code: parts.code.to_string(),
            message: [&*parts.begin, parts.end.as_deref().unwrap_or_default()].concat(),
            retryable: parts.retryable,
            cause: parts.cause,
        }
    }

    /// The same with this end in common, if it does end so.
    fn ending(&self, end: &Arc<str>, code: &Arc<str>) -> Option<Self> {
        let parts = &*self.0;
        let begin = match &parts.end {
            None => parts.begin.strip_suffix(&**end)?,
            Some(_) => return None,
        };
        Some(Self(Arc::new(Parts {
            code: match parts.code == *code {
                true => Arc::clone(code),
                false => Arc::clone(&parts.code),
            },
            begin: begin.into(),
            end: Some(Arc::clone(end)),
            retryable: parts.retryable,
            cause: parts.cause,
        })))
    }
}

/// What calls have in common, and then share: many events of a batch want the same of different people, or fail alike.
#[derive(Default)]
pub struct Common {
    texts: HashSet<Arc<str>>,
    failures: Vec<SharedFailure>,
    /// How several messages ended, with the code of the first of them.
    ends: Vec<(Arc<str>, Arc<str>)>,
}

impl Common {
    /// How much is kept to be found again.
    const TEXTS: usize = 1000;
    const FAILURES: usize = 20;
    /// The shortest end that is worth sharing, in bytes.
    const END: usize = 32;

    pub fn text(&mut self, text: &mut Arc<str>) {
        match self.texts.get(text) {
            Some(same) => *text = Arc::clone(same),
            None if self.texts.len() < Self::TEXTS => drop(self.texts.insert(Arc::clone(text))),
            None => {}
        }
    }

    pub fn failure(&mut self, failure: &mut SharedFailure) {
        if let Some(same) = self.failures.iter().find(|known| known.0 == failure.0) {
            *failure = same.clone();
            return;
        }
        if self.failures.len() < Self::FAILURES {
            let message = &*failure.0.begin;
            let known = self.failures.iter().map(|known| &*known.0.begin);
            let end = known.map(|known| common_end(known, message));
            let end = end.max_by_key(|end| end.len()).unwrap_or_default();
            let is_known = self
                .ends
                .iter()
                .any(|(known, _)| message.ends_with(&**known));
            if end.len() >= Self::END && !is_known {
                self.ends.push((end.into(), Arc::clone(&failure.0.code)));
            }
            self.failures.push(failure.clone());
        }
        let shared = self
            .ends
            .iter()
            .find_map(|(end, code)| failure.ending(end, code));
        if let Some(shared) = shared {
            *failure = shared;
        }
    }
}

/// The longest text with which both end.
fn common_end<'a>(one: &str, other: &'a str) -> &'a str {
    let pairs = one.chars().rev().zip(other.chars().rev());
    let same = pairs.take_while(|(one, other)| one == other);
    let length: usize = same.map(|(same, _)| same.len_utf8()).sum();
    other.get(other.len() - length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, message: &str) -> Failure {
        Failure {
            code: code.to_owned(),
            message: message.to_owned(),
            retryable: false,
            cause: Cause::Values,
        }
    }

    #[test]
    fn what_is_shared_says_the_same_as_before() {
        let allowed = "allowed is text that matches [a-zé]+ as a whole";
        let messages = [
            format!("Name: found \"Ä 1\", {allowed}"),
            format!("Name: found \"Ä 2\", {allowed}"),
            format!("Role: found \"é\", {allowed}"),
            "Name: missing".to_owned(),
            "Name: missing".to_owned(),
            String::new(),
            format!("Name: found \"3\", {allowed}"),
        ];
        let mut common = Common::default();
        let mut kept = Vec::new();
        for (number, message) in messages.iter().enumerate() {
            let code = if number == 2 { "other" } else { "pattern" };
            let original = failure(code, message);
            let mut shared = SharedFailure::from(original.clone());
            common.failure(&mut shared);
            assert!(shared.alone() == original, "{message}");
            kept.push(shared);
        }
        assert!(Arc::ptr_eq(&kept[3].0, &kept[4].0));
        let end = |number: usize| kept[number].0.end.as_ref().map(Arc::as_ptr);
        assert!(end(1).is_some() && end(1) == end(6) && end(5).is_none());
        assert!(Arc::ptr_eq(&kept[1].0.code, &kept[6].0.code));
    }
}
