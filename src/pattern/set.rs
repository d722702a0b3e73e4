//! Many patterns, matched in one pass over the event.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Pattern;
use super::combination::Combination;
use super::field::Field;
use super::flat::Flat;
use super::index::{self, Access, PathIndex};
use super::operator::Operator;
use super::tree::{FieldTree, PathId};
use crate::hash::Table;

/// Patterns compiled together.
///
/// Each combination of fields is filed under its most selective field. An event's values lead to the combinations filed
/// under them, and only those are checked. With distinct values in the patterns the time for an event therefore hardly
/// depends on the number of patterns. A combination that wants nothing but missing fields is checked for every event.
pub struct PatternSet {
    tree: FieldTree,
    combinations: Vec<Combination>,
    /// The pattern each combination belongs to, ascending.
    patterns: Vec<u32>,
    /// By path.
    indexes: Vec<PathIndex>,
    /// Combinations that no value of an event leads to.
    unfiled: Vec<u32>,
}

impl PatternSet {
    /// Compiles patterns into one set. Their positions, from 0, are what [`PatternSet::matching`] answers with.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        let mut fields: Vec<&'a Arc<Field>> = Vec::new();
        let mut lengths: Vec<(u32, usize)> = Vec::new();
        for (pattern, position) in patterns.into_iter().zip(0..) {
            for combination in pattern.fields() {
                let before = fields.len();
                fields.extend(combination);
                lengths.push((position, fields.len() - before));
            }
        }
        let (tree, paths) = FieldTree::new(fields.iter().map(|field| &*field.name));
        let counts = Counts::new(&fields, &paths);
        let mut placed = paths.into_iter().zip(fields.into_iter().cloned());
        let combinations: Vec<Combination> = lengths
            .iter()
            .map(|(_, length)| Combination {
                fields: placed.by_ref().take(*length).collect(),
            })
            .collect();

        let mut indexes: Vec<PathIndex> = std::iter::repeat_with(PathIndex::default)
            .take(tree.paths())
            .collect();
        let mut unfiled = Vec::new();
        for (combination, owner) in combinations.iter().zip(0..) {
            let filed = counts.most_selective(combination);
            match filed.and_then(|(path, field)| indexes.get_mut(path.0 as usize).zip(Some(field)))
            {
                Some((index, field)) => field
                    .operators
                    .iter()
                    .for_each(|operator| index.add(operator, owner)),
                None => unfiled.push(owner),
            }
        }
        indexes.iter_mut().for_each(PathIndex::finish);
        let patterns = lengths.into_iter().map(|(position, _)| position).collect();
        Self {
            tree,
            combinations,
            patterns,
            indexes,
            unfiled,
        }
    }

    /// The positions of the patterns that match the event, ascending. The same as [`Pattern::matches`] of each.
    pub fn matching(&self, event: &Value) -> Vec<usize> {
        if !event.is_object() {
            return Vec::new();
        }
        let flat = Flat::new(&self.tree, event);
        let mut matching: Vec<usize> = Vec::new();
        for owner in self.candidates(&flat) {
            let owner = owner as usize;
            let (Some(combination), Some(pattern)) =
                (self.combinations.get(owner), self.patterns.get(owner))
            else {
                continue;
            };
            let pattern = *pattern as usize;
            if matching.last() != Some(&pattern) && combination.matches(&self.tree, &flat) {
                matching.push(pattern);
            }
        }
        matching
    }

    /// How many combinations [`PatternSet::matching`] checks in full for this event: a measure of its work.
    pub fn checked(&self, event: &Value) -> usize {
        self.candidates(&Flat::new(&self.tree, event)).len()
    }

    /// The combinations that could match, ascending.
    fn candidates(&self, flat: &Flat<'_>) -> Vec<u32> {
        let mut candidates = Candidates::new(self.combinations.len(), &self.unfiled);
        for leaf in flat.all() {
            if let Some(index) = self.indexes.get(leaf.path.0 as usize) {
                index.candidates(leaf.value, &mut |owner| candidates.add(owner));
            }
        }
        candidates.list.sort_unstable();
        candidates.list
    }
}

impl fmt::Debug for PatternSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.patterns.last().map_or(0, |last| last + 1);
        f.debug_struct("PatternSet")
            .field("patterns", &patterns)
            .finish_non_exhaustive()
    }
}

/// Combinations to check, each once.
struct Candidates {
    list: Vec<u32>,
    seen: Vec<u64>,
}

impl Candidates {
    fn new(combinations: usize, unfiled: &[u32]) -> Self {
        Self {
            list: unfiled.to_vec(),
            seen: vec![0; combinations.div_ceil(64)],
        }
    }

    fn add(&mut self, owner: u32) {
        let bit = 1 << (owner % 64);
        if let Some(word) = self.seen.get_mut(owner as usize / 64)
            && *word & bit == 0
        {
            *word |= bit;
            self.list.push(owner);
        }
    }
}

/// How often operators occur, to tell which field of a combination is most selective.
struct Counts<'a> {
    /// Fields with the same operator at the same path.
    same: Table<(PathId, &'a Operator), usize>,
    /// Intervals, and operators that are tried, at a path.
    intervals: Table<PathId, usize>,
    trials: Table<PathId, usize>,
}

impl<'a> Counts<'a> {
    fn new(fields: &[&'a Arc<Field>], paths: &[PathId]) -> Self {
        let mut counts = Self {
            same: Table::default(),
            intervals: Table::default(),
            trials: Table::default(),
        };
        for (field, path) in fields.iter().zip(paths) {
            for operator in &field.operators {
                match index::access(operator) {
                    Access::Key | Access::Affix => {
                        *counts.same.entry((*path, operator)).or_default() += 1
                    }
                    Access::Interval => *counts.intervals.entry(*path).or_default() += 1,
                    Access::Trial => *counts.trials.entry(*path).or_default() += 1,
                }
            }
        }
        counts
    }

    /// About how many combinations a value that this operator accepts would lead to, if they were filed here.
    fn weight(&self, path: PathId, operator: &Operator) -> usize {
        let of = |counts: &Table<PathId, usize>| counts.get(&path).copied().unwrap_or(1);
        match index::access(operator) {
            Access::Key => self.same.get(&(path, operator)).copied().unwrap_or(1),
            Access::Affix => 2 + self.same.get(&(path, operator)).copied().unwrap_or(1),
            Access::Interval => 4 + of(&self.intervals) / 4,
            Access::Trial => 8 + of(&self.trials) * 2,
        }
    }

    fn most_selective<'c>(&self, combination: &'c Combination) -> Option<(PathId, &'c Field)> {
        let usable = combination.fields.iter().filter(|(_, field)| !field.absent);
        let weighed = usable.map(|(path, field)| {
            let weight: usize = field
                .operators
                .iter()
                .map(|operator| self.weight(*path, operator))
                .sum();
            (weight, *path, &**field)
        });
        weighed
            .min_by_key(|(weight, ..)| *weight)
            .map(|(_, path, field)| (path, field))
    }
}
