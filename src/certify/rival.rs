//! Rivals and range ends that block a token.

use crate::order::Ranked;

/// An element of a combination that blocks a token: a rival token, or an end of the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rival {
    /// Another token.
    Token(u32),
    /// The lower end of a coordinate.
    Lower(u32),
    /// The upper end of a coordinate.
    Upper(u32),
}

impl std::fmt::Display for Rival {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rival::Token(t) => write!(f, "{t}"),
            Rival::Lower(k) => write!(f, "lo[{k}]"),
            Rival::Upper(k) => write!(f, "hi[{k}]"),
        }
    }
}

/// Rivals come before ends, as in the order of the type.
impl Ranked for Rival {
    fn number(self) -> u64 {
        let (kind, id) = match self {
            Rival::Token(t) => (0, t),
            Rival::Lower(k) => (1, k),
            Rival::Upper(k) => (2, k),
        };
        kind << 32 | u64::from(id)
    }
    fn of(number: u64) -> Self {
        let id = number as u32;
        match number >> 32 {
            0 => Rival::Token(id),
            1 => Rival::Lower(id),
            _ => Rival::Upper(id),
        }
    }
}

/// A rival and its weight in the combination, in float64.
pub type Blocker = (Rival, f64);

/// Rivals with weights, where `ids` are the ids of tokens in the whole head.
pub(super) fn with_ids(rivals: &[Blocker], ids: &[u32]) -> Vec<Blocker> {
    let id = |rival: Rival| match rival {
        Rival::Token(j) => Rival::Token(ids[j as usize]),
        end => end,
    };
    rivals.iter().map(|&(rival, weight)| (id(rival), weight)).collect()
}

/// Tokens with weights, where `ids` are the ids of tokens in the whole head.
pub(super) fn weights_with_ids<T: Clone>(weights: &[(u32, T)], ids: &[u32]) -> Vec<(u32, T)> {
    weights.iter().map(|(j, weight)| (ids[*j as usize], weight.clone())).collect()
}
