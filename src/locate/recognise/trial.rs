//! Tries one family on a checkpoint: whether its tensors are stored, and what they make its head.

use std::cell::RefCell;

use crate::error::{Error, Result};
use crate::families::{Factor, Family};
use crate::locate::activation::Activation;
use crate::locate::configuration::{Configuration, Tie};
use crate::locate::final_norm::NormDescription;
use crate::locate::found::{Found, Tying};
use crate::locate::place::Place;
use crate::locate::stored::Stored;
use crate::locate::{after, before, in_use, refuse};

/// What is known when a family is tried.
pub(super) struct Context<'a> {
    pub config: Option<&'a Configuration>,
    pub tie: TieStatement,
    /// Whether a tied embedding is no head, because the configuration names a model without one.
    pub separate_only: bool,
    /// Whether the configuration names the family, so that a missing tensor is an error and does not mean another
    /// family.
    pub certain: bool,
    pub compared: &'a Compared,
}

/// A cache of comparisons of tensors, because many families compare the same large ones.
#[derive(Default)]
pub(super) struct Compared(RefCell<Vec<(String, String, bool)>>);

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
pub(super) enum TieStatement {
    Explicit(bool),
    Default(bool),
    Nobody,
}

/// Tries one family; `None` where its tensors are not stored.
pub(super) fn fit(
    stored: &Stored,
    family: &'static Family,
    context: &Context,
) -> Result<Option<Found>> {
    let place = Place::of(stored, family, context.certain);
    let trial = Trial { stored, family, context, place };
    let separate = trial.separate_head();
    trial.refuse_unreadable(separate.is_none())?;
    let rows = match (separate, trial.embedding()) {
        (Some(separate), Some(embedding)) => trial.compared(separate, embedding)?,
        (Some(weight), None) => Rows {
            weight,
            tying: Tying::Separate,
            why: format!("the output layer of {}", family.name),
        },
        (None, Some(embedding)) => match trial.tied(embedding)? {
            Some(rows) => rows,
            None => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let bias = bias(stored, family, &trial.place, &rows.weight, &rows.tying)?;
    if bias.is_none() && family.needs_bias {
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
    let own_count = config_of_tokens.and_then(|config| config.count(family.tokens));
    let (mut stated_tokens, mut used) = (config_of_tokens.and_then(Configuration::tokens), None);
    match own_count {
        Some(_) if family.cut => used = own_count,
        Some(_) => stated_tokens = own_count,
        None => {}
    }
    Ok(Some(Found {
        transposed: family.separate_transposed && rows.tying == Tying::Separate,
        weight: rows.weight,
        why: rows.why,
        is_plain: false,
        family: Some(family.name),
        source: Some(family.source),
        bias,
        combined: None,
        tying: rows.tying,
        norm,
        activation: family.activation.and_then(Activation::named),
        notes,
        stated_tokens,
        used,
        labels: context.config.filter(|_| !trial.is_of_tokens()).and_then(Configuration::labels),
    }))
}

/// The rows of a head that a family's names found.
struct Rows {
    /// The name of the tensor.
    weight: String,
    /// Whether it is the embedding, too.
    tying: Tying,
    /// Why this tensor was chosen, for people.
    why: String,
}

/// A family that is tried on a checkpoint.
struct Trial<'a> {
    stored: &'a Stored<'a>,
    family: &'static Family,
    context: &'a Context<'a>,
    place: Place<'a>,
}

impl Trial<'_> {
    /// Whether the rows of the head are tokens, and not the labels of a classifier.
    fn is_of_tokens(&self) -> bool {
        self.family.is_of_tokens()
    }

    /// Returns the first stored matrix of these names.
    fn first_matrix(&self, names: &[&str]) -> Option<String> {
        let mut names = names.iter().map(|name| self.place.named(name));
        names.find(|name| self.stored.matrix(name).is_some())
    }

    /// Returns the head, if it is stored separately.
    fn separate_head(&self) -> Option<String> {
        self.first_matrix(self.family.separate)
    }

    /// Returns the embedding that a tied head would be.
    fn embedding(&self) -> Option<String> {
        self.first_matrix(self.family.tied_to).filter(|_| !self.family.never_tied)
    }

    /// Refuses a quantised or adapted head, which has its stem's name, but other tensors; and such an embedding,
    /// where it would be the head.
    fn refuse_unreadable(&self, no_separate_head: bool) -> Result<()> {
        for name in self.family.separate {
            if let Some(stem) = self.place.named(name).strip_suffix(".weight") {
                refuse::unreadable(self.stored, stem, self.context.config)?;
                in_use::made(self.stored, stem)?;
            }
        }
        for name in self.family.tied_to.iter().filter(|_| no_separate_head) {
            if let Some(stem) = self.place.named(name).strip_suffix(".weight") {
                refuse::unreadable(self.stored, stem, self.context.config)?;
            }
        }
        Ok(())
    }

    /// Returns the separate head, and whether it equals the embedding; it must where it should be tied.
    fn compared(&self, separate: String, embedding: String) -> Result<Rows> {
        let Trial { stored, family, context, .. } = self;
        let equal =
            !family.separate_transposed && context.compared.equal(stored, &separate, &embedding)?;
        if let (false, TieStatement::Explicit(true) | TieStatement::Default(true)) =
            (equal, context.tie)
        {
            return Err(contradiction(stored, family, context, &separate, &embedding));
        }
        let (tying, said) = match equal {
            true => (Tying::Tied(embedding.clone()), format!(", equal to `{embedding}`")),
            false => (Tying::Separate, String::new()),
        };
        let why = format!("the output layer of {}{said}", family.name);
        Ok(Rows { weight: separate, tying, why })
    }

    /// Returns the embedding as the head, where no separate one is stored; `None` where it is no head.
    ///
    /// # Errors
    /// A head that should be separate, and tensors that seem to be another head.
    fn tied(&self, embedding: String) -> Result<Option<Rows>> {
        let Trial { stored, family, context, .. } = self;
        let has_required = family.required.is_empty()
            || family.required.iter().any(|name| stored.has(&self.place.named(name)));
        if !has_required || context.separate_only {
            return Ok(None);
        }
        let both_flags = context.config.is_some_and(|c| c.tie() == Tie::Both);
        let by = match context.tie {
            TieStatement::Explicit(_) => "says the configuration",
            TieStatement::Default(_) => "as the family does where the configuration is silent",
            // Also where the two flags of a nested configuration differ: no separate head is stored.
            TieStatement::Nobody if !family.required.is_empty() || both_flags => {
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
                why: format!("the embedding of {}, tied {by}", family.name),
            })),
        }
    }

    /// Refuses tensors beside the embedding that seem to be a head or to change its numbers.
    fn refuse_other_heads(&self, embedding: &str) -> Result<()> {
        let (family, named) = (self.family, |name: &&str| self.place.named(name));
        let mut heads: Vec<String> = family.separate.iter().map(named).collect();
        // The head of a model within another one may be stored outside it.
        heads.extend(
            family.separate.iter().filter(|n| **n == "lm_head.weight").map(|n| (*n).to_owned()),
        );
        heads.sort();
        heads.dedup();
        let known =
            [family.biases, family.required, family.between, family.norm_stems(), family.tied_to]
                .concat();
        let known: Vec<String> = known.iter().map(named).collect();
        refuse::tied_beside(self.stored, embedding, &heads, &known)
    }

    /// Returns what is wrong where the head should be separate, but is not stored.
    fn separate_head_missing(&self, embedding: &str) -> Option<String> {
        let missing = self.family.separate.join("`, `");
        let or_tied = format!("if it is tied, say --weight {embedding}");
        let list = self.stored.listed();
        match self.context.tie {
            TieStatement::Explicit(false) => Some(format!(
                "the configuration says that the head is not tied, but there is no `{missing}`: a part is missing, or \
                 the flag is wrong; {or_tied}{list}"
            )),
            TieStatement::Default(false) => Some(format!(
                "{} keeps its head in `{missing}`, which is not there; {or_tied}{list}",
                self.family.name
            )),
            TieStatement::Explicit(true) | TieStatement::Default(true) | TieStatement::Nobody => {
                None
            }
        }
    }

    fn bias_missing(&self) -> Error {
        let problem = format!(
            "{} has a bias, but `{}` is not there: name it by --bias, or say --bias none",
            self.family.name,
            self.family.biases.first().copied().unwrap_or("classifier.bias")
        );
        Error::head(self.stored.path, problem)
    }

    /// Returns the norm before the head, and notes on what else stands there.
    fn before(&self) -> (Option<NormDescription>, Vec<String>) {
        let mut maps = self.family.between.iter().map(|name| self.place.named(name));
        if let Some(name) = maps.find(|name| self.stored.has(name)) {
            return (None, vec![format!("a linear map, `{name}`, stands before the head")]);
        }
        let norm = self.family.norm.as_ref();
        let described = norm
            .and_then(|norm| before::norm_of(&self.place, self.family, norm, self.context.config));
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
        let (Some(norm_row), Some(config)) = (&self.family.norm, self.context.config) else {
            return Ok(None);
        };
        let factor = before::factor(self.stored, config, norm_row.factor, weight)?;
        if let Some(norm) = norm {
            norm.factor = factor;
        }
        Ok(match norm_row.factor {
            Factor::Over(key) => Some(key),
            _ => None,
        })
    }
}

/// Returns the error for a head that should be tied but differs from the embedding.
fn contradiction(
    stored: &Stored,
    family: &Family,
    context: &Context,
    own: &str,
    embedding: &str,
) -> Error {
    let says = match context.tie {
        TieStatement::Explicit(_) => "the configuration says that the head is tied".to_owned(),
        _ => {
            format!("{} ties its head where the configuration does not say otherwise", family.name)
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

/// Returns the bias of a head that a family's names found.
fn bias(
    stored: &Stored,
    family: &Family,
    place: &Place,
    weight: &str,
    tying: &Tying,
) -> Result<Option<String>> {
    let mut there: Vec<String> =
        family.biases.iter().map(|b| place.named(b)).filter(|b| stored.has(b)).collect();
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
