//! What is no mistake but should be looked at, known when the whole file has been read.

use super::loading::Loading;
use super::rule::RuleReader;
use crate::document::{Member, Step};
use crate::expression::constant_name_problem;
use crate::problem::Problem;

pub(super) fn all<'a>(
    loading: &mut Loading<'a>,
    reader: &RuleReader<'a>,
    constants: Option<&'a Member<'a>>,
) {
    let members = constants.and_then(|constants| constants.value.members());
    for name in reader.compiler.unused() {
        let member = members.and_then(|members| members.iter().find(|member| member.key == name));
        // A name that no expression can spell has been reported.
        if let Some(member) = member.filter(|_| constant_name_problem(name).is_none()) {
            let message = format!("the constant `{name}` is never used");
            let warning = Problem::warning("unused-constant", member.key_span.clone(), message)
                .label(format!("no expression has `${name}`"))
                .help("remove it");
            loading.report_below(&[Step::Key("constants"), Step::Key(name)], warning);
        }
    }
    loading.problems.extend(reader.finspace.clone());
}
