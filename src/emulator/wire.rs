//! Connections that can be reset on purpose.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Accepts connections on loopback.
pub(super) struct Loopback(pub TcpListener);

impl axum::serve::Listener for Loopback {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, peer)) => {
                    // An answer is one small write; without this it may wait for an acknowledgement. If it
                    // cannot be set, the answer is merely slower.
                    let _ = stream.set_nodelay(true);
                    return (
                        Wire {
                            stream,
                            fuse: Fuse::default(),
                        },
                        peer,
                    );
                }
                // The client is gone again, or there are too many open files: neither ends the emulator.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A handler's means to reset the connection its request came in by.
#[derive(Clone, Default)]
pub(super) struct Fuse(Arc<AtomicBool>);

impl Fuse {
    /// The next write resets the connection instead.
    pub(super) fn blow(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Fuse {
    fn connect_info(incoming: IncomingStream<'_, Loopback>) -> Fuse {
        incoming.io().fuse.clone()
    }
}

/// A connection with a fuse.
pub(super) struct Wire {
    stream: TcpStream,
    fuse: Fuse,
}

impl Wire {
    fn check(&self) -> io::Result<()> {
        if !self.fuse.0.load(Ordering::Acquire) {
            return Ok(());
        }
        // Closing a socket that does not linger sends RST (socket(7), SO_LINGER with a time of zero).
        self.stream.set_zero_linger()?;
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // After a blown fuse, a FIN must not come before the RST.
        self.check()?;
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
