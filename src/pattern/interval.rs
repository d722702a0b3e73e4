//! Finds the intervals that contain a point.

/// Intervals, both ends included, each with the number of what it belongs to.
///
/// A binary tree laid out in a sorted array: the middle of each part is its root and knows the greatest end in the part.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    first: u128,
    last: u128,
    greatest_last: u128,
    owner: u32,
}

impl Intervals {
    /// Adds an interval; `sort` must follow before the next look-up.
    pub(super) fn add(&mut self, first: u128, last: u128, owner: u32) {
        if first <= last {
            self.entries.push(Entry {
                first,
                last,
                greatest_last: last,
                owner,
            });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn sort(&mut self) {
        self.entries.sort_by_key(|entry| entry.first);
        set_greatest(&mut self.entries);
    }

    /// Calls `visit` for each interval that contains the point; takes the logarithm of their number, for each one found.
    pub(super) fn containing(&self, point: u128, mut visit: impl FnMut(u32)) {
        let mut parts: Vec<&[Entry]> = vec![&self.entries];
        while let Some(part) = parts.pop() {
            let (left, rest) = part.split_at(part.len() / 2);
            let Some((root, right)) = rest.split_first() else {
                continue;
            };
            if root.greatest_last < point {
                continue;
            }
            parts.push(left);
            if root.first <= point {
                parts.push(right);
                if point <= root.last {
                    visit(root.owner);
                }
            }
        }
    }
}

/// As deep as the logarithm of the number of entries.
fn set_greatest(entries: &mut [Entry]) -> u128 {
    let (left, rest) = entries.split_at_mut(entries.len() / 2);
    let Some((root, right)) = rest.split_first_mut() else {
        return 0;
    };
    root.greatest_last = root.last.max(set_greatest(left)).max(set_greatest(right));
    root.greatest_last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_look_at_every_interval_finds() {
        let mut intervals = Intervals::default();
        let all: Vec<(u128, u128)> = (0..200u128)
            .map(|n| (n * 37 % 101, n * 37 % 101 + n * 13 % 29))
            .collect();
        for (owner, (first, last)) in all.iter().enumerate() {
            intervals.add(*first, *last, owner as u32);
        }
        intervals.add(5, 4, 999);
        intervals.sort();
        for point in 0..140 {
            let mut found = Vec::new();
            intervals.containing(point, |owner| found.push(owner as usize));
            found.sort_unstable();
            let expected: Vec<usize> = (0..all.len())
                .filter(|owner| all[*owner].0 <= point && point <= all[*owner].1)
                .collect();
            assert_eq!(found, expected, "{point}");
        }
    }
}
