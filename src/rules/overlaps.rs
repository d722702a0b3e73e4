//! Rules that can match one event and set one member of one target to different constants.
//!
//! Comparing all pairs of ten thousand rules would take a minute. Only rules that set the same member of a target
//! that can be the same are compared; and of those, rules whose patterns list texts for one field only with those that
//! list one of the texts too, or none at all.
//!
//! A field is taken to have one value. Where an event has an array there, two rules that want different values can both match it and
//! no warning says so; see [`could_both_match`].

use super::Rule;
use super::loading::path_text;
use super::settings::{Setting, settings};
use crate::document::{Node, Step};
use crate::hash::{Set, Table};
use crate::pattern::{ALWAYS_AN_ARRAY, could_both_match};
use crate::problem::Problem;

/// How many pairs of patterns are compared for one file.
const COMPARISONS: usize = 200_000;

/// A rule that is right, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    /// Its position in the file.
    pub index: usize,
    pub node: &'a Node<'a>,
    pub rule: &'a Rule,
}

/// A warning for each member that a later rule sets otherwise than an earlier one. Of several earlier ones the
/// nearest is named. Rules with errors take no part.
pub(super) fn warnings(rules: &[Placed<'_>]) -> Vec<Problem> {
    let mut search = Search {
        rules,
        budget: COMPARISONS,
        warnings: Vec::new(),
    };
    for settings in settings(rules) {
        search.of_member(&settings);
        if search.budget == 0 {
            search
                .warnings
                .extend(settings.first().map(|setting| exhausted(rules, setting)));
            break;
        }
    }
    search.warnings
}

struct Search<'r, 'a> {
    rules: &'r [Placed<'a>],
    budget: usize,
    warnings: Vec<Problem>,
}

impl<'a> Search<'_, 'a> {
    fn of_member(&mut self, settings: &[Setting<'a>]) {
        let same = |pair: &[Setting<'_>]| matches!(pair, [a, b] if a.value == b.value);
        if settings.windows(2).all(same) {
            return;
        }
        let field = self.telling_field(settings);
        let mut index = Index::default();
        for (position, later) in settings.iter().enumerate() {
            let mut listed = self.listed(later);
            let texts = listed
                .find(|(name, _)| Some(*name) == field)
                .map(|(_, texts)| texts.collect::<Vec<&str>>());
            let (rules, budget) = (self.rules, &mut self.budget);
            let earlier = match &texts {
                Some(texts) => {
                    let candidates = index.candidates(texts);
                    nearest(rules, budget, settings, later, candidates)
                }
                None => nearest(rules, budget, settings, later, (0..position).rev()),
            };
            index.add(position, texts.as_deref());
            self.warnings
                .extend(earlier.map(|earlier| warning(self.rules, earlier, later)));
        }
    }

    /// The field with the most different texts.
    fn telling_field(&self, settings: &[Setting<'a>]) -> Option<&'a str> {
        let mut texts: Table<&'a str, Set<&'a str>> = Table::default();
        for setting in settings {
            for (field, listed) in self.listed(setting) {
                texts.entry(field).or_default().extend(listed);
            }
        }
        let best = texts
            .into_iter()
            .max_by(|(a, some), (b, others)| some.len().cmp(&others.len()).then(b.cmp(a)))?;
        Some(best.0)
    }

    /// The fields for which the pattern of a setting's rule lists texts and nothing else. Of the values of an array no single one
    /// tells.
    fn listed(
        &self,
        setting: &Setting<'a>,
    ) -> impl Iterator<Item = (&'a str, impl Iterator<Item = &'a str> + use<'a>)> + use<'a> {
        let placed = self.rules.get(setting.rule);
        let listed = placed.map(|placed| placed.rule.when.listed());
        let mut listed = listed.into_iter().flatten();
        std::iter::from_fn(move || listed.find(|(field, _)| *field != ALWAYS_AN_ARRAY))
    }
}

/// The first of the candidates that sets something else and can match together with `later`.
fn nearest<'s, 'a>(
    rules: &[Placed<'a>],
    budget: &mut usize,
    settings: &'s [Setting<'a>],
    later: &Setting<'a>,
    candidates: impl Iterator<Item = usize>,
) -> Option<&'s Setting<'a>> {
    for candidate in candidates {
        let earlier = settings.get(candidate)?;
        if earlier.value == later.value {
            continue;
        }
        *budget = budget.checked_sub(1)?;
        let (a, b) = (rules.get(earlier.rule)?, rules.get(later.rule)?);
        if earlier.rule == later.rule || could_both_match(&a.rule.when, &b.rule.when) {
            return Some(earlier);
        }
    }
    None
}

/// Earlier settings by what their patterns list for one field.
#[derive(Default)]
struct Index<'a> {
    by_text: Table<&'a str, Vec<usize>>,
    unlisted: Vec<usize>,
}

impl<'a> Index<'a> {
    fn add(&mut self, position: usize, texts: Option<&[&'a str]>) {
        match texts {
            Some(texts) => texts
                .iter()
                .for_each(|text| self.by_text.entry(text).or_default().push(position)),
            None => self.unlisted.push(position),
        }
    }

    /// From the nearest to the first, each once. Nothing is copied: the nearest often ends the search.
    fn candidates<'s>(&'s self, texts: &'s [&'a str]) -> impl Iterator<Item = usize> + 's {
        let lists = texts.iter().filter_map(|text| self.by_text.get(text));
        let mut lists: Vec<&[usize]> = lists.chain([&self.unlisted]).map(Vec::as_slice).collect();
        std::iter::from_fn(move || {
            let nearest = *lists.iter().filter_map(|list| list.last()).max()?;
            for list in &mut lists {
                if let Some((last, rest)) = list.split_last()
                    && *last == nearest
                {
                    *list = rest;
                }
            }
            Some(nearest)
        })
    }
}

/// A setting's rule and where it stands.
fn place<'a>(
    rules: &[Placed<'a>],
    setting: &Setting<'a>,
) -> (Option<Placed<'a>>, Vec<Step<'a>>, std::ops::Range<usize>) {
    let placed = rules.get(setting.rule).copied();
    let mut path = vec![
        Step::Key("do"),
        Step::Index(setting.call),
        Step::Key("with"),
    ];
    path.extend(&setting.path);
    let span = placed.map_or(0..0, |placed| {
        placed.node.place(path.iter().copied(), &placed.node.span)
    });
    let index = placed.map_or(0, |placed| placed.index);
    path.splice(0..0, [Step::Key("rules"), Step::Index(index)]);
    (placed, path, span)
}

fn warning(rules: &[Placed<'_>], earlier: &Setting<'_>, later: &Setting<'_>) -> Problem {
    let (other, _, before) = place(rules, earlier);
    let (own, path, span) = place(rules, later);
    let by = match other {
        Some(other) if earlier.rule != later.rule => format!("rule `{}`", other.rule.name),
        _ => "the same rule".to_owned(),
    };
    let member = path_text(&later.path);
    let message = format!("`{member}` is set otherwise by {by}, and both can apply to one event");
    let mut warning = Problem::warning("overlap", span, message)
        .label("this wins, because it is later")
        .help("if that is not meant, let the patterns exclude each other")
        .also(before, "set otherwise here");
    warning.rule = own.map(|own| own.rule.name.clone());
    warning.path = path_text(&path);
    warning
}

fn exhausted(rules: &[Placed<'_>], setting: &Setting<'_>) -> Problem {
    let message = "too many rules set one member of one target to compare them all";
    Problem::warning("overlaps-unknown", place(rules, setting).2, message)
        .label("rules that set this member were compared in part")
        .help("list values of one field in every rule's pattern: `detail: {department: [Sales]}`")
}
