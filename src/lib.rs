//! Usher turns events about people into changes of their AWS user profiles.
//!
//! ```text
//! bytes ─ ingress ─► events ─ select ─► calls ─ aws (read) ─► observed
//!                               │                    │
//!                             rules └──────► plan ◄──┘            pure
//!                                             │
//!                                           guard                 the only maker of a Guarded change
//!                                             │
//!                       ledger ─ claim ─►   apply ─► aws (write)  sends nothing but a Guarded change
//!                                             │
//!                                  report ─ reply ─► bytes        the mirror of ingress
//! ```
//!
//! Each stage is one module. [`function`] goes the whole way for one payload; the command line goes it for files. Arrows
//! never turn back; the clock, the environment and randomness come in as values.

pub mod api;
pub mod apply;
pub mod aws;
pub mod call;
mod document;
pub mod emulator;
pub mod event;
pub mod expression;
pub mod function;
pub mod glob;
pub mod guard;
mod hash;
pub mod ingress;
pub mod ledger;
pub mod pattern;
pub mod plan;
pub mod problem;
pub mod reply;
pub mod report;
pub mod rule_test;
pub mod rules;
pub mod select;
pub mod settings;
pub mod telemetry;
