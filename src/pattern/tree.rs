//! The fields that patterns ask about, as a tree of keys.

use crate::hash::Table;

/// A path that patterns ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PathId(pub(super) u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NodeId(u32);

pub(super) const ROOT: NodeId = NodeId(0);

#[derive(Debug, Default)]
struct Node {
    children: Table<Box<str>, NodeId>,
    path: Option<PathId>,
}

/// A tree over the parts of the paths between their dots, so that dotted keys and nesting are one path.
#[derive(Debug)]
pub(super) struct FieldTree {
    nodes: Vec<Node>,
    /// Where each path ends.
    ends: Vec<NodeId>,
    /// When a walk through the tree enters and leaves each node: one lies below another when its times lie within.
    times: Vec<(u32, u32)>,
}

impl FieldTree {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> (Self, Vec<PathId>) {
        let mut tree = Self {
            nodes: vec![Node::default()],
            ends: Vec::new(),
            times: Vec::new(),
        };
        let ids = names.into_iter().map(|name| tree.insert(name)).collect();
        tree.number();
        (tree, ids)
    }

    fn insert(&mut self, name: &str) -> PathId {
        let mut at = ROOT;
        for part in name.split('.') {
            let fresh = NodeId(self.nodes.len() as u32);
            let next = match self.nodes[at.0 as usize].children.get(part) {
                Some(next) => *next,
                None => {
                    self.nodes[at.0 as usize]
                        .children
                        .insert(part.into(), fresh);
                    self.nodes.push(Node::default());
                    fresh
                }
            };
            at = next;
        }
        let fresh = PathId(self.ends.len() as u32);
        let path = *self.nodes[at.0 as usize].path.get_or_insert(fresh);
        if path == fresh {
            self.ends.push(at);
        }
        path
    }

    fn number(&mut self) {
        self.times = vec![(0, 0); self.nodes.len()];
        let mut time = 0;
        let mut stack = vec![(ROOT, false)];
        while let Some((node, leaving)) = stack.pop() {
            time += 1;
            if leaving {
                self.times[node.0 as usize].1 = time;
                continue;
            }
            self.times[node.0 as usize].0 = time;
            stack.push((node, true));
            stack.extend(
                self.nodes[node.0 as usize]
                    .children
                    .values()
                    .map(|child| (*child, false)),
            );
        }
    }

    pub(super) fn paths(&self) -> usize {
        self.ends.len()
    }

    /// The path that ends at the node.
    pub(super) fn path_at(&self, node: NodeId) -> Option<PathId> {
        self.nodes[node.0 as usize].path
    }

    /// Whether the array is on the way to the path's end, or at it.
    pub(super) fn is_on_path(&self, array: NodeId, path: PathId) -> bool {
        let (enter, leave) = self.times[array.0 as usize];
        let (end, _) = self.times[self.ends[path.0 as usize].0 as usize];
        enter <= end && end <= leave
    }

    /// The node that a key leads to; a dotted key leads as far as nesting would.
    pub(super) fn child(&self, node: NodeId, key: &str) -> Option<NodeId> {
        if !key.contains('.') {
            return self.nodes[node.0 as usize].children.get(key).copied();
        }
        key.split('.').try_fold(node, |node, part| {
            self.nodes[node.0 as usize].children.get(part).copied()
        })
    }
}
