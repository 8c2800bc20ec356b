//! Mistakes on the command line, each in one line like every other error.

use std::process::ExitCode;

use clap::error::ErrorKind;

use super::ERROR;

/// Prints help as it is laid out, and a mistake in one line with what to do.
pub fn told(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nothing is left to do if nobody reads it.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ERROR))
        }
        _ => {
            eprintln!("{}", one_line(&error.render().to_string()));
            ExitCode::from(ERROR)
        }
    }
}

/// What is wrong and the tips, then where to read on; the usage is left to that.
fn one_line(message: &str) -> String {
    let (mut line, mut help) = (String::new(), "unargmax --help".to_owned());
    let mut usage = false;
    for part in message.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(rest) = part.strip_prefix("Usage: ") {
            usage = true;
            let words = rest.split(' ').take_while(|w| w.bytes().all(|b| b.is_ascii_lowercase()));
            help = words.chain(["--help"]).collect::<Vec<_>>().join(" ");
        } else if part.starts_with("For more information") {
            usage = true;
        } else if !usage {
            let between = match (line.is_empty(), part.starts_with("tip: ")) {
                (true, _) => "",
                (_, true) => "; ",
                _ => " ",
            };
            line.push_str(between);
            line.extend(part.chars().filter(|c| !c.is_control()));
        }
    }
    format!("{line}; see `{help}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_line_with_what_to_do() {
        let message = "error: unexpected argument '--nonsense' found\n\n  tip: to pass '--nonsense' as a value, use '-- \
                       --nonsense'\n\nUsage: unargmax audit [OPTIONS] [CHECKPOINT]\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(message),
            "error: unexpected argument '--nonsense' found; tip: to pass '--nonsense' as a value, use '-- --nonsense'; \
             see `unargmax audit --help`"
        );
    }
}
