//! The function's settings: environment variables, each checked before anything starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

/// The settings of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `USHER_RULES`: the rules file. Without it, the first there is of `/opt/usher.yaml` and `usher.yaml` beside the binary.
    pub rules: Option<PathBuf>,
    /// `USHER_LEDGER_TABLE`: the DynamoDB table that orders writes; without it the order holds within the process.
    pub ledger_table: Option<String>,
    /// `USHER_CONCURRENCY`: targets handled at a time, 1 to 1000; default 8.
    pub concurrency: usize,
    /// `USHER_DEADLINE_MARGIN_MS`: how long before the invocation's deadline work ends, 0 to 60000 ms; default 1000.
    pub margin: Duration,
    /// `AWS_LAMBDA_LOG_FORMAT`: `JSON` or `Text`; default JSON.
    pub format: Format,
    /// `AWS_LAMBDA_LOG_LEVEL`: default INFO.
    pub level: LevelFilter,
    /// `AWS_XRAY_DAEMON_ADDRESS`: where traces go; Lambda sets it. Default nowhere.
    pub daemon: Option<SocketAddr>,
    /// `AWS_CA_BUNDLE`: a file of certificates that are trusted in place of the system's.
    pub ca_bundle: Option<PathBuf>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Text,
}

/// A setting whose value means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?} is not allowed; {allowed}")]
pub struct BadSetting {
    pub name: &'static str,
    pub value: String,
    pub allowed: &'static str,
}

impl Settings {
    /// Reads the settings out of an environment. A variable that is empty counts as not set.
    ///
    /// # Errors
    /// Every setting that has a bad value.
    pub fn read(environment: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<BadSetting>> {
        let mut bad = Vec::new();
        let text = |name: &str| environment(name).filter(|value| !value.is_empty());
        let mut number = |name, allowed, range: std::ops::RangeInclusive<u64>, default: u64| {
            let Some(value) = text(name) else {
                return default;
            };
            let number = value.parse().ok().filter(|number| range.contains(number));
            number.unwrap_or_else(|| {
                bad.push(BadSetting {
                    name,
                    value,
                    allowed,
                });
                default
            })
        };
        let concurrency = number(
            "USHER_CONCURRENCY",
            "it is a whole number from 1 to 1000",
            1..=1000,
            8,
        );
        let margin = number(
            "USHER_DEADLINE_MARGIN_MS",
            "it is a whole number of milliseconds from 0 to 60000",
            0..=60_000,
            1000,
        );
        let format = text("AWS_LAMBDA_LOG_FORMAT").map_or(Ok(Format::Json), format);
        let level = text("AWS_LAMBDA_LOG_LEVEL").map_or(Ok(LevelFilter::INFO), level);
        let daemon = text("AWS_XRAY_DAEMON_ADDRESS").map(daemon).transpose();
        bad.extend(format.as_ref().err().cloned());
        bad.extend(level.as_ref().err().cloned());
        bad.extend(daemon.as_ref().err().cloned());
        match (format, level, daemon) {
            (Ok(format), Ok(level), Ok(daemon)) if bad.is_empty() => Ok(Self {
                rules: text("USHER_RULES").map(PathBuf::from),
                ledger_table: text("USHER_LEDGER_TABLE"),
                concurrency: usize::try_from(concurrency).unwrap_or(8),
                margin: Duration::from_millis(margin),
                format,
                level,
                daemon,
                ca_bundle: text("AWS_CA_BUNDLE").map(PathBuf::from),
            }),
            _ => Err(bad),
        }
    }
}

fn format(value: String) -> Result<Format, BadSetting> {
    match value.to_ascii_lowercase().as_str() {
        "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        _ => Err(BadSetting {
            name: "AWS_LAMBDA_LOG_FORMAT",
            value,
            allowed: "it is JSON or Text",
        }),
    }
}

/// Lambda's levels (developer guide, log levels); there is nothing above ERROR here, so FATAL shows errors.
fn level(value: String) -> Result<LevelFilter, BadSetting> {
    match value.to_ascii_uppercase().as_str() {
        "TRACE" => Ok(LevelFilter::TRACE),
        "DEBUG" => Ok(LevelFilter::DEBUG),
        "INFO" => Ok(LevelFilter::INFO),
        "WARN" => Ok(LevelFilter::WARN),
        "ERROR" | "FATAL" => Ok(LevelFilter::ERROR),
        _ => Err(BadSetting {
            name: "AWS_LAMBDA_LOG_LEVEL",
            value,
            allowed: "it is TRACE, DEBUG, INFO, WARN, ERROR or FATAL",
        }),
    }
}

/// X-Ray's SDKs take one address, or one for each protocol: `tcp:127.0.0.1:2000 udp:127.0.0.2:2001`, in any order
/// (X-Ray developer guide, configuring the SDKs). Traces go over UDP.
fn daemon(value: String) -> Result<SocketAddr, BadSetting> {
    let mut words = value.split_whitespace();
    let udp = words.clone().find_map(|word| word.strip_prefix("udp:"));
    let address = udp.or_else(|| words.next()).map(str::parse);
    address.and_then(Result::ok).ok_or(BadSetting {
        name: "AWS_XRAY_DAEMON_ADDRESS",
        value,
        allowed: "it is an IP address with a port, such as 127.0.0.1:2000, or `tcp:ADDRESS udp:ADDRESS`",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<BadSetting>> {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn defaults() -> Settings {
        Settings {
            rules: None,
            ledger_table: None,
            concurrency: 8,
            margin: Duration::from_millis(1000),
            format: Format::Json,
            level: LevelFilter::INFO,
            daemon: None,
            ca_bundle: None,
        }
    }

    #[test]
    fn what_is_not_set_or_empty_has_its_default() {
        assert_eq!(read(&[]), Ok(defaults()));
        let names = [
            "USHER_RULES",
            "USHER_LEDGER_TABLE",
            "USHER_CONCURRENCY",
            "USHER_DEADLINE_MARGIN_MS",
            "AWS_LAMBDA_LOG_FORMAT",
            "AWS_LAMBDA_LOG_LEVEL",
            "AWS_XRAY_DAEMON_ADDRESS",
            "AWS_CA_BUNDLE",
        ];
        assert_eq!(read(&names.map(|name| (name, ""))), Ok(defaults()));
    }

    #[test]
    fn each_setting_takes_what_is_allowed() {
        type Case = (&'static str, &'static str, fn(&mut Settings));
        let allowed: [Case; 21] = [
            ("USHER_RULES", "/opt/team.yaml", |s| {
                s.rules = Some("/opt/team.yaml".into())
            }),
            ("USHER_LEDGER_TABLE", "usher", |s| {
                s.ledger_table = Some("usher".to_owned())
            }),
            ("USHER_CONCURRENCY", "1", |s| s.concurrency = 1),
            ("USHER_CONCURRENCY", "1000", |s| s.concurrency = 1000),
            ("USHER_DEADLINE_MARGIN_MS", "0", |s| {
                s.margin = Duration::ZERO
            }),
            ("USHER_DEADLINE_MARGIN_MS", "60000", |s| {
                s.margin = Duration::from_secs(60)
            }),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON", |s| s.format = Format::Json),
            ("AWS_LAMBDA_LOG_FORMAT", "Text", |s| s.format = Format::Text),
            ("AWS_LAMBDA_LOG_FORMAT", "text", |s| s.format = Format::Text),
            ("AWS_LAMBDA_LOG_LEVEL", "TRACE", |s| {
                s.level = LevelFilter::TRACE
            }),
            ("AWS_LAMBDA_LOG_LEVEL", "DEBUG", |s| {
                s.level = LevelFilter::DEBUG
            }),
            ("AWS_LAMBDA_LOG_LEVEL", "info", |s| {
                s.level = LevelFilter::INFO
            }),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN", |s| {
                s.level = LevelFilter::WARN
            }),
            ("AWS_LAMBDA_LOG_LEVEL", "ERROR", |s| {
                s.level = LevelFilter::ERROR
            }),
            ("AWS_LAMBDA_LOG_LEVEL", "FATAL", |s| {
                s.level = LevelFilter::ERROR
            }),
            ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000", |s| {
                s.daemon = Some(([169, 254, 79, 129], 2000).into())
            }),
            ("AWS_XRAY_DAEMON_ADDRESS", "[::1]:2000", |s| {
                s.daemon = Some(([0, 0, 0, 0, 0, 0, 0, 1], 2000).into())
            }),
            (
                "AWS_XRAY_DAEMON_ADDRESS",
                "tcp:127.0.0.1:2000 udp:127.0.0.2:2001",
                |s| s.daemon = Some(([127, 0, 0, 2], 2001).into()),
            ),
            (
                "AWS_XRAY_DAEMON_ADDRESS",
                "udp:127.0.0.2:2001 tcp:127.0.0.1:2000",
                |s| s.daemon = Some(([127, 0, 0, 2], 2001).into()),
            ),
            ("AWS_CA_BUNDLE", "/opt/acme.pem", |s| {
                s.ca_bundle = Some("/opt/acme.pem".into())
            }),
            ("USHER_UNKNOWN", "whatever", |_| ()),
        ];
        for (name, value, change) in allowed {
            let mut expected = defaults();
            change(&mut expected);
            assert_eq!(read(&[(name, value)]), Ok(expected), "{name}={value}");
        }
    }

    #[test]
    fn each_setting_refuses_the_rest_and_says_what_is_allowed() {
        for (name, value) in [
            ("USHER_CONCURRENCY", "0"),
            ("USHER_CONCURRENCY", "1001"),
            ("USHER_CONCURRENCY", "-1"),
            ("USHER_CONCURRENCY", "8.0"),
            ("USHER_CONCURRENCY", " 8"),
            ("USHER_CONCURRENCY", "99999999999999999999"),
            ("USHER_DEADLINE_MARGIN_MS", "60001"),
            ("USHER_DEADLINE_MARGIN_MS", "1s"),
            ("AWS_LAMBDA_LOG_FORMAT", "XML"),
            ("AWS_LAMBDA_LOG_LEVEL", "LOUD"),
            ("AWS_LAMBDA_LOG_LEVEL", "OFF"),
            ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
            ("AWS_XRAY_DAEMON_ADDRESS", "tcp:127.0.0.1:2000"),
        ] {
            let bad = read(&[(name, value)]).expect_err(value);
            assert_eq!(bad.len(), 1);
            let message = bad[0].to_string();
            let expected = format!("{name}={value:?} is not allowed; it is ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let bad = read(&[
            ("USHER_CONCURRENCY", "x"),
            ("USHER_DEADLINE_MARGIN_MS", "x"),
            ("AWS_LAMBDA_LOG_FORMAT", "x"),
            ("AWS_LAMBDA_LOG_LEVEL", "x"),
        ]);
        let names: Vec<_> = bad.expect_err("four").iter().map(|bad| bad.name).collect();
        assert_eq!(
            names,
            [
                "USHER_CONCURRENCY",
                "USHER_DEADLINE_MARGIN_MS",
                "AWS_LAMBDA_LOG_FORMAT",
                "AWS_LAMBDA_LOG_LEVEL"
            ]
        );
    }
}
