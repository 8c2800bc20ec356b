//! A weighted combination of rivals and range ends that block a token.

use num_traits::Signed;

use super::rival::Rival;

/// Rivals with weights, and ends of the domain with multipliers: positive for the lower end of a coordinate, negative
/// for the upper one. Numbers are floats (proposals) or integers (proofs).
#[derive(Clone, Debug, PartialEq)]
pub struct Combination<T> {
    /// Tokens and their weights.
    pub rivals: Vec<(u32, T)>,
    /// Coordinates and signed multipliers.
    pub ends: Vec<(u32, T)>,
}

impl<T: Signed> Combination<T> {
    /// Sorts non-negative multipliers into weights of rivals and signed multipliers of ends.
    pub fn of(multipliers: impl IntoIterator<Item = (Rival, T)>) -> Self {
        let mut combination = Combination { rivals: Vec::new(), ends: Vec::new() };
        for (rival, multiplier) in multipliers {
            match rival {
                Rival::Token(j) => combination.rivals.push((j, multiplier)),
                Rival::Lower(k) => combination.ends.push((k, multiplier)),
                Rival::Upper(k) => combination.ends.push((k, -multiplier)),
            }
        }
        combination
    }

    /// Drops terms of weight 0.
    pub fn without_zeros(mut self) -> Self {
        self.rivals.retain(|term| !term.1.is_zero());
        self.ends.retain(|term| !term.1.is_zero());
        self
    }

    /// All rivals and ends, with non-negative weights and multipliers.
    pub fn terms(&self) -> impl Iterator<Item = (Rival, T)> + '_ {
        let side = |k: u32, multiplier: &T| match multiplier.is_negative() {
            true => Rival::Upper(k),
            false => Rival::Lower(k),
        };
        let rivals = self.rivals.iter().map(|(j, weight)| (Rival::Token(*j), weight.abs()));
        rivals.chain(self.ends.iter().map(move |(k, n)| (side(*k, n), n.abs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_what_it_was_made_of() {
        let terms = [(Rival::Token(3), 2), (Rival::Upper(1), 5), (Rival::Lower(0), 7)];
        let combination = Combination::of(terms);
        assert_eq!(
            (&combination.rivals[..], &combination.ends[..]),
            (&[(3, 2)][..], &[(1, -5), (0, 7)][..])
        );
        assert_eq!(combination.terms().collect::<Vec<_>>(), terms);
        assert_eq!(Combination::of([(Rival::Token(1), 0)]).without_zeros(), Combination::of([]));
    }
}
