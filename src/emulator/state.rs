//! The emulator's state behind its lock, and what a request does to it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::sync::watch;

use super::faults::{self, Fate, Random};
use super::log::Log;
use super::operation::Operation;
use super::protocol::{Answer, Problem};
use super::rates::Buckets;
use super::sagemaker::{self, Moment};
use super::tokens::Tokens;
use super::world::World;
use super::{Options, datazone, domain, finspace};

/// What all connections share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The world at the start, for a reset.
    seed: World,
    pub options: Options,
    stop: watch::Sender<bool>,
}

pub(super) struct State {
    pub world: World,
    pub log: Log,
    tokens: Tokens,
    /// DataZone domains with an SSO change under way.
    busy: HashSet<String>,
    buckets: Buckets,
    random: Random,
}

/// The emulator was stopped while a request waited.
pub(super) struct Stopped;

impl Shared {
    pub(super) fn new(world: World, options: Options) -> Shared {
        let state = State::new(world.clone(), &options);
        Shared {
            state: Mutex::new(state),
            seed: world,
            options,
            stop: watch::Sender::new(false),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Whoever held the lock last left a world that is whole: changes are single assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            now: self.options.clock.now(),
            settle: self.options.settle,
        }
    }

    /// The world as it is now, changes that are due included.
    pub(super) fn world(&self) -> World {
        let now = self.options.clock.now();
        let mut state = self.state();
        settle(&mut state.world, now);
        state.world.clone()
    }

    /// Back to the world of the start, with an empty log and no token used.
    pub(super) fn reset(&self) {
        self.replace(self.seed.clone());
    }

    /// Another world instead, with an empty log and no token used.
    pub(super) fn replace(&self, world: World) {
        *self.state() = State::new(world, &self.options);
    }

    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ends when the emulator is stopped.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.subscribe();
        async move {
            // The sender outlives every request; were it gone, that would be a stop as well.
            let _ = stop.wait_for(|stopped| *stopped).await;
        }
    }

    /// Waits by tokio's timer.
    pub(super) async fn pause(&self, time: Duration) -> Result<(), Stopped> {
        if *self.stop.borrow() {
            return Err(Stopped);
        }
        if time.is_zero() {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.stopped() => Err(Stopped),
        }
    }
}

impl State {
    fn new(world: World, options: &Options) -> State {
        State {
            world,
            log: Log::new(options.log_limit),
            tokens: Tokens::default(),
            busy: HashSet::new(),
            buckets: Buckets::default(),
            random: Random(options.seed),
        }
    }

    /// Whether the rate limits let the request pass.
    pub(super) fn take(&mut self, operation: Operation, now: OffsetDateTime) -> bool {
        self.buckets.take(&self.world.rates, operation.call(), now)
    }

    /// What will go wrong with a request.
    pub(super) fn draw(&mut self, operation: Operation, target: Option<&str>) -> Fate {
        let target = target.unwrap_or_default();
        faults::draw(
            &mut self.world.faults,
            operation.call(),
            target,
            &mut self.random,
        )
    }

    /// Does what the request asks for.
    pub(super) fn execute(
        &mut self,
        operation: Operation,
        input: &Map<String, Value>,
        at: Moment,
    ) -> Result<Answer, Problem> {
        let State {
            world,
            tokens,
            busy,
            ..
        } = self;
        match operation {
            Operation::CreateUserProfile => sagemaker::create(world, input, at),
            Operation::DescribeUserProfile => sagemaker::describe(world, input, at),
            Operation::UpdateUserProfile => sagemaker::update(world, input, at),
            Operation::DeleteUserProfile => sagemaker::delete(world, input, at),
            Operation::DescribeDomain => domain::describe(world, input, at),
            Operation::UpdateDomain => domain::update(world, input, at),
            Operation::CreateDataZoneProfile => datazone::create(
                &mut datazone::Part {
                    world: &mut world.datazone,
                    tokens,
                    busy,
                },
                input,
                at,
            ),
            Operation::GetDataZoneProfile => datazone::get(&world.datazone, input, at),
            Operation::UpdateDataZoneProfile => datazone::update(
                &mut datazone::Part {
                    world: &mut world.datazone,
                    tokens,
                    busy,
                },
                input,
                at,
            ),
            Operation::CreateKxUser => {
                finspace::create(&mut finspace::Part { world, tokens }, input, at)
            }
            Operation::GetKxUser => finspace::get(&mut finspace::Part { world, tokens }, input),
            Operation::UpdateKxUser => {
                finspace::update(&mut finspace::Part { world, tokens }, input, at)
            }
            Operation::DeleteKxUser => {
                finspace::delete(&mut finspace::Part { world, tokens }, input, at)
            }
        }
    }
}

/// Brings every status up to date.
fn settle(world: &mut World, now: OffsetDateTime) {
    for domain in world.sagemaker.domains.values_mut() {
        domain.life().settle(now);
        domain
            .user_profiles
            .retain(|_, profile| profile.life().settle(now));
    }
    for domain in world.datazone.domains.values_mut() {
        for profile in domain.user_profiles.values_mut() {
            profile.hidden_until = profile.hidden_until.filter(|until| *until > now);
        }
    }
}

/// Keeps a DataZone domain busy until the change in it has been answered, or its connection is gone.
pub(super) struct Busy {
    pub shared: Arc<Shared>,
    pub domain: String,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.shared.state().busy.remove(&self.domain);
    }
}
