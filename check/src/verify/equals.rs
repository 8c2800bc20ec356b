//! Finds which tokens have equal rows, by sorting the rows, so that equal ones are adjacent.

use std::collections::HashMap;

use super::folded::RowOrder;
use crate::domain::Domain;
use crate::head::Head;
use crate::order;
use crate::parallel;

/// The tokens in classes of equal rows, and within those in groups of equal levels, as far as hidden states of the
/// domain can tell them apart.
pub struct Equals<'a> {
    head: &'a Head,
    rows: RowOrder<'a>,
    /// The class and the group of each token whose row occurs more than once.
    place: HashMap<u32, (usize, usize)>,
    /// The tokens of each group, ids rising.
    groups: Vec<Vec<u32>>,
}

impl<'a> Equals<'a> {
    /// Groups the tokens of a head over a domain.
    pub fn new(head: &'a Head, domain: &'a Domain) -> Self {
        let rows = RowOrder::new(domain);
        let order =
            parallel::ids_by(head.tokens(), &|a, b| rows.by_row(head, a, b).then(a.cmp(&b)));

        let (mut place, mut groups) = (HashMap::new(), Vec::new());
        let same_row = |&a: &u32, &b: &u32| rows.by_row(head, a, b).is_eq();
        let runs = order.chunk_by(same_row).filter(|run| run.len() > 1);
        for (class, run) in runs.enumerate() {
            let mut run: Vec<_> = run.iter().map(|&t| (rows.level(head, t), t)).collect();
            order::by(&mut run, &|a, b| a.0.cmp(&b.0));
            for group in run.chunk_by(|a, b| a.0 == b.0) {
                place.extend(group.iter().map(|g| (g.1, (class, groups.len()))));
                groups.push(group.iter().map(|g| g.1).collect());
            }
        }
        Equals { head, rows, place, groups }
    }

    /// Whether two tokens have equal rows, whatever their levels.
    pub fn same_row(&self, a: u32, b: u32) -> bool {
        let class = |t: u32| self.place.get(&t).map(|p| p.0);
        a == b || class(a).is_some_and(|c| class(b) == Some(c))
    }

    /// Whether no hidden state can tell two tokens apart.
    pub fn are_tied(&self, a: u32, b: u32) -> bool {
        let group = |t: u32| self.place.get(&t).map(|p| p.1);
        a == b || group(a).is_some_and(|g| group(b) == Some(g))
    }

    /// Another token with the same row and level, if there is one.
    pub fn other(&self, token: u32) -> Option<u32> {
        self.tie(token)?.iter().copied().find(|&t| t != token)
    }

    /// The tokens with the row and level of `token`, ids rising, if there are several.
    pub fn tie(&self, token: u32) -> Option<&[u32]> {
        let group = &self.groups[self.place.get(&token)?.1];
        (group.len() > 1).then_some(group)
    }

    /// How many other tokens have the row of `token` and a level at least as large.
    pub fn not_below(&self, token: u32) -> usize {
        let Some(&(class, own)) = self.place.get(&token) else { return 0 };
        // The groups of a class are adjacent, levels rising.
        let of_class = |group: &&Vec<u32>| self.place.get(&group[0]).is_some_and(|p| p.0 == class);
        self.groups[own..].iter().take_while(of_class).map(Vec::len).sum::<usize>() - 1
    }

    /// Checks that these are all tokens with one row and level, and at least two.
    pub fn is_whole_tie(&self, members: &[u32]) -> Result<(), String> {
        let tie = members.first().and_then(|&first| self.tie(first));
        if tie == Some(members) {
            return Ok(());
        }
        Err(format!(
            "its tie of {} is not the group of equal rows and biases, of {}",
            members.len(),
            tie.map_or(1, <[u32]>::len)
        ))
    }

    /// Checks that `by` has the row of `token` and a larger level.
    pub fn is_dominated(&self, token: u32, by: u32) -> Result<(), String> {
        if by as usize >= self.head.tokens() {
            return Err(format!("there is no token {by} to dominate it"));
        }
        if !self.same_row(token, by) {
            return Err(format!("its row is not that of token {by}"));
        }
        if self.rows.level(self.head, token) >= self.rows.level(self.head, by) {
            return Err(format!("its bias is not below that of token {by}"));
        }
        Ok(())
    }
}
