//! Tracing's events as lines.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;

use super::metrics;
use crate::settings::Format;

/// Writes tracing's events as log lines.
pub struct Lines<W> {
    format: Format,
    now: fn() -> OffsetDateTime,
    out: Mutex<W>,
}

impl<W: Write> Lines<W> {
    /// Lines in this format, stamped by this clock.
    pub fn new(format: Format, now: fn() -> OffsetDateTime, out: W) -> Self {
        Self {
            format,
            now,
            out: Mutex::new(out),
        }
    }

    fn line(&self, event: &Event<'_>) -> String {
        let mut line = Map::new();
        if event.metadata().target() == metrics::TARGET {
            event.record(&mut Fields(&mut line));
            let metric = line.get(metrics::FIELD).and_then(Value::as_str);
            return metric.unwrap_or_default().to_owned();
        }
        let timestamp = (self.now)().format(&Rfc3339).unwrap_or_default();
        line.insert("timestamp".to_owned(), timestamp.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        // It leads, wherever the call has it.
        line.insert("message".to_owned(), Value::Null);
        event.record(&mut Fields(&mut line));
        tame(match self.format {
            Format::Json => Value::Object(line).to_string(),
            Format::Text => text(&line),
        })
    }
}

impl<S: Subscriber, W: Write + Send + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let line = self.line(event);
        if let Ok(mut out) = self.out.lock() {
            // Where the log cannot be written there is nowhere left to say so.
            let _ = writeln!(out, "{line}");
        }
    }
}

/// Which lines are written at this level. Those of other crates are warnings and worse, down to DEBUG if that is asked
/// for; their TRACE shows whole requests with their tokens.
pub fn filter(level: LevelFilter) -> Targets {
    let others = match level {
        LevelFilter::TRACE | LevelFilter::DEBUG => LevelFilter::DEBUG,
        quieter => quieter.min(LevelFilter::WARN),
    };
    Targets::new()
        .with_default(others)
        .with_target("usher", level)
        .with_target("usher_lambda", level)
        // It repeats every function error, and those have been logged where they were made.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}

/// `timestamp LEVEL message name=value …`.
fn text(line: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (name, value) in line {
        if !text.is_empty() {
            text.push(' ');
        }
        if !matches!(name.as_str(), "timestamp" | "level" | "message") {
            text.push_str(name);
            text.push('=');
        }
        match value {
            Value::String(word) if is_plain(word) => text.push_str(word),
            // In quotes, with escapes: no value can begin a line or a name of its own.
            other => text.push_str(&other.to_string()),
        }
    }
    text
}

/// Escapes what a terminal, or who splits a log into lines, could obey. Below a blank JSON has done it; these are left: DEL and
/// the second set of control characters, among them one that begins an escape sequence; the line and paragraph separators of
/// Unicode; the marks that turn the direction of writing. They stand in quotes only, so `\u` is right there.
fn tame(line: String) -> String {
    if !line.contains(is_wild) {
        return line;
    }
    let mut tame = String::with_capacity(line.len());
    for c in line.chars() {
        match is_wild(c) {
            true => tame.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => tame.push(c),
        }
    }
    tame
}

fn is_wild(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '=');
    !word.is_empty() && word.chars().all(plain)
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use time::OffsetDateTime;
    use tracing::level_filters::LevelFilter;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt;

    use super::{Format, Lines, filter};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the sink").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, level: LevelFilter, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let lines = Lines::new(format, || OffsetDateTime::UNIX_EPOCH, sink.clone());
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter(level)));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = sink.0.lock().expect("the sink").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn a_json_line_has_its_time_and_level_at_the_top_and_its_fields_by_their_names() {
        let line = written(Format::Json, LevelFilter::INFO, || {
            tracing::warn!(target: "usher", eventId = "e\n1", code = None::<&str>, attempts = 2_u32, late = true, "change");
        });
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let expected = json!({
            "timestamp": "1970-01-01T00:00:00Z", "level": "WARN", "message": "change",
            "eventId": "e\n1", "attempts": 2, "late": true,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_text_line_is_one_line_whatever_a_value_holds() {
        let line = written(Format::Text, LevelFilter::INFO, || {
            tracing::info!(target: "usher", source = "acme.hr", eventId = "1\n2026 ERROR fake", detailType = "a=b", "event");
        });
        assert_eq!(
            line,
            "1970-01-01T00:00:00Z INFO event source=acme.hr eventId=\"1\\n2026 ERROR fake\" detailType=\"a=b\"\n"
        );
    }

    #[test]
    fn no_value_moves_the_cursor_begins_a_line_or_turns_the_direction_of_writing() {
        const WILD: &str =
            "a\u{1b}[31m\r\n\u{7f}\u{85}\u{9b}2J\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}z";
        let log = || tracing::info!(target: "usher", eventId = WILD, "event");
        for format in [Format::Json, Format::Text] {
            let written = written(format, LevelFilter::INFO, log);
            let line = written.strip_suffix('\n').expect("a line");
            assert!(!line.contains(super::is_wild), "{line:?}");
            let (_, quoted) = line.split_once("\"a\\u001b").expect("the value, in quotes");
            let (value, _) = quoted.split_once('"').expect("its end");
            let read: String = serde_json::from_str(&format!("\"a\\u001b{value}\"")).expect("JSON");
            assert_eq!(read, WILD, "nothing is lost");
        }
    }

    #[test]
    fn the_level_holds_for_our_lines_and_other_crates_only_warn() {
        let log = || {
            tracing::trace!(target: "usher", "ours 1");
            tracing::info!(target: "usher::apply", "ours 3");
            tracing::warn!(target: "usher_lambda", "ours 4");
            tracing::trace!(target: "hyper", "theirs 1");
            tracing::debug!(target: "hyper", "theirs 2");
            tracing::info!(target: "hyper", "theirs 3");
            tracing::warn!(target: "hyper", "theirs 4");
            tracing::error!(target: "lambda_runtime::layers::panic", "twice");
        };
        let count = |level| written(Format::Text, level, log).lines().count();
        assert_eq!(count(LevelFilter::TRACE), 3 + 3);
        assert_eq!(count(LevelFilter::INFO), 2 + 1);
        assert_eq!(count(LevelFilter::WARN), 1 + 1);
        assert_eq!(count(LevelFilter::ERROR), 0);
    }
}
