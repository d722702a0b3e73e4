use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a service does with a connection that it took.
#[derive(Clone, Copy)]
enum Manner {
    /// Answers every request.
    Answers,
    /// Sends this in answer to the first request and hangs up.
    Says(&'static [u8]),
    /// Resets the connection when the first request has come.
    Resets,
    Silent,
}

/// A service, and how many connections it took.
async fn service(manner: Manner) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let taken = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(connection, manner));
        }
    });
    (address, taken)
}

async fn serve(mut connection: TcpStream, manner: Manner) {
    let mut request = [0; 4096];
    loop {
        match manner {
            Manner::Silent => std::future::pending().await,
            Manner::Answers | Manner::Says(_) | Manner::Resets => {}
        }
        if !matches!(connection.read(&mut request).await, Ok(1..)) {
            return;
        }
        match manner {
            Manner::Answers | Manner::Silent => {
                connection.write_all(ANSWER).await.expect("it listens");
            }
            Manner::Says(words) => {
                connection.write_all(words).await.expect("it listens");
                return;
            }
            Manner::Resets => {
                connection.set_zero_linger().expect("a socket option");
                return;
            }
        }
    }
}

fn get(url: String) -> Request<SdkBody> {
    let request = Request::get(url).body(SdkBody::empty());
    request.expect("a URL")
}

async fn failure(url: String) -> ConnectorError {
    let pool = Pool::new(Trust::System, Duration::from_millis(300));
    let answer = pool.send(get(url)).await;
    answer.map(drop).expect_err("nobody answers")
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = failure(format!("http://{address}/")).await;
    assert!(error.is_io(), "{error:?}");
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_a_timeout() {
    let (address, _) = service(Manner::Silent).await;
    let error = failure(format!("https://{address}/")).await;
    assert!(error.is_timeout(), "{error:?}");
}

#[tokio::test]
async fn a_handshake_with_what_speaks_no_tls_is_a_broken_connection() {
    let (address, _) = service(Manner::Says(ANSWER)).await;
    let error = failure(format!("https://{address}/")).await;
    assert!(error.is_io(), "{error:?}");
}

#[tokio::test]
async fn no_answer_and_half_an_answer_are_transient() {
    for words in ["", "HTTP/1.1 200 O"] {
        let (address, _) = service(Manner::Says(words.as_bytes())).await;
        let error = failure(format!("http://{address}/")).await;
        let kind = error.as_other();
        assert_eq!(kind, Some(ErrorKind::TransientError), "{error:?}");
    }
}

#[tokio::test]
async fn a_reset_is_a_broken_connection() {
    let (address, _) = service(Manner::Resets).await;
    let error = failure(format!("http://{address}/")).await;
    assert!(error.is_io(), "{error:?}");
}

#[tokio::test]
async fn what_is_no_http_is_tried_only_once() {
    let (address, _) = service(Manner::Says(b"220 ready to start TLS\r\n\r\n")).await;
    let error = failure(format!("http://{address}/")).await;
    assert!(error.is_other() && error.as_other().is_none(), "{error:?}");
}

#[tokio::test]
async fn a_connection_is_used_again_until_it_is_given_up() {
    let (address, taken) = service(Manner::Answers).await;
    let pool = Pool::new(Trust::System, Duration::from_secs(3));
    for (give_up, connections) in [(false, 1), (true, 1), (false, 2), (false, 2)] {
        let answer = pool.send(get(format!("http://{address}/"))).await;
        let (answer, connection) = answer.expect("an answer");
        let body = answer.into_body().collect().await;
        assert_eq!(body.expect("a body").to_bytes(), "ok");
        if give_up {
            connection.give_up();
        }
        // The connection goes back to the others in a task of its own.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(taken.load(Ordering::SeqCst), connections);
    }
}
