//! What each code means: one page of text, which the command line shows section by section.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("codes.md");

static SECTIONS: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    let sections = TEXT.split("\n## ").skip(1);
    sections
        .filter_map(|section| section.split_once('\n'))
        .map(|(code, text)| (code.trim(), text.trim()))
        .collect()
});

/// What a code means, why the file is refused, and how to mend it, with an example, in Markdown.
pub fn explain(code: &str) -> Option<&'static str> {
    SECTIONS.get(code).copied()
}

/// Every code, in alphabetical order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    SECTIONS.keys().copied()
}
