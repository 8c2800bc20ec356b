//! `--tokens 5,17,100-200` or `--tokens @file`: ids, ranges of ids, or token strings.

use anyhow::{Context, Result, bail};

use unargmax::checkpoint::vocabulary::Vocabulary;

/// The ids of a selection among `tokens` tokens.
pub fn parse(text: &str, tokens: usize, vocabulary: Option<&Vocabulary>) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    match text.strip_prefix('@') {
        Some(path) => {
            let content =
                std::fs::read_to_string(path).with_context(|| format!("--tokens {text}"))?;
            for (i, line) in content.lines().enumerate() {
                let line = line.trim_end_matches('\r');
                if !line.is_empty() {
                    ids.extend(
                        item(line, tokens, vocabulary)
                            .with_context(|| format!("--tokens {text}, line {}", i + 1))?,
                    );
                }
            }
        }
        None => {
            for part in text.split(',').filter(|p| !p.is_empty()) {
                ids.extend(item(part, tokens, vocabulary).context("--tokens")?);
            }
        }
    }
    if ids.is_empty() {
        bail!("--tokens {text} selects no token");
    }
    Ok(ids)
}

/// One id, range or string; what looks like ids is ids.
fn item(text: &str, tokens: usize, vocabulary: Option<&Vocabulary>) -> Result<Vec<u32>> {
    let range = match text.split_once('-') {
        Some((first, last)) => first.trim().parse().ok().zip(last.trim().parse().ok()),
        None => text.trim().parse().ok().map(|id: usize| (id, id)),
    };
    if let Some((first, last)) = range {
        if first > last || last >= tokens {
            bail!("{text} is not within the ids 0-{} of the head", tokens - 1);
        }
        return Ok((first as u32..=last as u32).collect());
    }
    let Some(vocabulary) = vocabulary else {
        bail!(
            "{text:?} is no id, and there is no vocabulary to look it up in: give one by --vocab"
        );
    };
    let having = |same: &dyn Fn(&unargmax::checkpoint::vocabulary::Token) -> bool| -> Vec<u32> {
        vocabulary
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, t)| same(t))
            .map(|(id, _)| id as u32)
            .collect()
    };
    let mut found = having(&|t| t.piece == text);
    if found.is_empty() {
        found = having(&|t| t.text == text);
    }
    match found[..] {
        [id] => Ok(vec![id]),
        [] => bail!("no token is spelled {text:?}"),
        _ => bail!("{} tokens are spelled {text:?}: choose by id among {found:?}", found.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ranges_and_strings_are_selected() {
        let vocabulary = Vocabulary::from_json_bytes(br#"["a","b","a-b","7x"]"#, "test").unwrap();
        let select = |text| parse(text, 4, Some(&vocabulary));
        assert_eq!(select("2,0-1").unwrap(), [2, 0, 1]);
        assert_eq!(select("b,7x,a-b").unwrap(), [1, 3, 2]);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for text in ["4", "3-9", "2-1", "x", "", ","] {
            assert!(parse(text, 4, None).is_err(), "{text}");
        }
    }
}
