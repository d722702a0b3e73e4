//! Calls of a service's operations: signed, sent, sent again where that helps, and read as JSON.
//!
//! The SDK's own clients ask some thirty parts about each request, most of them about what no service here has, and take more
//! processor time for it than all else that an event costs (benches/README.md). So the SDK's input types, schemas, endpoint rules and
//! providers of credentials are used without the machinery between them. What is sent is held against what the SDK's clients
//! send, and what is read against what they read, in tests/requests.rs.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::display::DisplayErrorContext;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use super::agent;
use super::answer::{Answer, Fault};
use super::backoff::{Chance, backoff};
use super::configuration::Configuration;
use super::credentials::Keeper;
use super::endpoint::{Place, Rules, Wanted, configured};
use super::retries::{Quota, Throttles, count_fault, count_request};
use super::signature;
use super::skew::Skew;
use super::traces::{self, Ended};
use super::transport::Pool;

/// How often a request is made at most, for all causes but throttling.
const ATTEMPTS: u32 = 5;

/// How long all of an attempt may take. Control-plane calls answer within a second; one that takes ten will not.
const WITHIN: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes. A domain with all its settings is some 100 KB.
const LONGEST: usize = 4 << 20;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// What is known of a service.
pub(super) struct Service {
    /// As the SDK calls it, in traces and where endpoints are set.
    pub id: &'static str,
    /// What requests are signed for.
    pub name: &'static str,
    pub endpoint: Rules,
    /// `content-type` of requests that have a body.
    pub content: &'static str,
    pub throttles: Throttles,
}

/// One call of an operation.
pub(super) struct Call<'a> {
    /// As traces call it.
    pub operation: &'static str,
    pub method: Method,
    /// From `/`, encoded, with the query.
    pub path: &'a str,
    /// `x-amz-target`: the operation, where the path does not say it.
    pub target: Option<&'static str>,
    pub body: Bytes,
}

/// What the clients of all services share.
pub(super) struct Common {
    configuration: Configuration,
    keeper: Keeper,
    agent: HeaderValue,
    sleep: SharedAsyncSleep,
    time: SharedTimeSource,
    skew: Skew,
}

impl Common {
    pub fn new(configuration: &Configuration) -> Arc<Self> {
        let sdk = configuration.sdk();
        Arc::new(Self {
            keeper: Keeper::new(sdk.credentials_provider()),
            agent: agent::agent(sdk),
            sleep: configuration.sleep(),
            time: configuration.time(),
            skew: Skew::default(),
            configuration: configuration.clone(),
        })
    }

    fn pool(&self) -> &Pool {
        self.configuration.pool()
    }
}

/// Calls one service. Made at no cost: where the service is comes out at the first call.
pub(super) struct Client {
    service: &'static Service,
    common: Arc<Common>,
    /// What all calls are about, where that has a say in where they go.
    resource: Option<String>,
    place: OnceLock<Place>,
    quota: Quota,
    chance: Mutex<Chance>,
}

impl Client {
    pub fn new(service: &'static Service, common: &Arc<Common>) -> Self {
        Self {
            service,
            common: Arc::clone(common),
            resource: None,
            place: OnceLock::new(),
            quota: Quota::default(),
            chance: Mutex::new(Chance::new(common.time.now(), 0)),
        }
    }

    /// The same for calls that are all about this, by its ARN or a name.
    #[must_use]
    pub fn about(self, resource: &str) -> Self {
        Self {
            resource: Some(resource.to_owned()),
            ..self
        }
    }

    /// Finds out what the first call needs: credentials, and where the service is. What is wrong with them, that call says.
    pub async fn prepare(&self) {
        if let Ok(credentials) = self.credentials().await {
            let _ = self.place(&credentials);
        }
    }

    /// Makes a call and reads its answer.
    ///
    /// # Errors
    /// What the service answered, or that it did not, after all attempts.
    pub async fn call(&self, call: &Call<'_>) -> Result<Value, Fault> {
        let region = self.common.configuration.sdk().region();
        let trace = traces::begin(self.service.id, call.operation, region.map(AsRef::as_ref));
        let mut attempts = Attempts::default();
        // To the heap, or it is copied from future to future on its way.
        let result = Box::pin(self.attempts(call, &trace, &mut attempts)).await;
        trace.end(&Ended {
            status: attempts.status,
            request_id: attempts.request_id.as_ref(),
            retries: attempts.made.saturating_sub(1),
            fault: result.as_ref().err(),
        });
        result
    }

    async fn attempts(
        &self,
        call: &Call<'_>,
        trace: &traces::Begun,
        attempts: &mut Attempts,
    ) -> Result<Value, Fault> {
        let mut permit = None;
        loop {
            let result = self.attempt(call, trace, attempts).await;
            let fault = match result {
                Ok(answer) => {
                    self.quota.succeeded(permit);
                    return Ok(answer);
                }
                Err(fault) => fault,
            };
            if attempts.made >= ATTEMPTS || !fault.is_transient(self.service.throttles) {
                return Err(fault);
            }
            permit = self.quota.permit(fault.cost());
            if permit.is_none() {
                return Err(fault);
            }
            let wait = fault.wait().unwrap_or_else(|| {
                let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
                chance.part(backoff(attempts.made.saturating_sub(1)))
            });
            self.common.sleep.sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        trace: &traces::Begun,
        attempts: &mut Attempts,
    ) -> Result<Value, Fault> {
        attempts.status = None;
        attempts.request_id = None;
        let credentials = self.credentials().await;
        let credentials = credentials.map_err(|error| Fault::Unreachable {
            reason: context(error.as_ref()),
            is_transient: false,
        })?;
        let signed = self.common.skew.applied(self.common.time.now());
        let request = self.request(call, trace, &credentials, signed);
        let request = request.map_err(|error| Fault::Unsendable(context(error.as_ref())))?;
        attempts.made += 1;
        let is_counted = self.service.throttles == Throttles::Elsewhere;
        if is_counted {
            count_request();
        }
        let within = timeout(WITHIN, self.sent(request, signed, attempts)).await;
        let result = within.unwrap_or(Err(Fault::Timeout));
        if is_counted && let Err(fault) = &result {
            count_fault(attempts.status, fault);
        }
        result
    }

    /// Sends a request that was signed for this time, and reads its answer.
    async fn sent(
        &self,
        request: Request<SdkBody>,
        signed: SystemTime,
        attempts: &mut Attempts,
    ) -> Result<Value, Fault> {
        let (answer, connection) = self.common.pool().send(request).await?;
        attempts.status = Some(answer.status().as_u16());
        attempts.request_id = answer.headers().get("x-amzn-requestid").cloned();
        let answer = whole(answer).await?;
        answer.read().map_err(|mut fault| {
            if answer.status >= 500 || matches!(fault, Fault::Unreadable) {
                connection.give_up();
            }
            if let Fault::Refused(refused) = &mut fault {
                let (skew, now) = (&self.common.skew, self.common.time.now());
                refused.by_clock = skew.learn(refused, &answer.headers, signed, now);
            }
            fault
        })
    }

    fn request(
        &self,
        call: &Call<'_>,
        trace: &traces::Begun,
        credentials: &Credentials,
        time: SystemTime,
    ) -> Result<Request<SdkBody>, BoxError> {
        let place = self.place(credentials)?;
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", place.url, call.path))
            .header(USER_AGENT, &self.common.agent);
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, self.service.content);
        }
        if let Some(target) = call.target {
            request = request.header(TARGET, target);
        }
        if let Some(header) = trace.header() {
            request = request.header(traces::NAME, header);
        }
        let (mut parts, ()) = request.body(())?.into_parts();
        signature::put_on(&mut parts, &call.body, credentials, place, time)?;
        Ok(Request::from_parts(parts, SdkBody::from(call.body.clone())))
    }

    async fn credentials(&self) -> Result<Credentials, BoxError> {
        self.common.keeper.at(self.common.time.now()).await
    }

    fn place(&self, credentials: &Credentials) -> Result<&Place, BoxError> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let account = credentials.account_id();
        let wanted = Wanted {
            account: account.map(|account| account.as_str().to_owned()),
            resource: self.resource.clone(),
            ..Wanted::new(self.common.configuration.sdk(), self.service.id)
        };
        let place = wanted.place(self.service.name, self.service.endpoint)?;
        Ok(self.place.get_or_init(|| place))
    }

    /// Whether the service is known to be spoken to without TLS.
    pub fn speaks_plainly(&self) -> bool {
        let url = configured(self.common.configuration.sdk(), self.service.id);
        url.is_some_and(|url| url.starts_with("http://"))
    }

    /// Opens a connection, in addition to those that others open meanwhile, unless the service speaks plain HTTP.
    ///
    /// Most of the time of a first call is the handshake of TLS. The pool that calls take their connections from gets one only when a
    /// request was answered over it. So `GET /ping` is sent, without a signature. The front ends of AWS answer that with `healthy`
    /// (tools that measure how far a Region is have always asked so, as obviyus/pong does DynamoDB in src/regions.rs); one that
    /// does not know it answers with an error. Either way the answer is read and the connection kept. It is no operation of the
    /// service: there is nothing to be permitted, and it takes nothing from any operation's rate.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self) -> Result<(), String> {
        if self.speaks_plainly() {
            return Ok(());
        }
        let ping = async {
            let credentials = self.credentials().await?;
            let url = &self.place(&credentials)?.url;
            let ping = Request::get(format!("{url}/ping")).header(USER_AGENT, &self.common.agent);
            Ok::<_, BoxError>(ping.body(SdkBody::empty())?)
        };
        let ping = ping.await.map_err(|error| context(error.as_ref()))?;
        let answer = async {
            let (answer, _) = self.common.pool().send(ping).await?;
            whole(answer).await
        };
        let answer = timeout(WITHIN, answer).await;
        let answer = answer.unwrap_or(Err(Fault::Timeout));
        answer.map(drop).map_err(|fault| fault.to_string())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client")
            .field("service", &self.service.id)
            .finish_non_exhaustive()
    }
}

/// What is known of a call's attempts so far.
#[derive(Default)]
struct Attempts {
    made: u32,
    /// Of the last answer.
    status: Option<u16>,
    request_id: Option<HeaderValue>,
}

/// Takes in all of an answer.
async fn whole(answer: Response<Incoming>) -> Result<Answer, Fault> {
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        // It broke off, or is longer than any answer.
        body: body.map_err(|_| Fault::Unreadable)?.to_bytes(),
    })
}

fn context(error: &(dyn std::error::Error + 'static)) -> String {
    DisplayErrorContext(error).to_string()
}
