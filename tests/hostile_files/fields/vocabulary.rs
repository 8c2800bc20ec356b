//! Fields of a vocabulary: which token has which id, in each form that says so.

use super::super::random::Random;
use super::pickle::push_int;
use super::{Expected, Fields, Outcome, another};
use unargmax::checkpoint::vocabulary::{Kind, Vocabulary};

/// A map from tokens to ids in one of its forms.
#[derive(Clone, Debug)]
pub struct Map {
    tokens: Vec<(String, i128)>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Json,
    Tokenizer,
    Yaml,
    Pickle,
}

const FORMS: [Form; 4] = [Form::Json, Form::Tokenizer, Form::Yaml, Form::Pickle];

impl Map {
    fn label(&self) -> &'static str {
        match self.form {
            Form::Json => "vocab.json",
            Form::Tokenizer => "tokenizer.json",
            Form::Yaml => "vocab.yml",
            Form::Pickle => "vocab.pkl",
        }
    }

    /// The pieces by id, with nothing where an id is left out; `None` for what is no vocabulary.
    fn pieces(&self) -> Option<Vec<Option<&str>>> {
        let mut pieces: Vec<Option<&str>> = Vec::new();
        for (token, id) in &self.tokens {
            // More ids left out than this are damage.
            let id = usize::try_from(*id).ok().filter(|&id| id < 60_000)?;
            if id >= pieces.len() {
                pieces.resize(id + 1, None);
            }
            if pieces[id].replace(token).is_some() {
                return None;
            }
        }
        Some(pieces)
    }
}

impl Fields for Map {
    const LABEL: &'static str = "vocab";
    const MOST_MEMORY: usize = 8 << 20;
    const SLOWER: u64 = 4;

    fn valid() -> Self {
        let tokens = ["<unk>", "ab", "é", "c"];
        let tokens = tokens.iter().zip(0..).map(|(token, id)| ((*token).to_owned(), id)).collect();
        Map { tokens, form: Form::Json }
    }

    fn change(&mut self, random: &mut Random) {
        let at = random.below(self.tokens.len());
        match random.below(4) {
            0 => self.form = FORMS[random.below(4)],
            1 => self.tokens[at].0 = ["ab", "", "x y", "\u{1F600}"][random.below(4)].to_owned(),
            _ => self.tokens[at].1 = another(self.tokens[at].1, random),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let map = || {
            let pairs: Vec<String> = self
                .tokens
                .iter()
                .map(|(t, id)| format!("{}: {id}", serde_json::json!(t)))
                .collect();
            pairs
        };
        match self.form {
            Form::Json => format!("{{{}}}", map().join(", ")).into_bytes(),
            Form::Tokenizer => {
                format!(r#"{{"model": {{"type": "BPE", "vocab": {{{}}}}}}}"#, map().join(", "))
                    .into_bytes()
            }
            Form::Yaml => (map().join("\n") + "\n").into_bytes(),
            Form::Pickle => {
                let mut program = vec![0x80, 2, b'}', b'('];
                for (token, id) in &self.tokens {
                    program.push(b'X');
                    program.extend((token.len() as u32).to_le_bytes());
                    program.extend(token.bytes());
                    push_int(&mut program, *id);
                }
                program.extend(b"u.");
                program
            }
        }
    }

    fn expected(&self) -> Expected {
        Expected::Either
    }

    fn judge(&self) -> Outcome {
        let read = Vocabulary::from_bytes(self.bytes(), self.label());
        let twice = (1..self.tokens.len())
            .any(|at| self.tokens[..at].iter().any(|(t, _)| *t == self.tokens[at].0));
        let valid = self.pieces();
        let far = self.tokens.iter().any(|(_, id)| (60_000..80_000).contains(id));
        match (read, valid) {
            (Err(_), None) => Outcome::Refused,
            // A token that comes twice, or an id just beyond the holes that are allowed: either is right.
            (Ok(_), _) if twice || far => Outcome::Accepted,
            (Err(_), _) if twice || far => Outcome::Refused,
            (Err(error), Some(_)) => Outcome::WronglyRefused(error.to_string()),
            (Ok(found), None) => Outcome::WronglyAccepted(format!("{:?}", found.tokens)),
            (Ok(found), Some(wanted)) => {
                let same = found.tokens.len() == wanted.len()
                    && found.tokens.iter().zip(&wanted).all(|(token, piece)| match piece {
                        Some(piece) => token.piece == *piece,
                        None => token.kind == Kind::Padding,
                    });
                match same {
                    true => Outcome::Accepted,
                    false => Outcome::WronglyAccepted(format!("{:?} for {wanted:?}", found.tokens)),
                }
            }
        }
    }
}
