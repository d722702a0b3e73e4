//! What stands in for SageMaker and DataZone: constant answers after a constant time, in the services' wire protocols
//! (awsJson1.1 and restJson1). It is leaner than the emulator, so that what is measured is the contender. A person is
//! always as in [`settings`], whatever was written, so that every event finds the same work to do.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::http::{Reply, Request, Server};

/// The two services on one port.
pub struct Services {
    pub url: String,
    pub server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// In microseconds.
    latency: Arc<AtomicU64>,
}

/// A request that came in.
#[derive(Clone, PartialEq)]
pub struct Seen {
    pub operation: String,
    /// The path, and what was sent.
    pub path: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// Whether it would have changed something.
    pub fn is_write(&self) -> bool {
        self.operation.contains("Update")
    }

    /// Operation, path and arguments, without the order in which members were sent.
    pub fn meaning(&self) -> (String, String, Value) {
        let body = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        (self.operation.clone(), self.path.clone(), body)
    }
}

impl Services {
    /// Starts them, behind TLS if there is a configuration for it; each answer leaves this long after its request came.
    pub fn start(latency: Duration, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let scheme = match tls {
            Some(_) => "https",
            None => "http",
        };
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let log = Arc::clone(&seen);
        let micros = Arc::new(AtomicU64::new(latency.as_micros() as u64));
        let wait = Arc::clone(&micros);
        let server = Server::start(tls, move |request| {
            if request.path == "/ping" {
                return Reply::json("healthy");
            }
            let arrived = request.arrived;
            let (operation, mut reply) = answer(&request);
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Seen {
                    operation,
                    path: request.path,
                    body: request.body,
                });
            let wait = Duration::from_micros(wait.load(Ordering::Relaxed));
            reply.due = (!wait.is_zero()).then(|| arrived + wait);
            reply
        })?;
        Ok(Self {
            url: format!("{scheme}://{}", server.address),
            server,
            seen,
            latency: micros,
        })
    }

    /// From now on they answer at once.
    pub fn hurry(&self) {
        self.latency.store(0, Ordering::Relaxed);
    }

    /// What came in since this was asked last.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn answer(request: &Request) -> (String, Reply) {
    if let Some(target) = &request.target {
        let operation = target.strip_prefix("SageMaker.").unwrap_or(target);
        return (
            operation.to_owned(),
            Reply::json(sagemaker(operation, request)),
        );
    }
    // /v2/domains/{domainIdentifier}/user-profiles/{userIdentifier}
    let path = request.path.split('?').next().unwrap_or_default();
    let user = path.rsplit('/').next().unwrap_or_default();
    let status = match request.method.as_str() {
        "GET" if !user.starts_with("settled") => "NOT_ASSIGNED",
        _ => "ASSIGNED",
    };
    let operation = match request.method.as_str() {
        "GET" => "GetUserProfile",
        _ => "UpdateUserProfile",
    };
    let body = format!(
        r#"{{"domainId":"dzd_lake","id":"{user}","type":"SSO","status":"{status}","details":{{"sso":{{"username":"{user}","firstName":"A","lastName":"Person"}}}}}}"#
    );
    (operation.to_owned(), Reply::json(body))
}

fn sagemaker(operation: &str, request: &Request) -> String {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let (domain, name) = (&asked["DomainId"], &asked["UserProfileName"]);
    let arn = format!(
        "arn:aws:sagemaker:eu-central-1:111122223333:user-profile/{}/{}",
        domain.as_str().unwrap_or_default(),
        name.as_str().unwrap_or_default()
    );
    if operation != "DescribeUserProfile" {
        return json!({"UserProfileArn": arn}).to_string();
    }
    json!({
        "DomainId": domain,
        "UserProfileName": name,
        "UserProfileArn": arn,
        "Status": "InService",
        "CreationTime": 1_742_201_200.123,
        "LastModifiedTime": 1_756_710_300.456,
        "HomeEfsFileSystemUid": "200005",
        "UserSettings": settings(domain == "d-studio"),
    })
    .to_string()
}

/// A person's settings before every event.
fn settings(is_studio: bool) -> Value {
    let role = match is_studio {
        true => "arn:aws:iam::111122223333:role/studio-base",
        false => "arn:aws:iam::111122223333:role/lab-base",
    };
    let welcome = "arn:aws:sagemaker:eu-central-1:111122223333:studio-lifecycle-config/welcome";
    json!({
        "ExecutionRole": role,
        "SecurityGroups": ["sg-0a1b2c3d4e5f60718"],
        "SharingSettings": {"NotebookOutputOption": "Disabled"},
        "JupyterLabAppSettings": {
            "DefaultResourceSpec": {"InstanceType": "ml.t3.micro", "LifecycleConfigArn": welcome},
            "LifecycleConfigArns": [welcome],
        },
        "SpaceStorageSettings": {
            "DefaultEbsStorageSettings": {"DefaultEbsVolumeSizeInGb": 20, "MaximumEbsVolumeSizeInGb": 100},
        },
        "StudioWebPortal": "ENABLED",
    })
}
