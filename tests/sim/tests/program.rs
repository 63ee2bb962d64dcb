//! The program itself: what it prints where nobody can read it, and what it says to a wrong name.

#![allow(clippy::unwrap_used)]

use simulator::{Breakage, Class};
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crossroads-sim"))
}

/// Its status is 1 in words, and it has not panicked. (101 would be a panic, no code a signal.)
fn ends_with_an_error(command: &mut Command, what: &str) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{what}: {told}");
    assert!(!told.contains("panicked"), "{what}: {told}");
}

#[test]
fn a_trace_that_nobody_reads_ends_with_an_error_and_no_panic() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let trace = ["--seed", "1", "--trace", "--steps", "5"];
    ends_with_an_error(program().args(trace).stdout(full()), "a full disk");
    ends_with_an_error(program().args(["--seeds", "3"]).stdout(full()), "many, a full disk");
    // Both full: the status alone tells.
    let status = program().args(trace).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    // `--trace | head -c 1`
    let mut child =
        program().args(trace).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut [0]).unwrap();
    drop(output);
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn names_are_in_the_help_and_a_wrong_one_lists_them() {
    let help = program().arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let told = |option: &str| {
        let output = program().args([option, "weather"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let (breakages, classes) = (told("--break"), told("--without"));
    for breakage in Breakage::ALL {
        assert!(
            help.contains(breakage.name()) && breakages.contains(breakage.name()),
            "{breakage}"
        );
    }
    for class in Class::ALL {
        assert!(help.contains(class.name()) && classes.contains(class.name()), "{class}");
    }
}
