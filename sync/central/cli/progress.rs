//! Progress: a bar on a terminal, plain lines otherwise; Ctrl-C and SIGTERM stop work between two batches.

use central::task::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a plain line is written.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Becomes ready when a person or the system asks to stop.
pub async fn stop_asked() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be waited for");
    tokio::select! {
        // An error means that Ctrl-C cannot be seen; then only SIGTERM stops.
        Ok(()) = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// A flag that is set when stop is asked for. The second request ends the process at once.
pub fn stop_flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let wait = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            stop_asked().await;
            set.store(true, Ordering::Relaxed);
            super::note("\nstopping after this batch; once more ends at once");
            stop_asked().await;
            std::process::exit(130);
        });
    };
    let thread = std::thread::Builder::new().name("stop-flag".into()).spawn(wait);
    drop(thread.expect("a process can start one thread"));
    flag
}

/// Shows how far work is.
pub struct Progress {
    stop: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    what: String,
    total: u64,
    told: Option<Instant>,
}

impl Progress {
    /// Starts to listen for Ctrl-C.
    pub fn new() -> Self {
        Self { stop: stop_flag(), bar: None, what: String::new(), total: 0, told: None }
    }

    /// Ends the last part.
    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
    }
}

impl Watch for Progress {
    fn begin(&mut self, what: &str, total: u64) {
        self.finish();
        (self.what, self.total, self.told) = (what.into(), total, None);
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{msg:24} {wide_bar} {human_pos}/{human_len} {eta:>5}",
            );
            let bar = ProgressBar::new(total).with_message(self.what.clone());
            self.bar = Some(bar.with_style(style.expect("the template is right")));
        }
    }

    #[allow(clippy::disallowed_methods, reason = "how often to print is no business of the core")]
    fn done(&mut self, count: u64) -> bool {
        if let Some(bar) = &self.bar {
            bar.set_position(count);
        } else {
            let is_due = self.told.is_none_or(|told| told.elapsed() >= LINE_EVERY);
            if is_due || count == self.total {
                self.told = Some(Instant::now());
                let of = match self.total {
                    0 => String::new(),
                    total => format!(" of {total}"),
                };
                super::note(&format!("{}: {count}{of}", self.what));
            }
        }
        !self.stop.load(Ordering::Relaxed)
    }
}
