//! Rules that can match one event and set one member of one target to different constants.
//!
//! Comparing all pairs of ten thousand rules would take a minute. Only rules that set the same member of a target
//! that can be the same are compared; and of those, rules whose patterns list texts for one field only with those that
//! list one of the texts too, or none at all.
//!
//! A field is taken to have one value. Where an event has an array there, two rules that want different values can both match it and
//! no warning says so; see [`could_both_match`].

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Rule;
use super::loading::path_text;
use super::settings::{Setting, settings};
use crate::document::{Content, Member, Node, Step};
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
        listed: rules.iter().map(|_| None).collect(),
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

/// The fields for which a pattern lists texts and nothing else.
type Listed<'a> = HashMap<String, Vec<&'a str>>;

struct Search<'r, 'a> {
    rules: &'r [Placed<'a>],
    /// By rule, once it is asked for.
    listed: Vec<Option<Listed<'a>>>,
    budget: usize,
    warnings: Vec<Problem>,
}

impl<'a> Search<'_, 'a> {
    fn of_member(&mut self, settings: &[Setting<'a>]) {
        let same = |pair: &[Setting<'_>]| matches!(pair, [a, b] if a.value == b.value);
        if settings.windows(2).all(same) {
            return;
        }
        for setting in settings {
            if let (Some(listed @ None), Some(placed)) = (
                self.listed.get_mut(setting.rule),
                self.rules.get(setting.rule),
            ) {
                *listed = Some(listed_texts(placed.node));
            }
        }
        let field = self.telling_field(settings);
        let mut index = Index::default();
        for (position, later) in settings.iter().enumerate() {
            let texts = field
                .as_ref()
                .and_then(|field| self.listed.get(later.rule)?.as_ref()?.get(field));
            let (rules, budget) = (self.rules, &mut self.budget);
            let earlier = match texts {
                Some(texts) => {
                    let candidates = index.candidates(texts);
                    nearest(rules, budget, settings, later, candidates)
                }
                None => nearest(rules, budget, settings, later, (0..position).rev()),
            };
            index.add(position, texts);
            self.warnings
                .extend(earlier.map(|earlier| warning(self.rules, earlier, later)));
        }
    }

    /// The field with the most different texts.
    fn telling_field(&self, settings: &[Setting<'_>]) -> Option<String> {
        let mut texts: HashMap<&str, HashSet<&str>> = HashMap::new();
        for setting in settings {
            let listed = self.listed.get(setting.rule).and_then(Option::as_ref);
            for (field, listed) in listed.into_iter().flatten() {
                texts.entry(field).or_default().extend(listed);
            }
        }
        let best = texts
            .into_iter()
            .max_by(|(a, some), (b, others)| some.len().cmp(&others.len()).then(b.cmp(a)))?;
        Some(best.0.to_owned())
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
    by_text: HashMap<&'a str, Vec<usize>>,
    unlisted: Vec<usize>,
}

impl<'a> Index<'a> {
    fn add(&mut self, position: usize, texts: Option<&Vec<&'a str>>) {
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

fn listed_texts<'a>(rule: &'a Node<'a>) -> Listed<'a> {
    let mut listed = HashMap::new();
    if let Some(when) = rule.member("when") {
        collect(&when.value, "", &mut listed);
    }
    let texts = listed.into_iter();
    texts
        .filter_map(|(path, texts)| Some((path, texts?)))
        .collect()
}

/// Nothing for a field that has something else than texts, or occurs twice.
fn collect<'a>(node: &'a Node<'a>, path: &str, listed: &mut HashMap<String, Option<Vec<&'a str>>>) {
    for Member { key, value, .. } in node.members().unwrap_or_default() {
        // Its alternatives are no fields that always count; and of an array's values no single one tells.
        if key == "$or" || path.is_empty() && key == ALWAYS_AN_ARRAY {
            continue;
        }
        let path = match path {
            "" => key.to_string(),
            path => format!("{path}.{key}"),
        };
        match &value.content {
            Content::Object(_) => collect(value, &path, listed),
            Content::List(items) => {
                // An address has several spellings.
                let text =
                    |item: &'a Node<'a>| item.text().filter(|text| text.parse::<IpAddr>().is_err());
                let texts: Option<Vec<&str>> = items.iter().map(text).collect();
                let texts = texts.filter(|_| !listed.contains_key(&path));
                listed.insert(path, texts);
            }
            _ => {}
        }
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
