//! Finding the head by the rules of its family: the configuration chooses the rule, the tensors must agree.

use super::activation::Activation;
use super::configuration::{Configuration, Tie};
use super::final_norm::Stated;
use super::found::{Found, Tying};
use super::refuse;
use super::rules::{MARIAN_OPTIONS, NormRule, RULES, Rule};
use super::stored::Stored;
use crate::error::{Error, Result};

/// Looks for the head of a known family; `None` where no rule fits.
///
/// # Errors
/// Configuration and tensors that contradict each other, several heads, a model without a head, a head
/// that is quantised or adapted.
pub(super) fn recognise(stored: &Stored, config: Option<&Configuration>) -> Result<Option<Found>> {
    refuse::adapters(stored)?;
    let types = config.map(Configuration::model_types).unwrap_or_default();
    let known: Vec<&Rule> =
        RULES.iter().filter(|r| r.model_types.iter().any(|t| types.contains(t))).collect();
    // The outer type decides where both have rules (a Gemma within a model of pictures has Gemma's).
    match (config, known.is_empty()) {
        (Some(config), false) => by_configuration(stored, config, &known).map(Some),
        _ => by_names(stored, config),
    }
}

/// The type of model of a configuration that no rule knows, as a sentence.
pub(super) fn unknown_type(config: &Configuration) -> Option<String> {
    let types = config.model_types();
    let known = RULES.iter().any(|rule| rule.model_types.iter().any(|t| types.contains(t)));
    let name = types.first().filter(|_| !known)?;
    Some(format!("config.json says model_type \"{name}\", which no rule knows"))
}

fn by_configuration(stored: &Stored, config: &Configuration, known: &[&Rule]) -> Result<Found> {
    let architectures = config.architectures();
    let has_task = |rule: &&&Rule| {
        architectures.iter().any(|name| rule.tasks.iter().any(|task| name.ends_with(task)))
    };
    let asked: Vec<&Rule> = known.iter().filter(has_task).copied().collect();
    // A configuration that names a model without a head is believed unless a head is there all the same.
    let (rules, own_only) = match (architectures.is_empty(), asked.is_empty()) {
        (false, true) => (known.to_vec(), true),
        (true, _) => (known.to_vec(), false),
        _ => (asked, false),
    };
    let mut found: Vec<(Found, &Rule)> = Vec::new();
    for rule in rules {
        let knowledge = Knowledge {
            config: Some(config),
            tie: declared(rule, config),
            own_only,
            certain: true,
        };
        if let Some(fit) = fit(stored, rule, &knowledge)? {
            found.push((fit, rule));
        }
    }
    // The nested type of a model of several parts can have a rule as well; the first (outer) one stands.
    found.dedup_by(|later, earlier| later.0.weight == earlier.0.weight);
    let Some((chosen, rule)) = one(stored, found)? else {
        return Err(without_head(stored, config, known));
    };
    if !rule.tied_to.is_empty() {
        no_second_head(stored, &chosen)?;
    }
    Ok(chosen)
}

/// What is known when a rule is tried.
struct Knowledge<'a> {
    config: Option<&'a Configuration>,
    tie: Declared,
    /// Whether a tied embedding is no head: the configuration names a model without one.
    own_only: bool,
    /// Whether the configuration names the family, so that what is missing is an error and no other family.
    certain: bool,
}

/// Tied or not, and who says so.
#[derive(Clone, Copy)]
enum Declared {
    Explicit(bool),
    Default(bool),
    Nobody,
}

fn declared(rule: &Rule, config: &Configuration) -> Declared {
    if rule.family == "FSMT" {
        // Its output_projection is tied whatever the flag, which published checkpoints set to false.
        return Declared::Default(true);
    }
    match config.tie() {
        Tie::Said(tied) => Declared::Explicit(tied),
        Tie::Silent => Declared::Default(rule.tied_by_default),
        Tie::Both => Declared::Nobody,
    }
}

/// Without a configuration that is known: every rule by its names.
fn by_names(stored: &Stored, config: Option<&Configuration>) -> Result<Option<Found>> {
    let flag = match config.map(Configuration::tie) {
        Some(Tie::Said(tied)) => Declared::Explicit(tied),
        _ => marian_tying(stored)?.map_or(Declared::Nobody, Declared::Explicit),
    };
    let architectures = config.map(Configuration::architectures).unwrap_or_default();
    let makes_tokens = |name: &&str| {
        ["LM", "ForConditionalGeneration", "MTModel"].iter().any(|s| name.contains(s))
    };
    let own_only = !architectures.is_empty() && !architectures.iter().any(makes_tokens);
    let mut found: Vec<(Found, &Rule)> = Vec::new();
    for rule in RULES {
        // Without a configuration `classifier.weight` is one linear layer of many, and an embedding no head.
        if rule.tied_to.is_empty() && !rule.model_types.is_empty() {
            continue;
        }
        let knowledge = Knowledge { config, tie: flag, own_only, certain: false };
        if let Some(fit) = fit(stored, rule, &knowledge)? {
            found.push((fit, rule));
        }
    }
    let Some((mut chosen, rule)) = merged(stored, found)? else { return Ok(None) };
    if let Some(config) = config {
        chosen.stated_tokens = config.tokens();
    }
    no_second_head(stored, &chosen)?;
    if rule.family.starts_with("Marian") && !post_normed(stored)? {
        chosen.norm = None;
    }
    Ok(Some(chosen))
}

/// Several rules that found the same weight say only what all of them say; a bias that one of them found is kept.
fn merged<'r>(stored: &Stored, found: Vec<(Found, &'r Rule)>) -> Result<Option<(Found, &'r Rule)>> {
    let bias = found.iter().find_map(|(f, _)| f.bias.clone());
    let several = found.len() > 1;
    let same = |f: &[(Found, &Rule)]| f.windows(2).all(|w| w[0].0.weight == w[1].0.weight);
    if several && same(&found) {
        let families: Vec<&str> = found.iter().filter_map(|(f, _)| f.family).collect();
        let (mut first, rule) = found.into_iter().next().expect("several");
        first.notes.push(format!(
            "its names fit several families ({}), so what stands before it is not known",
            families.join("; ")
        ));
        (first.family, first.source, first.norm, first.activation) = (None, None, None, None);
        first.bias = bias;
        first.why =
            format!("`{}` is the name of the output layer in several families", first.weight);
        return Ok(Some((first, rule)));
    }
    one(stored, found)
}

/// The one head found, or an error that lists them.
fn one<'r>(stored: &Stored, found: Vec<(Found, &'r Rule)>) -> Result<Option<(Found, &'r Rule)>> {
    if found.len() > 1 {
        let names: Vec<String> = found
            .iter()
            .map(|(f, r)| format!("{} ({})", stored.described(&f.weight), r.family))
            .collect();
        return Err(Error::head(
            stored.path,
            format!(
                "there are {} heads: {}; choose by --weight (and --bias)",
                names.len(),
                names.join(", ")
            ),
        ));
    }
    Ok(found.into_iter().next())
}

/// Tries one rule.
fn fit(stored: &Stored, rule: &Rule, know: &Knowledge) -> Result<Option<Found>> {
    let body = body(stored, rule);
    let named = |template: &str| template.replace('*', body);
    let own: Vec<&str> = rule.own.iter().copied().filter(|n| stored.matrix(n).is_some()).collect();
    let embedding = rule.tied_to.iter().map(|t| named(t)).find(|n| stored.matrix(n).is_some());
    let marked = rule.marks.is_empty() || rule.marks.iter().any(|mark| stored.has(mark));
    // A quantised or adapted head has its stem's name, and other tensors.
    let quantisation = know.config.and_then(Configuration::quantisation);
    for name in rule.own {
        if let Some(stem) = name.strip_suffix(".weight") {
            refuse::unreadable(stored, stem, quantisation)?;
        }
    }
    let (weight, tying, why) = match (own.first(), embedding) {
        (Some(own), Some(embedding)) => {
            let equal = !rule.own_transposed && stored.equal(own, &embedding)?;
            if let (false, Declared::Explicit(true) | Declared::Default(true)) = (equal, know.tie) {
                return Err(contradiction(stored, rule, know, own, &embedding));
            }
            let (tying, said) = match equal {
                true => (Tying::Tied(embedding.clone()), format!(", equal to `{embedding}`")),
                false => (Tying::Own, String::new()),
            };
            ((*own).to_owned(), tying, format!("the output layer of {}{said}", rule.family))
        }
        (Some(own), None) => {
            ((*own).to_owned(), Tying::Own, format!("the output layer of {}", rule.family))
        }
        (None, Some(embedding)) => {
            if !marked || know.own_only {
                return Ok(None);
            }
            let missing = rule.own.join("`, `");
            let (or_tied, list) =
                (format!("if it is tied, say --weight {embedding}"), stored.listed());
            let problem = match know.tie {
                Declared::Explicit(true) => None,
                Declared::Default(true) => None,
                Declared::Nobody if !rule.marks.is_empty() => None,
                // The two flags of a nested configuration differ, and no head of its own is stored.
                Declared::Nobody if know.config.is_some_and(|c| c.tie() == Tie::Both) => None,
                Declared::Explicit(false) => Some(format!(
                    "the configuration says that the head is not tied, but there is no `{missing}`: a part is missing, or \
                     the flag is wrong; {or_tied}{list}"
                )),
                Declared::Default(false) => Some(format!(
                    "{} keeps its head in `{missing}`, which is not there; {or_tied}{list}",
                    rule.family
                )),
                // Without a configuration the names of an embedding do not make a head.
                Declared::Nobody => return Ok(None),
            };
            if let Some(problem) = problem {
                return Err(Error::head(stored.path, problem));
            }
            let by = match know.tie {
                Declared::Explicit(_) => "says the configuration",
                Declared::Default(_) => "as the family does where the configuration is silent",
                Declared::Nobody => "as no other head is stored",
            };
            let why = format!("the embedding of {}, tied {by}", rule.family);
            (embedding.clone(), Tying::Tied(embedding), why)
        }
        (None, None) => return Ok(None),
    };
    let transposed = rule.own_transposed && tying == Tying::Own;
    let bias = bias(stored, rule, &weight, &tying)?;
    if bias.is_none() && rule.needs_bias {
        if !know.certain {
            return Ok(None);
        }
        let problem = format!(
            "{} has a bias, but `{}` is not there: name it by --bias, or say --bias none",
            rule.family,
            rule.biases.first().copied().unwrap_or("classifier.bias")
        );
        return Err(Error::head(stored.path, problem));
    }
    let between = rule.between.iter().map(|t| named(t)).find(|name| stored.has(name));
    let (mut notes, mut stated) = (Vec::new(), None);
    match between {
        Some(name) => notes.push(format!("a linear map, `{name}`, stands before the head")),
        None => {
            stated =
                rule.norm.as_ref().and_then(|norm| norm_of(stored, rule, norm, body, know.config))
        }
    }
    if rule.family == "T5"
        && let (Some(norm), Some(config)) = (&mut stated, know.config)
    {
        norm.factor = t5_factor(stored, config, &weight);
    }
    if let Some(config) = know.config {
        notes.extend(config.after());
    }
    let stated_tokens =
        know.config.filter(|_| !rule.tied_to.is_empty()).and_then(Configuration::tokens);
    Ok(Some(Found {
        weight,
        why,
        is_plain: false,
        family: Some(rule.family),
        source: Some(rule.source),
        bias,
        transposed,
        combined: None,
        tying,
        norm: stated,
        activation: rule.activation.and_then(Activation::named),
        notes,
        stated_tokens,
        labels: know.config.filter(|_| rule.tied_to.is_empty()).and_then(Configuration::labels),
    }))
}

/// The first body under which the embedding or the norm is stored.
fn body<'r>(stored: &Stored, rule: &'r Rule) -> &'r str {
    let stems = rule.norm.as_ref().map_or(&[][..], |norm| norm.stems);
    let under = |body: &&str| {
        rule.tied_to.iter().any(|t| stored.has(&t.replace('*', body)))
            || stems.iter().any(|s| stored.has(&format!("{}.weight", s.replace('*', body))))
    };
    rule.bodies.iter().copied().find(|b| under(b)).unwrap_or("")
}

fn contradiction(
    stored: &Stored,
    rule: &Rule,
    know: &Knowledge,
    own: &str,
    embedding: &str,
) -> Error {
    let says = match know.tie {
        Declared::Explicit(_) => "the configuration says that the head is tied".to_owned(),
        _ => {
            format!("{} ties its head where the configuration does not say otherwise", rule.family)
        }
    };
    Error::head(
        stored.path,
        format!(
            "{says}, but {} differs from the embedding {}: choose by --weight {own} or --weight {embedding} (and --bias)",
            stored.described(own),
            stored.described(embedding)
        ),
    )
}

/// The bias of a head that a rule found.
fn bias(stored: &Stored, rule: &Rule, weight: &str, tying: &Tying) -> Result<Option<String>> {
    let mut there: Vec<String> =
        rule.biases.iter().filter(|b| stored.has(b)).map(|b| (*b).to_owned()).collect();
    if let Some(sibling) = weight.strip_suffix("weight").map(|stem| format!("{stem}bias"))
        && stored.has(&sibling)
        && !there.contains(&sibling)
    {
        there.push(sibling);
    }
    // Names of one parameter; only a head of its own may have been saved with two.
    if let [first, second, ..] = &there[..]
        && !matches!(tying, Tying::Own)
        && !stored.equal(first, second)?
    {
        return Err(Error::head(
            stored.path,
            format!(
                "the biases {} and {} differ: choose by --bias",
                stored.described(first),
                stored.described(second)
            ),
        ));
    }
    Ok(there.into_iter().next())
}

/// The norm before the head, if its gain is stored.
fn norm_of(
    stored: &Stored,
    rule: &Rule,
    norm: &NormRule,
    body: &str,
    config: Option<&Configuration>,
) -> Option<Stated> {
    const GAINS: [(&str, &str); 4] =
        [(".weight", ".bias"), (".gamma", ".beta"), ("/gamma", "/beta"), ("_scale", "_bias")];
    let (weight, bias) = norm.stems.iter().find_map(|template| {
        let stem = last_layer(stored, &template.replace('*', body));
        GAINS.iter().find_map(|(gain, shift)| {
            let shift = Some(format!("{stem}{shift}")).filter(|name| stored.has(name));
            Some(format!("{stem}{gain}")).filter(|name| stored.has(name)).map(|name| (name, shift))
        })
    })?;
    let (keys, default) = norm.epsilon;
    let said = config.and_then(|c| keys.iter().find_map(|key| c.number(key)));
    let (mut kind, mut epsilon) = (norm.kind, said.unwrap_or(default));
    if rule.family.starts_with("CTranslate2") && bias.is_none() {
        // Its layer norms have a beta, its RMS norms none.
        (kind, epsilon) = ("RMSNorm", 1e-6);
    }
    let epsilon = Some(epsilon);
    Some(Stated { kind, weight, bias, epsilon, factor: 1.0, one_plus: norm.one_plus })
}

/// Puts the number of the last layer for `{last}`; a model without layers keeps the template, which is no name.
fn last_layer(stored: &Stored, template: &str) -> String {
    let Some((before, after)) = template.split_once("{last}") else { return template.to_owned() };
    let number = |name: &str| -> Option<u32> {
        let rest = name.strip_prefix(before)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        rest[digits..].starts_with(after).then(|| rest[..digits].parse().ok())?
    };
    let last = stored.checkpoint.tensors().iter().filter_map(|t| number(&t.name)).max();
    last.map_or_else(|| template.to_owned(), |last| format!("{before}{last}{after}"))
}

/// T5 multiplies the hidden states of a tied head by `d^-1/2`; 5.x of transformers has a flag of its own for it.
fn t5_factor(stored: &Stored, config: &Configuration, weight: &str) -> f64 {
    let scaled = config.truth("scale_decoder_outputs").unwrap_or_else(|| {
        config.model_types().contains(&"t5") && config.tie() != Tie::Said(false)
    });
    let dim = stored.get(weight).and_then(|info| info.shape.last()).copied().unwrap_or(1);
    if scaled { (dim as f64).powf(-0.5) } else { 1.0 }
}

/// Another output layer of a language model beside the chosen one, with other numbers.
fn no_second_head(stored: &Stored, chosen: &Found) -> Result<()> {
    for name in RULES.iter().filter(|r| !r.tied_to.is_empty()).flat_map(|r| r.own) {
        if *name != chosen.weight
            && stored.matrix(name).is_some()
            && !stored.equal(name, &chosen.weight)?
        {
            return Err(Error::head(
                stored.path,
                format!(
                    "there are two heads, {} and {}: choose by --weight (and --bias)",
                    stored.described(&chosen.weight),
                    stored.described(name)
                ),
            ));
        }
    }
    Ok(())
}

fn without_head(stored: &Stored, config: &Configuration, known: &[&Rule]) -> Error {
    let architectures = config.architectures().join(", ");
    let family = known.first().map_or("the model", |rule| rule.family);
    let said = match architectures.is_empty() {
        true => String::new(),
        false => format!(" (architectures: {architectures})"),
    };
    Error::head(
        stored.path,
        format!(
            "{family} without an output layer{said}: no logits of tokens are made, so there is nothing to audit. Name the \
             checkpoint of the model with its head, or, if the matrix of a head is among these tensors, choose it by \
             --weight (and --bias){}",
            stored.listed()
        ),
    )
}

/// What Marian's own options say of tying; `None` for other files.
fn marian_tying(stored: &Stored) -> Result<Option<bool>> {
    let Some(options) = marian_options(stored)? else { return Ok(None) };
    let on = |key: &str| option(&options, key) == Some("true");
    Ok(Some(on("tied-embeddings") || on("tied-embeddings-all")))
}

/// Whether Marian's layers end in a norm.
fn post_normed(stored: &Stored) -> Result<bool> {
    let options = marian_options(stored)?;
    let ends = |key: &str| {
        options
            .as_deref()
            .and_then(|o| option(o, key))
            .is_some_and(|operations| operations.ends_with('n'))
    };
    let top = stored.has("decoder_top_ln_scale");
    Ok(if top { ends("transformer-postprocess-top") } else { ends("transformer-postprocess") })
}

fn marian_options(stored: &Stored) -> Result<Option<String>> {
    let bytes = stored.checkpoint.side_file(MARIAN_OPTIONS)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// A scalar of the top level of Marian's YAML.
fn option<'a>(options: &'a str, key: &str) -> Option<&'a str> {
    options.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        Some(value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\0')))
    })
}
