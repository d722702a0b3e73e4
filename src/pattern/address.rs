//! IP addresses and CIDR blocks.
//!
//! Which spellings count as an address follows AWS's open-source engine (aws/event-ruler, `CIDR`): four decimal numbers, or
//! hexadecimal groups and colons with at most one `::`; no zone, no dotted tail. `::ffff:a00:1` is the v4 address 10.0.0.1.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads an address in any spelling the engine reads.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    let bytes = text.as_bytes();
    if bytes.len() < 2 || bytes.len() > 45 {
        return None;
    }
    if bytes.contains(&b':') {
        if !bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b':') {
            return None;
        }
        let address: Ipv6Addr = text.parse().ok()?;
        return Some(match address.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(address),
        });
    }
    parse_v4(text).map(IpAddr::V4)
}

/// Leading zeros are decimal, as in the engine's own parser; the standard library refuses them.
fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    if text.len() > 15 {
        return None;
    }
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// A position among the addresses of its family.
pub(super) fn position(address: IpAddr) -> (Family, u128) {
    match address {
        IpAddr::V4(v4) => (Family::V4, u128::from(u32::from(v4))),
        IpAddr::V6(v6) => (Family::V6, u128::from(v6)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// A CIDR block, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Block {
    pub(super) family: Family,
    pub(super) first: u128,
    pub(super) last: u128,
    written: Box<str>,
}

/// Why a text is no CIDR block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BlockError {
    #[error("a CIDR block is an address, one `/` and a number of bits, as in `10.0.0.0/24`")]
    Shape,
    #[error("`{0}` is not an IP address")]
    Address(String),
    #[error("`{0}` is not a number of bits")]
    Bits(String),
    #[error("the number of bits must be at most {max}, found {found}")]
    TooManyBits { max: u32, found: u32 },
}

impl Block {
    /// Reads `10.0.0.0/24` or `2001:db8::/32`. A block ends where its bits end, but begins at the address as written, even
    /// when that has bits set behind the prefix: so does the engine. As there, 32 bits (v6: 128) are refused.
    pub(super) fn parse(text: &str) -> Result<Self, BlockError> {
        let (address, bits) = text.split_once('/').ok_or(BlockError::Shape)?;
        if bits.contains('/') {
            return Err(BlockError::Shape);
        }
        let (family, first) =
            position(parse(address).ok_or_else(|| BlockError::Address(address.to_owned()))?);
        let found = Some(bits)
            .filter(|bits| !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|bits| bits.parse::<u32>().ok())
            .ok_or_else(|| BlockError::Bits(bits.to_owned()))?;
        let max = family.bits() - 1;
        if found > max {
            return Err(BlockError::TooManyBits { max, found });
        }
        let host = u128::MAX >> (128 - family.bits() + found);
        Ok(Self {
            family,
            first,
            last: first | host,
            written: text.into(),
        })
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        parse(text).map(position).is_some_and(|(family, position)| {
            family == self.family && (self.first..=self.last).contains(&position)
        })
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_v6_address_are_one_address() {
        let full = parse("2001:0db8:0000:0000:0000:ff00:0042:8329");
        assert!(full.is_some());
        for text in ["2001:db8::ff00:42:8329", "2001:DB8:0:0:0:FF00:42:8329"] {
            assert_eq!(parse(text), full, "{text}");
        }
        assert_eq!(parse("::ffff:a00:1"), parse("10.0.0.1"));
        assert_eq!(parse("010.0.0.1"), parse("10.0.0.1"));
    }

    #[test]
    fn what_only_looks_like_an_address_is_none() {
        for text in [
            "",
            ":",
            "1",
            "10.0.0",
            "10.0.0.0.0",
            "700.168.0.1",
            "10.0.0.-1",
            "10.0.0.1/24",
            "a.b.c.d",
            "fe80::1%eth0",
            "::ffff:10.0.0.1",
            "1:2:3:4:5:6:7:8:9",
            "2400::36FB::1F80",
            "12345::",
            "10.0.0.1 ",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_block_begins_at_the_address_as_written() {
        let block = Block::parse("10.0.0.7/24").expect("a block");
        assert!(block.contains("10.0.0.7") && block.contains("10.0.0.255"));
        assert!(
            !block.contains("10.0.0.6")
                && !block.contains("10.0.1.0")
                && !block.contains("::a00:8")
        );
        assert!(
            Block::parse("::/0")
                .is_ok_and(|all| all.contains("ffff::") && !all.contains("1.2.3.4"))
        );
    }
}
