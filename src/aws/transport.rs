//! How requests travel: HTTP/1.1 over connections that all services share, with TLS only where an endpoint asks for it.
//!
//! The SDK's own client can do more, and HTTP/2 with it, which no service here is better off with: a tenth of the function would
//! be code that never runs. What it does with these libraries is done here alike (aws-smithy-http-client 1.5, `client.rs`), and no
//! more of it: what an error is to the retries, the connections that are given up, and the ciphers. Like that client as it is built by default, this one asks no proxy.
//! The SDK's providers of credentials, which only the command line has, travel this way too.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as Tcp, capture_connection,
};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::trust::Trust;

/// The connections that all services share.
#[derive(Debug, Clone)]
pub(super) struct Pool(Client<Open, SdkBody>);

impl Pool {
    /// A connection is open, its handshake included, `within` this time or not at all. Nothing is read or built before the first
    /// request.
    pub fn new(trust: Trust, within: Duration) -> Self {
        let mut tcp = Tcp::new();
        // The TLS of an `https` URL is not its business.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let open = Open {
            tcp,
            trust: Arc::new(trust),
            tls: Arc::default(),
            within,
        };
        let mut client = Client::builder(TokioExecutor::new());
        // Connections that nobody uses for 90 s are closed only if there is a timer.
        client.pool_timer(TokioTimer::new());
        Self(client.build(open))
    }

    /// Sends a request. How long the answer may take is the caller's affair.
    ///
    /// # Errors
    /// When there is no answer, or none that is HTTP.
    pub async fn send(
        &self,
        mut request: Request<SdkBody>,
    ) -> Result<(Response<Incoming>, Connection), ConnectorError> {
        let connection = Connection(capture_connection(&mut request));
        let answer = self.0.request(request).await.map_err(classified)?;
        Ok((answer, connection))
    }

    /// The same connections for clients of the SDK.
    pub fn for_sdk(&self) -> SharedHttpClient {
        SharedHttpClient::new(Transport(SharedHttpConnector::new(self.clone())))
    }
}

/// What a request went over.
pub(super) struct Connection(CaptureConnection);

impl Connection {
    /// Lets nothing else go over it. It may be one of many hosts behind an address that is in trouble.
    pub fn give_up(&self) {
        if let Some(used) = self.0.connection_metadata().as_ref() {
            used.poison();
        }
    }
}

#[derive(Debug)]
struct Transport(SharedHttpConnector);

impl HttpClient for Transport {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.clone()
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let pool = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x();
            let request = request.map_err(|error| ConnectorError::user(error.into()))?;
            let (answer, _) = pool.send(request).await?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Opens connections.
#[derive(Debug, Clone)]
struct Open {
    tcp: Tcp,
    trust: Arc<Trust>,
    /// Made when an endpoint first speaks TLS: to read and parse the system's certificates is half of the processor time of a
    /// start, and all of it for nothing when the endpoints speak plain HTTP.
    tls: Arc<OnceLock<Result<HttpsConnector<Tcp>, rustls::Error>>>,
    within: Duration,
}

impl Open {
    fn tls(&self) -> Result<HttpsConnector<Tcp>, rustls::Error> {
        let make = || Ok(HttpsConnector::from((self.tcp.clone(), self.trust.tls()?)));
        self.tls.get_or_init(make).clone()
    }
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Opening = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

/// There is no connection in time.
#[derive(Debug, thiserror::Error)]
#[error("HTTP connect timeout occurred after {0:?}")]
struct Late(Duration);

impl Service<Uri> for Open {
    type Response = Stream;
    type Error = BoxError;
    type Future = Opening;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Opening {
        let opening: Opening = match uri.scheme_str() {
            Some("https") => match self.tls() {
                Ok(mut tls) => tls.call(uri),
                Err(error) => Box::pin(async move { Err(error.into()) }),
            },
            _ => {
                let opening = self.tcp.call(uri);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(opening.await?)) })
            }
        };
        let within = self.within;
        Box::pin(async move {
            let opened = timeout(within, opening).await;
            opened.unwrap_or_else(|_| Err(Late(within).into()))
        })
    }
}

/// What an error is to the retries: they try again after timeouts, broken connections and what is called transient.
fn classified(error: ClientError) -> ConnectorError {
    if source::<Late>(&error).is_some() {
        return ConnectorError::timeout(error.into());
    }
    let broken = |error| source::<io::Error>(error).is_some();
    match source::<hyper::Error>(&error) {
        Some(cause) if cause.is_timeout() => ConnectorError::timeout(error.into()),
        Some(cause) if cause.is_user() => ConnectorError::user(error.into()),
        Some(cause) if cause.is_closed() || cause.is_canceled() || broken(cause) => {
            ConnectorError::io(error.into())
        }
        // The service hung up where its answer should have begun.
        Some(cause) if cause.is_incomplete_message() => {
            ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
        }
        None if error.is_connect() || broken(&error) => ConnectorError::io(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}

fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
#[path = "transport/tests.rs"]
mod tests;
