//! `report.json`: data for the report that the table does not hold, computed from the head during the audit.

pub mod projection;
pub mod spectrum;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::causes::folded;
use super::frequencies::{Frequencies, rank};
use crate::audit::Audit;
use crate::causes::RowLayout;
use crate::certify::{Rival, Verdict};
use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::head::spectrum::Spectra;
use crate::locate::Located;
use projection::Projection;
use spectrum::Spectrum;

/// The name of the file in the output folder.
pub const FILE: &str = "report.json";

/// The version of the layout.
pub const SCHEMA: &str = "unargmax report 1";

/// The most losing tokens for which a picture is kept.
const PICTURES: usize = 12;

/// Unproved measurements for the page: float64 sums rounded to six digits. No verdict depends on them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measures {
    /// The version of the layout, [`SCHEMA`].
    pub schema: String,
    /// The digest of the head, as in `summary.json`.
    pub head: String,
    /// Why these tensors were chosen as the head.
    pub weight_reason: String,
    /// Why this domain was audited.
    pub domain_reason: String,
    /// How the rows spread; `None` for a head that is too wide.
    pub spectrum: Option<Spectrum>,
    /// Pictures of some losing tokens among their rivals.
    pub projections: Vec<Projection>,
    /// The names of tokens that verdicts mention but that were not audited.
    pub others: Vec<Other>,
}

/// A token outside the audit's scope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Other {
    /// The id of the token.
    pub id: u32,
    /// Its readable text.
    pub text: String,
    /// The spelling in the vocabulary.
    pub piece: String,
    /// What kind of row it is.
    #[serde(with = "kind_name")]
    pub kind: Option<Kind>,
}

impl Measures {
    /// Computes the measures of a head and the verdicts on it; `spectra` belong to its rows.
    pub fn new(
        located: &Located,
        spectra: Option<&Spectra>,
        vocabulary: Option<&Vocabulary>,
        (domain_reason, frequencies): (&str, Option<&Frequencies>),
        (audit, layout): (&Audit, &RowLayout),
    ) -> Self {
        let head = &located.head;
        Measures {
            schema: SCHEMA.to_owned(),
            head: head.sha256(),
            weight_reason: located.why.clone(),
            domain_reason: domain_reason.to_owned(),
            spectrum: spectra.map(Spectrum::of),
            projections: pictured(vocabulary, (audit, layout), frequencies)
                .into_iter()
                .filter_map(|token| {
                    let Verdict::Unargmaxable(loss) = audit.verdict(token)? else { return None };
                    Some(projection::project(head, token, &loss.blockers(), audit.kept()))
                })
                .collect(),
            others: others(vocabulary, audit),
        }
    }

    /// The measures as JSON on one line.
    pub fn to_json(&self) -> String {
        // The structure holds only strings and finite numbers, which always serialise.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// The losing tokens to picture: those with text first, in id order, at most [`PICTURES`]; they are the first that
/// the report shows. One token stands for its cluster of near-equal rows. A token that loses to a single rival coincides with it, so it has no picture.
fn pictured(
    vocabulary: Option<&Vocabulary>,
    (audit, layout): (&Audit, &RowLayout),
    frequencies: Option<&Frequencies>,
) -> Vec<u32> {
    let losing = audit.verdicts().iter().filter_map(|(id, verdict)| match verdict {
        Verdict::Unargmaxable(loss) if loss.blockers().len() > 1 => Some(*id),
        _ => None,
    });
    let mut losing: Vec<u32> = losing.collect();
    losing.sort_by_key(|&id| rank(vocabulary, frequencies, id));
    let cluster = |id: &u32| layout.cluster(*id).map(|cluster| cluster.rows[0]);
    folded(losing, cluster)
        .into_iter()
        .filter_map(|group| group.first().copied())
        .take(PICTURES)
        .collect()
}

/// The tokens that verdicts mention but that were not audited.
fn others(vocabulary: Option<&Vocabulary>, audit: &Audit) -> Vec<Other> {
    let Some(vocabulary) = vocabulary else { return Vec::new() };
    let mut named = BTreeSet::new();
    for (_, verdict) in audit.verdicts() {
        match verdict {
            Verdict::Unargmaxable(loss) => {
                named.extend(loss.blockers().iter().filter_map(|(rival, _)| match rival {
                    Rival::Token(id) => Some(*id),
                    _ => None,
                }))
            }
            Verdict::Tied(tie) => named.extend(tie.members()),
            _ => {}
        }
    }
    named
        .into_iter()
        .filter(|&id| audit.verdict(id).is_none())
        .filter_map(|id| {
            let token = vocabulary.tokens.get(id as usize)?;
            Some(Other {
                id,
                text: token.text.clone(),
                piece: token.piece.clone(),
                kind: Some(token.kind),
            })
        })
        .collect()
}

/// A kind by its name, empty where none is known.
mod kind_name {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::checkpoint::vocabulary::Kind;

    pub fn serialize<S: Serializer>(kind: &Option<Kind>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.map_or("", Kind::name))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Kind>, D::Error> {
        let name = String::deserialize(reader)?;
        match name.as_str() {
            "" => Ok(None),
            name => match Kind::named(name) {
                Some(kind) => Ok(Some(kind)),
                None => Err(D::Error::custom(format!("`{name}` is not a kind of token"))),
            },
        }
    }
}

/// Six significant digits: what a picture needs, and the same text wherever the last bits differ. JSON
/// has no infinity: what is beyond float64 becomes its end.
fn six_digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x).clamp(f64::MIN, f64::MAX)
}
