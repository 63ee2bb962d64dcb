//! `crossroads-central`: the commerce API as a program. The commands are in `cli/`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
