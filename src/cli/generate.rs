//! The subcommand `unargmax generate`: continue a prompt with a model.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use super::model::{Ids, ModelArguments};
use super::progress::Bar;
use unargmax::reach::generate::{End, Generation};
use unargmax::reach::rules::{Ignored, Rules};
use unargmax::reach::sampling::{Choice, Sampler};
use unargmax::reach::text::SpecialTokens;

/// Let a model go on from a prompt: by the first token each time, or drawn at random.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// What to go on from; the encoder's text in a model that has one
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, required_unless_present = "ids")]
    prompt: Option<String>,
    /// The prompt as token ids; ids are printed
    #[arg(long, value_name = "IDS", conflicts_with = "prompt")]
    ids: Option<Ids>,
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
    let rules = Rules::of(opened.checkpoint.as_ref(), opened.model.configuration(), &ignored)?;
    let notes = rules.notes.clone();
    bar.stage("run");
    let tokenizer = match (&arguments.prompt, &arguments.ids) {
        (Some(_), None) => Some(arguments.model.tokenizer(&opened)?),
        _ => None,
    };
    let prompt = match (&tokenizer, &arguments.prompt, &arguments.ids) {
        (Some(tokenizer), Some(text), _) if opened.model.configuration().has_encoder() => {
            tokenizer.encode(text, SpecialTokens::Added)?
        }
        // In a decoder the tokens that end a text would end the prompt here, so only those that start a text are
        // added.
        (Some(tokenizer), Some(text), _) => {
            [tokenizer.around()?.0, tokenizer.encode(text, SpecialTokens::Bare)?].concat()
        }
        (.., Some(Ids(ids))) => ids.clone(),
        _ => bail!("give a prompt by --prompt or --ids"),
    };
    let mut generation =
        Generation::following(&opened.model, rules, prompt.clone(), sampler, arguments.max_tokens)?;
    // The first token is computed before the prompt is printed, so that a prompt that the model refuses is not shown.
    let mut next = generation.token()?;
    bar.finish();
    for note in notes {
        eprintln!("unargmax: {note}");
    }
    let mut out = io::stdout().lock();
    // The prompt is printed again, because the generated text continues it.
    let mut stream = tokenizer.as_ref().map(|t| t.stream());
    let goes_on = !opened.model.configuration().has_encoder();
    if let (Some(stream), true) = (&mut stream, goes_on) {
        let mut text = String::new();
        for &id in &prompt {
            text += &stream.push(id)?;
        }
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
    let rest = stream.map_or(Ok(String::new()), |stream| stream.finish())?;
    super::ignore_broken_pipe(writeln!(out, "{rest}").and_then(|()| out.flush()))?;
    match generation.end() {
        Some(End::Context) => eprintln!("unargmax: the model's context is full"),
        Some(End::Token(token)) => {
            eprintln!("unargmax: the model ended the text by {}", opened.label(token))
        }
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}
