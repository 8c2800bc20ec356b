//! The problem: one head over one domain, the input of every stage after reading.

use std::sync::Arc;

use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::head::fold::Folded;
use crate::head::groups::{Groups, Standing};
use crate::parallel;

/// The question which tokens of a head can strictly win for some hidden state of `domain`, with the data to answer
/// it.
///
/// The stages work on *points*. Without a ball, points are hidden states, and scores are those of the head. With a
/// ball, points are the states `z` before gain and shift, and scores are those of the folded head.
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
    /// Folds the norm into the head, groups equal rows and bounds the norms of rows.
    ///
    /// # Errors
    /// The domain and the head have different numbers of coordinates, or the norm cannot be folded.
    pub fn new(head: &'a Head, domain: &'a Domain) -> Result<Self> {
        Ok(Problem::about(head, domain, Problem::fold(head, domain)?))
    }

    /// The folded head for a domain with a ball, else `None`: the first step of [`Problem::new`].
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

    /// The remaining steps of [`Problem::new`]; `folded` is the result of [`Problem::fold`] for the same head and
    /// domain.
    pub(crate) fn about(head: &'a Head, domain: &'a Domain, folded: Option<Arc<Folded>>) -> Self {
        let rows = folded.as_ref().map_or(head, |f| &f.head);
        let norms = parallel::map(head.tokens(), &|t| rows.norm_up(t));
        let has_levels = match domain.ball() {
            Some(ball) => Folded::has_levels(head, ball),
            None => !head.bias_is_constant(),
        };
        let groups = Groups::new(head, domain);
        Problem { stored: head, folded, domain, groups, norms, has_levels }
    }

    /// The head that scores points: the stored head, or with a ball the folded head, exact to within
    /// [`Problem::row_error`] and [`Problem::level_error`].
    pub fn head(&self) -> &Head {
        self.folded.as_ref().map_or(self.stored, |f| &f.head)
    }

    /// The same problem over `domain`, which may differ from the present domain only in the radius of its ball, so
    /// that the folded head is reused. `None` for any other domain.
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

    /// The domain: where hidden states may lie.
    pub fn domain(&self) -> &'a Domain {
        self.domain
    }

    /// Bounds the Euclidean distance of every row of [`Problem::head`] from the true one; 0 without a ball.
    pub fn row_error(&self) -> f64 {
        self.folded.as_ref().map_or(0.0, |f| f.row_error)
    }

    /// Bounds the distance of every bias of [`Problem::head`] from the true level, in logits; 0 without a ball.
    pub fn level_error(&self) -> f64 {
        self.folded.as_ref().map_or(0.0, |f| f.level_error)
    }

    /// The groups of tokens with equal rows.
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

    /// Whether tokens have different scores at the point 0, from the bias or from the norm's shift.
    pub fn has_levels(&self) -> bool {
        self.has_levels
    }

    /// Whether the set of winning points is a cone, so that a witness can be scaled freely (with a ball, only down).
    pub fn is_scale_free(&self) -> bool {
        !self.has_levels && !self.domain.has_lengths()
    }
}
