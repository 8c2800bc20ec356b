//! Applies what the table of families says of the norm before a head to the tensors and the configuration.

use super::after;
use super::configuration::{Configuration, Tie};
use super::final_norm::{NormDescription, NormKind};
use super::place::Place;
use super::stored::Stored;
use crate::error::{Error, Result};
use crate::families::{Factor, Family, HeadNorm, Quirk};

/// Describes the norm before the head; `None` unless its gain is stored or the family has none.
pub(super) fn norm_of(
    place: &Place,
    family: &Family,
    norm: &HeadNorm,
    config: Option<&Configuration>,
) -> Option<NormDescription> {
    /// Suffixes of a norm's gain and shift in different programs.
    const GAINS: [(&str, &str); 5] = [
        (".weight", ".bias"),
        (".gamma", ".beta"),
        ("/gamma", "/beta"),
        ("_scale", "_bias"),
        (".scale", ".offset"),
    ];
    let stored = place.stored;
    let tensors = norm.stems.iter().find_map(|template| {
        let stem = last_layer(stored, &place.named(template));
        GAINS.iter().find_map(|(gain, shift)| {
            let shift = Some(format!("{stem}{shift}")).filter(|name| stored.has(name));
            Some(format!("{stem}{gain}")).filter(|name| stored.has(name)).map(|name| (name, shift))
        })
    });
    let (weight, bias) = match tensors {
        Some((weight, bias)) => (Some(weight), bias),
        None if norm.bare => (None, None),
        None => return None,
    };
    let (keys, default) = norm.epsilon;
    let said = config.and_then(|c| keys.iter().find_map(|key| c.number(key)));
    let (mut kind, mut epsilon) = (NormKind::from(norm.kind), said.unwrap_or(default));
    if let Some(flag) = norm.rms_flag {
        // An RMSNorm has no shift.
        let rms = config.and_then(|c| c.truth(flag)).unwrap_or(bias.is_none());
        kind = if rms { NormKind::RmsNorm } else { NormKind::LayerNorm };
    }
    if family.quirk == Some(Quirk::RmsNormWithoutShift) && bias.is_none() {
        (kind, epsilon) = (NormKind::RmsNorm, 1e-6);
    }
    let epsilon = Some(epsilon);
    Some(NormDescription { kind, weight, bias, epsilon, factor: 1.0, one_plus: norm.one_plus })
}

/// Puts the number of the last layer in place of `{last}`; without layers the template is returned, which is no
/// tensor name.
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

/// Returns the factor of the hidden states between the norm and the head.
pub(super) fn factor(
    stored: &Stored,
    config: &Configuration,
    factor: Factor,
    weight: &str,
) -> Result<f64> {
    let dim = stored.get(weight).and_then(|info| info.shape.last()).copied().unwrap_or(1) as f64;
    let tied = config.tie() != Tie::Said(false);
    let over = match factor {
        Factor::One => return Ok(1.0),
        Factor::T5 => {
            // Transformers 5 has a flag of its own for what the flag of tying meant before.
            let scaled = config.truth("scale_decoder_outputs").unwrap_or(tied);
            return Ok(if scaled { dim.powf(-0.5) } else { 1.0 });
        }
        Factor::IfTied => return Ok(if tied { dim.powf(-0.5) } else { 1.0 }),
        Factor::Over(key) => config.number(key).unwrap_or(1.0),
        Factor::MiniCpm => match (config.number("hidden_size"), config.number("dim_model_base")) {
            (Some(size), Some(base)) => size / base,
            _ => 1.0,
        },
    };
    after::keeps_order(over).map_err(|why| {
        Error::head(
            stored.path,
            format!("the configuration divides the hidden states before the head by {over}: {why}"),
        )
    })?;
    Ok(1.0 / over)
}
