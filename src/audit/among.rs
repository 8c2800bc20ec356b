//! The audit of some rows of a head, as if all others were removed: a trimmed vocabulary, the draft head of
//! speculative decoding, the tokens that a grammar allows, the words of labels.

use std::sync::Arc;

use super::{Audit, Options, audit};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::order;

/// Rows that are kept of a head, and the head that they make.
///
/// ```
/// use unargmax::audit::Among;
/// use unargmax::{Domain, Head, Options, audit};
///
/// // Token 1 lies between the others. Without token 2 nothing blocks it.
/// let head = Head::new(vec![-1.0, 0.0, 1.0], None, 3, 1)?;
/// assert_eq!(audit(&head, &Domain::free(1), Options::default())?.counts().unargmaxable, 1);
/// let kept = Among::new(&head, &[0, 1])?.audit(&Domain::free(1), Options::default())?;
/// assert_eq!(kept.counts().unargmaxable, 0);
/// # Ok::<(), unargmax::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Among {
    /// The ids of the kept rows in the whole head, rising.
    ids: Arc<[u32]>,
    /// The head of these rows.
    head: Head,
}

impl Among {
    /// Keeps the rows with these ids, in any order; an id may be repeated.
    ///
    /// # Errors
    /// There is no id, or the head has no such row.
    pub fn new(head: &Head, ids: &[u32]) -> Result<Self> {
        let mut ids = ids.to_vec();
        order::distinct(&mut ids);
        let kept = head.keeping(&ids)?;
        Ok(Among { ids: ids.into(), head: kept })
    }

    /// The head of the kept rows, where each has its place among them as id.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The ids of the kept rows in the whole head, rising.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The places of tokens of the whole head among the kept rows.
    ///
    /// # Errors
    /// The row of a token is not kept.
    pub fn places(&self, tokens: &[u32]) -> Result<Vec<u32>> {
        let place = |token: &u32| {
            self.ids.binary_search(token).map(|place| place as u32).map_err(|_| {
                Error::Invalid(format!(
                    "token {token} is not among the {} kept rows",
                    self.ids.len()
                ))
            })
        };
        tokens.iter().map(place).collect()
    }

    /// Decides which of the kept rows can win over `domain` if all others are removed. Tokens in the options and in the
    /// results have their ids in the whole head; a journal is one of [`Among::head`].
    ///
    /// # Errors
    /// As [`audit`](super::audit()), and a token of the options whose row is not kept.
    pub fn audit(&self, domain: &Domain, options: Options) -> Result<Audit> {
        let places = |tokens: Option<&[u32]>| tokens.map(|t| self.places(t)).transpose();
        let tokens = places(options.tokens)?;
        let options = Options { tokens: tokens.as_deref(), ..options };
        #[cfg(feature = "measures")]
        let [efforts, margins, ranks, max_probability] = [
            places(options.efforts)?,
            places(options.margins)?,
            places(options.ranks)?,
            places(options.max_probability)?,
        ];
        #[cfg(feature = "measures")]
        let options = Options {
            efforts: efforts.as_deref(),
            margins: margins.as_deref(),
            ranks: ranks.as_deref(),
            max_probability: max_probability.as_deref(),
            ..options
        };
        Ok(self.with_ids(audit(&self.head, domain, options)?))
    }

    /// The same audit with the ids of the whole head.
    fn with_ids(&self, audit: Audit) -> Audit {
        let ids = &self.ids;
        Audit {
            kept: Some(self.ids.clone()),
            verdicts: audit
                .verdicts
                .iter()
                .map(|(place, verdict)| (ids[*place as usize], verdict.with_ids(ids)))
                .collect(),
            caps: audit.caps.into_iter().map(|(place, cap)| (ids[place as usize], cap)).collect(),
            radii: audit.radii.map(|radii| {
                radii.into_iter().map(|(place, r)| (ids[place as usize], r)).collect()
            }),
            free: audit.free.map(|free| Box::new(self.with_ids(*free))),
            #[cfg(feature = "measures")]
            measured: audit.measured.with_ids(ids),
            domain: audit.domain,
            engine: audit.engine,
            threads: audit.threads,
            seconds: audit.seconds,
        }
    }
}
