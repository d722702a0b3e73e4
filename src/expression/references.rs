//! What a name in an expression refers to, and the problems with those that refer to nothing.

use std::ops::Range;

use jsonata_core::ast::AstNode;
use jsonata_core::parser::Token;

use super::ExpressionProblem;
use super::analysis::Analysis;
use super::calls::{arguments_problem, reads_context};
use super::catalog::{self, BOUND, FORBIDDEN, UNBOUNDED};
use super::tokens::untag;

impl Analysis<'_> {
    /// Names with a fixed meaning keep it, or nobody could tell what an expression reads.
    pub fn check_binding(&mut self, tagged: &str) {
        let name = untag(tagged).0;
        if BOUND.contains(&name) || self.scope.constants.contains(&name) {
            let what = if BOUND.contains(&name) {
                "always bound"
            } else {
                "a constant"
            };
            let message = format!("`${name}` is {what} and cannot be bound again");
            self.report(
                "reserved-variable",
                tagged,
                message,
                Some("use another name".to_owned()),
            );
        }
    }

    pub fn variable(&mut self, tagged: &str) {
        let name = untag(tagged).0;
        match name {
            _ if self.frames.sees(name) => {}
            "event" | "states" => self.uses.event.add_whole(),
            "current" => self.current(tagged),
            _ if self.scope.constants.contains(&name) => {
                self.uses.constants.insert(name.to_owned());
            }
            _ if FORBIDDEN.contains(&name) => self.forbidden(tagged),
            _ if UNBOUNDED.contains(&name) => self.unbounded(tagged),
            _ if catalog::known(name).is_some() => {
                self.passes_function = true;
                self.uses.functions.insert(name.to_owned());
            }
            _ => {
                let help = self.nearest(name, BOUND);
                let message = format!("there is no variable, constant or function `${name}`");
                self.report("unknown-variable", tagged, message, help);
            }
        }
    }

    fn unbounded(&mut self, tagged: &str) {
        let name = untag(tagged).0;
        let help = format!("write `function($x) {{ ${name}($x, …) }}`");
        let message = format!("`${name}` is passed on without its arguments");
        self.report("forbidden-function", tagged, message, Some(help));
    }

    fn current(&mut self, tagged: &str) {
        self.uses.current = true;
        if !self.scope.current_allowed {
            let help = "it is known only after the target has been named and read".to_owned();
            self.report(
                "current-not-allowed",
                tagged,
                "`$current` cannot be used here".to_owned(),
                Some(help),
            );
        }
    }

    fn forbidden(&mut self, tagged: &str) {
        let name = untag(tagged).0;
        let (why, help) = match name {
            "eval" => (
                "what it reads cannot be known beforehand",
                "`$parse(…)` reads JSON",
            ),
            "shuffle" => (
                "a plan must be the same each time",
                "`$sort(…)` gives a fixed order",
            ),
            "now" | "millis" => (
                "a plan must be the same each time",
                "use the event's `time`",
            ),
            _ => (
                "a plan must be the same each time",
                "`$hash(…)` makes a fixed text of the event's `id`",
            ),
        };
        self.report(
            "forbidden-function",
            tagged,
            format!("`${name}` is not allowed: {why}"),
            Some(help.to_owned()),
        );
    }

    pub fn function(
        &mut self,
        tagged: &str,
        args: &[AstNode],
        is_variable: bool,
        chained: bool,
        root: bool,
    ) {
        args.iter().for_each(|arg| self.visit(arg, root));
        let name = untag(tagged).0;
        match catalog::known(name) {
            _ if !is_variable => self.bare_call(name, root),
            _ if self.frames.sees(name) => self.calls_value |= root,
            _ if BOUND.contains(&name) || self.scope.constants.contains(&name) => {
                let message = format!("`${name}` is not a function");
                self.report("unknown-function", tagged, message, None);
                self.variable(tagged);
            }
            _ if FORBIDDEN.contains(&name) => self.forbidden(tagged),
            None => {
                let help = self.nearest(name, &[]);
                self.report(
                    "unknown-function",
                    tagged,
                    format!("there is no function `${name}`"),
                    help,
                );
            }
            Some(_) if UNBOUNDED.contains(&name) && args.contains(&AstNode::Placeholder) => {
                self.unbounded(tagged);
            }
            Some(known) => {
                self.uses.functions.insert(name.to_owned());
                self.context(root && reads_context(known, args, chained));
                self.passes_function |= args.contains(&AstNode::Placeholder);
                if let Some((code, message, help)) = arguments_problem(known, args, chained) {
                    self.report(code, tagged, message, help);
                }
            }
        }
    }

    /// `lowercase(x)`: the name of a member that would have to be a function. Only a match's `next` is.
    fn bare_call(&mut self, name: &str, root: bool) {
        self.context(root);
        if name != "next" {
            let help = catalog::known(name).map(|known| format!("write `${}(…)`", known.name));
            let place = self.bare_place(name);
            let message = format!("`{name}` is called, but only names with `$` are functions");
            self.problems
                .push(ExpressionProblem::new("unknown-function", place, message).or_help(help));
        }
    }

    fn bare_place(&self, name: &str) -> Range<usize> {
        let mut pairs = self.parsed.tokens.windows(2);
        let found = pairs.find_map(|pair| match pair {
            [callee, bracket] if bracket.token == Token::LeftParen => match &callee.token {
                Token::Identifier(found) | Token::String(found) if found == name => {
                    Some(callee.range.clone())
                }
                _ => None,
            },
            _ => None,
        });
        found.unwrap_or_else(|| self.whole())
    }

    fn whole(&self) -> Range<usize> {
        0..self
            .parsed
            .tokens
            .last()
            .map_or(0, |spanned| spanned.range.end)
    }

    fn nearest(&self, name: &str, more: &[&'static str]) -> Option<String> {
        let mut candidates: Vec<&str> = self.frames.names().collect();
        candidates.extend_from_slice(self.scope.constants);
        candidates.extend_from_slice(more);
        catalog::names().for_each(|known| candidates.push(known));
        catalog::nearest(name, candidates.into_iter())
            .map(|nearest| format!("did you mean `${nearest}`?"))
    }

    pub fn report(
        &mut self,
        code: &'static str,
        tagged: &str,
        message: String,
        help: Option<String>,
    ) {
        let spanned = untag(tagged)
            .1
            .and_then(|number| self.parsed.tokens.get(number));
        let range = spanned.map_or_else(|| self.whole(), |spanned| spanned.range.clone());
        self.problems
            .push(ExpressionProblem::new(code, range, message).or_help(help));
    }
}
