//! Never lost, never twice, never backwards: many people, several targets each, and everything that can go wrong.
//!
//! Events are shuffled, sent twice and delayed; they wait in a queue with SQS's semantics; several processes of the real function
//! take them, each under a Runtime API of its own, and change what the embedded emulator serves, which throttles, fails, stalls and loses
//! requests and answers. Processes are killed while they work. The ledger is a table on moto's server, behind a line that
//! loses requests and answers too.
//!
//! | variable | |
//! | --- | --- |
//! | `USHER_TEST_DYNAMODB_ENDPOINT` | the address of a `moto_server`; without it one process keeps its ledger in memory, and is not killed |
//! | `USHER_CHAOS_EVENTS` | how many events; 240 by default |
//! | `USHER_CHAOS_SEED` | the seed of a run before; it repeats the story, the faults and the deaths, not the scheduling of threads |

#[path = "chaos/accounts.rs"]
mod accounts;
#[path = "support/client.rs"]
mod client;
#[path = "chaos/diary.rs"]
mod diary;
#[path = "chaos/provoked.rs"]
mod provoked;
#[path = "chaos/queue.rs"]
mod queue;
#[path = "chaos/random.rs"]
mod random;
#[path = "chaos/run.rs"]
mod run;
#[path = "chaos/runtime.rs"]
mod runtime;
#[path = "chaos/story.rs"]
mod story;
#[path = "chaos/table.rs"]
mod table;
#[path = "chaos/verdict.rs"]
mod verdict;
