//! Where events are applied, as far as that can be told without asking anybody: what is done in one place is not done in another.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use serde::{Deserialize, Serialize};

/// A place that lasts longer than one run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Place {
    /// A stand-in at this URL.
    Emulator(String),
    Aws {
        /// 12 digits, if the credentials tell.
        account: Option<String>,
        region: String,
        /// What `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` say, and the profile for all services.
        endpoints: BTreeMap<String, String>,
    },
}

/// The services' own settings of where they are (AWS SDKs reference guide, service-specific endpoints).
const ENDPOINTS: [&str; 3] = [
    "AWS_ENDPOINT_URL_SAGEMAKER",
    "AWS_ENDPOINT_URL_DATAZONE",
    "AWS_ENDPOINT_URL_FINSPACE",
];

impl Place {
    /// Where this configuration leads.
    ///
    /// # Errors
    /// When there are no credentials.
    pub async fn aws(config: &SdkConfig) -> anyhow::Result<Self> {
        let account = match config.credentials_provider() {
            None => None,
            Some(provider) => {
                let credentials = provider.provide_credentials().await;
                let found = credentials.context("there are no AWS credentials to work with")?;
                account(&found)
            }
        };
        let given = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
        let own = ENDPOINTS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), given(name)?)));
        let all = config
            .endpoint_url()
            .map(|url| ("AWS_ENDPOINT_URL".to_owned(), url.to_owned()));
        Ok(Self::Aws {
            account,
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            endpoints: own.chain(all).collect(),
        })
    }
}

fn account(credentials: &Credentials) -> Option<String> {
    let told = credentials.account_id();
    told.map(|id| id.as_str().to_owned())
        .or_else(|| encoded(credentials.access_key_id()))
}

/// The account that a key belongs to. It stands in the key's id (awsteele.com/blog/2020/09/26/aws-access-key-format.html; T. Be'ery, "A
/// short note on AWS KEY ID"; `sts:GetAccessKeyInfo` says the same over the network): after four letters come 80 bits in base32, of
/// which the first is set in keys that are made since 2019, and the next 40 are the account.
fn encoded(key: &str) -> Option<String> {
    let (kind, rest) = key.split_at_checked(4)?;
    if rest.len() != 16 || !matches!(kind, "AKIA" | "ASIA") {
        return None;
    }
    let mut bits: u64 = 0;
    for byte in rest.bytes().take(9) {
        let five = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u64::from(five);
    }
    // 45 bits: the mark, 40 of the account, 4 of what follows.
    let account = bits >> 4 & ((1 << 40) - 1);
    (bits >> 44 == 1 && account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulator(url) => write!(out, "the stand-in at {url}"),
            Self::Aws {
                account,
                region,
                endpoints,
            } => {
                let account = account.as_deref().unwrap_or("not known");
                write!(out, "AWS (account {account}, {region}")?;
                for (name, url) in endpoints {
                    write!(out, ", {name}={url}")?;
                }
                out.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn an_access_key_tells_its_account() {
        // The examples of the articles that are cited above.
        let known = encoded("ASIAY34FZKBOKMUTVV7A");
        assert_eq!(known.as_deref(), Some("609629065308"));
    }

    #[test]
    fn a_key_of_another_form_tells_nothing() {
        for key in [
            "",
            "AKI",
            "emulator",
            // The documentation's example, of the time before accounts stood in keys.
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAY34FZKBOKMUTVV7",
            "ASIAY34FZ1BOKMUTVV7A",
            "AROAY34FZKBOKMUTVV7A",
            "ASIäY34FZKBOKMUTVV7A",
        ] {
            assert_eq!(encoded(key), None, "{key}");
        }
    }
}
