//! How requests travel: HTTP/1.1 over connections that all services share, with TLS only where an endpoint asks for it.
//!
//! The SDK's own client can do more, and HTTP/2 with it, which no service here is better off with: a tenth of the function would
//! be code that never runs. What it does with these libraries is done here alike (aws-smithy-http-client 1.5, `client.rs`), and no
//! more of it: what an error is to the retries, the connections that are given up after one, and the ciphers. Like that client
//! as it is built by default, this one asks no proxy.

use std::borrow::Cow;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as Tcp, HttpInfo, capture_connection,
};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::trust::Trust;

/// The client that all services share, and with it the connections. A connection is open, its handshake included, `within` this
/// time or not at all; how long an answer may take, the SDK sees to. Nothing is read or built before the first request.
pub(super) fn http_client(trust: Trust, within: Duration) -> SharedHttpClient {
    SharedHttpClient::new(Transport(SharedHttpConnector::new(pool(trust, within))))
}

fn pool(trust: Trust, within: Duration) -> Pool {
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
    Pool(client.build(open))
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

    /// What the SDK says of itself in its requests' headers.
    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some(Cow::Borrowed("1.x"))))
    }
}

#[derive(Debug)]
struct Pool(Client<Open, SdkBody>);

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        // The SDK asks for the connection when it does not trust it any more.
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(answer) => HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                Err(error) => Err(classified(error)),
            }
        })
    }
}

/// The connection that a request went over, if there was one, and how to keep others from going over it.
fn metadata(used: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extras = http::Extensions::new();
    used.connection_metadata().as_ref()?.get_extras(&mut extras);
    let info = extras.get::<HttpInfo>();
    let used = used.clone();
    let poison = move || {
        if let Some(connection) = used.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    let mut metadata = ConnectionMetadata::builder()
        .proxied(false)
        .poison_fn(poison);
    metadata
        .set_local_addr(info.map(HttpInfo::local_addr))
        .set_remote_addr(info.map(HttpInfo::remote_addr));
    Some(metadata.build())
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

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;
type Opening = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

/// There is no connection in time.
#[derive(Debug, thiserror::Error)]
#[error("HTTP connect timeout occurred after {0:?}")]
struct Late(Duration);

impl Service<Uri> for Open {
    type Response = Connection;
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

/// What an error is to the SDK, which tries again after timeouts, broken connections and what is called transient.
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
