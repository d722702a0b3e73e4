//! Hands out people, one for each line that a worker sends, from the moment on at which all workers are there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

pub struct Queue {
    pub address: String,
}

impl Queue {
    pub async fn open(people: usize, workers: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let next = Arc::new(AtomicUsize::new(0));
        let all = Arc::new(Barrier::new(workers));
        tokio::spawn(async move {
            for _ in 0..workers {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                tokio::spawn(serve(stream, people, Arc::clone(&next), Arc::clone(&all)));
            }
        });
        Ok(Self { address })
    }
}

async fn serve(stream: TcpStream, people: usize, next: Arc<AtomicUsize>, all: Arc<Barrier>) {
    let mut stream = BufReader::new(stream);
    all.wait().await;
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let person = next.fetch_add(1, Ordering::Relaxed);
        // An empty line is the end.
        let answer = match person < people {
            true => format!("person-{person}\n"),
            false => "\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
