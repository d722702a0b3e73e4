//! A stand-in for SageMaker, DataZone and FinSpace on loopback, speaking their real wire protocols.
//!
//! It serves the four updates that Usher makes, the reads that belong to them, and creating and deleting
//! user profiles and kdb users. It is stateful, seeded from a [`World`], and as strict as the services are
//! known to be: statuses settle in time and refuse changes meanwhile, a list is replaced and `[]` clears it,
//! `UpdateDomain` refuses some members it describes itself, DataZone's statuses stay in their pairs, FinSpace's
//! client tokens count for ten minutes. Where the API reference is silent, the world says how it behaves
//! ([`Below`], [`Cleared`]), so that tests can show that a client does with either.
//!
//! All three services share one port: SageMaker is recognised by `X-Amz-Target`, the others by path.
//!
//! ```text
//! request ─ route, decode ─► log ─► rate limits, faults ─► execute ─► log ─► answer, whole or spoilt
//!             protocol                    faults            sagemaker, domain,        reply, wire
//!                                                           datazone, finspace
//! ```
//!
//! Under `/_usher/` it shows its world and the requests it received, and takes faults:
//!
//! | request | does |
//! | --- | --- |
//! | `GET /_usher/world` | the world as it is now, in the form of a world file |
//! | `PUT /_usher/world` | another world; log and tokens begin anew |
//! | `GET /_usher/requests` | the log |
//! | `DELETE /_usher/requests` | empties the log |
//! | `GET /_usher/faults` | the faults still to come |
//! | `POST /_usher/faults` | adds a [`Fault`], or an array of them |
//! | `DELETE /_usher/faults` | forgets the faults |
//! | `POST /_usher/reset` | back to the world of the start; log and tokens begin anew |

mod admin;
mod clock;
mod datazone;
mod describe;
mod domain;
mod faults;
mod finspace;
mod log;
mod names;
mod operation;
mod protocol;
mod rates;
mod reply;
mod sagemaker;
mod server;
mod settings;
mod state;
mod tokens;
mod wire;
mod world;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use clock::{Clock, ManualClock};
pub use describe::{DomainDescription, Status, UserProfileDescription};
pub use faults::{Effect, Fault};
pub use log::Request;
pub use rates::Rate;
pub use world::{
    Below, Cleared, DataZone, DataZoneDomain, DataZoneProfile, Details, Domain, Environment,
    FinSpace, KxUser, ProfileName, ProfileStatus, SageMaker, Settling, UserProfile, World,
    WorldError,
};

use state::Shared;

/// Checks an operation's input against the API model: `sagemaker:UpdateUserProfile`, then the members.
/// The message of an error becomes a ValidationException.
pub type Validate = fn(&str, &Value) -> Result<(), String>;

/// How an emulator runs. What it behaves like is in its [`World`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes one that is free.
    pub port: u16,
    /// Where dates come from.
    pub clock: Clock,
    /// How long a SageMaker resource stays Pending, Updating or Deleting. Zero: until it is next looked at.
    pub settle: Duration,
    /// How long every request takes before it has its effect, by tokio's timer.
    pub latency: Duration,
    /// A check of the inputs beyond identities and structure.
    pub validate: Option<Validate>,
    /// The seed for faults that have a chance below 1.
    pub seed: u64,
    /// How many requests the log keeps; the oldest go first.
    pub log_limit: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            port: 0,
            clock: Clock::System,
            settle: Duration::ZERO,
            latency: Duration::ZERO,
            validate: None,
            seed: 0,
            log_limit: 100_000,
        }
    }
}

/// A running emulator. Dropping it stops it.
pub struct Emulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts an emulator on 127.0.0.1, in the present tokio runtime.
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn start(world: World, options: Options) -> io::Result<Emulator> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(world, options));
        let service = Router::new()
            .fallback(server::serve)
            .with_state(Arc::clone(&shared))
            .into_make_service_with_connect_info::<wire::Fuse>();
        let serving =
            axum::serve(wire::Loopback(listener), service).with_graceful_shutdown(shared.stopped());
        // axum's accept loop has no way to fail; its result is a formality.
        let server = Some(tokio::spawn(async move { drop(serving.await) }));
        Ok(Emulator {
            address,
            shared,
            server,
        })
    }

    /// The URL for `AWS_ENDPOINT_URL`: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The world as it is now: what is due has settled, faults that have happened are gone.
    pub fn world(&self) -> World {
        self.shared.world()
    }

    /// Everything received so far, in order of arrival, up to [`Options::log_limit`].
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().log.requests().cloned().collect()
    }

    /// Adds a fault behind those still to come.
    pub fn fault(&self, fault: Fault) {
        self.shared.state().world.faults.push(fault);
    }

    /// Forgets the faults still to come.
    pub fn clear_faults(&self) {
        self.shared.state().world.faults.clear();
    }

    /// Back to the world of the start, with an empty log and no token used.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Ends it: requests still waiting are reset, the port is free again.
    pub async fn stop(mut self) {
        self.shared.stop();
        if let Some(mut server) = self.server.take() {
            // A client that holds a connection open without a word must not hold up the end.
            if tokio::time::timeout(Duration::from_secs(1), &mut server)
                .await
                .is_err()
            {
                server.abort();
            }
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
