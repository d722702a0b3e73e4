//! Where a service is, and for whom requests to it are signed: by the SDK's own endpoint rules, which know AWS's partitions, FIPS and
//! dual-stack endpoints.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointFuture;
use aws_smithy_types::Document;
use aws_smithy_types::endpoint::Endpoint;
use aws_types::service_config::ServiceConfigKey;
use futures_util::FutureExt;
use http::Uri;

/// What the rules of a service go by.
pub(super) struct Wanted {
    pub region: Option<String>,
    pub fips: bool,
    pub dual_stack: bool,
    /// The endpoint that somebody set for this service, or for all.
    pub url: Option<String>,
    /// That of the credentials.
    pub account: Option<String>,
    /// What is called, by its ARN or a name: it may be another account's.
    pub resource: Option<String>,
    /// Whether it is a part of the host's name where the service knows it: `preferred`, `disabled` or `required`.
    pub account_mode: String,
}

/// The rules of a service.
pub(super) type Rules = fn(&Wanted) -> Result<Endpoint, BoxError>;

/// Where requests go, and what they are signed for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Scheme, host and what paths begin with, without a slash at the end.
    pub url: String,
    pub region: String,
    pub name: String,
}

impl Wanted {
    /// For the service of this id.
    pub fn new(config: &SdkConfig, id: &str) -> Self {
        let mode = config
            .account_id_endpoint_mode()
            .cloned()
            .unwrap_or_default();
        Self {
            region: config.region().map(ToString::to_string),
            fips: config.use_fips().unwrap_or(false),
            dual_stack: config.use_dual_stack().unwrap_or(false),
            url: configured(config, id),
            account: None,
            resource: None,
            account_mode: mode.to_string(),
        }
    }

    /// Where requests go that are signed for the service of this `name` unless the rules know another.
    ///
    /// # Errors
    /// When there is no such endpoint: no region, or one that cannot be FIPS or dual-stack.
    pub fn place(&self, name: &str, rules: Rules) -> Result<Place, BoxError> {
        let region = self.region.clone().ok_or("no region is set")?;
        let plain = |url: &str| -> Result<Place, BoxError> {
            Ok(Place {
                url: base(url)?,
                region: region.clone(),
                name: name.to_owned(),
            })
        };
        // What the rules make of an endpoint that is set, unless there is something wrong with it; to ask them is to read the list of
        // AWS's partitions.
        if let Some(url) = &self.url
            && !self.fips
            && !self.dual_stack
        {
            return plain(url);
        }
        let found = rules(self)?;
        let mut place = plain(found.url())?;
        let set = |into: &mut String, property| {
            if let Some(value) = scheme(&found, property) {
                *into = value;
            }
        };
        set(&mut place.region, "signingRegion");
        set(&mut place.name, "signingName");
        Ok(place)
    }
}

/// Of a URL, what paths can follow: scheme, host and the beginning of paths. The SDK leaves out the rest too (aws-smithy-http 0.64,
/// `endpoint.rs`).
fn base(url: &str) -> Result<String, BoxError> {
    let url: Uri = url.parse()?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(format!("the endpoint {url} is no URL with http or https").into());
    };
    let mut base = format!("{scheme}://{authority}");
    for segment in url.path().split('/').filter(|segment| !segment.is_empty()) {
        if [".", ".."].contains(&segment) {
            return Err(format!("the endpoint {url} has a path that leads elsewhere").into());
        }
        base.push('/');
        base.push_str(segment);
    }
    Ok(base)
}

/// The service's own endpoint comes before that of all (AWS SDKs reference guide, service-specific endpoints).
pub(super) fn configured(config: &SdkConfig, id: &str) -> Option<String> {
    let own = || {
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url");
        config.service_config()?.load_config(key.build().ok()?)
    };
    own().or_else(|| config.endpoint_url().map(str::to_owned))
}

/// What a resolver found. The SDK's own finds it at once.
///
/// # Errors
/// The resolver's.
pub(super) fn at_once(found: EndpointFuture<'_>) -> Result<Endpoint, BoxError> {
    let found = found.now_or_never();
    found.ok_or("the endpoint is not found at once")?
}

/// A property of the first way to sign that an endpoint knows.
fn scheme(endpoint: &Endpoint, property: &str) -> Option<String> {
    let Document::Array(schemes) = endpoint.properties().get("authSchemes")? else {
        return None;
    };
    let Document::Object(first) = schemes.first()? else {
        return None;
    };
    first.get(property)?.as_string().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_config::Region;
    use aws_types::sdk_config::Builder;

    use super::super::client::Service;
    use super::super::{datazone, dynamodb, sagemaker};
    use super::*;

    fn place(service: &Service, config: Builder) -> Result<Place, String> {
        about(service, config, "usher")
    }

    fn about(service: &Service, config: Builder, resource: &str) -> Result<Place, String> {
        let wanted = Wanted {
            account: Some("111122223333".to_owned()),
            resource: Some(resource.to_owned()),
            ..Wanted::new(&config.build(), service.id)
        };
        let place = wanted.place(service.name, service.endpoint);
        place.map_err(|error| error.to_string())
    }

    fn region(name: &'static str) -> Builder {
        SdkConfig::builder().region(Region::from_static(name))
    }

    fn url(service: &Service, config: Builder) -> String {
        let place = place(service, config);
        place.map_or_else(|error| error, |place| place.url)
    }

    /// Those of the services' endpoints pages (AWS General Reference).
    #[test]
    fn services_are_where_aws_says() {
        let all = [
            &sagemaker::SAGEMAKER,
            &datazone::DATAZONE,
            &dynamodb::DYNAMODB,
        ];
        let urls = |name| all.map(|service| url(service, region(name)));
        assert_eq!(
            urls("eu-central-1"),
            [
                "https://api.sagemaker.eu-central-1.amazonaws.com",
                "https://datazone.eu-central-1.api.aws",
                "https://111122223333.ddb.eu-central-1.amazonaws.com",
            ]
        );
        assert_eq!(
            url(all[0], region("cn-north-1")),
            "https://api.sagemaker.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(
            url(all[0], region("us-east-1").use_fips(true)),
            "https://api-fips.sagemaker.us-east-1.amazonaws.com"
        );
        assert_eq!(
            url(all[2], region("eu-central-1").use_dual_stack(true)),
            "https://111122223333.ddb.eu-central-1.api.aws"
        );
    }

    #[test]
    fn requests_are_signed_for_the_region_and_the_service() {
        let place = place(&sagemaker::SAGEMAKER, region("eu-west-1")).expect("a place");
        assert_eq!(
            (place.region.as_str(), place.name.as_str()),
            ("eu-west-1", "sagemaker")
        );
    }

    #[test]
    fn an_endpoint_that_is_set_is_the_place_and_may_have_a_path() {
        let set = region("eu-west-1").endpoint_url("http://localhost:4566/aws/");
        let place = place(&sagemaker::SAGEMAKER, set).expect("a place");
        assert_eq!(place.url, "http://localhost:4566/aws");
        assert_eq!(place.region, "eu-west-1");
    }

    #[test]
    fn a_table_of_another_account_is_asked_for_there() {
        let arn = "arn:aws:dynamodb:eu-central-1:444455556666:table/usher";
        let place = about(&dynamodb::DYNAMODB, region("eu-central-1"), arn).expect("a place");
        assert_eq!(
            place.url,
            "https://444455556666.ddb.eu-central-1.amazonaws.com"
        );
    }

    #[test]
    fn of_an_endpoint_that_is_set_only_what_paths_can_follow_counts() {
        for (set, url) in [
            ("http://localhost:4566", "http://localhost:4566"),
            ("http://localhost:4566//aws//", "http://localhost:4566/aws"),
            ("https://localhost/p?x=1", "https://localhost/p"),
            ("https://[::1]:8443/#a", "https://[::1]:8443"),
        ] {
            assert_eq!(base(set).expect("a URL"), url, "{set}");
        }
        for wrong in ["localhost", "/p", "https://localhost/a/../b"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let service = &sagemaker::SAGEMAKER;
        let set = region("eu-west-1").endpoint_url("http://localhost:4566");
        insta::assert_debug_snapshot!([
            place(service, set.use_fips(true)),
            place(service, SdkConfig::builder()),
            place(service, region("eu west")),
        ]);
    }
}
