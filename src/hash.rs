//! Tables whose keys come out of a rules file. Nobody who sends events chooses them, so nothing has to be done against keys that
//! are chosen to be slow, and a start saves what the standard library does against those.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type Table<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<Quick>>;

/// Multiplies, as the compiler's own tables do it (rust-lang/rustc-hash).
#[derive(Default)]
pub(crate) struct Quick(u64);

/// Large, odd, and with no pattern in its bits.
const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        eights
            .iter()
            .for_each(|eight| self.add(u64::from_le_bytes(*eight)));
        if !rest.is_empty() {
            let join = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
            self.add(rest.iter().rev().fold(0, join));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(byte.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.add(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }

    /// The best bits are the highest; tables take the lowest too.
    fn finish(&self) -> u64 {
        let product = u128::from(self.0) * u128::from(FACTOR);
        (product >> 64) as u64 ^ product as u64
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn keys_that_are_alike_come_apart() {
        let quick = BuildHasherDefault::<Quick>::default();
        let of = |number: usize| quick.hash_one(format!("Department {number}"));
        let lowest: Set<u64> = (0..10_000).map(|number| of(number) % 16_384).collect();
        // Of so many places a fair hash would fill about 7,500.
        assert!(lowest.len() > 6_500, "{}", lowest.len());
    }
}
