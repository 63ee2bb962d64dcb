//! `crossroads-sim`: runs many seeds, or one again with its trace.

use clap::Parser;
use simulator::{
    Breakage, Class, Classes, Failure, Profile, Scratch, Settings, Tally, run, shrink,
};
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Simulates terminals, network, disks, clocks and central from a seed, and checks that nothing is lost, doubled or
/// stuck.
#[derive(Parser)]
#[command(name = "crossroads-sim")]
struct Options {
    /// How many seeds to run, from `--seed` on (0 if it is not given).
    #[arg(long)]
    seeds: Option<u64>,
    /// The seed; alone: only this one.
    #[arg(long)]
    seed: Option<u64>,
    /// Print everything that happens in the one run.
    #[arg(long)]
    trace: bool,
    /// Only partitions and disconnects, more of them and longer.
    #[arg(long)]
    partition: bool,
    /// Classes of faults to leave out, separated by commas.
    #[arg(long, value_enum, value_name = "CLASS", value_delimiter = ',')]
    without: Vec<Class>,
    /// Only the first so many acts of the plan.
    #[arg(long)]
    steps: Option<usize>,
    /// A defect on purpose: the checks must find it.
    #[arg(long = "break", value_enum, value_name = "DEFECT")]
    breakage: Option<Breakage>,
    /// Threads; all cores if it is not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Stop after so many failing seeds.
    #[arg(long, default_value_t = 10)]
    failures: usize,
    /// Print failing runs as they are, without looking for smaller ones.
    #[arg(long)]
    no_shrink: bool,
}

/// Lines of a trace that are printed; the end is what matters.
const LINES_MAX: usize = 120;

/// Standard output takes no more: a full disk, or a reader that went away. Nobody would see what is found.
static IS_UNREAD: AtomicBool = AtomicBool::new(false);

/// Prints a line. False, and for ever, once that has failed.
fn say(line: &str) -> bool {
    if !IS_UNREAD.load(Ordering::Relaxed) && writeln!(std::io::stdout().lock(), "{line}").is_err() {
        IS_UNREAD.store(true, Ordering::Relaxed);
    }
    !IS_UNREAD.load(Ordering::Relaxed)
}

impl Options {
    fn settings(&self, seed: u64) -> Settings {
        let profile = if self.partition { Profile::Partition } else { Profile::Storm };
        let classes = self.without.iter().fold(Classes::ALL, |all, class| all.without(*class));
        let mut settings = Settings::new(seed, profile);
        (settings.classes, settings.breakage) = (classes, self.breakage);
        settings.steps = self.steps.unwrap_or(usize::MAX);
        settings
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    // Panics are findings: they are caught and told with their seed.
    std::panic::set_hook(Box::new(|_| {}));
    let code = match (options.seed, options.seeds) {
        (Some(seed), None) => one(&options, seed),
        (seed, seeds) => many(&options, seed.unwrap_or(0), seeds.unwrap_or(1_000)),
    };
    if IS_UNREAD.load(Ordering::Relaxed) {
        // Standard error may be as full.
        let _ = writeln!(std::io::stderr().lock(), "stopped: standard output takes no more");
        return ExitCode::FAILURE;
    }
    code
}

fn one(options: &Options, seed: u64) -> ExitCode {
    let settings = Settings { is_traced: true, ..options.settings(seed) };
    match run(&settings, &Scratch::new()) {
        Ok(run) => {
            if options.trace {
                print_trace(&run.lines, usize::MAX);
            }
            say(&format!("seed {seed}: no invariant broken"));
            say(&format!("  {} steps, {} acts, trace {:016x}", run.steps, run.acts, run.trace));
            print_tally(&run.tally);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            print_trace(&failure.lines, if options.trace { usize::MAX } else { LINES_MAX });
            tell(&failure);
            ExitCode::FAILURE
        }
    }
}

fn many(options: &Options, first: u64, count: u64) -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = options.jobs.unwrap_or(cores).max(1);
    let (next, done) = (AtomicU64::new(first), AtomicU64::new(0));
    let (sum, failures) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    simulator::Template::shared();
    #[allow(clippy::disallowed_methods, reason = "this is the rim: it measures")]
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                let scratch = Scratch::new();
                let mut own = Tally::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_enough = lock(&failures).len() >= options.failures;
                    if seed - first >= count || is_enough || IS_UNREAD.load(Ordering::Relaxed) {
                        break;
                    }
                    match run(&options.settings(seed), &scratch) {
                        Ok(run) => {
                            own.merge(&run.tally);
                            own.add("steps", run.steps);
                            own.add("simulated hours", run.simulated_ms / 3_600_000);
                        }
                        Err(failure) => {
                            let failure = match options.no_shrink {
                                true => *failure,
                                false => shrink(&failure, &scratch),
                            };
                            tell(&failure);
                            print_trace(&failure.lines, LINES_MAX);
                            lock(&failures).push(seed);
                        }
                    }
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, count, began.elapsed());
                }
                lock(&sum).merge(&own);
            });
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let done = done.into_inner();
    let rate = done as f64 / seconds;
    say(&format!("{done} seeds in {seconds:.1} s: {rate:.1} seeds/s on {jobs} threads"));
    print_tally(&lock(&sum));
    let failures = lock(&failures);
    say(&format!("failing seeds: {} {:?}", failures.len(), failures.as_slice()));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn progress(done: u64, count: u64, elapsed: Duration) {
    if done.is_multiple_of((count / 20).max(1_000)) {
        let rate = done as f64 / elapsed.as_secs_f64();
        // Progress is beside the findings: where nobody can read it, it is left out.
        let told = format!("  {done} of {count} seeds, {rate:.0} seeds/s");
        let _ = writeln!(std::io::stderr().lock(), "{told}");
    }
}

fn tell(failure: &Failure) {
    say(&format!("seed {} fails: {}", failure.settings.seed, failure.violation));
    say(&format!("  replay: ./dev sim {} --trace", failure.settings));
}

fn print_trace(lines: &[String], count_max: usize) {
    let skipped = lines.len().saturating_sub(count_max);
    if skipped > 0 {
        say(&format!("  ... {skipped} lines before"));
    }
    lines.iter().skip(skipped).all(|line| say(&format!("  {line}")));
}

fn print_tally(tally: &Tally) {
    tally.iter().all(|(name, count)| say(&format!("  {name:<45} {count:>12}")));
}
