//! Values with anchors, and how much their uses add up to.

use std::collections::HashMap;
use std::ops::Range;

use super::read::Fatal;
use super::refusals::bad_alias;
use super::{Content, Node};

/// What all values with anchors and their uses may add up to: a unit is a value or a byte of text.
const REPEATED: usize = 1024 * 1024;

#[derive(Default)]
pub(super) struct Anchors<'t> {
    nodes: HashMap<usize, Node<'t>>,
    repeated: usize,
}

impl<'t> Anchors<'t> {
    /// Keeps a value; the anchor 0 is none.
    pub fn keep(&mut self, anchor: usize, node: impl FnOnce() -> Node<'t>) -> Result<(), Fatal> {
        if anchor != 0 {
            let node = node();
            self.count(size(&node).0, &node.span)?;
            self.nodes.insert(anchor, node);
        }
        Ok(())
    }

    /// The value that is used at a place, and how many levels it has.
    pub fn used(
        &mut self,
        anchor: usize,
        place: &Range<usize>,
    ) -> Result<(Node<'t>, usize), Fatal> {
        let Some(node) = self.nodes.get(&anchor) else {
            let message = "an anchor cannot be used inside of its own value";
            return Err(Box::new(bad_alias(place.clone(), message)));
        };
        let (node, (weight, depth)) = (node.clone(), size(node));
        self.count(weight, place)?;
        Ok((node, depth))
    }

    fn count(&mut self, weight: usize, place: &Range<usize>) -> Result<(), Fatal> {
        self.repeated = self.repeated.saturating_add(weight);
        if self.repeated > REPEATED {
            let message = "values with anchors and their uses add up to more than 1 MiB";
            return Err(Box::new(bad_alias(place.clone(), message)));
        }
        Ok(())
    }
}

/// How much there is in a value, and how many levels.
fn size(node: &Node<'_>) -> (usize, usize) {
    let together = |sizes: &mut dyn Iterator<Item = (usize, usize)>| {
        sizes.fold((1, 0), |(weight, depth), (more, below)| {
            (weight + more, depth.max(below))
        })
    };
    match &node.content {
        Content::Null | Content::Bool(_) | Content::Number(_) => (1, 0),
        Content::Text(text, _) => (1 + text.len(), 0),
        Content::List(items) => {
            let (weight, depth) = together(&mut items.iter().map(size));
            (weight, depth + 1)
        }
        Content::Object(members) => {
            let (weight, depth) = together(&mut members.iter().map(|member| {
                let (weight, depth) = size(&member.value);
                (weight + member.key.len(), depth)
            }));
            (weight, depth + 1)
        }
    }
}
