//! Client tokens: a request repeated with its token within ten minutes has the first one's answer and no
//! effect of its own.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::clock::later;
use super::operation::Operation;
use super::protocol::Answer;

/// "This token expires in 10 minutes" (UpdateKxUserRequest in the FinSpace model). DataZone does not say.
const LIFETIME: Duration = Duration::from_secs(600);

/// The successful requests that had a token.
#[derive(Default)]
pub(super) struct Tokens(HashMap<(&'static str, String, String), Kept>);

struct Kept {
    until: OffsetDateTime,
    parameters: Map<String, Value>,
    status: u16,
    body: Value,
}

/// What is known of a token.
pub(super) enum Token {
    /// Not used in the last ten minutes, or there is none.
    New,
    /// Used for the same request; this was its answer.
    Repeated(Answer),
    /// Used for a request with other parameters.
    Reused,
}

impl Tokens {
    /// Looks a request's token up. Tokens of one operation in one domain or environment are told apart.
    pub(super) fn look_up(
        &self,
        operation: Operation,
        container: &str,
        input: &Map<String, Value>,
        now: OffsetDateTime,
    ) -> Token {
        let Some(token) = token(input) else {
            return Token::New;
        };
        let key = (operation.call(), container.to_owned(), token.to_owned());
        match self.0.get(&key) {
            Some(kept) if kept.until > now => {
                if kept.parameters != parameters(input) {
                    return Token::Reused;
                }
                let (status, body) = (kept.status, kept.body.clone());
                Token::Repeated(Answer {
                    status,
                    body,
                    committed: false,
                    busy: None,
                })
            }
            Some(_) | None => Token::New,
        }
    }

    /// Remembers the answer to a request that had a token.
    pub(super) fn keep(
        &mut self,
        operation: Operation,
        container: &str,
        input: &Map<String, Value>,
        answer: &Answer,
        now: OffsetDateTime,
    ) {
        let Some(token) = token(input) else { return };
        // Now and then, so that a long run does not keep every token it ever saw.
        if self.0.len() % 1024 == 1023 {
            self.0.retain(|_, kept| kept.until > now);
        }
        let kept = Kept {
            until: later(now, LIFETIME),
            parameters: parameters(input),
            status: answer.status,
            body: answer.body.clone(),
        };
        self.0.insert(
            (operation.call(), container.to_owned(), token.to_owned()),
            kept,
        );
    }
}

fn token(input: &Map<String, Value>) -> Option<&str> {
    input.get("clientToken").and_then(Value::as_str)
}

fn parameters(input: &Map<String, Value>) -> Map<String, Value> {
    let others = input.iter().filter(|(member, _)| *member != "clientToken");
    others
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect()
}
