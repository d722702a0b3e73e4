//! What requests say of who sends them.

use aws_config::SdkConfig;
use http::HeaderValue;

/// The `user-agent` of all requests, which CloudTrail shows beside each call: `usher/0.1.0 aws-sdk-rust`, and what
/// `AWS_SDK_UA_APP_ID` says.
pub(super) fn agent(config: &SdkConfig) -> HeaderValue {
    const USHER: &str = concat!("usher/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust");
    let named = config
        .app_name()
        .map(|name| HeaderValue::try_from(format!("{USHER} app/{name}")));
    // A name is made of what may stand in a header.
    named
        .and_then(Result::ok)
        .unwrap_or(HeaderValue::from_static(USHER))
}
