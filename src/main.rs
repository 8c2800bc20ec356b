//! The `unargmax` command. Everything it does is in the library and in its module `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    unargmax::cli::run(&std::env::args_os().collect::<Vec<_>>())
}
