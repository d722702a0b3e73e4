//! Bursts against a limit, in virtual time: what shares of the limit and of throttles the pace comes to. Each run is the same each
//! time: chance comes from a seed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{Pace, Turn, seconds};

/// What one burst came to.
#[derive(Debug)]
struct Burst {
    /// Requests let through, of those that the limit would have let through until the last of them.
    used: f64,
    /// Requests throttled, of all.
    throttled: f64,
    /// The most attempts that a request took.
    attempts: u32,
}

struct Limit {
    per_second: f64,
    burst: f64,
}

/// Each of `processes` has 8 workers; a worker takes a person from the queue, reads and then writes. Both have the same limit, apart.
struct Scene {
    processes: usize,
    people: usize,
    limit: Limit,
    latency: f64,
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Ask { worker: usize },
    Permit { process: usize, call: usize },
    Arrive { worker: usize },
}

struct Worker {
    process: usize,
    call: usize,
    attempts: u32,
    turn: Option<Turn>,
}

/// One of a process's two calls.
struct Lane {
    pace: Pace,
    queue: VecDeque<usize>,
    asked: bool,
}

struct Run {
    scene: Scene,
    now: Duration,
    steps: BTreeSet<Reverse<(Duration, u64, Step)>>,
    count: u64,
    workers: Vec<Worker>,
    lanes: Vec<[Lane; 2]>,
    /// Who is still in the queue.
    left: usize,
    /// The service's tokens, and when they were counted.
    tokens: [(f64, Duration); 2],
    accepted: [usize; 2],
    throttled: usize,
    attempts: u32,
    chance: u64,
    end: Duration,
}

const WORKERS: usize = 8;

impl Scene {
    fn run(self) -> Burst {
        let lane = || Lane {
            pace: Pace::new(),
            queue: VecDeque::new(),
            asked: false,
        };
        let mut run = Run {
            now: Duration::ZERO,
            steps: BTreeSet::new(),
            count: 0,
            workers: Vec::new(),
            lanes: (0..self.processes).map(|_| [lane(), lane()]).collect(),
            left: self.people,
            tokens: [(self.limit.burst, Duration::ZERO); 2],
            accepted: [0; 2],
            throttled: 0,
            attempts: 0,
            chance: self.seed,
            end: Duration::ZERO,
            scene: self,
        };
        run.begin();
        while let Some(Reverse((at, _, step))) = run.steps.pop_last() {
            run.now = at;
            run.step(step);
        }
        run.result()
    }
}

impl Run {
    fn begin(&mut self) {
        for process in 0..self.scene.processes {
            // They do not start in the same moment.
            let start = seconds(0.3 * self.random());
            for _ in 0..WORKERS {
                self.left -= 1;
                self.workers.push(Worker {
                    process,
                    call: 0,
                    attempts: 0,
                    turn: None,
                });
                let worker = self.workers.len() - 1;
                self.at(start, Step::Ask { worker });
            }
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask { worker } => {
                let Worker { process, call, .. } = self.workers[worker];
                let lane = &mut self.lanes[process][call];
                lane.queue.push_back(worker);
                if !std::mem::replace(&mut lane.asked, true) {
                    self.at(self.now, Step::Permit { process, call });
                }
            }
            Step::Permit { process, call } => self.permit(process, call),
            Step::Arrive { worker } => self.arrive(worker),
        }
    }

    fn permit(&mut self, process: usize, call: usize) {
        let now = self.now;
        let lane = &mut self.lanes[process][call];
        let Some(worker) = lane.queue.front().copied() else {
            lane.asked = false;
            return;
        };
        let late = seconds(0.001 * self.random());
        let lane = &mut self.lanes[process][call];
        match lane.pace.permit(now) {
            Ok(turn) => {
                lane.queue.pop_front();
                self.workers[worker].turn = Some(turn);
                let jitter = -0.1 * (1.0 - self.random()).ln();
                let latency = seconds(self.scene.latency * (1.0 + jitter));
                self.at(now + latency, Step::Arrive { worker });
                self.at(now, Step::Permit { process, call });
            }
            // Timers are late by up to a millisecond.
            Err(wait) => self.at(now + wait + late, Step::Permit { process, call }),
        }
    }

    fn arrive(&mut self, worker: usize) {
        let Worker { process, call, .. } = self.workers[worker];
        let turn = self.workers[worker].turn.take().expect("it had its turn");
        self.workers[worker].attempts += 1;
        let attempts = self.workers[worker].attempts;
        self.attempts = self.attempts.max(attempts);
        if !self.take(call) {
            self.throttled += 1;
            self.lanes[process][call].pace.throttled(turn, self.now);
            let longest = (0.2 * f64::from(2_u32.pow(attempts - 1))).min(5.0);
            let backoff = seconds(longest * self.random());
            self.at(self.now + backoff, Step::Ask { worker });
            return;
        }
        self.accepted[call] += 1;
        self.end = self.now;
        self.lanes[process][call].pace.accepted(turn);
        self.workers[worker].attempts = 0;
        match (call, self.left) {
            (0, _) => self.workers[worker].call = 1,
            (_, 0) => return,
            (_, _) => {
                self.left -= 1;
                self.workers[worker].call = 0;
            }
        }
        self.at(self.now, Step::Ask { worker });
    }

    /// Whether the service has a token.
    fn take(&mut self, call: usize) -> bool {
        let Limit { per_second, burst } = self.scene.limit;
        let (tokens, counted) = &mut self.tokens[call];
        let since = (self.now - *counted).as_secs_f64();
        *tokens = (*tokens + since * per_second).min(burst);
        *counted = self.now;
        let enough = *tokens >= 1.0;
        if enough {
            *tokens -= 1.0;
        }
        enough
    }

    fn result(&self) -> Burst {
        let Limit { per_second, burst } = self.scene.limit;
        let people = self.scene.people as f64;
        assert_eq!(self.accepted, [self.scene.people; 2], "everybody is done");
        let requests = (self.throttled + 2 * self.scene.people) as f64;
        Burst {
            used: people / (self.end.as_secs_f64() * per_second + burst),
            throttled: self.throttled as f64 / requests,
            attempts: self.attempts,
        }
    }

    fn at(&mut self, at: Duration, step: Step) {
        self.count += 1;
        self.steps.insert(Reverse((at, self.count, step)));
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn random(&mut self) -> f64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Bursts of 2,000 people at some rates and bursts, each with several latencies and seeds.
fn bursts(processes: usize) -> Vec<(String, Vec<Burst>)> {
    let mut all = Vec::new();
    for per_second in [5.0, 20.0, 50.0] {
        for burst in [5.0, per_second, 4.0 * per_second] {
            let mut bursts = Vec::new();
            for latency in [0.005, 0.02, 0.03] {
                for seed in 0..4 {
                    let scene = Scene {
                        processes,
                        people: 2000,
                        limit: Limit { per_second, burst },
                        latency,
                        seed,
                    };
                    bursts.push(scene.run());
                }
            }
            all.push((format!("{per_second}/s, {burst} at once"), bursts));
        }
    }
    all
}

#[test]
fn one_process_uses_nearly_all_of_a_limit_it_is_not_told_with_few_throttles() {
    for (limit, bursts) in bursts(1) {
        for burst in bursts {
            assert!(burst.used >= 0.95, "{limit}: {burst:?}");
            assert!(burst.throttled <= 0.05, "{limit}: {burst:?}");
            assert!(burst.attempts <= 10, "{limit}: {burst:?}");
        }
    }
}

#[test]
fn eight_processes_that_share_nothing_but_the_limit_use_most_of_it_with_few_throttles() {
    for (limit, bursts) in bursts(8) {
        let used: f64 = bursts.iter().map(|burst| burst.used).sum();
        assert!(used / bursts.len() as f64 >= 0.85, "{limit}: {bursts:?}");
        for burst in bursts {
            assert!(burst.throttled <= 0.15, "{limit}: {burst:?}");
            assert!(burst.attempts <= 10, "{limit}: {burst:?}");
        }
    }
}
