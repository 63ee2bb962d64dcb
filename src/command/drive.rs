//! `crossroads drive`: reads commands, writes answers. The language is in `driver`.

use super::driver::{Command, Driver};
use super::session::{self, SessionArguments};
use crossroads::app::terminal::Terminal;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Commands are read on a thread of their own, so that time passes for the terminal between them.
const LINES_MAX: usize = 64;
/// How often the terminal looks around while no command comes.
const IDLE: Duration = Duration::from_millis(200);

/// Runs the session until `quit` or the end of input.
pub fn drive(arguments: &SessionArguments) -> anyhow::Result<ExitCode> {
    let session = session::open(arguments)?;
    let terminal = Terminal::new(session.parts)?;
    let mut driver = Driver::new(terminal, session.received, session.clock);
    let (sender, lines) = sync_channel::<String>(LINES_MAX);
    std::thread::Builder::new().name("commands".into()).spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut bytes = Vec::new();
        while matches!(input.read_until(b'\n', &mut bytes), Ok(length) if length > 0) {
            // What is no UTF-8 becomes a line that is no command, and is answered as one.
            if sender.send(String::from_utf8_lossy(&bytes).into_owned()).is_err() {
                return;
            }
            bytes.clear();
        }
    })?;
    let mut output = std::io::stdout().lock();
    loop {
        match lines.recv_timeout(IDLE) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let reply = driver.line(&line);
                serde_json::to_writer(&mut output, &reply)?;
                writeln!(output)?;
                output.flush()?;
                if matches!(serde_json::from_str(&line), Ok(Command::Quit)) {
                    break;
                }
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => driver.pump(),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    session.runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}
