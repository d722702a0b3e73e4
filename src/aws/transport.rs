//! How requests travel: TLS only where an endpoint asks for it, and built when it first does.
//!
//! Left to itself, the SDK reads and parses the system's trust store once for every client that is built: half of the
//! processor time of a start, and all of it for nothing when the endpoints speak plain HTTP.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The client that all services share, and with it the connections.
pub(super) fn http_client(trust: TlsContext) -> SharedHttpClient {
    SharedHttpClient::new(Transport {
        plain: Builder::new().build_http(),
        secure: Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(trust)
            .build_https(),
    })
}

/// Unlike the clients that it is made of, it builds nothing when a service's client is built.
#[derive(Debug, Clone)]
struct Transport {
    plain: SharedHttpClient,
    secure: SharedHttpClient,
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // For one request, and not kept: the components own the client, which would then own itself.
        SharedHttpConnector::new(ByScheme {
            transport: self.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    /// What the SDK says of itself in its requests' headers.
    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.secure.connector_metadata()
    }
}

#[derive(Debug)]
struct ByScheme {
    transport: Transport,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match request.uri().starts_with("http://") {
            true => &self.transport.plain,
            false => &self.transport.secure,
        };
        // The client keeps what it makes, and its connections.
        client
            .http_connector(&self.settings, &self.components)
            .call(request)
    }
}
