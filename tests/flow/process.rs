//! The terminal and central as real processes: started, spoken to, killed.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The terminal's program.
pub fn terminal_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_crossroads"))
}

/// Central's program, built beside the terminal's.
pub fn central_program() -> PathBuf {
    let path = terminal_program().with_file_name("crossroads-central");
    assert!(
        path.exists(),
        "{} is not built: run `cargo build --workspace --bins` first",
        path.display()
    );
    path
}

/// A central of its own for one test, with a small demo chain.
pub struct Central {
    child: Option<Child>,
    /// Its data.
    pub data: PathBuf,
    /// Where it listens.
    pub address: String,
    port: u16,
}

/// What a program that succeeds says.
pub fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{} {arguments:?}: {text}{}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Central {
    /// Seeds and starts a central below `directory`.
    pub fn start(directory: &Path, articles: u32, customers: u32, orders: u32) -> Self {
        let data = directory.join("central");
        let numbers = [articles, customers, orders].map(|number| number.to_string());
        let data_text = data.to_str().unwrap().to_owned();
        run(
            &central_program(),
            &[
                "seed",
                "--data",
                &data_text,
                "--articles",
                &numbers[0],
                "--customers",
                &numbers[1],
                "--orders",
                &numbers[2],
                "--seed",
                "7",
                "--demo",
            ],
        );
        let port = free_port();
        let mut central =
            Self { child: None, data, address: format!("http://127.0.0.1:{port}"), port };
        central.serve(&[]);
        central
    }

    /// Starts to listen (again), with extra flags such as `--fault http500`.
    pub fn serve(&mut self, flags: &[&str]) {
        let listen = format!("127.0.0.1:{}", self.port);
        let child = Command::new(central_program())
            .args(["serve", "--data", self.data.to_str().unwrap(), "--listen", &listen])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        for _ in 0..200 {
            if std::net::TcpStream::connect(&listen).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("central does not listen on {listen}");
    }

    /// Pulls central's plug.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// A one-time code for terminal T01 of store S001.
    pub fn enrolment_code(&self) -> String {
        let data = self.data.to_str().unwrap();
        let output = run(
            &central_program(),
            &["enrol-code", "--data", data, "--store", "S001", "--terminal", "T01", "--json"],
        );
        let answer: Value = serde_json::from_str(output.trim()).unwrap();
        answer["code"].as_str().unwrap().to_owned()
    }

    /// What a command about this central's data says.
    pub fn tell(&self, arguments: &[&str]) -> String {
        run(&central_program(), &[arguments, &["--data", self.data.to_str().unwrap()]].concat())
    }

    /// What central counted.
    pub fn report(&self) -> Value {
        let data = self.data.to_str().unwrap();
        serde_json::from_str(&run(&central_program(), &["report", "--data", data, "--json"]))
            .unwrap()
    }
}

impl Drop for Central {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A `crossroads drive` session.
pub struct Terminal {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// The session is gone: it was killed.
#[derive(Debug)]
pub struct Gone;

impl Terminal {
    /// Starts a session on a data folder.
    pub fn start(data: &Path) -> Self {
        let mut command = Command::new(terminal_program());
        command.args(["drive", "--data", data.to_str().unwrap()]);
        Self::spawn(command)
    }

    /// Starts a session on a file system of `megabytes` that only it sees, mounted at `mount`.
    pub fn start_on_small_disk(mount: &Path, megabytes: u32) -> Self {
        let script = "mount -t tmpfs -o size=\"$1\"m none \"$2\" && exec \"$3\" drive --data \"$2/terminal\"";
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh", &megabytes.to_string()]);
        command.arg(mount).arg(terminal_program());
        let mut terminal = Self::spawn(command);
        terminal.done(json!({"do": "status"}));
        terminal
    }

    /// A path of the process's own file systems, reached from here.
    pub fn seen_from_outside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// Starts it with its log going somewhere.
    pub fn spawn_with(mut command: Command, stderr: Stdio) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { input: child.stdin.take(), output, child }
    }

    /// The operating system's number, for the one who kills.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a command and reads the answer; `Gone` if the process died.
    pub fn try_ask(&mut self, command: &Value) -> Result<Value, Gone> {
        let input = self.input.as_mut().ok_or(Gone)?;
        writeln!(input, "{command}").map_err(|_| Gone)?;
        input.flush().map_err(|_| Gone)?;
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(length) if length > 0 && line.ends_with('\n') => {
                Ok(serde_json::from_str(&line).unwrap())
            }
            _ => Err(Gone),
        }
    }

    /// Sends a command that must be answered.
    pub fn ask(&mut self, command: Value) -> Value {
        self.try_ask(&command).unwrap_or_else(|_| panic!("the terminal died at {command}"))
    }

    /// Sends a command that must succeed.
    pub fn done(&mut self, command: Value) -> Value {
        let answer = self.ask(command.clone());
        if answer["ok"] != json!(true) {
            let line = self.ask(json!({"do": "open", "view": "sync"}));
            panic!("{command} -> {answer}; the line: {line}");
        }
        answer
    }

    /// Enrols a new terminal and waits for the first sync.
    pub fn enrol(&mut self, central: &Central) {
        let code = central.enrolment_code();
        self.done(json!({"do": "enrol", "central": central.address, "code": code}));
        self.done(json!({"do": "wait", "until": "first-sync", "timeout_ms": 60_000}));
    }

    /// Signs the demo cashier in. A terminal that was killed while it checked a PIN counts that as an attempt that
    /// failed; after a few of them the right PIN has to wait as well.
    pub fn sign_in(&mut self) -> Value {
        let command = json!({"do": "sign-in", "pin": "1234"});
        for _ in 0..5 {
            let answer = self.ask(command.clone());
            if answer["message"]["code"] != json!("pin-locked") {
                assert_eq!(answer["ok"], json!(true), "{answer}");
                return answer;
            }
            let seconds = answer["data"]["locked_seconds"].as_u64().unwrap();
            std::thread::sleep(Duration::from_secs(seconds + 1));
        }
        self.done(command)
    }

    /// Ends the session in good order.
    pub fn quit(mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }

    /// Waits for a process that was killed from outside.
    pub fn reap(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process as a power cut would: no handler runs.
pub fn kill_dash_nine(process: u32) {
    let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
}
