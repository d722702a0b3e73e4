//! The function's configuration: what Lambda and the function's owner put into its environment.
//!
//! On Lambda nothing else has anything to say: the role's credentials come as variables, and there are no profile files and no
//! web identity. What can read those, and the STS client for it, is a good part of a start and of the binary, so the function does
//! without; the command line has it.

use std::path::Path;

use aws_config::Region;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::app_name::AppName;
use aws_types::endpoint_config::AccountIdEndpointMode;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use http::Uri;

use super::configuration::{ConfigError, Configuration, common, pool};

/// Variables whose values mean nothing: each with its value and what is allowed, one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadVariables(Vec<String>);

/// The services by the names that the SDK gives them, and the variables with their endpoints (AWS SDKs reference guide,
/// service-specific endpoints).
const SERVICES: [(&str, &str); 4] = [
    ("SageMaker", "AWS_ENDPOINT_URL_SAGEMAKER"),
    ("DataZone", "AWS_ENDPOINT_URL_DATAZONE"),
    ("finspace", "AWS_ENDPOINT_URL_FINSPACE"),
    ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
];

/// Reads the configuration for all clients out of an environment. A variable that is empty counts as not set. Read are, with the
/// meaning that they have for all SDKs (AWS SDKs reference guide):
///
/// - `AWS_REGION`, else `AWS_DEFAULT_REGION`
/// - `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ACCOUNT_ID`
/// - `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`
/// - `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, `AWS_ACCOUNT_ID_ENDPOINT_MODE`
/// - `AWS_SDK_UA_APP_ID`
///
/// Nothing else is: neither profile files nor a web identity's token nor any metadata service. `ca_bundle` holds certificates that are
/// trusted in place of the system's.
///
/// # Errors
/// When there is no region or there are no credentials, when a variable has a value that means nothing, or when there is
/// something wrong with the certificate bundle.
pub fn from_environment(
    environment: impl Fn(&str) -> Option<String>,
    ca_bundle: Option<&Path>,
) -> Result<Configuration, ConfigError> {
    let mut variables = Variables {
        read: environment,
        bad: Vec::new(),
    };
    let region = variables
        .text("AWS_REGION")
        .or_else(|| variables.text("AWS_DEFAULT_REGION"))
        .ok_or(ConfigError::NoRegion(""))?;
    let credentials = variables.credentials()?;
    let (endpoint, endpoints) = variables.endpoints();
    let pool = pool(ca_bundle)?;
    let mut config = common(&pool)
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .service_config(endpoints);
    config
        .set_endpoint_url(endpoint)
        .set_use_fips(variables.flag("AWS_USE_FIPS_ENDPOINT"))
        .set_use_dual_stack(variables.flag("AWS_USE_DUALSTACK_ENDPOINT"))
        .set_account_id_endpoint_mode(variables.checked(
            "AWS_ACCOUNT_ID_ENDPOINT_MODE",
            "it is preferred, disabled or required",
            |mode| mode.parse::<AccountIdEndpointMode>().ok(),
        ))
        .set_app_name(variables.checked(
            "AWS_SDK_UA_APP_ID",
            "it is made of letters, digits and !#$%&'*+-.^_`|~",
            |name| AppName::new(name.to_owned()).ok(),
        ));
    match variables.bad.is_empty() {
        true => Ok(Configuration::new(config.build(), pool)),
        false => Err(BadVariables(variables.bad).into()),
    }
}

/// An environment, and what is wrong with it.
struct Variables<F> {
    read: F,
    bad: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn text(&self, name: &str) -> Option<String> {
        (self.read)(name).filter(|value| !value.trim().is_empty())
    }

    fn checked<T>(
        &mut self,
        name: &str,
        allowed: &str,
        check: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.text(name)?;
        let checked = check(&value);
        if checked.is_none() {
            let bad = format!("{name}={value:?} is not allowed; {allowed}");
            self.bad.push(bad);
        }
        checked
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.checked(name, "it is true or false", |value| {
            value.to_ascii_lowercase().parse().ok()
        })
    }

    /// They are those of the process for as long as it lives.
    fn credentials(&self) -> Result<Credentials, ConfigError> {
        let needed = |name| self.text(name).ok_or(ConfigError::NoCredentials(name));
        let mut credentials = Credentials::builder()
            .access_key_id(needed("AWS_ACCESS_KEY_ID")?)
            .secret_access_key(needed("AWS_SECRET_ACCESS_KEY")?)
            .provider_name("Environment");
        credentials.set_session_token(self.text("AWS_SESSION_TOKEN"));
        credentials.set_account_id(self.text("AWS_ACCOUNT_ID").map(Into::into));
        Ok(credentials.build())
    }

    /// The endpoint of all services, and those of single ones.
    fn endpoints(&mut self) -> (Option<String>, Endpoints) {
        if self.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == Some(true) {
            return (None, Endpoints(Vec::new()));
        }
        let single = SERVICES.into_iter().filter_map(|(service, variable)| {
            let url = self.url(variable)?;
            Some((service, url))
        });
        let single = Endpoints(single.collect());
        (self.url("AWS_ENDPOINT_URL"), single)
    }

    fn url(&mut self, name: &str) -> Option<String> {
        self.checked(name, "it is a URL with http or https", |value| {
            let url: Uri = value.parse().ok()?;
            let known = matches!(url.scheme_str(), Some("http" | "https"));
            (known && url.host().is_some()).then(|| value.to_owned())
        })
    }
}

/// The endpoints of single services.
#[derive(Debug)]
struct Endpoints(Vec<(&'static str, String)>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != "AWS_ENDPOINT_URL" {
            return None;
        }
        let mut all = self.0.iter();
        let found = all.find(|(service, _)| *service == key.service_id());
        found.map(|(_, url)| url.clone())
    }
}

#[cfg(test)]
#[path = "environment/tests.rs"]
mod tests;
