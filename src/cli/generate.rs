//! The subcommand `unargmax generate`: continue a prompt with a model.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::bounded::bounded;
use super::model::{Ids, Masked, ModelArguments, Opened, read_features, read_latents};
use super::progress::Bar;
use unargmax::reach::chat::{ChatTemplate, Message};
use unargmax::reach::generate::{End, Generation, Prompt};
use unargmax::reach::rules::{Ignored, Rules};
use unargmax::reach::sampling::{Choice, Sampler};
use unargmax::reach::text::{SpecialTokens, Stream, Tokenizer};
use unargmax::transformer::Direction;

/// Let a model go on from a prompt: by the first token each time, or drawn at random.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// What to go on from; the encoder's text in a model that has one
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present_any = ["ids", "features"])]
    prompt: Option<String>,
    /// The prompt as token ids; ids are printed
    #[arg(long, value_name = "IDS", conflicts_with = "prompt")]
    ids: Option<Ids>,
    /// Render the prompt as a user's message by the model's own chat template; only the answer is printed
    #[arg(long, requires = "prompt")]
    chat: bool,
    /// With --chat: what the system's message says
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, requires = "chat")]
    system: Option<String>,
    /// Which positions see which: `causal`, `prefix:N` (the first N are seen by all) or `latent:N` [default: as the model
    /// was trained]. Under such a mask a model that fills gaps continues a text, up to the token that ends its texts
    #[arg(long, value_name = "MASK")]
    mask: Option<Masked>,
    /// The log-mel features that the encoder of a model of sound (Whisper) reads: a .npy or safetensors file, bands x
    /// frames. The prompt, if there is one, is then what the decoder begins with, <|startoftranscript|> included
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// A safetensors file with a tensor `latents`, blocks x d: the state at position 0 before each block
    #[arg(long, value_name = "FILE")]
    latents: Option<PathBuf>,
    /// The segment of each token of the prompt: 0,0,0,0 [default: 0 everywhere]
    #[arg(long, value_name = "LIST")]
    segments: Option<Ids>,
    /// With --segments: the segment of the tokens that follow [default: that of the last token of the prompt]
    #[arg(long, value_name = "SEGMENT", requires = "segments")]
    next_segment: Option<u32>,
    /// How many tokens at most
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_tokens: usize,
    /// What logits are divided by before a token is drawn; 0 takes the first token [default: 0, or 1 with --top-k,
    /// --top-p or --seed]
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Draw from the K most probable tokens only
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Draw from the fewest most probable tokens only whose probabilities sum to P
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// The same seed draws the same text
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Leave out these keys of generation_config.json (of config.json, where there is none), which are followed or
    /// refused otherwise: num_beams,repetition_penalty, or all. What they say of temperature, top_k and the like never
    /// counts: the options above do
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    ignore: Vec<String>,
}

/// Runs `unargmax generate`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let drawn = arguments.top_k.is_some() || arguments.top_p.is_some() || arguments.seed.is_some();
    let choice = Choice {
        temperature: arguments.temperature.unwrap_or(if drawn { 1.0 } else { 0.0 }),
        top_k: arguments.top_k,
        top_p: arguments.top_p.unwrap_or(1.0),
    };
    let sampler = Sampler::new(choice, arguments.seed.unwrap_or(0))?;
    let bar = Bar::new(false)?;
    let opened = arguments.model.open(&bar)?;
    let ignored = Ignored::keys(arguments.ignore.clone());
    let mut rules = Rules::of(opened.checkpoint.as_ref(), opened.model.configuration(), &ignored)?;
    let notes = rules.notes.clone();
    bar.stage("run");
    let tokenizer = match (&arguments.prompt, &arguments.ids) {
        (Some(_), None) | (None, None) => Some(arguments.model.tokenizer(&opened)?),
        _ => None,
    };
    let has_encoder = opened.model.configuration().has_encoder();
    if arguments.chat && has_encoder {
        bail!("--chat is for models of one stack, and this one has an encoder");
    }
    let prompt = prompt(arguments, &opened, tokenizer.as_ref())?;
    if let (Some(_), Some(tokenizer)) = (&arguments.mask, &tokenizer)
        && opened.model.configuration().attention == Direction::Both
    {
        // What ends the texts of such a model, [SEP], is no token that ends a generation by its configuration.
        rules.constraints.end.extend(tokenizer.around()?.1.last());
    }
    let given = Prompt {
        ids: prompt.clone(),
        features: arguments.features.as_deref().map(read_features).transpose()?,
        mask: arguments.mask.as_ref().map(|masked| masked.0.clone()),
        latents: arguments.latents.as_deref().map(read_latents).transpose()?,
        segments: arguments.segments.as_ref().map(|Ids(segments)| {
            let last = segments.last().copied().unwrap_or(0);
            (segments.clone(), arguments.next_segment.unwrap_or(last))
        }),
    };
    let mut generation =
        Generation::following(&opened.model, rules, given, sampler, arguments.max_tokens)?;
    // The first token is computed before the prompt is printed, so that a prompt that the model refuses is not shown.
    let next = generation.token()?;
    bar.finish();
    for note in notes {
        eprintln!("unargmax: {note}");
    }
    // The prompt is printed again, because the generated text continues it.
    let shown = if has_encoder || arguments.chat { &[][..] } else { &prompt };
    print(shown, next, &mut generation, tokenizer.as_ref().map(Tokenizer::stream))?;
    match generation.end() {
        Some(End::Context) => eprintln!("unargmax: the model's context is full"),
        Some(End::Token(token)) => {
            eprintln!("unargmax: the model ended the text by {}", opened.label(token))
        }
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the tokens that the text goes on from: the decoder's, or the encoder's in a model that has one.
fn prompt(
    arguments: &Arguments,
    opened: &Opened,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<u32>> {
    let configuration = opened.model.configuration();
    let (text, tokenizer) = match (&arguments.prompt, &arguments.ids, tokenizer) {
        (Some(text), _, Some(tokenizer)) => (text, tokenizer),
        (_, Some(Ids(ids)), _) => return Ok(ids.clone()),
        _ if arguments.features.is_some() => return Ok(Vec::new()),
        _ => bail!("give a prompt by --prompt or --ids"),
    };
    Ok(if arguments.chat {
        // The template writes the tokens that begin a text itself.
        let rendered = conversation(arguments, opened, text)?;
        tokenizer.encode(&rendered, SpecialTokens::Bare)?
    } else if arguments.features.is_some() {
        tokenizer.encode(text, SpecialTokens::Bare)?
    } else if configuration.has_encoder() || configuration.attention == Direction::Both {
        // A model that was trained both ways has seen its texts between the tokens around them.
        tokenizer.encode(text, SpecialTokens::Added)?
    } else {
        // In a decoder the tokens that end a text would end the prompt here, so only those that start a text are added.
        [tokenizer.around()?.0, tokenizer.encode(text, SpecialTokens::Bare)?].concat()
    })
}

/// Prints the prompt and what follows, each token as soon as it is known, as text or as ids.
fn print(
    prompt: &[u32],
    mut next: Option<u32>,
    generation: &mut Generation,
    mut stream: Option<Stream>,
) -> Result<()> {
    let mut out = io::stdout().lock();
    if let Some(stream) = &mut stream {
        let text = prompt.iter().map(|&id| stream.push(id)).collect::<Result<String, _>>()?;
        super::ignore_broken_pipe(write!(out, "{text}").and_then(|()| out.flush()))?;
    }
    let mut first = true;
    while let Some(token) = next {
        let text = match &mut stream {
            Some(stream) => stream.push(token)?,
            None if first => token.to_string(),
            None => format!(",{token}"),
        };
        first = false;
        // A reader that closes the pipe ends the generation.
        write!(out, "{text}").and_then(|()| out.flush())?;
        next = generation.token()?;
    }
    let rest = stream.map_or(Ok(String::new()), Stream::finish)?;
    Ok(super::ignore_broken_pipe(writeln!(out, "{rest}").and_then(|()| out.flush()))?)
}

/// Renders a conversation of one message, and the system's, by the model's template.
fn conversation(arguments: &Arguments, opened: &Opened, text: &str) -> Result<String> {
    let template = ChatTemplate::of(opened.checkpoint.as_ref(), &opened.path)?;
    let message =
        |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    let system = arguments.system.iter().map(|content| message("system", content));
    let messages: Vec<Message> = system.chain([message("user", text)]).collect();
    // A template is a program of the checkpoint: in a loop it could double a text without end.
    Ok(bounded("the chat template", move || template.render(&messages))??)
}
