//! Finds the head by the rules of its family: the configuration chooses the rule, and the tensors must agree.

use std::cell::RefCell;

use super::activation::Activation;
use super::configuration::{Configuration, Tie};
use super::final_norm::NormDescription;
use super::found::{Found, Tying};
use super::place::Place;
use super::rules::{Factor, Quirk, Rule, rules};
use super::stored::Stored;
use super::{after, before, in_use, marian, refuse};
use crate::error::{Error, Result};

/// Finds the head of a known family; `None` where no rule fits.
///
/// # Errors
/// Configuration and tensors that contradict each other, several heads, a model without a head, a head that is
/// quantised or adapted, and stored rows that are not those in use.
pub(super) fn recognise(stored: &Stored, config: Option<&Configuration>) -> Result<Option<Found>> {
    refuse::adapters(stored)?;
    let (known, unknown) = config.map(known).unwrap_or_default();
    let found = match (config, known.is_empty()) {
        (Some(config), false) => Some(by_configuration(stored, config, &known)?),
        _ => by_names(stored, config)?,
    };
    let Some(mut found) = found else {
        in_use::codebooks(stored)?;
        return Ok(None);
    };
    if let Some(unknown) = unknown {
        // The code of an unknown model may do anything before the head, whatever its tensors are called.
        (found.family, found.source, found.norm, found.activation) = (None, None, None, None);
        found.notes.push(format!(
            "the model_type `{unknown}` is not known: the head is found by its name, and what stands before and after it is \
             not known"
        ));
    }
    Ok(Some(found))
}

/// Returns a sentence on the model type of a configuration that no rule knows.
pub(super) fn unknown_type(config: &Configuration) -> Option<String> {
    let (known, unknown) = known(config);
    let name = unknown.filter(|_| known.is_empty())?;
    Some(format!("config.json says model_type \"{name}\", which no rule knows"))
}

/// Returns the rules of the innermost model type that has some, and an unknown type nested within it.
fn known(config: &Configuration) -> (Vec<&'static Rule>, Option<&str>) {
    let mut unknown = None;
    for model_type in config.model_types().into_iter().rev() {
        let known: Vec<&Rule> =
            rules().filter(|rule| rule.model_types.contains(&model_type)).collect();
        if !known.is_empty() {
            return (known, unknown);
        }
        unknown = unknown.or(Some(model_type));
    }
    (Vec::new(), unknown)
}

/// Finds the head by the rules that the configuration chooses.
fn by_configuration(
    stored: &Stored,
    config: &Configuration,
    known: &[&'static Rule],
) -> Result<Found> {
    let architectures = config.architectures();
    let has_task = |rule: &&&'static Rule| {
        architectures.iter().any(|name| {
            rule.tasks.iter().any(|task| name.ends_with(task))
                // Models of vision and speech, too: the part that generates is a language model of any family.
                || !rule.tied_to.is_empty() && name.ends_with("EncoderDecoderModel")
        })
    };
    let asked: Vec<&'static Rule> = known.iter().filter(has_task).copied().collect();
    // A configuration that names a model without a head is believed, unless a head is stored after all.
    let (rules, separate_only) = match (architectures.is_empty(), asked.is_empty()) {
        (false, true) => (known.to_vec(), true),
        (true, _) => (known.to_vec(), false),
        _ => (asked, false),
    };
    let mut found: Vec<(Found, &Rule)> = Vec::new();
    let compared = Compared::default();
    for rule in rules {
        let context = RuleContext {
            config: Some(config),
            tie: declared(rule, config),
            separate_only,
            certain: true,
            compared: &compared,
        };
        if let Some(fit) = try_rule(stored, rule, &context)? {
            found.push((fit, rule));
        }
    }
    found.dedup_by(|later, earlier| later.0.weight == earlier.0.weight);
    let Some((chosen, rule)) = one(stored, found)? else {
        in_use::codebooks(stored)?;
        return Err(without_head(stored, config, known));
    };
    if !rule.tied_to.is_empty() {
        no_second_head(stored, &chosen)?;
    }
    Ok(chosen)
}

/// What is known when a rule is tried.
struct RuleContext<'a> {
    config: Option<&'a Configuration>,
    tie: TieStatement,
    /// Whether a tied embedding is no head, because the configuration names a model without one.
    separate_only: bool,
    /// Whether the configuration names the family, so that a missing tensor is an error and does not mean another
    /// family.
    certain: bool,
    compared: &'a Compared,
}

/// A cache of comparisons of tensors, because many rules compare the same large ones.
#[derive(Default)]
struct Compared(RefCell<Vec<(String, String, bool)>>);

impl Compared {
    /// Whether two tensors are equal.
    fn equal(&self, stored: &Stored, a: &str, b: &str) -> Result<bool> {
        let known = |(x, y, equal): &(String, String, bool)| (x == a && y == b).then_some(*equal);
        if let Some(equal) = self.0.borrow().iter().find_map(known) {
            return Ok(equal);
        }
        let equal = stored.equal(a, b)?;
        self.0.borrow_mut().push((a.to_owned(), b.to_owned(), equal));
        Ok(equal)
    }
}

/// Whether the head is tied, and who says so.
#[derive(Clone, Copy)]
enum TieStatement {
    Explicit(bool),
    Default(bool),
    Nobody,
}

/// Returns whether the head is tied, by the rule and the configuration.
fn declared(rule: &Rule, config: &Configuration) -> TieStatement {
    if rule.quirk == Some(Quirk::TiedDespiteTheFlag) {
        return TieStatement::Default(true);
    }
    if rule.never_tied {
        return TieStatement::Default(false);
    }
    match config.tie() {
        Tie::Said(tied) => TieStatement::Explicit(tied),
        Tie::Silent => TieStatement::Default(rule.tied_by_default),
        Tie::Both => TieStatement::Nobody,
    }
}

/// Finds the head by the names of every rule, where the configuration names no known family.
fn by_names(stored: &Stored, config: Option<&Configuration>) -> Result<Option<Found>> {
    let flag = match config.map(Configuration::tie) {
        Some(Tie::Said(tied)) => TieStatement::Explicit(tied),
        _ => marian::tying(stored)?.map_or(TieStatement::Nobody, TieStatement::Explicit),
    };
    let architectures = config.map(Configuration::architectures).unwrap_or_default();
    let makes_tokens = |name: &&str| {
        ["LM", "ForConditionalGeneration", "MTModel"].iter().any(|s| name.contains(s))
    };
    let separate_only = !architectures.is_empty() && !architectures.iter().any(makes_tokens);
    let mut found: Vec<(Found, &Rule)> = Vec::new();
    let mut tried: Vec<&Rule> = Vec::new();
    let compared = Compared::default();
    for rule in rules() {
        // Without a configuration `classifier.weight` is one linear layer of many, and an embedding is no head.
        if rule.tied_to.is_empty() && !rule.model_types.is_empty()
            || !rule.known_by.is_empty() && !rule.known_by.iter().any(|name| stored.has(name))
            || tried.iter().any(|other| alike(rule, other))
        {
            continue;
        }
        tried.push(rule);
        let context =
            RuleContext { config, tie: flag, separate_only, certain: false, compared: &compared };
        if let Some(fit) = try_rule(stored, rule, &context)? {
            found.push((fit, rule));
        }
    }
    let Some((mut chosen, rule)) = merged(stored, found)? else { return Ok(None) };
    if let Some(config) = config {
        chosen.stated_tokens = config.tokens();
    }
    no_second_head(stored, &chosen)?;
    if rule.quirk == Some(Quirk::NormIfLayersEndInOne) && !marian::post_normed(stored)? {
        chosen.norm = None;
    }
    Ok(Some(chosen))
}

/// Whether two rules look for the same names and say the same of them, epsilons ignored.
fn alike(a: &Rule, b: &Rule) -> bool {
    let norm =
        |rule: &Rule| rule.norm.as_ref().map(|n| (n.kind, n.rms_flag, n.stems, n.one_plus, n.bare));
    let names = |r: &Rule| (r.bodies, r.separate, r.tied_to, r.required, r.biases, r.between);
    names(a) == names(b)
        && norm(a) == norm(b)
        && (a.needs_bias, a.separate_transposed, a.activation)
            == (b.needs_bias, b.separate_transposed, b.activation)
}

/// The table of learned positions in GPT-2's body.
const POSITIONS: &str = "transformer.wpe.weight";
/// The model types with such a table.
const GPT_2: [&str; 2] = ["gpt2", "gpt_bigcode"];

/// Merges rules that found the same weight: only what all of them say is kept, and a bias that one of them found.
fn merged<'r>(stored: &Stored, found: Vec<(Found, &'r Rule)>) -> Result<Option<(Found, &'r Rule)>> {
    /// The largest number of families that the note names.
    const NAMED: usize = 4;
    // A family whose final norm is not stored here is dropped, if that of another family is stored.
    let here = |(f, rule): &(Found, &Rule)| f.norm.is_some() || rule.norm.is_none();
    let normed = found.iter().any(|(f, _)| f.norm.is_some());
    // Families with other norms share names like `transformer.ln_f`, but learned positions are GPT-2's.
    let learned = |rule: &Rule| GPT_2.iter().any(|name| rule.model_types.contains(name));
    let positions = stored.has(POSITIONS) && found.iter().any(|(_, rule)| learned(rule));
    let found: Vec<(Found, &Rule)> = found
        .into_iter()
        .filter(|fit| (!normed || here(fit)) && (!positions || learned(fit.1)))
        .collect();
    let bias = found.iter().find_map(|(f, _)| f.bias.clone());
    let several = found.len() > 1;
    let same = |f: &[(Found, &Rule)]| f.windows(2).all(|w| w[0].0.weight == w[1].0.weight);
    if several && same(&found) {
        let mut families: Vec<&str> =
            found.iter().take(NAMED).filter_map(|(f, _)| f.family).collect();
        if found.len() > NAMED {
            families.push("...");
        }
        let mut norms =
            found.iter().map(|(f, _)| f.norm.as_ref().map(NormDescription::but_epsilon));
        let first = norms.next().flatten();
        let norm = first.filter(|first| norms.all(|other| other.as_ref() == Some(first)));
        let families = families.join("; ");
        let (mut first, rule) = found.into_iter().next().expect("several");
        first.notes.push(match norm {
            Some(_) => format!("its names fit several families ({families})"),
            None => format!(
                "its names fit several families ({families}), so what stands before it is not known"
            ),
        });
        (first.family, first.source, first.norm, first.activation) = (None, None, norm, None);
        first.bias = bias;
        first.why =
            format!("`{}` is the name of the output layer in several families", first.weight);
        return Ok(Some((first, rule)));
    }
    one(stored, found)
}

/// Returns the one head found, or an error that lists several.
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

/// Tries one rule; `None` where its tensors are not stored.
fn try_rule(stored: &Stored, rule: &'static Rule, context: &RuleContext) -> Result<Option<Found>> {
    let place = Place::of(stored, rule, context.certain);
    let trial = RuleTrial { stored, rule, context, place };
    let separate = trial.separate_head();
    trial.refuse_unreadable(separate.is_none())?;
    let rows = match (separate, trial.embedding()) {
        (Some(separate), Some(embedding)) => trial.compared(separate, embedding)?,
        (Some(weight), None) => Rows {
            weight,
            tying: Tying::Separate,
            why: format!("the output layer of {}", rule.family),
        },
        (None, Some(embedding)) => match trial.tied(embedding)? {
            Some(rows) => rows,
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let bias = bias(stored, rule, &trial.place, &rows.weight, &rows.tying)?;
    if bias.is_none() && rule.needs_bias {
        return if context.certain { Err(trial.bias_missing()) } else { Ok(None) };
    }
    let (mut norm, mut notes) = trial.before();
    // The rows of a classifier are labels, to which nothing below applies.
    let config_of_tokens = context.config.filter(|_| trial.is_of_tokens());
    if trial.is_of_tokens() {
        notes.extend(trial.in_use(&rows, bias.as_deref())?);
    }
    let scales_states = trial.apply_factor(&rows.weight, norm.as_mut())?;
    if let Some(config) = config_of_tokens {
        notes.extend(after::notes(stored, config, scales_states)?);
    }
    let count_of_rule = config_of_tokens.and_then(|config| config.count(rule.tokens));
    let (mut stated_tokens, mut used) = (config_of_tokens.and_then(Configuration::tokens), None);
    match count_of_rule {
        Some(_) if rule.cut => used = count_of_rule,
        Some(_) => stated_tokens = count_of_rule,
        None => {}
    }
    Ok(Some(Found {
        transposed: rule.separate_transposed && rows.tying == Tying::Separate,
        weight: rows.weight,
        why: rows.why,
        is_plain: false,
        family: Some(rule.family),
        source: Some(rule.source),
        bias,
        combined: None,
        tying: rows.tying,
        norm,
        activation: rule.activation.and_then(Activation::named),
        notes,
        stated_tokens,
        used,
        labels: context.config.filter(|_| !trial.is_of_tokens()).and_then(Configuration::labels),
    }))
}

/// The rows of a head that a rule found.
struct Rows {
    /// The name of the tensor.
    weight: String,
    /// Whether it is the embedding, too.
    tying: Tying,
    /// Why this tensor was chosen, for people.
    why: String,
}

/// A rule that is tried on a checkpoint.
struct RuleTrial<'a> {
    stored: &'a Stored<'a>,
    rule: &'static Rule,
    context: &'a RuleContext<'a>,
    place: Place<'a>,
}

impl RuleTrial<'_> {
    /// Whether the rows of the head are tokens, and not the labels of a classifier.
    fn is_of_tokens(&self) -> bool {
        !self.rule.tied_to.is_empty()
    }

    /// Returns the first stored matrix of these names.
    fn first_matrix(&self, names: &[&str]) -> Option<String> {
        let mut names = names.iter().map(|name| self.place.named(name));
        names.find(|name| self.stored.matrix(name).is_some())
    }

    /// Returns the head, if it is stored separately.
    fn separate_head(&self) -> Option<String> {
        self.first_matrix(self.rule.separate)
    }

    /// Returns the embedding that a tied head would be.
    fn embedding(&self) -> Option<String> {
        self.first_matrix(self.rule.tied_to).filter(|_| !self.rule.never_tied)
    }

    /// Refuses a quantised or adapted head, which has its stem's name, but other tensors; and such an embedding,
    /// where it would be the head.
    fn refuse_unreadable(&self, no_separate_head: bool) -> Result<()> {
        for name in self.rule.separate {
            if let Some(stem) = self.place.named(name).strip_suffix(".weight") {
                refuse::unreadable(self.stored, stem, self.context.config)?;
                in_use::made(self.stored, stem)?;
            }
        }
        for name in self.rule.tied_to.iter().filter(|_| no_separate_head) {
            if let Some(stem) = self.place.named(name).strip_suffix(".weight") {
                refuse::unreadable(self.stored, stem, self.context.config)?;
            }
        }
        Ok(())
    }

    /// Returns the separate head, and whether it equals the embedding; it must where it should be tied.
    fn compared(&self, separate: String, embedding: String) -> Result<Rows> {
        let RuleTrial { stored, rule, context, .. } = self;
        let equal =
            !rule.separate_transposed && context.compared.equal(stored, &separate, &embedding)?;
        if let (false, TieStatement::Explicit(true) | TieStatement::Default(true)) =
            (equal, context.tie)
        {
            return Err(contradiction(stored, rule, context, &separate, &embedding));
        }
        let (tying, said) = match equal {
            true => (Tying::Tied(embedding.clone()), format!(", equal to `{embedding}`")),
            false => (Tying::Separate, String::new()),
        };
        let why = format!("the output layer of {}{said}", rule.family);
        Ok(Rows { weight: separate, tying, why })
    }

    /// Returns the embedding as the head, where no separate one is stored; `None` where it is no head.
    ///
    /// # Errors
    /// A head that should be separate, and tensors that seem to be another head.
    fn tied(&self, embedding: String) -> Result<Option<Rows>> {
        let RuleTrial { stored, rule, context, .. } = self;
        let has_required = rule.required.is_empty()
            || rule.required.iter().any(|name| stored.has(&self.place.named(name)));
        if !has_required || context.separate_only {
            return Ok(None);
        }
        let both_flags = context.config.is_some_and(|c| c.tie() == Tie::Both);
        let by = match context.tie {
            TieStatement::Explicit(_) => "says the configuration",
            TieStatement::Default(_) => "as the family does where the configuration is silent",
            // Also where the two flags of a nested configuration differ: no separate head is stored.
            TieStatement::Nobody if !rule.required.is_empty() || both_flags => {
                "as no other head is stored"
            }
            // Without a configuration the names of an embedding do not make a head.
            TieStatement::Nobody => return Ok(None),
        };
        self.refuse_other_heads(&embedding)?;
        match self.separate_head_missing(&embedding) {
            Some(problem) => Err(Error::head(stored.path, problem)),
            None => Ok(Some(Rows {
                weight: embedding.clone(),
                tying: Tying::Tied(embedding),
                why: format!("the embedding of {}, tied {by}", rule.family),
            })),
        }
    }

    /// Refuses tensors beside the embedding that seem to be a head or to change its numbers.
    fn refuse_other_heads(&self, embedding: &str) -> Result<()> {
        let (rule, named) = (self.rule, |name: &&str| self.place.named(name));
        let mut heads: Vec<String> = rule.separate.iter().map(named).collect();
        // The head of a model within another one may be stored outside it.
        heads.extend(
            rule.separate.iter().filter(|n| **n == "lm_head.weight").map(|n| (*n).to_owned()),
        );
        heads.sort();
        heads.dedup();
        let stems = rule.norm.as_ref().map_or(&[][..], |norm| norm.stems);
        let known = [rule.biases, rule.required, rule.between, stems, rule.tied_to].concat();
        let known: Vec<String> = known.iter().map(named).collect();
        refuse::tied_beside(self.stored, embedding, &heads, &known)
    }

    /// Returns what is wrong where the head should be separate, but is not stored.
    fn separate_head_missing(&self, embedding: &str) -> Option<String> {
        let missing = self.rule.separate.join("`, `");
        let or_tied = format!("if it is tied, say --weight {embedding}");
        let list = self.stored.listed();
        match self.context.tie {
            TieStatement::Explicit(false) => Some(format!(
                "the configuration says that the head is not tied, but there is no `{missing}`: a part is missing, or \
                 the flag is wrong; {or_tied}{list}"
            )),
            TieStatement::Default(false) => Some(format!(
                "{} keeps its head in `{missing}`, which is not there; {or_tied}{list}",
                self.rule.family
            )),
            TieStatement::Explicit(true) | TieStatement::Default(true) | TieStatement::Nobody => {
                None
            }
        }
    }

    fn bias_missing(&self) -> Error {
        let problem = format!(
            "{} has a bias, but `{}` is not there: name it by --bias, or say --bias none",
            self.rule.family,
            self.rule.biases.first().copied().unwrap_or("classifier.bias")
        );
        Error::head(self.stored.path, problem)
    }

    /// Returns the norm before the head, and notes on what else stands there.
    fn before(&self) -> (Option<NormDescription>, Vec<String>) {
        let mut maps = self.rule.between.iter().map(|name| self.place.named(name));
        if let Some(name) = maps.find(|name| self.stored.has(name)) {
            return (None, vec![format!("a linear map, `{name}`, stands before the head")]);
        }
        let norm = self.rule.norm.as_ref();
        let described = norm
            .and_then(|norm| before::norm_of(&self.place, self.rule, norm, self.context.config));
        (described, Vec::new())
    }

    /// Checks that the stored rows are those in use; returns notes on what scales their logits.
    fn in_use(&self, rows: &Rows, bias: Option<&str>) -> Result<Vec<String>> {
        let (stored, weight) = (self.stored, &rows.weight);
        let count = stored.get(weight).and_then(|info| info.shape.first()).copied();
        in_use::tensors(stored, weight)?;
        in_use::families(stored, self.context.config, weight, count)?;
        in_use::scales(stored, weight, bias, rows.tying == Tying::Separate)
    }

    /// Gives the norm the factor between it and the head; returns the configuration's key of this factor, if it has
    /// one.
    fn apply_factor(
        &self,
        weight: &str,
        norm: Option<&mut NormDescription>,
    ) -> Result<Option<&'static str>> {
        let (Some(rule), Some(config)) = (&self.rule.norm, self.context.config) else {
            return Ok(None);
        };
        let factor = before::factor(self.stored, config, rule.factor, weight)?;
        if let Some(norm) = norm {
            norm.factor = factor;
        }
        Ok(match rule.factor {
            Factor::Over(key) => Some(key),
            _ => None,
        })
    }
}

/// Returns the error for a head that should be tied but differs from the embedding.
fn contradiction(
    stored: &Stored,
    rule: &Rule,
    context: &RuleContext,
    own: &str,
    embedding: &str,
) -> Error {
    let says = match context.tie {
        TieStatement::Explicit(_) => "the configuration says that the head is tied".to_owned(),
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

/// Returns the bias of a head that a rule found.
fn bias(
    stored: &Stored,
    rule: &Rule,
    place: &Place,
    weight: &str,
    tying: &Tying,
) -> Result<Option<String>> {
    let mut there: Vec<String> =
        rule.biases.iter().map(|b| place.named(b)).filter(|b| stored.has(b)).collect();
    if let Some(sibling) = weight.strip_suffix("weight").map(|stem| format!("{stem}bias"))
        && stored.has(&sibling)
        && !there.contains(&sibling)
    {
        there.push(sibling);
    }
    // These may be names of one parameter; only a head that is not tied may have been saved with two different
    // biases.
    if let [first, second, ..] = &there[..]
        && !matches!(tying, Tying::Separate)
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

/// Refuses a checkpoint that stores another output layer of a language model, with other numbers than the chosen one.
fn no_second_head(stored: &Stored, chosen: &Found) -> Result<()> {
    let likely = rules().filter(|r| {
        !r.tied_to.is_empty()
            && (r.known_by.is_empty() || r.known_by.iter().any(|name| stored.has(name)))
    });
    for name in likely.flat_map(|r| r.separate) {
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

/// Returns the error for a known family without a head.
fn without_head(stored: &Stored, config: &Configuration, known: &[&Rule]) -> Error {
    let architectures = config.architectures().join(", ");
    let family = known.first().map_or("the model", |rule| rule.family);
    let said = match architectures.is_empty() {
        true => String::new(),
        false => format!(" (architectures: {architectures})"),
    };
    // The same names at a deeper level belong to several models, or to one in an attribute that is not known.
    let names = || stored.checkpoint.tensors().iter().map(|t| t.name.as_str());
    let own: Vec<String> =
        known.iter().flat_map(|rule| rule.separate).map(|n| format!(".{n}")).collect();
    let ends = |ends: &[String]| -> Vec<&str> {
        names().filter(|name| ends.iter().any(|end| name.ends_with(end.as_str()))).collect()
    };
    let mut inner = ends(&own);
    let has_task = |rule: &&&Rule| {
        config.architectures().iter().any(|name| rule.tasks.iter().any(|t| name.ends_with(t)))
    };
    if inner.is_empty() && config.tie() != Tie::Said(false) {
        let tied = known.iter().filter(has_task).flat_map(|rule| rule.tied_to);
        inner = ends(&tied.map(|n| format!(".{}", n.replace('*', ""))).collect::<Vec<_>>());
    }
    if !inner.is_empty() {
        let shown: Vec<String> = inner.iter().take(6).map(|name| stored.described(name)).collect();
        let more = if inner.len() > shown.len() { ", ..." } else { "" };
        return Error::head(
            stored.path,
            format!(
                "{family} without an output layer under its own name{said}, but {}{more} may be one: choose by --weight (and \
                 --bias)",
                shown.join(", ")
            ),
        );
    }
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
