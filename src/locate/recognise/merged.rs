//! Heads that several families found: one of them, what all of them say of the same one, or an error.

use crate::error::{Error, Result};
use crate::families::Family;
use crate::locate::final_norm::NormDescription;
use crate::locate::found::Found;
use crate::locate::stored::Stored;

/// Whether two families look for the same names and say the same of them, epsilons ignored.
pub(super) fn alike(a: &Family, b: &Family) -> bool {
    let norm = |family: &Family| {
        family.norm.as_ref().map(|n| (n.kind, n.rms_flag, n.stems, n.one_plus, n.bare))
    };
    let names = |r: &Family| (r.bodies, r.separate, r.tied_to, r.required, r.biases, r.between);
    names(a) == names(b)
        && norm(a) == norm(b)
        && (a.needs_bias, a.separate_transposed, a.activation)
            == (b.needs_bias, b.separate_transposed, b.activation)
}

/// The table of learned positions in GPT-2's body.
const POSITIONS: &str = "transformer.wpe.weight";
/// The model types with such a table.
const GPT_2: [&str; 2] = ["gpt2", "gpt_bigcode"];

/// Merges families that found the same weight: only what all of them say is kept, and a bias that one of them found.
pub(super) fn merged<'r>(
    stored: &Stored,
    found: Vec<(Found, &'r Family)>,
) -> Result<Option<(Found, &'r Family)>> {
    /// The largest number of families that the note names.
    const NAMED: usize = 4;
    // A family whose final norm is not stored here is dropped, if that of another family is stored.
    let here = |(f, family): &(Found, &Family)| f.norm.is_some() || family.norm.is_none();
    let normed = found.iter().any(|(f, _)| f.norm.is_some());
    // Families with other norms share names like `transformer.ln_f`, but learned positions are GPT-2's.
    let learned = |family: &Family| GPT_2.iter().any(|name| family.model_types.contains(name));
    let positions = stored.has(POSITIONS) && found.iter().any(|(_, family)| learned(family));
    let found: Vec<(Found, &Family)> = found
        .into_iter()
        .filter(|fit| (!normed || here(fit)) && (!positions || learned(fit.1)))
        .collect();
    let bias = found.iter().find_map(|(f, _)| f.bias.clone());
    let several = found.len() > 1;
    let same = |f: &[(Found, &Family)]| f.windows(2).all(|w| w[0].0.weight == w[1].0.weight);
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
        let (mut first, family) = found.into_iter().next().expect("several");
        first.notes.push(match norm {
            Some(_) => format!("its names fit several families ({families})"),
            None => format!(
                "its names fit several families ({families}), so it is not known what precedes it"
            ),
        });
        (first.family, first.source, first.norm, first.activation) = (None, None, norm, None);
        first.bias = bias;
        first.why =
            format!("`{}` is the name of the output layer in several families", first.weight);
        return Ok(Some((first, family)));
    }
    one(stored, found)
}

/// Returns the one head found, or an error that lists several.
pub(super) fn one<'r>(
    stored: &Stored,
    found: Vec<(Found, &'r Family)>,
) -> Result<Option<(Found, &'r Family)>> {
    if found.len() > 1 {
        let names: Vec<String> = found
            .iter()
            .map(|(f, r)| format!("{} ({})", stored.described(&f.weight), r.name))
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
