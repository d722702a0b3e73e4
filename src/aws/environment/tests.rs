use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;

use super::super::endpoint::configured;
use super::*;

const LAMBDAS: [(&str, &str); 4] = [
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_SESSION_TOKEN", "token"),
];

/// Reads what Lambda sets with these on top.
fn read(variables: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let value = |name: &str| {
        let mut all = variables.iter().chain(&LAMBDAS);
        let found = all.find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    from_environment(value, None)
}

fn good(variables: &[(&str, &str)]) -> SdkConfig {
    let read = read(variables).unwrap_or_else(|error| panic!("{error}"));
    read.sdk().clone()
}

fn bad(variables: &[(&str, &str)]) -> String {
    read(variables)
        .map(drop)
        .expect_err("it is bad")
        .to_string()
}

fn credentials(config: &SdkConfig) -> Credentials {
    let provider = config.credentials_provider().expect("a provider");
    let credentials = futures_util::FutureExt::now_or_never(provider.provide_credentials());
    credentials.expect("nobody is asked").expect("credentials")
}

#[test]
fn what_lambda_sets_is_enough() {
    let config = good(&[]);
    assert_eq!(config.region().map(AsRef::as_ref), Some("eu-central-1"));
    assert_eq!((config.use_fips(), config.use_dual_stack()), (None, None));
    assert_eq!(configured(&config, "SageMaker"), None);
    let credentials = credentials(&config);
    assert_eq!(credentials.access_key_id(), "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(credentials.secret_access_key(), "secret");
    assert_eq!(credentials.session_token(), Some("token"));
    assert_eq!(credentials.expiry(), None);
    assert!(credentials.account_id().is_none());
}

#[test]
fn a_region_may_be_the_default_one() {
    let config = good(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1")]);
    assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
    let config = good(&[("AWS_DEFAULT_REGION", "eu-west-1")]);
    assert_eq!(config.region().map(AsRef::as_ref), Some("eu-central-1"));
}

#[test]
fn credentials_need_no_token_and_may_name_the_account() {
    let config = good(&[
        ("AWS_SESSION_TOKEN", " "),
        ("AWS_ACCOUNT_ID", "111122223333"),
    ]);
    let credentials = credentials(&config);
    assert_eq!(credentials.session_token(), None);
    let account = credentials.account_id().map(|id| id.as_str());
    assert_eq!(account, Some("111122223333"));
}

#[test]
fn each_variable_does_what_it_does_for_any_sdk() {
    let config = good(&[
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "False"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "Disabled"),
        ("AWS_SDK_UA_APP_ID", "acme-people"),
    ]);
    assert_eq!(config.use_fips(), Some(true));
    assert_eq!(config.use_dual_stack(), Some(false));
    assert_eq!(
        config.account_id_endpoint_mode(),
        Some(&AccountIdEndpointMode::Disabled)
    );
    assert_eq!(config.app_name().map(AsRef::as_ref), Some("acme-people"));
}

#[test]
fn the_endpoint_of_a_service_comes_before_that_of_all() {
    let variables = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4599"),
        ("AWS_ENDPOINT_URL_SAGEMAKER", "https://one.example"),
        ("AWS_ENDPOINT_URL_DATAZONE", ""),
        ("AWS_ENDPOINT_URL_FINSPACE", "https://three.example/path"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http://[::1]:8000"),
    ];
    let services = SERVICES.map(|(service, _)| service);
    let config = good(&variables);
    let found = services.map(|service| configured(&config, service));
    let expected = [
        "https://one.example",
        "http://127.0.0.1:4599",
        "https://three.example/path",
        "http://[::1]:8000",
    ];
    assert_eq!(found, expected.map(|url| Some(url.to_owned())));
    let mut ignored = vec![("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
    ignored.extend(variables);
    let config = good(&ignored);
    assert!(
        services
            .iter()
            .all(|service| configured(&config, service).is_none())
    );
}

#[test]
fn without_credentials_the_variable_that_is_missing_is_named() {
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        let said = bad(&[(name, "")]);
        assert!(said.contains(&format!("{name} is not set")), "{said}");
        assert!(!said.contains("secret."), "{said}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let said = bad(&[
        ("AWS_USE_FIPS_ENDPOINT", "yes"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "1"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "no"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:4599"),
        ("AWS_ENDPOINT_URL_SAGEMAKER", "ftp://one.example"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "never"),
        ("AWS_SDK_UA_APP_ID", "acme people"),
    ]);
    assert_eq!(said.lines().count(), 7, "{said}");
    for line in [
        "AWS_USE_FIPS_ENDPOINT=\"yes\" is not allowed; it is true or false",
        "AWS_ENDPOINT_URL=\"127.0.0.1:4599\" is not allowed; it is a URL with http or https",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE=\"never\" is not allowed; it is preferred, disabled or required",
    ] {
        assert!(said.lines().any(|said| said == line), "{said}");
    }
}
