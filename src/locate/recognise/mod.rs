//! Finds the head by the table of families: the configuration chooses the family, and the tensors must agree.

mod merged;
mod missing;
mod trial;

use merged::{alike, merged, one};
use missing::{no_second_head, without_head};
use trial::{Compared, Context, TieStatement, fit};

use super::configuration::{Configuration, Tie};
use super::found::Found;
use super::stored::Stored;
use super::{in_use, marian, refuse};
use crate::error::Result;
use crate::families::{Family, Quirk, families};

/// Finds the head of a known family; `None` where no known family fits.
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
            "the model_type `{unknown}` is not known: the head is found by its name, and it is not known what precedes or \
             follows it"
        ));
    }
    Ok(Some(found))
}

/// Returns a sentence on the model type of a configuration that no family has.
pub(super) fn unknown_type(config: &Configuration) -> Option<String> {
    let (known, unknown) = known(config);
    let name = unknown.filter(|_| known.is_empty())?;
    Some(format!("config.json says model_type \"{name}\", which no rule knows"))
}

/// Returns the families of the innermost model type that has some, and an unknown type nested within it.
fn known(config: &Configuration) -> (Vec<&'static Family>, Option<&str>) {
    let mut unknown = None;
    for model_type in config.model_types().into_iter().rev() {
        let known: Vec<&Family> =
            families().filter(|family| family.model_types.contains(&model_type)).collect();
        if !known.is_empty() {
            return (known, unknown);
        }
        unknown = unknown.or(Some(model_type));
    }
    (Vec::new(), unknown)
}

/// Finds the head by the families that the configuration chooses.
fn by_configuration(
    stored: &Stored,
    config: &Configuration,
    known: &[&'static Family],
) -> Result<Found> {
    let architectures = config.architectures();
    let has_task = |family: &&&'static Family| {
        architectures.iter().any(|name| {
            family.tasks.iter().any(|task| name.ends_with(task))
                // Models of vision and speech, too: the part that generates is a language model of any family.
                || family.is_of_tokens() && name.ends_with("EncoderDecoderModel")
        })
    };
    let asked: Vec<&'static Family> = known.iter().filter(has_task).copied().collect();
    // A configuration that names a model without a head is believed, unless a head is stored after all.
    let (families, separate_only) = match (architectures.is_empty(), asked.is_empty()) {
        (false, true) => (known.to_vec(), true),
        (true, _) => (known.to_vec(), false),
        _ => (asked, false),
    };
    let mut found: Vec<(Found, &Family)> = Vec::new();
    let compared = Compared::default();
    for family in families {
        let context = Context {
            config: Some(config),
            tie: declared(family, config),
            separate_only,
            certain: true,
            compared: &compared,
        };
        if let Some(fit) = fit(stored, family, &context)? {
            found.push((fit, family));
        }
    }
    found.dedup_by(|later, earlier| later.0.weight == earlier.0.weight);
    let Some((chosen, family)) = one(stored, found)? else {
        in_use::codebooks(stored)?;
        return Err(without_head(stored, config, known));
    };
    if family.is_of_tokens() {
        no_second_head(stored, &chosen)?;
    }
    Ok(chosen)
}

/// Returns whether the head is tied, by the family and the configuration.
fn declared(family: &Family, config: &Configuration) -> TieStatement {
    if family.quirk == Some(Quirk::TiedDespiteTheFlag) {
        return TieStatement::Default(true);
    }
    if family.never_tied {
        return TieStatement::Default(false);
    }
    match config.tie() {
        Tie::Said(tied) => TieStatement::Explicit(tied),
        Tie::Silent => TieStatement::Default(family.tied_by_default),
        Tie::Both => TieStatement::Nobody,
    }
}

/// Finds the head by the names of every family, where the configuration names no known family.
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
    let mut found: Vec<(Found, &Family)> = Vec::new();
    let mut tried: Vec<&Family> = Vec::new();
    let compared = Compared::default();
    for family in families() {
        // Without a configuration `classifier.weight` is one linear layer of many, and an embedding is no head.
        if !family.is_of_tokens() && !family.model_types.is_empty()
            || !family.known_by.is_empty() && !family.known_by.iter().any(|name| stored.has(name))
            || tried.iter().any(|other| alike(family, other))
        {
            continue;
        }
        tried.push(family);
        let context =
            Context { config, tie: flag, separate_only, certain: false, compared: &compared };
        if let Some(fit) = fit(stored, family, &context)? {
            found.push((fit, family));
        }
    }
    let Some((mut chosen, family)) = merged(stored, found)? else { return Ok(None) };
    if let Some(config) = config {
        chosen.stated_tokens = config.tokens();
    }
    no_second_head(stored, &chosen)?;
    if family.quirk == Some(Quirk::NormIfLayersEndInOne) && !marian::post_normed(stored)? {
        chosen.norm = None;
    }
    Ok(Some(chosen))
}
