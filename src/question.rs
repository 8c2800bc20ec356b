//! One head over one domain: what every stage after reading looks at.

use rayon::prelude::*;

use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::head::groups::{Groups, Standing};

/// Which tokens of `head` can strictly win for some hidden state of `domain`?
#[derive(Debug)]
pub struct Question<'a> {
    head: &'a Head,
    domain: &'a Domain,
    groups: Groups,
    /// Upper bounds of the Euclidean norms of the rows.
    norms: Vec<f64>,
}

impl<'a> Question<'a> {
    /// Groups equal rows and bounds the norms.
    ///
    /// # Errors
    /// A domain of another number of coordinates than the head.
    pub fn new(head: &'a Head, domain: &'a Domain) -> Result<Self> {
        if head.dim() != domain.dim() {
            return Err(Error::Invalid(format!(
                "the domain has {} coordinates, but the rows of the head have {}",
                domain.dim(),
                head.dim()
            )));
        }
        let norms = (0..head.tokens()).into_par_iter().map(|t| head.norm_up(t)).collect();
        Ok(Question { head, domain, groups: Groups::new(head, domain), norms })
    }

    /// The head.
    pub fn head(&self) -> &'a Head {
        self.head
    }

    /// Where hidden states may lie.
    pub fn domain(&self) -> &'a Domain {
        self.domain
    }

    /// Tokens with equal rows.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Upper bounds of the row norms.
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

    /// Whether the set of winning hidden states is a cone, so that a witness can be scaled freely.
    pub fn is_scale_free(&self) -> bool {
        self.head.bias_is_constant() && !self.domain.has_lengths()
    }
}
