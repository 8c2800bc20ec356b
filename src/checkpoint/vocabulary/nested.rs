//! Reads vocabularies within a JSON object: `{"char2idx": {..}}`, `{"itos": [..], "stoi": {..}}`, `{"0": "a"}`, lists
//! of pairs.

use serde_json::{Map, Value};

use super::{Spelling, Token, ids};

/// Keys whose value is a map from token to id.
const TO_ID: [&str; 12] = [
    "vocab",
    "char2idx",
    "char_to_idx",
    "token2id",
    "token2idx",
    "token_to_id",
    "word2idx",
    "word2id",
    "stoi",
    "str2int",
    "label2id",
    "symbol_to_id",
];

/// Keys whose value lists the tokens by id: a list, or a map from id to token.
const BY_ID: [&str; 12] = [
    "itos",
    "tokens",
    "idx2char",
    "idx_to_char",
    "id2token",
    "idx2token",
    "id_to_token",
    "idx2word",
    "id2word",
    "id2label",
    "labels",
    "characters",
];

/// Reads the tokens in the order of their ids.
///
/// # Errors
/// A value that is no vocabulary of these forms, two vocabularies that differ, or invalid ids; the error is a
/// sentence.
pub(super) fn read(value: &Value) -> Result<Vec<Token>, String> {
    let pieces = match value {
        Value::Array(list) => of_list(list)?,
        Value::Object(map) => of_object(map)?,
        other => return Err(format!("it is {}, neither a list nor a map", kind(other))),
    };
    ids::placed(pieces)
}

/// Whether a value contains lists or maps.
pub(super) fn has_parts(value: &Value) -> bool {
    let part = |value: &Value| value.is_object() || value.is_array();
    match value {
        Value::Array(list) => list.iter().any(part),
        Value::Object(map) => map.values().any(part),
        _ => false,
    }
}

/// Pairs of id and token.
type Pieces = Vec<(usize, String)>;

/// Reads the vocabulary of an object: under one of the known keys, or the object itself.
fn of_object(map: &Map<String, Value>) -> Result<Pieces, String> {
    let mut found: Vec<(&str, Pieces)> = Vec::new();
    for (keys, by_id) in [(TO_ID, false), (BY_ID, true)] {
        for key in keys {
            let pieces = match map.get(key) {
                Some(Value::Object(inner)) if by_id => from_ids(inner),
                Some(Value::Object(inner)) => to_ids(inner),
                Some(Value::Array(list)) => of_list(list),
                _ => continue,
            };
            let mut pieces = pieces.map_err(|problem| format!("under \"{key}\", {problem}"))?;
            pieces.sort();
            found.push((key, pieces));
        }
    }
    if let Some([one, other]) = found.array_windows().find(|[one, other]| one.1 != other.1) {
        return Err(format!("\"{}\" and \"{}\" are different vocabularies", one.0, other.0));
    }
    match found.into_iter().next() {
        Some((_, pieces)) => Ok(pieces),
        None => to_ids(map).or_else(|problem| from_ids(map).map_err(|_| problem)),
    }
}

/// Reads a map from token to id.
fn to_ids(map: &Map<String, Value>) -> Result<Pieces, String> {
    map.iter()
        .map(|(token, id)| {
            Ok((
                whole(id).ok_or_else(|| format!("token `{token}`: its id is {id}"))?,
                token.clone(),
            ))
        })
        .collect()
}

/// Reads a map from id to token.
fn from_ids(map: &Map<String, Value>) -> Result<Pieces, String> {
    map.iter()
        .map(|(id, token)| {
            let number = id.parse().map_err(|_| format!("`{id}` is not an id"))?;
            let token = token.as_str().ok_or_else(|| format!("id {id}: its token is {token}"))?;
            Ok((number, token.to_owned()))
        })
        .collect()
}

/// Reads a list of tokens, or of pairs of a token with its id or its score.
fn of_list(list: &[Value]) -> Result<Pieces, String> {
    let mut pieces = Vec::new();
    let mut numbers: Vec<&Value> = Vec::new();
    for (place, entry) in list.iter().enumerate() {
        let token = match entry {
            Value::String(token) => token,
            Value::Array(pair) => match &pair[..] {
                [Value::String(token), number @ Value::Number(_)] => {
                    numbers.push(number);
                    token
                }
                _ => return Err(format!("entry {place} is not a pair of a token and a number")),
            },
            other => return Err(format!("entry {place} is {}, not a token", kind(other))),
        };
        pieces.push((place, token.clone()));
    }
    match numbers.len() {
        0 => Ok(pieces),
        n if n < pieces.len() => {
            Err("some of its entries are tokens and some are pairs".to_owned())
        }
        _ => numbered(pieces, &numbers),
    }
}

/// Assigns ids to pairs: their numbers are the ids, each from 0 on once, or scores, which are not integers.
fn numbered(pieces: Pieces, numbers: &[&Value]) -> Result<Pieces, String> {
    let ids: Option<Vec<usize>> = numbers.iter().map(|n| whole(n)).collect();
    let Some(ids) = ids else {
        // These are scores of a unigram model, whose tokens are in the order of their ids.
        return match numbers.iter().all(|n| n.is_f64()) {
            true => Ok(pieces),
            false => Err("the numbers of its pairs are neither ids nor scores".to_owned()),
        };
    };
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    match sorted.iter().enumerate().all(|(at, &id)| at == id) {
        true => Ok(ids.into_iter().zip(pieces).map(|(id, (_, token))| (id, token)).collect()),
        false => Err(
            "the numbers of its pairs are not the ids 0, 1, 2, ..., each once: are they counts?"
                .to_owned(),
        ),
    }
}

/// Returns a JSON number that is a valid id.
fn whole(number: &Value) -> Option<usize> {
    number.as_u64().and_then(|id| usize::try_from(id).ok())
}

/// Names the kind of a JSON value, for errors.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Reads lines that are each a token and a number; `None` for lines of another form. The number is the id, as in
/// Kaldi, or with `counted` a count, as in fairseq's `dict.txt`, whose tokens follow the four special ones.
///
/// # Errors
/// Numbers that are no ids in a file that is not fairseq's; the error is a sentence.
pub(super) fn of_lines(lines: &[&str], counted: bool) -> Result<Option<Vec<Token>>, String> {
    let lines: Vec<&str> = lines.iter().copied().filter(|line| !line.is_empty()).collect();
    let pairs: Option<Pieces> = lines
        .iter()
        .map(|line| {
            let line = line.strip_suffix(" #fairseq:overwrite").unwrap_or(line);
            let (token, number) = line.rsplit_once([' ', '\t'])?;
            Some((number.parse().ok()?, token.trim_end().to_owned()))
        })
        .collect();
    // A single line, or an empty token, means that the file is not such a table.
    let Some(pairs) = pairs.filter(|p| p.len() > 1 && p.iter().all(|(_, t)| !t.is_empty())) else {
        return Ok(None);
    };
    let mut sorted: Vec<usize> = pairs.iter().map(|p| p.0).collect();
    sorted.sort_unstable();
    let distinct = sorted.array_windows().all(|[a, b]| a < b);
    if counted {
        let special = ["<s>", "<pad>", "</s>", "<unk>"].map(str::to_owned);
        let pieces = special.into_iter().chain(pairs.into_iter().map(|(_, token)| token));
        return Ok(Some(pieces.map(|piece| Token::spelled(piece, Spelling::Plain)).collect()));
    }
    match distinct && sorted[0] <= 1 && sorted[sorted.len() - 1] <= 2 * sorted.len() {
        true => ids::placed(pairs).map(Some),
        false => Err("each line is a token and a number, and the numbers are not ids: are they counts? Write the tokens \
                      alone, one per line in the order of their ids, or a JSON map from token to id"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Result<Vec<String>, String> {
        let tokens = read(&serde_json::from_str(json).unwrap())?;
        Ok(tokens.into_iter().map(|token| token.piece).collect())
    }

    #[test]
    fn every_form_gives_the_same_tokens() {
        for json in [
            r#"{"char2idx": {"b": 1, "a": 0}}"#,
            r#"{"tokens": ["a", "b"], "unk": "a"}"#,
            r#"{"vocab": {"a": 0, "b": 1}, "version": 3}"#,
            r#"{"vocab": ["a", "b"]}"#,
            r#"{"itos": ["a", "b"], "stoi": {"a": 0, "b": 1}}"#,
            r#"{"word2idx": {"a": 0, "b": 1}, "idx2word": {"0": "a", "1": "b"}}"#,
            r#"{"1": "b", "0": "a"}"#,
            r#"[["b", 1], ["a", 0]]"#,
            r#"[["a", -1.5], ["b", -2.25]]"#,
        ] {
            assert_eq!(texts(json).unwrap(), ["a", "b"], "{json}");
        }
    }

    #[test]
    fn what_is_no_vocabulary_is_told() {
        for (json, says) in [
            (r#"{"itos": ["a", "b"], "stoi": {"a": 1, "b": 0}}"#, "different vocabularies"),
            (r#"{"vocab": {"a": -1}}"#, "under \"vocab\", token `a`"),
            (r#"{"tokens": ["a", 1]}"#, "entry 1 is a number"),
            (r#"[["a", 17], ["b", 4]]"#, "are they counts?"),
            (r#"["a", ["b", 1]]"#, "some are pairs"),
            (r#"{"version": "1.0"}"#, "token `version`"),
            ("7", "a number, neither a list"),
        ] {
            let said = texts(json).unwrap_err();
            assert!(said.contains(says), "{json}: {said}");
        }
    }

    #[test]
    fn lines_of_tokens_and_numbers_are_tables() {
        let pieces = |lines: &[&str], counted| {
            of_lines(lines, counted)
                .map(|t| t.map(|t| t.into_iter().map(|t| t.piece).collect::<Vec<_>>()))
        };
        assert_eq!(
            pieces(&["<eps> 0", "a 1", "b 2"], false).unwrap().unwrap(),
            ["<eps>", "a", "b"]
        );
        assert_eq!(
            pieces(&["b 2", "<eps> 0", "a 1"], false).unwrap().unwrap(),
            ["<eps>", "a", "b"]
        );
        let fairseq = ["<s>", "<pad>", "</s>", "<unk>", "the", "a"];
        assert_eq!(pieces(&["the 900", "a 17"], true).unwrap().unwrap(), fairseq);
        assert!(pieces(&["the 900", "a 17"], false).unwrap_err().contains("are they counts?"));
        assert!(pieces(&["a 1", "a 1"], false).is_err());
        assert_eq!(pieces(&["a", "b"], false), Ok(None));
        assert_eq!(pieces(&["new york", "a 1"], false), Ok(None));
    }
}
