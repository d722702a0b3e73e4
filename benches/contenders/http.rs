//! As little of an HTTP/1.1 server as both ends of a function need: a thread for each connection, no runtime of its own that
//! would take processor time from what is measured.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

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
}

impl Reply {
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: String::new(),
            body: body.into(),
        }
    }
}

type Answer = dyn Fn(Request) -> Reply + Send + Sync;

/// A server on a port of its own, until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Starts one on loopback.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(answer: impl Fn(Request) -> Reply + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (answer, end): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&ended));
        thread::spawn(move || {
            for connection in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    break;
                }
                let answer = Arc::clone(&answer);
                // A connection that breaks is the client's to notice.
                let _ = connection.map(|open| thread::spawn(move || serve(open, &*answer)));
            }
        });
        Ok(Self { address, ended })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(connection: TcpStream, answer: &Answer) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut out = connection.try_clone()?;
    let mut input = BufReader::new(connection);
    while let Some(request) = read(&mut input)? {
        let Reply {
            status,
            headers,
            body,
        } = answer(request);
        let length = body.len();
        let mut bytes = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
        )
        .into_bytes();
        bytes.extend(body);
        out.write_all(&bytes)?;
    }
    Ok(())
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

fn bytes(input: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}
