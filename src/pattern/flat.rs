//! An event cut down to the fields that patterns ask about.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::tree::{FieldTree, NodeId, PathId, ROOT};

/// An array's element in the event that is itself an object or an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ElementId(u32);

struct Element {
    /// The element around it; the root's is itself.
    around: ElementId,
    depth: u32,
    /// The last element inside it: they are numbered in the event's order, so those inside follow it without a gap.
    last: ElementId,
    /// Which array of the event, and where that stands in the tree.
    array: u32,
    node: NodeId,
}

impl Element {
    const ROOT: Self = Self {
        around: ElementId(0),
        depth: 0,
        last: ElementId(0),
        array: 0,
        node: ROOT,
    };
}

/// A value of the event that patterns can ask about. (No `Debug`: these are people's data.)
pub(super) struct Leaf<'e> {
    pub(super) path: PathId,
    pub(super) element: ElementId,
    pub(super) value: &'e Value,
}

/// An event cut down to the fields that patterns ask about.
pub(super) struct Flat<'e> {
    /// Sorted by path.
    leaves: Vec<Leaf<'e>>,
    elements: Vec<Element>,
    /// Whether the event writes some path both nested and dotted.
    spelled_twice: bool,
}

impl<'e> Flat<'e> {
    pub(super) const ROOT: ElementId = ElementId(0);

    /// Finds the event's values at the tree's paths. Anything else in the event costs one look-up per key.
    pub(super) fn new(tree: &FieldTree, event: &'e Value) -> Self {
        let mut flat = Self {
            leaves: Vec::new(),
            elements: vec![Element::ROOT],
            spelled_twice: false,
        };
        let mut arrays = 0;
        // A stack, because events may be deep; filled backwards, so that everything comes out in the event's order.
        let mut stack = vec![(ROOT, Self::ROOT, None, event)];
        while let Some((node, around, array, value)) = stack.pop() {
            // Only containers make a new element: a plain value of an array is not "within" one of its elements
            // (aws/event-ruler, `Event`), so that it goes with fields of any element.
            let element = match (array, value) {
                (Some(array), Value::Object(_) | Value::Array(_)) => {
                    flat.enter(around, array, node)
                }
                (_, _) => around,
            };
            match value {
                Value::Object(members) => {
                    for (key, value) in members.iter().rev() {
                        if let Some(child) = tree.child(node, key) {
                            flat.spelled_twice |= is_spelled_twice(members, key);
                            stack.push((child, element, None, value));
                        }
                    }
                }
                Value::Array(items) => {
                    arrays += 1;
                    let items = items.iter().rev();
                    stack.extend(items.map(|item| (node, element, Some(arrays), item)));
                }
                value => {
                    if let Some(path) = tree.path_at(node) {
                        flat.leaves.push(Leaf {
                            path,
                            element,
                            value,
                        });
                    }
                }
            }
        }
        flat.close();
        flat.leaves.sort_by_key(|leaf| leaf.path);
        flat
    }

    pub(super) fn all(&self) -> &[Leaf<'e>] {
        &self.leaves
    }

    /// The values at one path.
    pub(super) fn at(&self, path: PathId) -> &[Leaf<'e>] {
        let from = self.leaves.partition_point(|leaf| leaf.path < path);
        let rest = &self.leaves[from..];
        &rest[..rest.partition_point(|leaf| leaf.path == path)]
    }

    pub(super) fn has_elements(&self) -> bool {
        self.elements.len() > 1
    }

    pub(super) fn is_spelled_twice(&self) -> bool {
        self.spelled_twice
    }

    fn enter(&mut self, around: ElementId, array: u32, node: NodeId) -> ElementId {
        let depth = self.element(around).depth + 1;
        let last = ElementId(self.elements.len() as u32);
        self.elements.push(Element {
            around,
            depth,
            last,
            array,
            node,
        });
        last
    }

    /// Sets where each element ends, from the last element backwards.
    fn close(&mut self) {
        for index in (1..self.elements.len()).rev() {
            let (around, last) = (self.elements[index].around, self.elements[index].last);
            let around = &mut self.elements[around.0 as usize];
            around.last = around.last.max(last);
        }
    }

    /// The elements that are `element` or inside it.
    pub(super) fn inside(&self, element: ElementId) -> RangeInclusive<ElementId> {
        element..=self.element(element).last
    }

    fn element(&self, id: ElementId) -> &Element {
        &self.elements[id.0 as usize]
    }

    /// The element and those around it, up to but without the root.
    pub(super) fn outwards(&self, element: ElementId) -> impl Iterator<Item = ElementId> {
        std::iter::successors(Some(element), |id| Some(self.element(*id).around))
            .take_while(|id| *id != Self::ROOT)
    }

    /// The innermost element around or at `element` whose array is on the way to one of the paths; else the root.
    pub(super) fn on_the_way(
        &self,
        element: ElementId,
        tree: &FieldTree,
        paths: &[PathId],
    ) -> ElementId {
        self.outwards(element)
            .find(|id| {
                paths
                    .iter()
                    .any(|path| tree.is_on_path(self.element(*id).node, *path))
            })
            .unwrap_or(Self::ROOT)
    }

    pub(super) fn depth(&self, element: ElementId) -> u32 {
        self.element(element).depth
    }

    /// Whether the two are in different elements of one array, so that no match may use both.
    pub(super) fn are_apart(&self, a: ElementId, b: ElementId) -> bool {
        let (mut a, mut b) = (a, b);
        let (depth_a, depth_b) = (self.depth(a), self.depth(b));
        let (mut below_a, mut below_b) = (None, None);
        while self.depth(a) > depth_b {
            below_a = Some(a);
            a = self.element(a).around;
        }
        while self.depth(b) > depth_a {
            below_b = Some(b);
            b = self.element(b).around;
        }
        while a != b {
            (below_a, below_b) = (Some(a), Some(b));
            a = self.element(a).around;
            b = self.element(b).around;
        }
        match (below_a, below_b) {
            (Some(a), Some(b)) => self.element(a).array == self.element(b).array,
            (_, _) => false,
        }
    }
}

/// Whether the object also has a key that is the beginning of this dotted key, so that one path can be in both.
fn is_spelled_twice(members: &Map<String, Value>, key: &str) -> bool {
    let mut beginnings = key.match_indices('.').filter_map(|(dot, _)| key.get(..dot));
    beginnings.any(|beginning| members.contains_key(beginning))
}
