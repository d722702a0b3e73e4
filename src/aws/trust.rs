//! Whose certificates count: those that the system trusts, or those of a bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

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

/// What TLS trusts. A bundle stands in place of the system's certificates, as in AWS's other clients (AWS SDKs reference guide,
/// `ca_bundle`); the SDK for Rust does not read it (aws-sdk-rust#1362).
///
/// # Errors
/// When there is something wrong with the bundle.
pub(super) fn trust(bundle: Option<&Path>) -> Result<TlsContext, BadBundle> {
    let Some(path) = bundle else {
        return Ok(TlsContext::default());
    };
    let read = || -> Result<TlsContext, Reason> { usable(&fs::read(path)?) };
    read().map_err(|reason| BadBundle {
        path: path.to_owned(),
        reason,
    })
}

/// The HTTP client panics over a certificate that it cannot use, so each is tried before, in the way that it goes.
fn usable(bundle: &[u8]) -> Result<TlsContext, Reason> {
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
    let store = TrustStore::empty().with_pem_certificate(bundle);
    let context = TlsContext::builder().with_trust_store(store).build();
    context.map_err(|_| Reason::Unusable(roots.len()))
}
