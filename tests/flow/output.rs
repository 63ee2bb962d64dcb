//! Standard output and error that nobody can write to: a full disk, a pipe whose reader went away. A till must sell on
//! and recover on; a command must say by its status that its answer is lost. Nothing may panic.

use crate::damage::copy_folder;
use crate::process::{Central, Terminal, central_program, terminal_program};
use crate::script::scan;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader is gone already.
fn closed() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// A central, and the folder of a terminal that it has enrolled.
fn shop(directory: &Path) -> (Central, PathBuf) {
    let central = Central::start(directory, 50, 2, 2);
    let data = directory.join("terminal");
    let mut terminal = Terminal::start(&data);
    terminal.enrol(&central);
    terminal.quit();
    (central, data)
}

/// Sells once with everything logged to where it cannot be written.
fn sell_with(stderr: Stdio, data: &Path) {
    let mut command = Command::new(terminal_program());
    command.args(["drive", "--data", data.to_str().unwrap()]).env("RUST_LOG", "trace");
    let mut terminal = Terminal::spawn_with(command, stderr);
    terminal.sign_in();
    terminal.done(scan(1));
    terminal.done(json!({"do": "pay"}));
    terminal.done(json!({"do": "cash"}));
    terminal.quit();
}

#[test]
fn a_log_that_cannot_be_written_ends_no_sale_and_no_recovery() {
    let directory = tempfile::tempdir().unwrap();
    let (_central, data) = shop(directory.path());
    for (name, stderr) in
        [("full", [full().into(), full().into()]), ("closed", [closed(), closed()])]
    {
        let copy = directory.path().join(name);
        copy_folder(&data, &copy);
        let [first, second] = stderr;
        sell_with(first, &copy);
        // The first page is damaged: the start recovers, and warns.
        let path = copy.join("crossroads.db");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3000] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let _ = std::fs::remove_file(copy.join("crossroads.db-wal"));
        let mut command = Command::new(terminal_program());
        command.args(["drive", "--data", copy.to_str().unwrap()]);
        let mut terminal = Terminal::spawn_with(command, second);
        let status = terminal.done(json!({"do": "screen"}));
        assert_eq!(status["data"]["recovery"]["is_open"], json!(true), "{name}: {status}");
        terminal.quit();
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let (central, data) = shop(directory.path());
    let (till, chain) = (data.to_str().unwrap(), central.data.to_str().unwrap());
    for (program, arguments) in [
        (terminal_program(), vec!["journal", "verify", "--data", till]),
        (terminal_program(), vec!["journal", "export", "--data", till]),
        (terminal_program(), vec!["doctor", "--data", till]),
        (central_program(), vec!["report", "--data", chain]),
        (central_program(), vec!["terminals", "--data", chain]),
    ] {
        let output = Command::new(&program).args(&arguments).stdout(full()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        let both = Command::new(&program).args(&arguments).stdout(full()).stderr(full()).status();
        assert_eq!(both.unwrap().code(), Some(1), "{arguments:?}");
    }
    // An answer to a till's command that cannot be written ends the session: nobody hears it any more.
    let mut child = Command::new(terminal_program())
        .args(["drive", "--data", till])
        .stdin(Stdio::piped())
        .stdout(full())
        .stderr(full())
        .spawn()
        .unwrap();
    // It may be gone before it has read.
    let _ = child.stdin.take().unwrap().write_all(b"{\"do\":\"status\"}\n");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
