//! A client that spends nothing: the calls of one event over connections that are kept, without SDK, signatures or JSON. What it
//! takes is what the services take, and is what the contenders' times are held against.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::http::{bytes, line};

/// Three reads together, then three writes together, so many times.
///
/// # Errors
/// When the services do not answer.
pub fn times(services: SocketAddr, events: usize) -> io::Result<Vec<Duration>> {
    let connect = || -> io::Result<BufReader<TcpStream>> {
        let connection = TcpStream::connect(services)?;
        connection.set_nodelay(true)?;
        Ok(BufReader::new(connection))
    };
    let mut connections = [connect()?, connect()?, connect()?];
    let lake = "/v2/domains/dzd_lake/user-profiles/raw";
    let reads = [
        request("DescribeUserProfile", "d-studio"),
        request("DescribeUserProfile", "d-lab"),
        format!("GET {lake} HTTP/1.1\r\n\r\n"),
    ];
    let writes = [
        request("UpdateUserProfile", "d-studio"),
        request("UpdateUserProfile", "d-lab"),
        format!("PUT {lake} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{{}}"),
    ];
    let mut event = || -> io::Result<Duration> {
        let started = Instant::now();
        together(&mut connections, &reads)?;
        together(&mut connections, &writes)?;
        Ok(started.elapsed())
    };
    (0..events).map(|_| event()).collect()
}

fn together(connections: &mut [BufReader<TcpStream>], requests: &[String]) -> io::Result<()> {
    for (connection, request) in connections.iter_mut().zip(requests) {
        connection.get_mut().write_all(request.as_bytes())?;
    }
    connections.iter_mut().try_for_each(answer)
}

/// Reads an answer whole.
fn answer(connection: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut length = 0;
    loop {
        let header = line(connection)?;
        if header.is_empty() {
            return bytes(connection, length).map(drop);
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
}

/// One to SageMaker.
fn request(operation: &str, domain: &str) -> String {
    let body = format!(r#"{{"DomainId":"{domain}","UserProfileName":"raw"}}"#);
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nx-amz-target: SageMaker.{operation}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
