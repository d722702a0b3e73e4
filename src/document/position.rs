//! Where in a file a part of a decoded text stands.

use std::ops::Range;

use super::Style;

/// A character of the decoded text: its bytes in the raw text.
struct Decoded {
    raw: Range<usize>,
    value: char,
}

/// The bytes in `raw` of a part of the `text` it stands for.
///
/// Line folding adds, drops and changes blanks and nothing else, so the characters that are not blanks correspond one
/// to one, whatever the style. Escapes are undone as YAML 1.2 says (5.7).
pub(super) fn locate(
    raw: &str,
    text: &str,
    style: Style,
    part: &Range<usize>,
) -> Option<Range<usize>> {
    let mut decoded = match style {
        Style::Verbatim => verbatim(raw),
        Style::Single => single(raw),
        Style::Double => double(raw)?,
    }
    .into_iter()
    .filter(|decoded| !is_blank(decoded.value));
    let (mut start, mut end) = (None, None);
    // Where the last character that is not blank ended, and how many blanks followed it.
    let (mut last, mut blanks) = (usize::from(style != Style::Verbatim), 0);
    let between = |last: usize, blanks: usize| {
        let spaces = raw.get(last..).unwrap_or_default();
        let spaces = spaces.len() - spaces.trim_start_matches(is_blank).len();
        last + blanks.min(spaces)
    };
    for (offset, value) in text.char_indices() {
        if end.is_none() && offset >= part.end {
            end = Some(between(last, blanks));
        }
        if is_blank(value) {
            if start.is_none() && offset >= part.start {
                start = Some(between(last, blanks));
            }
            blanks += 1;
            continue;
        }
        let next = decoded.next().filter(|next| next.value == value)?;
        if start.is_none() && offset >= part.start {
            start = Some(next.raw.start);
        }
        (last, blanks) = (next.raw.end, 0);
    }
    let end = end.unwrap_or_else(|| between(last, blanks));
    let start = start.unwrap_or(end);
    Some(start..end.max(start))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn verbatim(raw: &str) -> Vec<Decoded> {
    raw.char_indices()
        .map(|(offset, value)| Decoded {
            raw: offset..offset + value.len_utf8(),
            value,
        })
        .collect()
}

fn single(raw: &str) -> Vec<Decoded> {
    let mut decoded = Vec::new();
    let mut chars = inner(raw, '\'');
    while let Some((offset, value)) = chars.next() {
        let length = match value {
            '\'' => {
                chars.next();
                2
            }
            _ => value.len_utf8(),
        };
        decoded.push(Decoded {
            raw: offset..offset + length,
            value,
        });
    }
    decoded
}

fn inner(raw: &str, quote: char) -> impl Iterator<Item = (usize, char)> {
    let inner = raw.strip_prefix(quote).unwrap_or(raw);
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    inner.char_indices().map(|(offset, c)| (offset + 1, c))
}

fn double(raw: &str) -> Option<Vec<Decoded>> {
    let mut decoded: Vec<Decoded> = Vec::new();
    let mut chars = inner(raw, '"');
    while let Some((offset, value)) = chars.next() {
        if value != '\\' {
            decoded.push(Decoded {
                raw: offset..offset + value.len_utf8(),
                value,
            });
            continue;
        }
        let (at, escape) = chars.next()?;
        let end = at + escape.len_utf8();
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            // An escaped line break stands for nothing.
            '\n' | '\r' => continue,
            _ => {
                decoded.push(Decoded {
                    raw: offset..end,
                    value: named(escape)?,
                });
                continue;
            }
        };
        let code = u32::from_str_radix(raw.get(end..end + digits)?, 16).ok()?;
        chars.by_ref().take(digits).for_each(drop);
        numbered(&mut decoded, raw, offset..end + digits, code)?;
    }
    Some(decoded)
}

/// Stands for the first half of a pair until the second comes.
const HALF: char = '\u{fffd}';

fn numbered(decoded: &mut Vec<Decoded>, text: &str, raw: Range<usize>, code: u32) -> Option<()> {
    let (raw, value) = match (code, decoded.last()) {
        (0xDC00..=0xDFFF, Some(half)) if half.value == HALF => {
            let half = decoded.pop()?.raw;
            let first = u32::from_str_radix(text.get(half.start + 2..half.end)?, 16).ok()?;
            let joined = 0x10000 + (first.checked_sub(0xD800)? << 10) + (code - 0xDC00);
            (half.start..raw.end, char::from_u32(joined)?)
        }
        (0xD800..=0xDBFF, _) => (raw, HALF),
        _ => (raw, char::from_u32(code)?),
    };
    decoded.push(Decoded { raw, value });
    Some(())
}

fn named(escape: char) -> Option<char> {
    Some(match escape {
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        't' | '\t' => '\t',
        'n' => '\n',
        'v' => '\u{b}',
        'f' => '\u{c}',
        'r' => '\r',
        'e' => '\u{1b}',
        ' ' | '"' | '/' | '\\' => escape,
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        _ => return None,
    })
}
