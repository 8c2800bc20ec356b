//! Renders a conversation by the chat template that comes with a model, as `apply_chat_template` of transformers does:
//! Jinja with trimmed blocks, and Python's methods of strings. The date of today is not given to templates, so that the
//! same conversation is the same prompt on every day.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use minijinja::value::Kwargs;
use minijinja::{Environment, ErrorKind, Value, context};
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::checkpoint::Checkpoint;
use crate::checkpoint::side_json::SideJson;
use crate::error::{Error, Result};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text of the message.
    pub content: String,
}

/// A chat template.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    text: String,
    /// The file that the template is from, for errors.
    source: PathBuf,
    /// The texts of special tokens, by the names that templates use for them.
    special: Vec<(&'static str, String)>,
}

/// The most instructions of a template that are run, so that none runs for ever.
const FUEL: u64 = 10_000_000;

/// The largest conversation that is rendered, in bytes: more than any model reads.
const LARGEST: usize = 16 << 20;

/// The special tokens that templates name.
const SPECIAL: [&str; 4] = ["bos_token", "eos_token", "unk_token", "pad_token"];

impl ChatTemplate {
    /// Reads the template of a checkpoint: `tokenizer.chat_template` of a GGUF file, else `chat_template.jinja` or the
    /// key `chat_template` of `tokenizer_config.json`, of several the one called `default`.
    ///
    /// # Errors
    /// No template, or one of another type than text.
    pub fn of(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Self> {
        match checkpoint.metadata() {
            Some(_) => ChatTemplate::of_gguf(checkpoint, path),
            None => ChatTemplate::of_folder(checkpoint, path),
        }
    }

    fn of_gguf(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Self> {
        let metadata = checkpoint.metadata().ok_or_else(|| missing(path))?;
        let text = metadata.get_str("tokenizer.chat_template")?.ok_or_else(|| missing(path))?;
        let tokens = metadata.get_array_str("tokenizer.ggml.tokens")?.unwrap_or_default();
        let mut special = Vec::new();
        for (name, key) in SPECIAL.into_iter().zip([
            "bos_token_id",
            "eos_token_id",
            "unknown_token_id",
            "padding_token_id",
        ]) {
            let id = metadata.get_u64(&format!("tokenizer.ggml.{key}"))?;
            let token = id.and_then(|id| tokens.get(usize::try_from(id).ok()?));
            special.extend(token.map(|token| (name, (*token).to_owned())));
        }
        Ok(ChatTemplate { text: text.to_owned(), source: path.to_path_buf(), special })
    }

    fn of_folder(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Self> {
        let config = SideJson::of(checkpoint, "tokenizer_config.json")?;
        let key = |name: &str| config.as_ref().and_then(|config| config.map.get(name));
        // A special token is a text, or an object with the text in `content`.
        let token = |name: &'static str| {
            let value = key(name)?;
            Some((name, value.as_str().or(value["content"].as_str())?.to_owned()))
        };
        let special = SPECIAL.into_iter().filter_map(token).collect();
        if let Some(bytes) = checkpoint.side_file("chat_template.jinja")? {
            let source = bytes.label().to_path_buf();
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Error::malformed(&source, "it is not UTF-8"))?
                .to_owned();
            return Ok(ChatTemplate { text, source, special });
        }
        let source = config.as_ref().map_or(path, |config| &config.label).to_path_buf();
        let named = |list: &[Json]| {
            let default = list.iter().find(|one| one["name"] == "default")?;
            default["template"].as_str().map(str::to_owned)
        };
        let text = match key("chat_template") {
            Some(Json::String(text)) => Some(text.clone()),
            Some(Json::Array(list)) => named(list),
            _ => None,
        };
        let text = text.ok_or_else(|| missing(path))?;
        Ok(ChatTemplate { text, source, special })
    }

    /// Renders a conversation, with the words that begin the model's answer.
    ///
    /// # Errors
    /// A template that is no Jinja, that uses what is not known here, or that refuses the conversation, and one that writes
    /// more than 16 MiB or runs for too long. What it holds in variables is not bounded: a template can double a text
    /// until no memory is left, so that a program that renders templates of others must bound its memory.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        let refused = |e: minijinja::Error| {
            let said = e.detail().map_or_else(|| e.to_string(), str::to_owned);
            let line = e.line().map(|line| format!(" (line {line})")).unwrap_or_default();
            Error::malformed(&self.source, format!("the chat template{line}: {said}"))
        };
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |said: String| -> Result<Value, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, said))
            },
        );
        environment.add_filter("tojson", python_json);
        environment.add_template("chat", &self.text).map_err(refused)?;
        let special = self.special.iter().map(|(name, text)| (*name, Value::from(text.clone())));
        let given =
            context! { messages, add_generation_prompt => true, ..Value::from_iter(special) };
        let mut out = Limited::default();
        let rendered = environment
            .get_template("chat")
            .and_then(|chat| chat.render_captured_to(given, &mut out).map(drop));
        if out.full {
            let problem = format!("the chat template writes more than {} MiB", LARGEST >> 20);
            return Err(Error::malformed(&self.source, problem));
        }
        rendered.map_err(refused)?;
        String::from_utf8(out.text).map_err(|_| {
            Error::malformed(&self.source, "the chat template writes what is not UTF-8")
        })
    }
}

/// Text that refuses to grow beyond [`LARGEST`].
#[derive(Default)]
struct Limited {
    text: Vec<u8>,
    full: bool,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full |= self.text.len() + bytes.len() > LARGEST;
        if self.full {
            return Err(io::Error::other("too long"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn missing(path: &Path) -> Error {
    Error::malformed(
        path,
        "it has no chat template (tokenizer.chat_template in GGUF, chat_template.jinja or tokenizer_config.json in a folder): \
         write the prompt as the model expects it, without --chat",
    )
}

/// The filter `tojson` as transformers has it: Python's `json.dumps`, with nothing escaped for HTML.
fn python_json(value: Value, options: Kwargs) -> Result<String, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    let mut text = Vec::new();
    let failed = |e: serde_json::Error| {
        minijinja::Error::new(ErrorKind::BadSerialization, "no JSON").with_source(e)
    };
    match indent {
        Some(width) => {
            let blanks = vec![b' '; width.min(64)];
            let formatter = PrettyFormatter::with_indent(&blanks);
            value
                .serialize(&mut Serializer::with_formatter(&mut text, formatter))
                .map_err(failed)?;
        }
        None => {
            value.serialize(&mut Serializer::with_formatter(&mut text, Spaced)).map_err(failed)?;
        }
    }
    String::from_utf8(text)
        .map_err(|_| minijinja::Error::new(ErrorKind::BadSerialization, "no UTF-8"))
}

/// Writes a blank after each comma and colon, as Python does.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}
