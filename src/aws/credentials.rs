//! The credentials that requests are signed with: asked for once, and again before they expire.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::box_error::BoxError;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Credentials are not used in the last seconds before they expire: a request may be under way as long as an attempt lasts.
const BEFORE: Duration = Duration::from_secs(10);

/// How long those who keep credentials may take to hand them over: a role's come from STS, and on a desk somebody may have to type a code.
const WITHIN: Duration = Duration::from_secs(60);

/// How long credentials are good that do not say when they expire, as in the SDK's cache (aws-smithy-runtime 1.16, `lazy.rs`).
const UNSAID: Duration = Duration::from_secs(15 * 60);

/// Credentials that are kept. A function's come from its environment, which costs nothing; those of a profile's role do not.
pub(super) struct Keeper {
    provider: Option<SharedCredentialsProvider>,
    /// Held while they are asked for, so that many calls ask once.
    kept: Mutex<Option<(Credentials, SystemTime)>>,
}

impl Keeper {
    pub fn new(provider: Option<SharedCredentialsProvider>) -> Self {
        Self {
            provider,
            kept: Mutex::default(),
        }
    }

    /// Credentials that are good for a request made `now`.
    ///
    /// # Errors
    /// When there are none, or they do not come in time.
    pub async fn at(&self, now: SystemTime) -> Result<Credentials, BoxError> {
        let asked = timeout(WITHIN, self.kept_or_asked(now)).await;
        asked.map_err(|_| "credentials do not come in time")?
    }

    async fn kept_or_asked(&self, now: SystemTime) -> Result<Credentials, BoxError> {
        let mut kept = self.kept.lock().await;
        if let Some((credentials, end)) = &*kept
            && *end > now + BEFORE
        {
            return Ok(credentials.clone());
        }
        let provider = self.provider.as_ref().ok_or("there are no credentials")?;
        let credentials = provider.provide_credentials().await?;
        let end = credentials.expiry().unwrap_or(now + UNSAID);
        *kept = Some((credentials.clone(), end));
        Ok(credentials)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Keeper").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::UNIX_EPOCH;

    use aws_credential_types::provider::future;

    use super::*;

    /// Hands out keys that are good for a minute, and counts.
    #[derive(Debug, Clone, Default)]
    struct Minutes(Arc<AtomicU32>);

    impl ProvideCredentials for Minutes {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let nth = self.0.fetch_add(1, Ordering::SeqCst);
            let end = at(60 * (nth + 1));
            future::ProvideCredentials::ready(Ok(Credentials::new(
                "id",
                "key",
                None,
                Some(end),
                "test",
            )))
        }
    }

    fn at(second: u32) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(second.into())
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_they_expire() {
        let minutes = Minutes::default();
        let provider = SharedCredentialsProvider::new(minutes.clone());
        let keeper = Keeper::new(Some(provider));
        for (second, asked) in [(0, 1), (49, 1), (50, 2), (109, 2), (110, 3)] {
            let credentials = keeper.at(at(second)).await.expect("credentials");
            assert_eq!(credentials.expiry(), Some(at(60 * asked)), "{second}");
            assert_eq!(minutes.0.load(Ordering::SeqCst), asked, "{second}");
        }
    }

    #[tokio::test]
    async fn without_a_provider_there_are_none() {
        let error = Keeper::new(None).at(at(0)).await;
        let error = error.expect_err("nobody has any");
        assert_eq!(error.to_string(), "there are no credentials");
    }
}
