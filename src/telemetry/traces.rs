//! Traces for AWS X-Ray: the header that each request to a service carries, and, for an invocation that X-Ray samples, one
//! subsegment for each call of a service.
//!
//! Lambda says with each invocation where it stands in a trace: `Root=1-…;Parent=…;Sampled=1;Lineage=…` (X-Ray developer
//! guide, tracing header; Lambda's Runtime API, `Lambda-Runtime-Trace-Id`). The header goes on to the services whether it is sampled
//! or not: Lambda itself tells by it that a function has called itself. A subsegment goes in one UDP datagram to the daemon that
//! `AWS_XRAY_DAEMON_ADDRESS` names, after a line that tells the format (X-Ray developer guide, sending segment documents to the
//! daemon). Its members are those of the guide's "segment documents", and `aws.retries` as X-Ray's own SDKs have it.
//! There is nothing of an event in it and nothing of a person, not even a target.

use std::cell::Cell;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use time::OffsetDateTime;

/// The header of a request that says where it stands in a trace.
pub const HEADER: &str = "x-amzn-trace-id";

/// What comes before a document, so that the daemon knows how to read it.
const PREAMBLE: &str = "{\"format\": \"json\", \"version\": 1}\n";

/// The X-Ray daemon, who takes subsegments and sends them on.
#[derive(Debug)]
pub struct Daemon {
    address: SocketAddr,
    /// Opened for the first subsegment; without one there is none.
    socket: OnceLock<Option<UdpSocket>>,
}

impl Daemon {
    /// The daemon at this address. Nothing is opened before there is something to say.
    pub const fn at(address: SocketAddr) -> Self {
        Self {
            address,
            socket: OnceLock::new(),
        }
    }

    /// Sends a datagram, or does not: a trace with a hole in it is better than an event that waits or fails for it.
    fn send(&self, datagram: &[u8]) {
        if let Some(socket) = self.socket.get_or_init(|| self.open()) {
            let _ = socket.send_to(datagram, self.address);
        }
    }

    fn open(&self) -> Option<UdpSocket> {
        let any: SocketAddr = match self.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(socket)
    }
}

/// Where an invocation stands in a trace.
#[derive(Debug)]
pub struct Trace {
    header: String,
    recording: Option<Recording>,
}

/// What a sampled invocation's subsegments are made with.
#[derive(Debug)]
struct Recording {
    daemon: Arc<Daemon>,
    now: fn() -> OffsetDateTime,
    trace_id: String,
    parent_id: String,
    seed: u64,
    calls: Cell<u64>,
}

impl Trace {
    /// Reads the header of an invocation. Subsegments are recorded where it says `Sampled=1` and there is a daemon. Their ids
    /// come of `attempt`, the name of this attempt and no other, of which some is random.
    pub fn new(
        header: &str,
        attempt: &str,
        daemon: Option<&Arc<Daemon>>,
        now: fn() -> OffsetDateTime,
    ) -> Self {
        let sampled = field(header, "Sampled") == Some("1");
        let recording = || {
            Some(Recording {
                daemon: Arc::clone(daemon?),
                now,
                trace_id: field(header, "Root")?.to_owned(),
                parent_id: field(header, "Parent")?.to_owned(),
                seed: hash((header, attempt)),
                calls: Cell::new(0),
            })
        };
        Self {
            header: header.to_owned(),
            recording: if sampled { recording() } else { None },
        }
    }

    /// The header as Lambda gave it.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Begins a call, if this invocation is recorded.
    pub fn begin(&self, service: &str, operation: &str, region: Option<&str>) -> Option<Call> {
        let recording = self.recording.as_ref()?;
        let number = recording.calls.get();
        recording.calls.set(number.wrapping_add(1));
        let id = identifier((recording.seed, number));
        Some(Call {
            header: with_parent(&self.header, &id),
            daemon: Arc::clone(&recording.daemon),
            now: recording.now,
            trace_id: recording.trace_id.clone(),
            parent_id: recording.parent_id.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: region.map(str::to_owned),
            start: (recording.now)(),
            ended: AtomicBool::new(false),
            id,
        })
    }
}

/// A call that has begun. One that is dropped before it [ended](Call::end) was cut off by the deadline.
pub struct Call {
    daemon: Arc<Daemon>,
    now: fn() -> OffsetDateTime,
    header: String,
    trace_id: String,
    parent_id: String,
    id: String,
    service: String,
    operation: String,
    region: Option<String>,
    start: OffsetDateTime,
    ended: AtomicBool,
}

/// How a call ended.
#[derive(Debug, Default)]
pub struct End<'a> {
    /// The HTTP status of the last answer; none if there was no answer.
    pub status: Option<u16>,
    pub request_id: Option<&'a str>,
    /// Requests after the first.
    pub retries: u32,
    /// The error's code; none if it went well.
    pub code: Option<&'a str>,
    /// Whether the service said "slower".
    pub throttled: bool,
}

impl Call {
    /// The header for its requests: what the service traces hangs below this call.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Tells the daemon how it ended, once.
    pub fn end(&self, end: &End<'_>) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let subsegment = self.subsegment(end);
        let mut datagram = PREAMBLE.as_bytes().to_vec();
        if serde_json::to_writer(&mut datagram, &subsegment).is_ok() {
            self.daemon.send(&datagram);
        }
    }

    /// A service's own fault is a fault, and so is no answer; what it refuses is an error (X-Ray developer guide, segment
    /// documents).
    fn subsegment<'a>(&'a self, end: &End<'a>) -> Subsegment<'a> {
        let failed = end.code.is_some();
        let fault = failed
            && end
                .status
                .is_none_or(|status| !(400..500).contains(&status));
        let exception = |code| Exception {
            id: identifier((&self.id, code)),
            kind: code,
            remote: true,
        };
        Subsegment {
            name: &self.service,
            id: &self.id,
            trace_id: &self.trace_id,
            parent_id: &self.parent_id,
            kind: "subsegment",
            namespace: "aws",
            start_time: seconds(self.start),
            end_time: seconds((self.now)()),
            aws: Aws {
                operation: &self.operation,
                region: self.region.as_deref(),
                request_id: end.request_id,
                retries: end.retries,
            },
            http: end.status.map(|status| Http {
                response: Response { status },
            }),
            fault,
            error: failed && !fault,
            throttle: end.throttled,
            cause: end.code.map(|code| Cause {
                exceptions: [exception(code)],
            }),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(&End {
            code: Some("Usher.Deadline"),
            ..End::default()
        });
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("service", &self.service)
            .field("operation", &self.operation)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Subsegment<'a> {
    name: &'a str,
    id: &'a str,
    trace_id: &'a str,
    parent_id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    namespace: &'a str,
    start_time: f64,
    end_time: f64,
    aws: Aws<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
    #[serde(skip_serializing_if = "is_false")]
    fault: bool,
    #[serde(skip_serializing_if = "is_false")]
    error: bool,
    #[serde(skip_serializing_if = "is_false")]
    throttle: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause<'a>>,
}

#[derive(Serialize)]
struct Aws<'a> {
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    retries: u32,
}

#[derive(Serialize)]
struct Http {
    response: Response,
}

#[derive(Serialize)]
struct Response {
    status: u16,
}

#[derive(Serialize)]
struct Cause<'a> {
    exceptions: [Exception<'a>; 1],
}

/// Without its message: a service may repeat values in one.
#[derive(Serialize)]
struct Exception<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'a str,
    remote: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A field of a tracing header.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = header.split(';').filter_map(|field| field.split_once('='));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// The header with another parent; its other fields as they are, also those that nobody here knows.
fn with_parent(header: &str, parent: &str) -> String {
    let fields = header.split(';').map(|field| match field.split_once('=') {
        Some((key, _)) if key.trim() == "Parent" => format!("Parent={parent}"),
        _ => field.to_owned(),
    });
    fields.collect::<Vec<_>>().join(";")
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// 64 bits in 16 hexadecimal digits, as X-Ray wants an id.
fn identifier(of: impl Hash) -> String {
    format!("{:016x}", hash(of))
}

/// Seconds since 1970, with a fraction.
fn seconds(time: OffsetDateTime) -> f64 {
    time.unix_timestamp_nanos() as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SAMPLED: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a8b2:0";

    fn epoch() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH
    }

    fn daemon() -> (UdpSocket, Arc<Daemon>) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.set_nonblocking(true).expect("it does not block");
        let address = socket.local_addr().expect("its address");
        (socket, Arc::new(Daemon::at(address)))
    }

    fn call(header: &str, attempt: &str, daemon: &Arc<Daemon>) -> Option<Call> {
        Trace::new(header, attempt, Some(daemon), epoch).begin("SageMaker", "DescribeDomain", None)
    }

    /// What the daemon has received; on loopback it is there when it has been sent.
    fn received(socket: &UdpSocket) -> Vec<Value> {
        let mut documents = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            let text = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
            let document = text.strip_prefix(PREAMBLE).expect("the preamble");
            documents.push(serde_json::from_str(document).expect("JSON"));
        }
        documents
    }

    #[test]
    fn what_is_not_sampled_has_no_place_in_a_trace_or_no_daemon_opens_nothing() {
        let (socket, daemon) = daemon();
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        for header in [
            SAMPLED.replace("Sampled=1", "Sampled=0"),
            SAMPLED.replace("Sampled=1", "Sampled=?"),
            root.to_owned(),
            format!("{root};Sampled=1"),
            format!("{root};Parent=;Sampled=1"),
            "Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
            "Sampled=1".to_owned(),
            "=;;==;Sampled".to_owned(),
            String::new(),
        ] {
            assert!(call(&header, "a", &daemon).is_none(), "{header}");
            let trace = Trace::new(&header, "a", Some(&daemon), epoch);
            assert_eq!(trace.header(), header);
        }
        let nowhere = Trace::new(SAMPLED, "a", None, epoch);
        assert!(nowhere.begin("SageMaker", "DescribeDomain", None).is_none());
        assert!(daemon.socket.get().is_none());
        assert!(received(&socket).is_empty());
    }

    #[test]
    fn a_call_is_the_parent_in_its_own_header_and_the_rest_stays_as_it_was() {
        let (_socket, daemon) = daemon();
        let call = call(SAMPLED, "a", &daemon).expect("a call");
        let expected = SAMPLED.replace("53995c3f42cd8ad8", &call.id);
        assert_eq!(call.header(), expected);
        assert_ne!(call.header(), SAMPLED);
    }

    #[test]
    fn ids_are_sixteen_hexadecimal_digits_and_differ_from_call_to_call_and_attempt_to_attempt() {
        let (_socket, daemon) = daemon();
        let ids = |attempt| {
            let trace = Trace::new(SAMPLED, attempt, Some(&daemon), epoch);
            let id = || {
                trace
                    .begin("DynamoDB", "UpdateItem", None)
                    .map(|c| c.id.clone())
            };
            [id(), id(), id()].map(|id| id.expect("a call"))
        };
        let all: Vec<_> = [ids("first"), ids("second")].concat();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 6);
        let digits = |id: &String| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(all.iter().all(digits), "{all:?}");
        assert_eq!(ids("first"), ids("first"));
    }

    #[test]
    fn what_went_well_is_told_once_and_has_no_flags() {
        let (socket, daemon) = daemon();
        let call = call(SAMPLED, "a", &daemon).expect("a call");
        let end = End {
            status: Some(200),
            request_id: Some("r-1"),
            ..End::default()
        };
        call.end(&end);
        call.end(&end);
        let id = call.id.clone();
        drop(call);
        let expected = json!({
            "name": "SageMaker", "id": id, "type": "subsegment", "namespace": "aws",
            "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "parent_id": "53995c3f42cd8ad8",
            "start_time": 0.0, "end_time": 0.0,
            "aws": {"operation": "DescribeDomain", "request_id": "r-1", "retries": 0},
            "http": {"response": {"status": 200}},
        });
        assert_eq!(received(&socket), [expected]);
    }

    #[test]
    fn a_refusal_is_an_error_and_anything_else_that_failed_a_fault() {
        let (socket, daemon) = daemon();
        let flags = |status, code, throttled| {
            let call = call(SAMPLED, "a", &daemon).expect("a call");
            call.end(&End {
                status,
                code,
                throttled,
                ..End::default()
            });
            let document = received(&socket).remove(0);
            let set = |flag: &str| document[flag] == true;
            (set("error"), set("fault"), set("throttle"))
        };
        assert_eq!(
            flags(Some(400), Some("ValidationException"), false),
            (true, false, false)
        );
        assert_eq!(
            flags(Some(400), Some("ThrottlingException"), true),
            (true, false, true)
        );
        assert_eq!(
            flags(Some(503), Some("SlowDown"), true),
            (false, true, true)
        );
        assert_eq!(
            flags(Some(200), Some("Usher.Unreadable"), false),
            (false, true, false)
        );
        assert_eq!(
            flags(None, Some("Usher.Unreachable"), false),
            (false, true, false)
        );
    }

    #[test]
    fn a_call_that_is_cut_off_is_a_fault_that_says_so() {
        let (socket, daemon) = daemon();
        drop(call(SAMPLED, "a", &daemon));
        let document = received(&socket).remove(0);
        assert_eq!(document["fault"], true);
        assert_eq!(document["http"], Value::Null);
        assert_eq!(document["cause"]["exceptions"][0]["type"], "Usher.Deadline");
    }
}
