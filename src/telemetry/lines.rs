//! Tracing's events as lines.

use std::fmt;
use std::io::Write;
use std::sync::Mutex;

use serde::Serialize;
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

    fn line(&self, event: &Event<'_>) -> Vec<u8> {
        if event.metadata().target() == metrics::TARGET {
            let mut metric = Metric(Vec::new());
            event.record(&mut metric);
            return metric.0;
        }
        let level = event.metadata().level().as_str();
        let mut line = Line::new(self.format, (self.now)(), level);
        event.record(&mut line);
        line.end()
    }
}

impl<S: Subscriber, W: Write + Send + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // Before the lock: what a value does to be printed, even to panic, concerns no other line.
        let mut line = self.line(event);
        line.push(b'\n');
        if let Ok(mut out) = self.out.lock() {
            // Where the log cannot be written there is nowhere left to say so.
            let _ = out.write_all(&line);
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

/// Escapes what a terminal, or who splits a log into lines, could obey. Below a blank JSON has done it; these are left: DEL and
/// the second set of control characters, among them one that begins an escape sequence; the line and paragraph separators of
/// Unicode; the marks that turn the direction of writing. They stand in quotes only, so `\u` is right there.
fn tame(line: &[u8]) -> Vec<u8> {
    let mut tame = String::with_capacity(line.len());
    for c in String::from_utf8_lossy(line).chars() {
        match is_wild(c) {
            true => tame.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => tame.push(c),
        }
    }
    tame.into_bytes()
}

/// Whether it stands in quotes as it is: most texts do, and are looked through many bytes at a time.
fn is_simple(text: &str) -> bool {
    let special = |byte: u8| !matches!(byte, b' '..=b'~') | (byte == b'"') | (byte == b'\\');
    !text
        .bytes()
        .fold(false, |found, byte| found | special(byte))
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

/// What most lines are shorter than, in bytes.
const LENGTH: usize = 512;

/// A line as it is written: an object, or `timestamp LEVEL message name=value …`.
struct Line {
    format: Format,
    text: Vec<u8>,
    /// Where the message stands: it leads, wherever the call has it.
    message: usize,
    has_message: bool,
    /// Whether it holds anything but plain ASCII.
    is_special: bool,
}

impl Line {
    fn new(format: Format, now: OffsetDateTime, level: &str) -> Self {
        let (before, between, after): (&[u8], &[u8], &[u8]) = match format {
            Format::Json => (b"{\"timestamp\":\"", b"\",\"level\":\"", b"\",\"message\":"),
            Format::Text => (b"", b" ", b" "),
        };
        let mut text = Vec::with_capacity(LENGTH);
        text.extend(before);
        // A Vec takes whatever is written to it.
        let _ = now.format_into(&mut text, &Rfc3339);
        text.extend(between);
        text.extend(level.as_bytes());
        text.extend(after);
        Self {
            format,
            message: text.len(),
            text,
            has_message: false,
            is_special: false,
        }
    }

    /// A value that is no text.
    fn put(&mut self, name: &str, value: &impl Serialize) {
        self.member(name, |line| json(&mut line.text, value));
    }

    fn put_text(&mut self, name: &str, value: &str) {
        match self.format {
            Format::Text if is_plain(value) => {
                self.member(name, |line| line.text.extend(value.as_bytes()));
            }
            // In quotes, with escapes: no value can begin a line or a name of its own.
            Format::Text | Format::Json => self.member(name, |line| line.quote(value)),
        }
    }

    fn quote(&mut self, text: &str) {
        match is_simple(text) {
            true => {
                self.text.push(b'"');
                self.text.extend(text.as_bytes());
                self.text.push(b'"');
            }
            false => {
                self.is_special = true;
                json(&mut self.text, &text);
            }
        }
    }

    fn member(&mut self, name: &str, value: impl FnOnce(&mut Self)) {
        match (name, self.format) {
            ("message", _) if self.has_message => {}
            ("message", _) => {
                let others = self.text.split_off(self.message);
                value(self);
                self.text.extend(others);
                self.has_message = true;
            }
            // The line has its own, by which Lambda filters it.
            ("timestamp" | "level", _) => {}
            (_, Format::Json) => {
                self.text.push(b',');
                self.quote(name);
                self.text.push(b':');
                value(self);
            }
            (_, Format::Text) => {
                self.is_special |= !is_simple(name);
                self.text.push(b' ');
                self.text.extend(name.as_bytes());
                self.text.push(b'=');
                value(self);
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.put("message", &());
        if matches!(self.format, Format::Json) {
            self.text.push(b'}');
        }
        match self.is_special {
            true => tame(&self.text),
            false => self.text,
        }
    }
}

/// Fields are texts, numbers and flags, which all can be written.
fn json(text: &mut Vec<u8>, value: &impl Serialize) {
    let _ = serde_json::to_writer(text, value);
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), &value);
    }
}

/// A metric line, which is written elsewhere and goes out as it is.
struct Metric(Vec<u8>);

impl Visit for Metric {
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == metrics::FIELD {
            self.0.extend(value.as_bytes());
        }
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
    fn the_message_leads_wherever_it_stands_and_no_field_takes_the_place_of_time_or_level() {
        let log = || {
            tracing::info!(target: "usher", a = 1, message = "event", level = "ERROR", timestamp = "never", b = "ü");
        };
        let line = written(Format::Json, LevelFilter::INFO, log);
        let head = r#"{"timestamp":"1970-01-01T00:00:00Z","level":"INFO","message":"event""#;
        assert_eq!(line, format!("{head},\"a\":1,\"b\":\"ü\"}}\n"));
        let line = written(Format::Text, LevelFilter::INFO, log);
        assert_eq!(line, "1970-01-01T00:00:00Z INFO event a=1 b=\"ü\"\n");
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
