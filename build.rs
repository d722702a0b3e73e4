//! How the function is linked.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let linux = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if linux && is("PROFILE", "release") {
        // At a fixed address. An executable that can stand anywhere has 33,000 addresses (tables and vtables, most of them the
        // SDK's) that the loader puts right at each start, which copies 160 pages: a tenth of the start's processor time.
        // What it costs is that the code's own addresses are not random; heap, stack and libraries are as before.
        println!("cargo::rustc-link-arg-bin=usher-lambda=-no-pie");
    }
}
