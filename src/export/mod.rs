//! A certificate as exact statements, for the checker in proofs/ whose soundness is proved in Rocq: rows and domains as integers,
//! points as rational numbers, losing weights as integers.
//!
//! - `exact`: integers over a power of two, and points of them;
//! - `points`: winning points, those of maps too; `short`: points of few bits near them;
//! - `losses`: weights on rivals and what the box bounds, from each kind of losing record;
//! - `text`: the file, which proofs/README.md describes.
//!
//! Nothing is checked here beyond what is needed to write a record down: the checker is to judge it.

mod exact;
mod losses;
mod points;
mod short;
mod text;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use num_bigint::BigInt;

use crate::certificate::{AuditRecord, Certificate, Subject};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::progress::Progress;
use exact::{Point, Unit};

/// A certificate that can be written as text.
pub struct Export<'a> {
    head: &'a Head,
    unit: Unit,
    audits: Vec<ExactAudit<'a>>,
}

/// What one audit says, exactly.
struct ExactAudit<'a> {
    domain: &'a Domain,
    /// A point of the domain, which shows that it is not empty.
    somewhere: Point,
    scope: Option<&'a [u32]>,
    records: Vec<Record>,
}

/// A statement about tokens.
enum Record {
    /// These tokens, which are equal, lead at the point.
    Leads { members: Vec<u32>, point: Arc<Point> },
    /// The token is never ahead of these weighted rivals.
    Loses { token: u32, loss: Arc<Loss> },
    /// The token has no verdict.
    Open(u32),
}

/// Weights on rivals, and with a ball the part of the weighted differences of rows that the box bounds (`d`, or none), in the unit of the
/// head.
struct Loss {
    weights: Vec<(u32, BigInt)>,
    ends: Vec<BigInt>,
}

/// What an export holds, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Winning points.
    pub points: usize,
    /// Losing proofs.
    pub losses: usize,
    /// Tokens without a verdict.
    pub open: usize,
}

/// Turns every record of a certificate of `head` into an exact one. Bounds of margins, probabilities and ranks are left out: they are no
/// verdicts.
///
/// # Errors
/// The certificate is for another head or about kept rows or label sets, or a record has numbers that are not finite, names what does not
/// exist, or has no exact solution.
pub fn export<'a>(
    head: &'a Head,
    certificate: &'a Certificate,
    progress: &dyn Progress,
) -> Result<Export<'a>> {
    let invalid = |reason: String| Err(Error::Invalid(reason));
    if certificate.head != head.sha256() {
        return invalid(format!(
            "the certificate is for another head: {} is not {}",
            certificate.head,
            head.sha256()
        ));
    }
    let about = match certificate.subject {
        Subject::Head => None,
        Subject::Kept(_) => Some("kept rows"),
        Subject::Sets(_) => Some("label sets"),
    };
    if let Some(about) = about {
        return invalid(format!(
            "the certificate is about {about}; only those about all rows of a head can be exported"
        ));
    }
    if certificate.audits.is_empty() {
        return invalid("the certificate has no audit".to_owned());
    }
    let unit = Unit::of_head(head);
    let mut sources = Vec::new();
    for (i, audit) in certificate.audits.iter().enumerate() {
        let within = |reason: String| Error::Invalid(format!("audit {i}: {reason}"));
        let records =
            audit.enclosed.len() + audit.maps.iter().map(|m| m.winners.len()).sum::<usize>();
        progress.begin("exact", records, "records");
        let losses = losses::by_token(head, unit, audit, progress).map_err(within)?;
        let points = points::by_token(head, audit, progress).map_err(within)?;
        let losses = losses.into_iter().map(|(t, loss)| (t, Arc::new(loss))).collect();
        let points = points.into_iter().map(|(t, point)| (t, Arc::new(point))).collect();
        sources.push(Source { audit, losses, points });
    }
    let audits = (0..sources.len())
        .map(|i| {
            exact_audit(head, &sources, i)
                .map_err(|reason| Error::Invalid(format!("audit {i}: {reason}")))
        })
        .collect::<Result<_>>()?;
    Ok(Export { head, unit, audits })
}

/// An audit with its own proofs, in the order of the file.
struct Source<'a> {
    audit: &'a AuditRecord,
    losses: Vec<(u32, Arc<Loss>)>,
    points: Vec<(u32, Arc<Point>)>,
}

/// The records of an audit: its own, and for the tokens that it carries those of the other audit.
fn exact_audit<'a>(
    head: &Head,
    sources: &[Source<'a>],
    index: usize,
) -> Result<ExactAudit<'a>, String> {
    let source = &sources[index];
    let audit = source.audit;
    let (mut points, mut losses) = (source.points.clone(), source.losses.clone());
    if audit.carried.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("the carried ids do not rise".to_owned());
    }
    if !audit.carried.is_empty() {
        let other = audit.carried_from.filter(|&from| from != index);
        let other = other.and_then(|from| sources.get(from));
        let other = other.ok_or("there is no audit that its verdicts are carried from")?;
        let missing =
            |t: u32| format!("the other audit has no proof for token {t}, which is carried");
        if audit.domain.is_free() {
            let there: HashMap<u32, &Arc<Point>> =
                other.points.iter().rev().map(|(t, p)| (*t, p)).collect();
            let carried = audit.carried.iter();
            let carried: Result<Vec<(u32, &Point)>, String> = carried
                .map(|&t| Ok((t, there.get(&t).ok_or_else(|| missing(t))?.as_ref())))
                .collect();
            let carried = points::carried(head, &other.audit.domain, &carried?, &audit.ties);
            points.extend(carried.into_iter().map(|(t, point)| (t, Arc::new(point))));
        } else if other.audit.domain.is_free() {
            let there: HashMap<u32, &Arc<Loss>> =
                other.losses.iter().map(|(t, l)| (*t, l)).collect();
            for &t in &audit.carried {
                losses.push((t, Arc::clone(there.get(&t).ok_or_else(|| missing(t))?)));
            }
        } else {
            return Err("verdicts are carried only from the free domain and into it".to_owned());
        }
    }
    let mut records = Vec::new();
    let mut used: HashSet<usize> = HashSet::new();
    for members in &audit.ties {
        let first = members.first().ok_or("a tie has no members")?;
        let place = (0..points.len()).find(|i| points[*i].0 == *first && !used.contains(i));
        let place = place.ok_or_else(|| format!("the tie of token {first} has no point"))?;
        used.insert(place);
        records
            .push(Record::Leads { members: members.clone(), point: Arc::clone(&points[place].1) });
    }
    let alone = points.into_iter().enumerate().filter(|(i, _)| !used.contains(i));
    records.extend(alone.map(|(_, (t, point))| Record::Leads { members: vec![t], point }));
    records.extend(losses.into_iter().map(|(token, loss)| Record::Loses { token, loss }));
    records.extend(audit.undecided.iter().map(|open| Record::Open(open.token)));
    Ok(ExactAudit {
        domain: &audit.domain,
        somewhere: points::somewhere(audit)?,
        scope: audit.scope.as_deref(),
        records,
    })
}

impl Export<'_> {
    /// How many records of each kind there are, of all audits together.
    pub fn contents(&self) -> Contents {
        let mut contents = Contents::default();
        for record in self.audits.iter().flat_map(|audit| &audit.records) {
            match record {
                Record::Leads { .. } => contents.points += 1,
                Record::Loses { .. } => contents.losses += 1,
                Record::Open(_) => contents.open += 1,
            }
        }
        contents
    }
}
