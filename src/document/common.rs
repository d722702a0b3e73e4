//! The YAML that rules files are written in, read in one pass.
//!
//! A start reads its rules before it asks for an event, and the general parser, which has the whole language in mind, took
//! half of that time. This reads block mappings and sequences, flow collections, and scalars that begin and end on one
//! line, and JSON with them; whatever else occurs, an error included, is left to the general parser, from the beginning.
//! The two agree on every text that this one reads: the tests hold them against each other.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::ScalarStyle;

use super::read::{Entries, Reader};

/// The longest key that is read here.
const LONGEST_KEY: usize = 256;

/// Reads the text into the reader; nothing when that is for the general parser to do, with a new reader.
pub(super) fn read<'t>(text: &'t str, reader: &mut Reader<'t>) -> Option<()> {
    if !is_plain(text.as_bytes()) {
        return None;
    }
    let mut scan = Scan {
        text,
        at: 0,
        reader,
    };
    let column = scan.next_line()?;
    match scan.peek()? {
        b'{' | b'[' => {
            scan.flow(true)?;
            scan.blanks();
        }
        _ => {
            scan.block(column, true)?;
        }
    }
    (scan.at == text.len()).then_some(())
}

/// Whether there are ends of lines and printable ASCII only. Eight bytes are looked at in one go, each by the highest of its
/// bits, so that none is carried into the next.
fn is_plain(text: &[u8]) -> bool {
    const ALL: u64 = u64::MAX / 255;
    const HIGH: u64 = ALL * 0x80;
    let (eights, rest) = text.as_chunks::<8>();
    let unusual = |eight: &[u8; 8]| {
        let bytes = u64::from_le_bytes(*eight);
        let low = bytes & !HIGH;
        let control = !((low | HIGH) - ALL * u64::from(b' '));
        let no_line_end = (low ^ (ALL * u64::from(b'\n'))) + (HIGH - ALL);
        let delete = low + ALL;
        (bytes | delete | (control & no_line_end)) & HIGH != 0
    };
    let plain = |byte: &u8| *byte == b'\n' || (b' '..=b'~').contains(byte);
    !eights.iter().any(unusual) && rest.iter().all(plain)
}

/// The characters of keys without quotes, and those of texts without quotes that have no meaning wherever they stand.
static KEY: [bool; 256] = bytes(b"_-$.");
static TEXT: [bool; 256] = bytes(b"_-$./ +()<>=~@*%&!?;|^\\`");

/// ASCII letters, digits, and these.
const fn bytes(more: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < more.len() {
        table[more[at] as usize] = true;
        at += 1;
    }
    table
}

struct Scan<'t, 'r> {
    text: &'t str,
    at: usize,
    reader: &'r mut Reader<'t>,
}

// As deep as the collections nest, which the reader bounds.
impl<'t> Scan<'t, '_> {
    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Passes the bytes of a class.
    fn skip(&mut self, class: &[bool; 256]) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| !class[usize::from(*byte)]);
        self.at += end.unwrap_or(rest.len());
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Blanks and ends of lines, as JSON has them between its parts.
    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n')) {
            self.at += 1;
        }
    }

    /// Goes to the first character of the next line that has one and is no comment, and tells its column. Nothing at the end.
    fn next_line(&mut self) -> Option<usize> {
        loop {
            let start = self.at;
            self.spaces();
            match self.peek()? {
                b'\n' => self.at += 1,
                b'#' => self.line_end(),
                _ => return Some(self.at - start),
            }
        }
    }

    fn line_end(&mut self) {
        if self.peek() == Some(b'\n') {
            self.at += 1;
            return;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').map_or(rest.len(), |end| end + 1);
    }

    /// After a value: nothing but a comment may follow on its line. Tells the next line's column; 0 at the end.
    fn finish_line(&mut self) -> Option<usize> {
        let value_end = self.at;
        self.spaces();
        match self.peek() {
            None | Some(b'\n') => {}
            Some(b'#') if self.at > value_end => {}
            Some(_) => return None,
        }
        self.line_end();
        Some(self.next_line().unwrap_or_default())
    }

    /// A mapping or a sequence whose first entry is here, in this column: `indented` tells whether that is further in than
    /// what it belongs to. Tells the column of what comes after it.
    fn block(&mut self, column: usize, indented: bool) -> Option<usize> {
        match self.dash() {
            true => self.sequence(column, indented),
            false => self.mapping(column),
        }
    }

    fn dash(&self) -> bool {
        self.peek() == Some(b'-') && matches!(self.byte(self.at + 1), Some(b' '))
    }

    fn sequence(&mut self, column: usize, indented: bool) -> Option<usize> {
        let dash = self.at;
        if !indented {
            // To the general parser, one that is not further in than its key begins with its first item.
            self.at += 1;
            self.spaces();
        }
        self.begin(Entries::List)?;
        self.at = dash;
        loop {
            let dash = self.at;
            self.at += 1;
            self.spaces();
            let inner = column + self.at - dash;
            if self.dash() || matches!(self.peek(), None | Some(b'\n' | b'#')) {
                return None;
            }
            let here = self.at;
            let next = match self.key(false) {
                Some(_) => {
                    self.at = here;
                    self.mapping(inner)?
                }
                None => {
                    self.at = here;
                    self.value(column)?
                }
            };
            if next != column || !self.dash() {
                self.end(0..0)?;
                return (next <= column).then_some(next);
            }
        }
    }

    fn mapping(&mut self, column: usize) -> Option<usize> {
        self.begin(Entries::Object(None))?;
        loop {
            let (value, style, place) = self.key(false)?;
            self.scalar(value, style, place)?;
            let colon_end = self.at;
            self.spaces();
            let next = match self.peek() {
                None | Some(b'\n' | b'#') => {
                    self.at = colon_end;
                    let below = self.finish_line()?;
                    match below > column || below == column && self.dash() {
                        true => self.block(below, below > column)?,
                        false => return None,
                    }
                }
                Some(_) => self.value(column)?,
            };
            if next != column || self.at == self.text.len() {
                self.end(0..0)?;
                return (next < column || self.at == self.text.len()).then_some(next);
            }
        }
    }

    /// A value that ends on its line, in an entry of a block in this column.
    fn value(&mut self, column: usize) -> Option<usize> {
        match self.peek()? {
            b'{' | b'[' => self.flow(false)?,
            b'"' | b'\'' => {
                let (value, style, place) = self.quoted()?;
                self.scalar(value, style, place)?;
            }
            _ => self.plain(false)?,
        }
        let next = self.finish_line()?;
        // What is further in would go on with the value.
        (next <= column).then_some(next)
    }

    /// A key with its colon.
    fn key(&mut self, flow: bool) -> Option<(Cow<'t, str>, ScalarStyle, Range<usize>)> {
        let start = self.at;
        let quoted = matches!(self.peek()?, b'"' | b'\'');
        let key = if quoted {
            self.quoted()?
        } else {
            if !self.peek()?.is_ascii_alphanumeric() && !matches!(self.peek()?, b'_' | b'$') {
                return None;
            }
            self.skip(&KEY);
            let key = self.text.get(start..self.at)?;
            (Cow::Borrowed(key), ScalarStyle::Plain, start..self.at)
        };
        if flow && quoted {
            self.spaces();
        }
        let colon = self.peek()? == b':';
        let apart = matches!(self.byte(self.at + 1), None | Some(b' ' | b'\n'));
        self.at += 1;
        (colon && (apart || flow && quoted) && key.2.len() <= LONGEST_KEY).then_some(key)
    }

    /// In quotes, on one line, without escapes.
    fn quoted(&mut self) -> Option<(Cow<'t, str>, ScalarStyle, Range<usize>)> {
        let quote = self.peek()?;
        let start = self.at;
        let rest = self.text.get(start + 1..)?;
        let style = match quote {
            b'"' => ScalarStyle::DoubleQuoted,
            _ => ScalarStyle::SingleQuoted,
        };
        let length = rest
            .bytes()
            .position(|byte| byte == quote || matches!(byte, b'\\' | b'\n'))?;
        let value = rest.get(..length)?;
        self.at = start + 1 + length;
        // A backslash means nothing in single quotes, but the two are so rare together that it is not worth a loop.
        if self.peek()? != quote || self.byte(self.at + 1) == Some(quote) {
            return None;
        }
        self.at += 1;
        Some((Cow::Borrowed(value), style, start..self.at))
    }

    /// Without quotes, to the end of the line or, in a flow collection, of the entry.
    fn plain(&mut self, flow: bool) -> Option<()> {
        let start = self.at;
        let first = self.peek()?;
        let begins = first.is_ascii_alphanumeric()
            || matches!(
                first,
                b'_' | b'$' | b'.' | b'/' | b'+' | b'(' | b'<' | b'=' | b'~'
            )
            || first == b'-'
                && self
                    .byte(start + 1)
                    .is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !begins {
            return None;
        }
        loop {
            self.skip(&TEXT);
            let Some(byte) = self.peek() else {
                break;
            };
            match byte {
                b'\n' => break,
                b',' | b']' | b'}' if flow => break,
                b'#' if !flow && self.text.get(start..self.at)?.ends_with(' ') => break,
                b'[' | b'{' | b'#' | b'"' | b'\'' => return None,
                // It makes what stands before it a key.
                b':' if matches!(self.byte(self.at + 1)?, b' ' | b'\n') => return None,
                b':' if flow && !self.byte(self.at + 1)?.is_ascii_alphanumeric() => return None,
                _ => self.at += 1,
            }
        }
        let value = self.text.get(start..self.at)?.trim_end_matches(' ');
        self.at = start + value.len();
        self.scalar(Cow::Borrowed(value), ScalarStyle::Plain, start..self.at)
    }

    /// `{…}` or `[…]`: on one line, or, when it is the whole text, on any number of them.
    fn flow(&mut self, lines: bool) -> Option<()> {
        let object = self.peek()? == b'{';
        let (close, entries) = match object {
            true => (b'}', Entries::Object(None)),
            false => (b']', Entries::List),
        };
        self.begin(entries)?;
        self.at += 1;
        self.gap(lines);
        if self.peek()? != close {
            loop {
                if object {
                    let (value, style, place) = self.key(true)?;
                    self.scalar(value, style, place)?;
                    self.gap(lines);
                }
                self.flow_value(lines)?;
                self.gap(lines);
                match self.peek()? {
                    b',' => self.at += 1,
                    byte if byte == close => break,
                    _ => return None,
                }
                self.gap(lines);
            }
        }
        self.at += 1;
        self.end(self.at - 1..self.at)
    }

    fn gap(&mut self, lines: bool) {
        match lines {
            true => self.blanks(),
            false => self.spaces(),
        }
    }

    fn flow_value(&mut self, lines: bool) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' => self.flow(lines),
            b'"' | b'\'' => {
                let (value, style, place) = self.quoted()?;
                self.scalar(value, style, place)
            }
            _ => self.plain(true),
        }
    }

    fn begin(&mut self, entries: Entries<'t>) -> Option<()> {
        self.reader.begin(self.at..self.at, 0, entries).ok()
    }

    fn end(&mut self, place: Range<usize>) -> Option<()> {
        self.reader.end(&place).ok()
    }

    fn scalar(
        &mut self,
        value: Cow<'t, str>,
        style: ScalarStyle,
        place: Range<usize>,
    ) -> Option<()> {
        self.reader.scalar(value, style, 0, place).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read::{generally, quickly};

    const SAMPLE: &str = include_str!("../../usher.yaml");

    /// Whether it was read here.
    fn agree(text: &str) -> bool {
        let Some(quick) = quickly(text) else {
            return false;
        };
        assert_eq!(Ok(quick), generally(text), "{text}");
        true
    }

    #[test]
    fn the_files_of_the_documentation_are_read_here() {
        assert!(agree(SAMPLE));
        let (node, _) = generally(SAMPLE).expect("a tree");
        let json = node.to_value();
        // Expressions in double quotes inside of JSON would need escapes.
        assert!(agree(&json.to_string()) && agree(&format!("{json:#}")));
    }

    #[test]
    fn every_byte_is_told_apart_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for place in 0..17 {
                let mut text = [b'a'; 17];
                text[place] = byte;
                let plain = byte == b'\n' || (b' '..=b'~').contains(&byte);
                assert_eq!(super::is_plain(&text), plain, "{byte} at {place}");
            }
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_general_parser() {
        for text in [
            "a: {b\n: c}",
            "",
            "a",
            "a:\n",
            "a: &x 1",
            "a: |\n  b",
            "a: b\n  c",
            "a: \"b\\n\"",
            "a: 'b''c'",
            "a: {b: c,}",
            "a: {b: c,\n  d: e}",
            "a:\n - - b",
            "a: b: c",
            "a:\tb",
            "é: ü",
            "? a\n: b",
            "--- {a: b}",
            "a: b\n...",
            "{a}",
        ] {
            assert!(!agree(text), "{text}");
        }
    }

    #[test]
    fn what_is_usual_is_read_here() {
        for text in [
            "- a",
            "a: b",
            "a:\n- b\n- c: d\n  e: f\ng: h",
            "# c\n\na: b # d\n\n  # e\nc:   'd' # e",
            "a: {}\nb: []\nc: [a, {b: c}, \"d\", -1, 2.5, [x y, ~]]",
            "a:\n    b:\n      - c: d\n      - e\n    f: null\nh: {\"i\":1, 'j': 2}",
            "{\n \"a\" : [1,\n2], \"b\": {} }\n\n",
            "a: http://b\nc: 10:30\nd: a=b*c",
        ] {
            assert!(agree(text), "{text}");
        }
    }

    /// Pieces of which texts are made that are nearly right.
    const PIECES: &[&str] = &[
        "a",
        "b: ",
        "c:",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        "\n  - ",
        " ",
        "  ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ",",
        ":",
        ": ",
        "\"x\"",
        "'y'",
        "\"",
        "'",
        "#",
        " # z",
        "1",
        "-2",
        "true",
        "~",
        "null",
        "<<",
        "&a ",
        "*a",
        "!t ",
        "|",
        ">",
        "?",
        "? ",
        "---",
        "\n---\n",
        "%",
        "@",
        "\\",
        "d e",
        "f:g",
        "h:",
        ".",
        "\n- i: j\n  k: l",
        "\nm: {n: [o, p]}",
        "\nq:\n  r: s",
    ];

    proptest! {
        #[test]
        fn both_readers_agree_on_texts_of_likely_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
            agree(&pieces.concat());
        }

        #[test]
        fn both_readers_agree_on_a_file_with_one_change(
            at in 0..SAMPLE.len(), cut in 0..12_usize, piece in prop::sample::select(PIECES),
        ) {
            let start = SAMPLE.floor_char_boundary(at);
            let end = SAMPLE.ceil_char_boundary((at + cut).min(SAMPLE.len()));
            agree(&format!("{}{piece}{}", &SAMPLE[..start], &SAMPLE[end..]));
        }
    }
}
