//! One target under libFuzzer: `crossroads-fuzz [libFuzzer's options] corpus…`, the target's name in `FUZZ_TARGET`.
//!
//! Built with coverage counters by `./dev fuzz`, which also says where findings go. A panic aborts the run even if
//! the code would have caught it: a promise that holds only because somebody cleans up is worth knowing of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let run = RUN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        fuzz::target(&name).expect("FUZZ_TARGET names a target").run
    });
    run(bytes);
});
