//! From the parser's events to the tree.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput};

use super::anchors::Anchors;
use super::common;
use super::refusals::{bad_key, not_yaml, too_deep, unclear};

use super::scalar::{Style, resolve};
use super::{Content, Member, Node};
use crate::problem::Problem;

/// The most levels of lists and objects in each other; the deepest member of the API models is at a tenth of it.
pub(super) const DEEPEST: usize = 64;

/// Reads a text. What is wrong with single values is reported and the tree given nevertheless, so that the rest can
/// be checked too; a value of which nobody knows what it means then is the text as written.
///
/// # Errors
/// When there is no tree: with the reason last.
pub fn read(text: &str) -> Result<(Node<'_>, Vec<Problem>), Vec<Problem>> {
    match quickly(text) {
        Some(read) => Ok(read),
        None => generally(text),
    }
}

/// What [`common`] reads of itself.
pub(super) fn quickly(text: &str) -> Option<(Node<'_>, Vec<Problem>)> {
    let mut reader = Reader::new(text);
    common::read(text, &mut reader)?;
    Some((reader.root?, reader.problems))
}

/// Any YAML.
pub(super) fn generally(text: &str) -> Result<(Node<'_>, Vec<Problem>), Vec<Problem>> {
    let mut reader = Reader::new(text);
    match reader.run(text) {
        Ok(()) => {}
        Err(problem) => {
            reader.problems.push(*problem);
            return Err(reader.problems);
        }
    }
    match reader.root {
        Some(root) => Ok((root, reader.problems)),
        None => {
            let bom = byte_order_mark(text);
            let problem = Problem::error("empty-file", bom..bom, "there are no rules in this file")
                .label("nothing here")
                .help("begin with `version: 1` and `rules:`");
            Err(vec![problem])
        }
    }
}

/// How many bytes of the text are its mark.
fn byte_order_mark(text: &str) -> usize {
    match text.starts_with('\u{feff}') {
        true => 3,
        false => 0,
    }
}

pub(super) struct Reader<'t> {
    text: &'t str,
    json: bool,
    open: Vec<Open<'t>>,
    /// The entries of all lists and of all objects that are open, those of the innermost last. Each gets room of its own when
    /// it is complete, and not more than it needs.
    items: Vec<Node<'t>>,
    members: Vec<Member<'t>>,
    root: Option<Node<'t>>,
    anchors: Anchors<'t>,
    problems: Vec<Problem>,
}

/// A list or an object that is not complete.
struct Open<'t> {
    start: usize,
    anchor: usize,
    /// Where its own entries begin among those of all that are open.
    first: usize,
    entries: Entries<'t>,
}

pub(super) enum Entries<'t> {
    List,
    /// With the key whose value is due.
    Object(Option<(Cow<'t, str>, Range<usize>)>),
}

/// So many members are compared each with each, which takes less than to sort them.
const FEW: usize = 16;

fn repeats(members: &[Member<'_>]) -> bool {
    let mut positions = members.iter().enumerate();
    positions.any(|(position, member)| {
        let mut before = members.iter().take(position);
        before.any(|other| other.key == member.key)
    })
}

/// Boxed, because it is rare and large.
pub(super) type Fatal = Box<Problem>;

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let body = text.get(byte_order_mark(text)..).unwrap_or_default();
        Self {
            text,
            json: body.trim_start().starts_with('{'),
            open: Vec::new(),
            items: Vec::new(),
            members: Vec::new(),
            root: None,
            anchors: Anchors::default(),
            problems: Vec::new(),
        }
    }

    fn run(&mut self, text: &'t str) -> Result<(), Fatal> {
        let mut options: Options = granit_parser::options! {
            disallow_directives: true,
            flow_nesting_limit: 2 * DEEPEST,
            block_nesting_limit: 2 * DEEPEST,
            simple_key_max_lookahead: 64 * 1024,
        };
        options.set_emit_comments(false);
        let parser: Parser<'t, StrInput<'t>> = Parser::new_from_str_with_options(text, options);
        for event in parser {
            let (event, span) = event.map_err(|error| Box::new(not_yaml(self.text, &error)))?;
            self.event(event, &span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'t>, span: &Span) -> Result<(), Fatal> {
        let place = self.place(span);
        if event.tag().is_some() {
            self.tag(span, &place);
        }
        match event {
            Event::Scalar(value, style, anchor, _) => self.scalar(value, style, anchor, place),
            Event::SequenceStart(..) | Event::MappingStart(..) if self.key_due() => {
                Err(Box::new(bad_key(place)))
            }
            Event::SequenceStart(_, anchor, _) => self.begin(place, anchor, Entries::List),
            Event::MappingStart(_, anchor, _) => self.begin(place, anchor, Entries::Object(None)),
            Event::SequenceEnd | Event::MappingEnd => self.end(&place),
            Event::Alias(id) => self.alias(id, place),
            Event::DocumentStart(..) if self.root.is_some() => Err(Box::new(
                Problem::error("yaml-documents", place, "a rules file is one document")
                    .label("a second one begins here")
                    .help("put the rules into one list, or into another file"),
            )),
            _ => Ok(()),
        }
    }

    fn place(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        range.start.min(end)..end
    }

    fn tag(&mut self, span: &Span, place: &Range<usize>) {
        let at = span
            .tag_span()
            .map_or_else(|| place.clone(), |tag| self.place(&tag));
        let problem = Problem::error("yaml-tag", at, "tags have no meaning in a rules file")
            .label("a tag")
            .help("leave it out; to make a text of a number, put it in quotes");
        self.problems.push(problem);
    }

    /// Whether the next value is an object's key.
    fn key_due(&self) -> bool {
        matches!(
            self.open.last().map(|open| &open.entries),
            Some(Entries::Object(None))
        )
    }

    pub(super) fn begin(
        &mut self,
        place: Range<usize>,
        anchor: usize,
        entries: Entries<'t>,
    ) -> Result<(), Fatal> {
        if self.open.len() >= DEEPEST {
            return Err(Box::new(too_deep(place)));
        }
        let first = match &entries {
            Entries::List => self.items.len(),
            Entries::Object(_) => self.members.len(),
        };
        self.open.push(Open {
            start: place.start,
            anchor,
            first,
            entries,
        });
        Ok(())
    }

    pub(super) fn end(&mut self, place: &Range<usize>) -> Result<(), Fatal> {
        let Some(Open {
            start,
            anchor,
            first,
            entries,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let (content, last) = match entries {
            Entries::List => {
                let items: Vec<Node<'t>> = self.items.drain(first..).collect();
                let last = items.last().map(|item| item.span.end);
                (Content::List(items), last)
            }
            Entries::Object(_) => {
                let mut members: Vec<Member<'t>> = self.members.drain(first..).collect();
                self.no_duplicates(&mut members);
                let last = members.last().map(|member| member.value.span.end);
                (Content::Object(members), last)
            }
        };
        // A block ends where the next thing begins; its last entry is what people see as its end.
        let end = if place.is_empty() {
            last.unwrap_or(place.end)
        } else {
            place.end
        };
        let span = start..end.max(start);
        self.value(Node { span, content }, anchor)
    }

    fn no_duplicates(&mut self, members: &mut Vec<Member<'t>>) {
        members.retain(|member| {
            let merge = member.key == "<<";
            if merge {
                let problem = Problem::error(
                    "yaml-merge",
                    member.key_span.clone(),
                    "merge keys are not read",
                )
                .label("`<<` would be taken for a member's name")
                .help("write the members out; rules that match together merge by themselves");
                self.problems.push(problem);
            }
            !merge
        });
        if members.len() <= FEW && !repeats(members) {
            return;
        }
        let mut order: Vec<&Member<'t>> = members.iter().collect();
        order.sort_by(|a, b| {
            a.key
                .cmp(&b.key)
                .then(a.key_span.start.cmp(&b.key_span.start))
        });
        for pair in order.windows(2) {
            if let [first, second] = pair
                && first.key == second.key
            {
                let message = format!("the key `{}` occurs twice in one object", second.key);
                let problem = Problem::error("duplicate-key", second.key_span.clone(), message)
                    .label("again here")
                    .help("keep one of them")
                    .also(first.key_span.clone(), "first here");
                self.problems.push(problem);
            }
        }
    }

    pub(super) fn scalar(
        &mut self,
        value: Cow<'t, str>,
        style: ScalarStyle,
        anchor: usize,
        place: Range<usize>,
    ) -> Result<(), Fatal> {
        if let Some(Open {
            entries: Entries::Object(key @ None),
            ..
        }) = self.open.last_mut()
        {
            if anchor == 0 {
                *key = Some((value, place));
                return Ok(());
            }
            *key = Some((value.clone(), place.clone()));
            let content = Content::Text(value, style.into());
            return self.anchors.keep(anchor, || Node {
                span: place,
                content,
            });
        }
        let content = match style {
            // The parser gives `~` for nothing at all.
            ScalarStyle::Plain if place.is_empty() => Content::Null,
            ScalarStyle::Plain => match resolve(&value, self.json) {
                Ok(Some(content)) => content,
                Ok(None) => Content::Text(value, Style::Verbatim),
                Err(ambiguous) => {
                    self.problems
                        .push(unclear(&value, &ambiguous, place.clone()));
                    Content::Text(value, Style::Verbatim)
                }
            },
            quoted => Content::Text(value, quoted.into()),
        };
        self.value(
            Node {
                span: place,
                content,
            },
            anchor,
        )
    }

    fn alias(&mut self, id: usize, place: Range<usize>) -> Result<(), Fatal> {
        if self.key_due() {
            return Err(Box::new(bad_key(place)));
        }
        let (node, depth) = self.anchors.used(id, &place)?;
        if self.open.len() + depth > DEEPEST {
            return Err(Box::new(too_deep(place)));
        }
        self.value(node, 0)
    }

    fn value(&mut self, node: Node<'t>, anchor: usize) -> Result<(), Fatal> {
        self.anchors.keep(anchor, || node.clone())?;
        match self.open.last_mut().map(|open| &mut open.entries) {
            Some(Entries::List) => self.items.push(node),
            Some(Entries::Object(key)) => {
                if let Some((key, key_span)) = key.take() {
                    self.members.push(Member {
                        key,
                        key_span,
                        value: node,
                    });
                } else {
                    return Err(Box::new(bad_key(node.span)));
                }
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}
