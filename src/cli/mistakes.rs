//! Errors in the command line's arguments, each printed on one line like every other error.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::ERROR;

/// Prints help as clap lays it out, or an error in these `arguments` on one line, and returns the exit status.
pub fn told(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // A failure to print help is ignored: there is nothing else to do.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(ERROR))
        }
        _ => {
            let texts = arguments.iter().skip(1).map(|a| a.to_string_lossy().into_owned());
            let arguments: Vec<String> = texts.collect();
            eprintln!("{}", one_line(&error.render().to_string(), &arguments));
            ExitCode::from(ERROR)
        }
    }
}

/// Options that need another option.
const PARTNERS: [(&str, &str); 4] = [
    ("--svg", "--out"),
    ("--no-report", "--out"),
    ("--force", "--out"),
    ("--baseline", "--fail-on"),
];
/// How clap's message begins when a required argument is missing.
const NOT_PROVIDED: &str = "the following required arguments were not provided:";

/// Joins clap's error message and its tips into one line that ends with the help command to run; the usage is left
/// out.
fn one_line(message: &str, arguments: &[String]) -> String {
    let command = super::Cli::command();
    let subcommand = arguments.first().filter(|name| command.find_subcommand(name).is_some());
    let help = match subcommand {
        Some(name) => format!("unargmax {name} --help"),
        None => "unargmax --help".to_owned(),
    };
    let (mut line, mut usage) = (String::new(), false);
    for part in message.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("Usage: ") || part.starts_with("For more information") {
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
    // clap says which option is missing, not which given option asks for it.
    let partner = PARTNERS.iter().find(|(option, partner)| {
        arguments.iter().any(|given| given.split('=').next() == Some(option))
            && line.contains(NOT_PROVIDED)
            && line.contains(partner)
    });
    if let Some((option, _)) = partner {
        line = line.replace(NOT_PROVIDED, &format!("{option} needs"));
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
            one_line(message, &["audit".to_owned(), "--nonsense".to_owned()]),
            "error: unexpected argument '--nonsense' found; tip: to pass '--nonsense' as a value, use '-- --nonsense'; \
             see `unargmax audit --help`"
        );
    }
}
