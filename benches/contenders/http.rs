//! As little of an HTTP/1.1 server as both ends of a function need: a thread for each connection, no runtime of its own that
//! would take processor time from what is measured.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request, read whole.
pub struct Request {
    pub method: String,
    pub path: String,
    /// The header `x-amz-target`, by which awsJson names the operation.
    pub target: Option<String>,
    pub body: Vec<u8>,
    /// When its first byte was there.
    pub arrived: Instant,
}

/// An answer in JSON.
pub struct Reply {
    pub status: u16,
    /// Header lines besides the length and type, each with its line end.
    pub headers: String,
    pub body: Vec<u8>,
    /// When it is to leave, if not at once.
    pub due: Option<Instant>,
}

impl Reply {
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: String::new(),
            body: body.into(),
            due: None,
        }
    }

    fn bytes(self) -> Vec<u8> {
        let Self {
            status,
            headers,
            body,
            due: _,
        } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        [head.into_bytes(), body].concat()
    }
}

type Answer = dyn Fn(Request) -> Reply + Send + Sync;

/// A server on a port of its own, until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<Answer>,
    tls: Option<Arc<ServerConfig>>,
    ended: AtomicBool,
    handshakes: AtomicUsize,
    /// How long after they were due answers had left.
    late: Mutex<Vec<Duration>>,
}

impl Server {
    /// Starts one on loopback, behind TLS if there is a configuration for it.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            tls,
            ended: AtomicBool::new(false),
            handshakes: AtomicUsize::new(0),
            late: Mutex::default(),
        });
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            sleep_exactly();
            for connection in listener.incoming() {
                if all.ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&all);
                // A connection that breaks is the client's to notice.
                let _ = connection.map(|open| thread::spawn(move || shared.accept(open)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Handshakes of TLS so far.
    pub fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::SeqCst)
    }

    /// How late answers left since this was asked last: from when each was due to when its bytes were written.
    pub fn late(&self) -> Vec<Duration> {
        let late = self.shared.late.lock();
        std::mem::take(&mut late.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(&self, mut connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return self.serve(connection);
        };
        let mut session = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut connection)?;
        }
        self.handshakes.fetch_add(1, Ordering::SeqCst);
        self.serve(StreamOwned::new(session, connection))
    }

    fn serve(&self, connection: impl Read + Write) -> io::Result<()> {
        let mut input = BufReader::new(connection);
        while let Some(request) = read(&mut input)? {
            let reply = (self.answer)(request);
            let due = reply.due;
            let bytes = reply.bytes();
            if let Some(due) = due {
                wait_until(due);
            }
            input.get_mut().write_all(&bytes)?;
            input.get_mut().flush()?;
            if let Some(due) = due {
                let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
                late.push(due.elapsed());
            }
        }
        Ok(())
    }
}

/// The kernel lets sleeps end up to 50 µs late, so that several end together (prctl(2), PR_SET_TIMERSLACK). Not those of this
/// thread, and of threads that it starts.
fn sleep_exactly() {
    let thread = fs::read_link("/proc/thread-self").unwrap_or_default();
    let number = thread.file_name().unwrap_or_default();
    // Without it answers are later, which is in the figures.
    let _ = fs::write(Path::new("/proc").join(number).join("timerslack_ns"), "1");
}

/// Sleeps, since what spins takes the processor from what is measured just when that has something to do. Only what a sleep
/// ends late by at least is taken off it, and spun if it was not late.
fn wait_until(time: Instant) {
    let early = Duration::from_micros(25);
    if let Some(sleep) = time.checked_duration_since(Instant::now() + early) {
        thread::sleep(sleep);
    }
    while Instant::now() < time {
        std::hint::spin_loop();
    }
}

/// The next request, or nothing at the end of the connection.
fn read(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let arrived = Instant::now();
    let first = line(input)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next(), words.next());
    let (mut target, mut length, mut is_chunked) = (None, 0, false);
    loop {
        let header = line(input)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => target = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "transfer-encoding" => is_chunked = true,
            _ => {}
        }
    }
    let body = match is_chunked {
        true => chunks(input)?,
        false => bytes(input, length)?,
    };
    Ok(Some(Request {
        method: method.unwrap_or_default(),
        path: path.unwrap_or_default(),
        target,
        body,
        arrived,
    }))
}

fn chunks(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(line(input)?.trim(), 16).unwrap_or(0);
        body.extend(bytes(input, size)?);
        line(input)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

pub fn bytes(input: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}
