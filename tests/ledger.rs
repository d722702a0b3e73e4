//! One ledger or the other: the same table of scenarios, the same random histories, the same crowd of contenders.
//!
//! The DynamoDB half needs `USHER_TEST_DYNAMODB_ENDPOINT`, the address of a `moto_server`; without it that half says
//! that it is skipped.

#[path = "support/client.rs"]
mod client;
#[path = "ledger/failures.rs"]
mod failures;
#[path = "ledger/histories.rs"]
mod histories;
#[path = "ledger/memory.rs"]
mod memory;
#[path = "ledger/scenarios.rs"]
mod scenarios;
#[path = "ledger/support.rs"]
mod support;
