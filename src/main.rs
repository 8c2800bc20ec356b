//! The `unargmax` command. Everything it does is in the library and in `cli`.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run()
}
