//! Whether an event has values for all fields of one combination, together.
//!
//! Fields under one array of objects must find their values in one and the same element, at any depth. Fields are looked at
//! in the order of their names, as EventBridge's engine does (aws/event-ruler, `ACFinder`); that order decides what
//! `exists: false` means next to other fields of an array: the field must be missing in the element that fields before it
//! have chosen, or, when they have chosen none, in every element.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::field::Field;
use super::flat::{ElementId, Flat};
use super::tree::{FieldTree, PathId};

/// How many steps a search may take in which elements of different arrays are chosen independently for one later field. That
/// takes an event that writes one path both nested and dotted, or arrays directly inside arrays between fields such as `a`,
/// `a-b` and `a.c`. The choices multiply there; after so many steps the event counts as not matching.
const MAX_STEPS: usize = 1_000_000;

/// Fields that must all match, with their places in a tree. Sorted by name, in UTF-16 as the engine sorts.
#[derive(Debug, Clone)]
pub(super) struct Combination {
    pub(super) fields: Vec<(PathId, Arc<Field>)>,
}

/// The elements chosen so far: the innermost ones only, sorted. Those around them are chosen with them.
type Chosen = Vec<ElementId>;

impl Combination {
    pub(super) fn matches(&self, tree: &FieldTree, flat: &Flat<'_>) -> bool {
        if flat.has_elements() {
            return Search {
                combination: self,
                tree,
                flat,
                steps: 0,
            }
            .run();
        }
        self.fields.iter().all(|(path, field)| {
            let leaves = flat.at(*path);
            (field.absent && leaves.is_empty())
                || leaves.iter().any(|leaf| field.accepts(leaf.value))
        })
    }

    /// The first field that cannot match beside the fields before it, when each could alone.
    pub(super) fn first_conflict(&self, tree: &FieldTree, flat: &Flat<'_>) -> Option<usize> {
        (1..=self.fields.len()).find_map(|count| {
            let beginning = Self {
                fields: self.fields.iter().take(count).cloned().collect(),
            };
            (!beginning.matches(tree, flat)).then(|| count - 1)
        })
    }
}

struct Search<'s, 'e> {
    combination: &'s Combination,
    tree: &'s FieldTree,
    flat: &'s Flat<'e>,
    steps: usize,
}

impl Search<'_, '_> {
    /// Goes from field to field with all the choices of elements that are still possible. Choices that no later field can
    /// tell apart are one, which keeps their number below the number of elements.
    fn run(mut self) -> bool {
        let paths: Vec<PathId> = self
            .combination
            .fields
            .iter()
            .map(|(path, _)| *path)
            .collect();
        let mut choices: Vec<Chosen> = vec![Chosen::new()];
        for (index, (path, field)) in self.combination.fields.iter().enumerate() {
            let (present, accepted) = self.elements(*path, field);
            let later = paths.get(index + 1..).unwrap_or_default();
            let mut next: HashSet<Chosen> = HashSet::new();
            for chosen in &choices {
                if field.absent && !self.any_consistent(chosen, &present, *path) {
                    next.insert(self.forget(chosen.iter().copied(), later));
                }
                self.each_consistent(chosen, &accepted, *path, |search, element| {
                    let chosen = search.choose(chosen, element);
                    next.insert(search.forget(chosen.into_iter(), later));
                    later.is_empty()
                });
                if (later.is_empty() && !next.is_empty()) || self.steps > MAX_STEPS {
                    break;
                }
            }
            if next.is_empty() || self.steps > MAX_STEPS {
                return false;
            }
            choices = next.into_iter().collect();
        }
        true
    }

    /// The elements with any value at the path, and those with an accepted one.
    fn elements(&self, path: PathId, field: &Field) -> (Places, Places) {
        let leaves = self.flat.at(path);
        let present = leaves
            .iter()
            .filter(|_| field.absent)
            .map(|leaf| leaf.element);
        let accepted = leaves
            .iter()
            .filter(|leaf| field.accepts(leaf.value))
            .map(|leaf| leaf.element);
        (Places::new(present), Places::new(accepted))
    }

    fn any_consistent(&mut self, chosen: &Chosen, places: &Places, path: PathId) -> bool {
        let mut any = false;
        self.each_consistent(chosen, places, path, |_, _| {
            any = true;
            true
        });
        any
    }

    /// Calls `visit` with each place that goes with the chosen elements, until it says that it has seen enough.
    fn each_consistent(
        &mut self,
        chosen: &Chosen,
        places: &Places,
        path: PathId,
        mut visit: impl FnMut(&Self, ElementId) -> bool,
    ) {
        if self.flat.is_spelled_twice() {
            for element in &places.list {
                self.steps += chosen.len() + 1;
                let goes = chosen
                    .iter()
                    .all(|other| !self.flat.are_apart(*element, *other));
                if self.steps > MAX_STEPS || (goes && visit(self, *element)) {
                    return;
                }
            }
            return;
        }
        // A path is in one place only, so the chosen elements on the way to it lie inside one another.
        let on_the_way = chosen
            .iter()
            .map(|element| self.flat.on_the_way(*element, self.tree, &[path]));
        let innermost = on_the_way
            .max_by_key(|element| self.flat.depth(*element))
            .unwrap_or(Flat::ROOT);
        if innermost == Flat::ROOT {
            for element in &places.list {
                // Chosen elements that are of no concern here are kept for a later field; only then can choices multiply.
                self.steps += chosen.len();
                if self.steps > MAX_STEPS || visit(self, *element) {
                    return;
                }
            }
            return;
        }
        // Only what is inside it: a value around it that still stands in that array has the array's own path, which sorts
        // before any path through the array.
        for element in places.within(self.flat.inside(innermost)) {
            self.steps += chosen.len() - 1;
            if self.steps > MAX_STEPS || visit(self, *element) {
                return;
            }
        }
    }

    fn choose(&self, chosen: &Chosen, element: ElementId) -> Chosen {
        if chosen
            .iter()
            .any(|other| self.flat.inside(element).contains(other))
        {
            return chosen.clone();
        }
        let kept = chosen
            .iter()
            .filter(|other| !self.flat.inside(**other).contains(&element));
        kept.copied().chain([element]).collect()
    }

    /// Drops what no later field depends on.
    fn forget(&self, chosen: impl Iterator<Item = ElementId>, later: &[PathId]) -> Chosen {
        if later.is_empty() {
            return Chosen::new();
        }
        let kept = chosen.map(|element| self.flat.on_the_way(element, self.tree, later));
        let mut kept: Chosen = kept.filter(|element| *element != Flat::ROOT).collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    }
}

/// Elements with a value, sorted.
struct Places {
    list: Vec<ElementId>,
}

impl Places {
    fn new(elements: impl Iterator<Item = ElementId>) -> Self {
        let mut list: Vec<ElementId> = elements.collect();
        list.sort_unstable();
        list.dedup();
        Self { list }
    }

    fn within(&self, range: RangeInclusive<ElementId>) -> &[ElementId] {
        let from = self.list.partition_point(|element| element < range.start());
        let to = self.list.partition_point(|element| element <= range.end());
        self.list.get(from..to).unwrap_or_default()
    }
}
