//! TLS in front of a stand-in for the services, under a certificate authority of the test's own, with its handshakes counted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority, and its certificate in a file.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = format!("# ours\n{}", certificate.pem());
        std::fs::write(folder.path().join("bundle.pem"), bundle).expect("the file is written");
        let issuer = Issuer::new(params, key);
        Self { issuer, folder }
    }

    /// For `AWS_CA_BUNDLE`.
    pub fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle.pem")
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("a configuration"))
    }
}

/// How a front behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Proper,
    /// Hangs up on so many connections first.
    Late(u32),
    /// Takes connections and says nothing.
    Silent,
}

/// A port that speaks TLS and hands on what it hears.
pub struct Front {
    pub url: String,
    counted: Arc<Counted>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counted {
    connections: AtomicU32,
    handshakes: AtomicU32,
    /// How the first request over each connection begins.
    openings: Mutex<Vec<String>>,
}

impl Front {
    pub async fn start(authority: &Authority, manner: Manner, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let counted = Arc::new(Counted::default());
        let acceptor = TlsAcceptor::from(authority.server());
        let task = tokio::spawn(serve(
            listener,
            acceptor,
            manner,
            upstream,
            Arc::clone(&counted),
        ));
        Self { url, counted, task }
    }

    pub fn handshakes(&self) -> u32 {
        self.counted.handshakes.load(Ordering::SeqCst)
    }

    /// Waits until there have been so many; several connections at a time need not be ready in one moment.
    pub async fn until(&self, handshakes: u32) {
        let started = Instant::now();
        while self.handshakes() < handshakes && started.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.handshakes(), handshakes, "{}", self.url);
    }

    pub fn openings(&self) -> Vec<String> {
        self.counted.openings.lock().expect("the openings").clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    manner: Manner,
    upstream: SocketAddr,
    counted: Arc<Counted>,
) {
    let mut silenced = Vec::new();
    while let Ok((connection, _)) = listener.accept().await {
        connection.set_nodelay(true).expect("a socket option");
        let number = counted.connections.fetch_add(1, Ordering::SeqCst);
        match manner {
            Manner::Silent => silenced.push(connection),
            Manner::Late(first) if number < first => drop(connection),
            Manner::Late(_) | Manner::Proper => {
                let counted = Arc::clone(&counted);
                let acceptor = acceptor.clone();
                tokio::spawn(
                    async move { hand_on(connection, acceptor, upstream, &counted).await },
                );
            }
        }
    }
}

async fn hand_on(
    connection: TcpStream,
    acceptor: TlsAcceptor,
    upstream: SocketAddr,
    counted: &Counted,
) -> Option<()> {
    let mut client = acceptor.accept(connection).await.ok()?;
    counted.handshakes.fetch_add(1, Ordering::SeqCst);
    let mut service = TcpStream::connect(upstream).await.ok()?;
    service.set_nodelay(true).ok()?;
    let mut first = vec![0; 16 * 1024];
    let length = client.read(&mut first).await.ok()?;
    let opening = String::from_utf8_lossy(&first[..length]).into_owned();
    counted.openings.lock().expect("the openings").push(opening);
    service.write_all(&first[..length]).await.ok()?;
    copy_bidirectional(&mut client, &mut service).await.ok()?;
    Some(())
}
