//! Words of command lines: quoted for a shell, and without paths of the machine.

/// A word of a command line for publication: an absolute path, also as the value of an option or after `@`, becomes a
/// placeholder that ends in its last part.
pub fn shareable_word(word: &str) -> String {
    let option = word.strip_prefix("--").and_then(|rest| rest.find('='));
    let start = option.map_or(0, |at| at + 3);
    let start = start + usize::from(word[start..].starts_with('@'));
    let (before, path) = word.split_at(start);
    match is_absolute(path) {
        true => format!("{before}/path/to/{}", last_part(path).unwrap_or_default()),
        false => word.to_owned(),
    }
}

/// Whether a path is absolute on this or another system, because a report may be made on another machine than the
/// audit.
pub fn is_absolute(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    path.starts_with(['/', '\\', '~']) || drive
}

/// The last part of a path that is a name.
pub fn last_part(path: &str) -> Option<&str> {
    path.split(['/', '\\']).rfind(|part| !matches!(*part, "" | "." | ".." | "~"))
}

/// Quotes a word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, text) in [
            ("a/b.safetensors", "a/b.safetensors"),
            ("my model", "'my model'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("~", "'~'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), text);
        }
    }
}
