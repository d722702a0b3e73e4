//! What Usher sends is held against what the SDK's own clients send for the same input, and what it reads out of an answer against
//! what they read.

#![cfg(feature = "finspace")]

#[allow(dead_code)] // nothing is broken here
#[path = "support/breaking.rs"]
mod breaking;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_sagemaker::error::{ProvideErrorMetadata, SdkError};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use usher::api::Operation;
use usher::aws::{
    Class, Configuration, Observed, Place, ReadHints, ServiceError, Services, configure,
};
use usher::call::{Input, Target, encode};

const LONG: Duration = Duration::from_secs(60);

/// A request as it came in.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    line: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Answers every request with the same, and keeps the requests.
struct Service {
    configuration: Configuration,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicU32>,
}

impl Service {
    async fn answering(status: u16, headers: &'static str, body: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let body = body.into();
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        let connections = Arc::<AtomicU32>::default();
        let (kept, counted) = (Arc::clone(&seen), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let (answer, kept) = (answer.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = request(&mut stream).await {
                        kept.lock().expect("nobody panicked").push(request);
                        stream
                            .write_all(answer.as_bytes())
                            .await
                            .expect("it listens");
                    }
                });
            }
        });
        let configuration = configure(Place::Emulator(&format!("http://{address}"))).await;
        Self {
            configuration: configuration.expect("nothing is read"),
            seen,
            connections,
        }
    }

    fn services(&self) -> Services {
        Services::new(&self.configuration)
    }

    fn sdk(&self) -> SdkConfig {
        let sdk = self.configuration.sdk().clone().into_builder();
        sdk.retry_config(RetryConfig::disabled()).build()
    }

    /// The requests since it was last asked.
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect("nobody panicked"))
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let headers: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let body = match length {
        0 => Value::Null,
        _ => serde_json::from_slice(&body).expect("JSON"),
    };
    Some(Seen {
        line,
        headers,
        body,
    })
}

/// Of a request, what says what is asked for: all but who asks, when, which attempt it is, and its signature.
fn meaning(seen: &Seen) -> (String, Vec<(String, String)>, Value) {
    let said = ["content-type", "content-length", "x-amz-target", "host"];
    let headers = seen.headers.iter();
    let headers = headers.filter(|(name, _)| said.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.clone(), value.clone()));
    (seen.line.clone(), headers.collect(), seen.body.clone())
}

fn only(seen: Vec<Seen>) -> Seen {
    let [one] = <[Seen; 1]>::try_from(seen).expect("one request");
    one
}

fn target(operation: Operation, identity: &[&str]) -> Target {
    let identity: Vec<String> = identity.iter().map(ToString::to_string).collect();
    Target::new(operation, &identity)
}

/// Makes the call of this input with the SDK's client, whatever comes of it.
async fn update_with_sdk(config: &SdkConfig, input: &Input) {
    match input {
        Input::UserProfile(input) => {
            let input = input.as_ref().clone();
            let call = aws_sdk_sagemaker::Client::new(config)
                .update_user_profile()
                .set_domain_id(input.domain_id)
                .set_user_profile_name(input.user_profile_name)
                .set_user_settings(input.user_settings);
            drop(call.send().await);
        }
        Input::Domain(input) => {
            let input = input.as_ref().clone();
            let call = aws_sdk_sagemaker::Client::new(config)
                .update_domain()
                .set_domain_id(input.domain_id)
                .set_default_user_settings(input.default_user_settings)
                .set_domain_settings_for_update(input.domain_settings_for_update)
                .set_app_security_group_management(input.app_security_group_management)
                .set_default_space_settings(input.default_space_settings)
                .set_subnet_ids(input.subnet_ids)
                .set_app_network_access_type(input.app_network_access_type)
                .set_tag_propagation(input.tag_propagation)
                .set_home_efs_file_system_creation(input.home_efs_file_system_creation)
                .set_vpc_id(input.vpc_id);
            drop(call.send().await);
        }
        Input::DataZoneProfile(input) => {
            let input = input.as_ref().clone();
            let call = aws_sdk_datazone::Client::new(config)
                .update_user_profile()
                .set_domain_identifier(input.domain_identifier)
                .set_user_identifier(input.user_identifier)
                .set_type(input.r#type)
                .set_status(input.status)
                .set_session_name(input.session_name);
            drop(call.send().await);
        }
        Input::KxUser(input) => {
            let input = input.as_ref().clone();
            let call = aws_sdk_finspace::Client::new(config)
                .update_kx_user()
                .set_environment_id(input.environment_id)
                .set_user_name(input.user_name)
                .set_iam_role(input.iam_role)
                .set_client_token(input.client_token);
            drop(call.send().await);
        }
    }
}

/// Everything that an operation's input can hold, and some of the least.
fn inputs() -> Vec<(Operation, Value)> {
    let mut all: Vec<(Operation, Value)> = Operation::ALL
        .into_iter()
        .map(|operation| (operation, breaking::maximal(operation)))
        .collect();
    let small = [
        (
            Operation::SageMakerUpdateUserProfile,
            json!({"DomainId": "d-1", "UserProfileName": "jane", "UserSettings": {}}),
        ),
        (
            Operation::SageMakerUpdateDomain,
            json!({"DomainId": "d-1", "SubnetIds": [], "DefaultUserSettings": {"SecurityGroups": []}}),
        ),
        (
            Operation::DataZoneUpdateUserProfile,
            json!({"domainIdentifier": "dzd_1", "userIdentifier": "arn:aws:iam::111122223333:role/Data Steward+ü%2F", "status": "ACTIVATED"}),
        ),
        (
            Operation::FinSpaceUpdateKxUser,
            json!({"environmentId": "kx1", "userName": "jane~doe.x_y-z", "clientToken": "t"}),
        ),
    ];
    all.extend(small);
    all
}

#[tokio::test]
async fn an_update_is_sent_as_the_sdk_sends_it() {
    let service = Service::answering(200, "", "{}").await;
    let (services, sdk) = (service.services(), service.sdk());
    for (operation, arguments) in inputs() {
        let input = Input::decode(operation, &arguments).expect("an input");
        let answer = services.write(&input, LONG).await;
        assert!(
            answer.is_err(),
            "{operation}: the answer lacks what every update answers with"
        );
        let ours = only(service.seen());
        update_with_sdk(&sdk, &input).await;
        let theirs = only(service.seen());
        assert_eq!(meaning(&ours), meaning(&theirs), "{operation}");
    }
}

#[tokio::test]
async fn a_read_is_sent_as_the_sdk_sends_it() {
    let service = Service::answering(200, "", "{}").await;
    let (services, sdk) = (service.services(), service.sdk());
    let name = "arn:aws:iam::111122223333:role/a b";
    let hints = ReadHints {
        kind: Some("IAM".to_owned()),
        session_name: Some("some one&more".to_owned()),
    };
    let sagemaker = aws_sdk_sagemaker::Client::new(&sdk);
    let datazone = aws_sdk_datazone::Client::new(&sdk);
    let finspace = aws_sdk_finspace::Client::new(&sdk);
    for operation in Operation::ALL {
        for hints in [&ReadHints::default(), &hints] {
            let answer = services
                .read(&target(operation, &["d-1", name]), hints, LONG)
                .await;
            assert!(
                answer.is_err(),
                "{operation}: the answer lacks what every read answers with"
            );
            let ours = only(service.seen());
            match operation {
                Operation::SageMakerUpdateUserProfile => {
                    let call = sagemaker.describe_user_profile().domain_id("d-1");
                    drop(call.user_profile_name(name).send().await);
                }
                Operation::SageMakerUpdateDomain => {
                    drop(sagemaker.describe_domain().domain_id("d-1").send().await);
                }
                Operation::DataZoneUpdateUserProfile => {
                    let call = datazone
                        .get_user_profile()
                        .domain_identifier("d-1")
                        .user_identifier(name);
                    let call = call.set_type(hints.kind.as_deref().map(Into::into));
                    drop(
                        call.set_session_name(hints.session_name.clone())
                            .send()
                            .await,
                    );
                }
                Operation::FinSpaceUpdateKxUser => {
                    let call = finspace.get_kx_user().environment_id("d-1");
                    drop(call.user_name(name).send().await);
                }
            }
            let theirs = only(service.seen());
            assert_eq!(meaning(&ours), meaning(&theirs), "{operation}");
        }
    }
}

#[tokio::test]
async fn requests_say_who_sends_them_and_are_signed() {
    let service = Service::answering(200, "", "{}").await;
    let target = target(Operation::SageMakerUpdateDomain, &["d-1"]);
    let answer = service
        .services()
        .read(&target, &ReadHints::default(), LONG)
        .await;
    assert!(answer.is_err());
    let seen = only(service.seen());
    let agent = concat!("usher/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust");
    assert_eq!(seen.headers["user-agent"], agent);
    let signature = &seen.headers["authorization"];
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
    assert!(
        signature.contains("/eu-central-1/sagemaker/aws4_request") && signature.contains(signed)
    );
}

async fn read(service: &Service, operation: Operation) -> Result<Observed, ServiceError> {
    let target = target(operation, &["d-1", "jane"]);
    let services = service.services();
    services.read(&target, &ReadHints::default(), LONG).await
}

/// What the SDK makes of a profile's description, under the API's names.
async fn described_with_sdk(service: &Service) -> Option<Value> {
    let call = aws_sdk_sagemaker::Client::new(&service.sdk()).describe_user_profile();
    let described = call
        .domain_id("d-1")
        .user_profile_name("jane")
        .send()
        .await
        .ok()?;
    Some(encode(&described).expect("what was read can be written"))
}

#[tokio::test]
async fn a_description_is_read_as_the_sdk_reads_it() {
    let whole = json!({
        "DomainId": "d-1", "UserProfileName": "jane", "Status": "InService", "UserProfileArn": "arn",
        "CreationTime": 1772434800, "LastModifiedTime": 1772434800.125,
        "UserSettings": breaking::maximal(Operation::SageMakerUpdateUserProfile)["UserSettings"],
    });
    let with = |path: &str, value: Value| {
        let mut answer = whole.clone();
        *answer
            .pointer_mut(path)
            .unwrap_or_else(|| panic!("there is no {path}")) = value;
        answer
    };
    let mut unknown = with("/UserSettings/SecurityGroups", json!([]));
    unknown["Newer"] = json!({"than": "the SDK"});
    unknown["UserSettings"]["NewerToo"] = json!([1]);
    let readable = [
        whole.clone(),
        unknown,
        with("/UserSettings", Value::Null),
        with("/UserSettings/ExecutionRole", Value::Null),
        with(
            "/UserSettings/CustomFileSystemConfigs",
            json!([{"EFSFileSystemConfig": {"FileSystemId": "fs-1"}, "FSxLustreFileSystemConfig": null}]),
        ),
        with("/Status", json!("SomethingNew")),
        json!({"Status": "InService"}),
    ];
    for answer in readable {
        let service = Service::answering(200, "", answer.to_string()).await;
        let ours = read(&service, Operation::SageMakerUpdateUserProfile).await;
        let ours = ours
            .unwrap_or_else(|error| panic!("{answer}: {error}"))
            .members;
        assert_eq!(Some(ours), described_with_sdk(&service).await, "{answer}");
    }
    let wrong = [
        with("/UserSettings", json!("text")),
        with("/UserSettings/SecurityGroups", json!({})),
        with("/UserSettings/ExecutionRole", json!(5)),
        with("/CreationTime", json!("yesterday")),
    ];
    for answer in wrong {
        let service = Service::answering(200, "", answer.to_string()).await;
        assert_eq!(described_with_sdk(&service).await, None, "{answer}");
        let ours = read(&service, Operation::SageMakerUpdateUserProfile).await;
        let error = ours.err().unwrap_or_else(|| panic!("{answer}"));
        assert_eq!(error.code, "Usher.Unreadable", "{answer}");
    }
}

#[tokio::test]
async fn an_error_is_read_as_the_sdk_reads_it() {
    let cases = [
        (
            400,
            "",
            r#"{"__type": "ResourceNotFound", "Message": "gone"}"#,
        ),
        (
            400,
            "",
            r#"{"__type": "com.amazonaws.sagemaker#ValidationException", "message": "no"}"#,
        ),
        (
            400,
            "x-amzn-errortype: AccessDeniedException:http://internal/\r\n",
            r#"{"__type": "Other", "message": "no"}"#,
        ),
        (
            402,
            "x-amzn-errortype: ServiceQuotaExceededException\r\n",
            r#"{"message": "full"}"#,
        ),
        (
            404,
            "",
            r#"{"code": "ResourceNotFoundException", "__type": "Other", "errorMessage": "gone"}"#,
        ),
        (409, "x-amzn-errortype: ConflictException\r\n", ""),
    ];
    for (status, headers, body) in cases {
        let service = Service::answering(status, headers, body).await;
        let call = aws_sdk_sagemaker::Client::new(&service.sdk()).describe_domain();
        let theirs = call.domain_id("d-1").send().await.expect_err("an error");
        let SdkError::ServiceError(theirs) = &theirs else {
            panic!("{body}: {theirs:?}");
        };
        let ours = read(&service, Operation::SageMakerUpdateDomain).await;
        let ours = ours.err().unwrap_or_else(|| panic!("{body}: no error"));
        assert_eq!(Some(ours.code.as_str()), theirs.err().code(), "{body}");
        if let Some(message) = theirs.err().message() {
            assert_eq!(ours.message, message, "{body}");
        }
    }
}

/// A load balancer's, a proxy's: nothing is known of the request, and it comes again.
#[tokio::test]
async fn an_error_without_a_code_is_nobodys_verdict() {
    for status in [400, 403, 404, 418] {
        for body in ["", "{}", "<html></html>", r#"{"message": "Forbidden"}"#] {
            let service = Service::answering(status, "", body).await;
            let ours = read(&service, Operation::SageMakerUpdateDomain).await;
            let error = ours.err().unwrap_or_else(|| panic!("{status} {body}"));
            assert_eq!(error.class, Class::Unreachable, "{status} {body}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_brings_nonsense_is_not_used_again() {
    for (status, connections) in [(200, 5), (404, 1), (500, 5)] {
        let service = Service::answering(status, "", "<html></html>").await;
        let answer = read(&service, Operation::SageMakerUpdateDomain).await;
        assert!(answer.is_err());
        assert_eq!(
            service.connections.load(Ordering::SeqCst),
            connections,
            "{status}"
        );
    }
}
