//! Whose certificates count: those that the system trusts, or those of a bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, RootCertStore};

/// A certificate bundle that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("AWS_CA_BUNDLE={path:?}: {reason}")]
pub struct BadBundle {
    path: PathBuf,
    #[source]
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error(
        "there is no certificate in it; it is a file with one or more, each between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----"
    )]
    Empty,
    #[error("certificate {0} is not in base64, or has no end")]
    Garbled(usize),
    #[error("certificate {0} is none that can be trusted")]
    Unusable(usize),
}

/// What TLS trusts.
#[derive(Debug)]
pub(super) enum Trust {
    /// What the system trusts, read when it is needed.
    System,
    These(RootCertStore),
}

/// What TLS is to trust. A bundle stands in place of the system's certificates, as in AWS's other clients (AWS SDKs reference
/// guide, `ca_bundle`); the SDK for Rust does not read it (aws-sdk-rust#1362).
///
/// # Errors
/// When there is something wrong with the bundle.
pub(super) fn trust(bundle: Option<&Path>) -> Result<Trust, BadBundle> {
    let Some(path) = bundle else {
        return Ok(Trust::System);
    };
    let read = || -> Result<Trust, Reason> { Ok(Trust::These(usable(&fs::read(path)?)?)) };
    read().map_err(|reason| BadBundle {
        path: path.to_owned(),
        reason,
    })
}

fn usable(bundle: &[u8]) -> Result<RootCertStore, Reason> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(bundle).enumerate() {
        let number = index + 1;
        let certificate = certificate.map_err(|_| Reason::Garbled(number))?;
        let added = roots.add(certificate);
        added.map_err(|_| Reason::Unusable(number))?;
    }
    if roots.is_empty() {
        return Err(Reason::Empty);
    }
    Ok(roots)
}

/// What of the system's certificates can be used. Without any, no handshake succeeds, and each says so.
fn system() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    if !found.errors.is_empty() {
        tracing::warn!(errors = ?found.errors, "not all certificates that the system trusts can be read");
    }
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        tracing::warn!(
            "there is no certificate that the system trusts; AWS_CA_BUNDLE names others"
        );
    }
    roots
}

impl Trust {
    /// How to speak TLS: 1.2 or 1.3, for HTTP/1.1 over it.
    ///
    /// # Errors
    /// None, as long as the ciphers and the versions fit together.
    pub fn tls(&self) -> Result<ClientConfig, rustls::Error> {
        let roots = match self {
            Self::System => system(),
            Self::These(roots) => roots.clone(),
        };
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(tls)
    }
}

/// The ciphers that the SDK's own client offers.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        )
    });
    provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_1_1_is_all_that_is_offered() {
        let trust = Trust::These(RootCertStore::empty());
        let tls = trust.tls().expect("they fit together");
        assert_eq!(tls.alpn_protocols, [b"http/1.1"]);
    }
}
