//! One head over one domain: what every stage after reading looks at.

use std::sync::Arc;

use rayon::prelude::*;

use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::head::fold::Folded;
use crate::head::groups::{Groups, Standing};

/// Which tokens of a head can strictly win for some hidden state of `domain`?
///
/// Hidden states are looked at as *points*. Without a ball these are the hidden states, and scores are those of the
/// head. With one they are the states `z` before gain and shift, and scores those of the folded head.
#[derive(Debug)]
pub struct Problem<'a> {
    stored: &'a Head,
    folded: Option<Arc<Folded>>,
    domain: &'a Domain,
    groups: Groups,
    /// Upper bounds of the Euclidean norms of the rows.
    norms: Vec<f64>,
    has_levels: bool,
}

impl<'a> Problem<'a> {
    /// Folds a norm, groups equal rows and bounds the norms of rows.
    ///
    /// # Errors
    /// A domain of another number of coordinates than the head, or a norm that cannot be folded in.
    pub fn new(head: &'a Head, domain: &'a Domain) -> Result<Self> {
        Ok(Problem::about(head, domain, Problem::fold(head, domain)?))
    }

    /// The head as points see it, where that is not the stored one: the first step of [`Problem::new`].
    ///
    /// # Errors
    /// See [`Problem::new`].
    pub fn fold(head: &Head, domain: &Domain) -> Result<Option<Arc<Folded>>> {
        if head.dim() != domain.dim() {
            return Err(Error::Invalid(format!(
                "the domain has {} coordinates, but the rows of the head have {}",
                domain.dim(),
                head.dim()
            )));
        }
        Ok(domain.ball().map(|ball| Folded::new(head, ball).map(Arc::new)).transpose()?)
    }

    /// The other steps; `folded` is what [`Problem::fold`] gave for the same head and domain.
    pub(crate) fn about(head: &'a Head, domain: &'a Domain, folded: Option<Arc<Folded>>) -> Self {
        let rows = folded.as_ref().map_or(head, |f| &f.head);
        let norms = (0..head.tokens()).into_par_iter().map(|t| rows.norm_up(t)).collect();
        let has_levels = match domain.ball() {
            Some(ball) => Folded::has_levels(head, ball),
            None => !head.bias_is_constant(),
        };
        let groups = Groups::new(head, domain);
        Problem { stored: head, folded, domain, groups, norms, has_levels }
    }

    /// The head that scores points: folded where there is a ball, then to within [`Problem::row_error`] and
    /// [`Problem::level_error`].
    pub fn head(&self) -> &Head {
        self.folded.as_ref().map_or(self.stored, |f| &f.head)
    }

    /// The same problem with hidden states in `domain`, which differs from this one's by the radius of its ball alone:
    /// nothing is folded anew. `None` for another domain.
    pub(crate) fn resized(&self, domain: &'a Domain) -> Option<Self> {
        let same = self.domain.ball().zip(domain.ball()).is_some_and(|(a, b)| a.is_concentric(b))
            && (0..domain.dim())
                .all(|k| domain.lo(k) == self.domain.lo(k) && domain.hi(k) == self.domain.hi(k));
        same.then(|| Problem::about(self.stored, domain, self.folded.clone()))
    }

    /// The head as stored, which scores hidden states exactly.
    pub fn stored(&self) -> &'a Head {
        self.stored
    }

    /// Where hidden states may lie.
    pub fn domain(&self) -> &'a Domain {
        self.domain
    }

    /// How far a row of [`Problem::head`] can be from the true one; 0 without a ball.
    pub fn row_error(&self) -> f64 {
        self.folded.as_ref().map_or(0.0, |f| f.row_error)
    }

    /// How far a bias of [`Problem::head`] can be from the true level; 0 without a ball.
    pub fn level_error(&self) -> f64 {
        self.folded.as_ref().map_or(0.0, |f| f.level_error)
    }

    /// Tokens with equal rows.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Upper bounds of the row norms of [`Problem::head`].
    pub fn norms(&self) -> &[f64] {
        &self.norms
    }

    /// The tokens that `token` need not beat, itself included, in id order: its equals in row and bias.
    pub fn equals(&self, token: u32) -> Vec<u32> {
        match self.groups.standing(token) {
            Standing::Tied(members) => members.to_vec(),
            _ => vec![token],
        }
    }

    /// Whether some tokens have an advantage at the point 0, by bias or by the norm's shift.
    pub fn has_levels(&self) -> bool {
        self.has_levels
    }

    /// Whether the set of winning points is a cone, so that a witness can be scaled freely; with a ball, only down.
    pub fn is_scale_free(&self) -> bool {
        !self.has_levels && !self.domain.has_lengths()
    }
}
