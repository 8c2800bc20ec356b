//! The best ranks of tokens in a certificate, and their arrays.

use num_bigint::BigInt;

use super::arrays::{Arrays, paired};
use super::domain::Name;
use super::{BallLossRecord, EnclosedRecord, losses, points};

/// What an audit proves about the best ranks of some tokens: the least, over the domain, of one more than the number of
/// other tokens that score at least as much (docs/certificate.md, "ranks").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RankRecords {
    /// Tokens, ids rising, with the least and the largest number that the best rank may be.
    pub ends: Vec<(u32, u32, u32)>,
    /// Tokens and the points (`d`) where the upper end is reached, at most one for each token. Without a point the upper end
    /// is the number of tokens, except where the domain is one point.
    pub points: Vec<(u32, Vec<f64>)>,
    /// Sets of rivals that block a token, by weights that exist near the given ones, each with its share.
    pub enclosed: Vec<(EnclosedRecord, f64)>,
    /// Sets by exact weights: token, rivals and positive integers, and the share.
    pub exact: Vec<((u32, Vec<(u32, BigInt)>), f64)>,
    /// Sets by weights that no point of the ball overcomes, each with its share.
    pub outweighed: Vec<(BallLossRecord, f64)>,
}

impl RankRecords {
    /// Adds the arrays of the records.
    pub(super) fn put(&self, arrays: &mut Arrays, name: &Name, dim: usize) {
        let name = |field: &str| name(&format!("ranks.{field}"));
        arrays.put_field(name("ids"), &self.ends, |r| r.0);
        arrays.put_field(name("low"), &self.ends, |r| r.1);
        arrays.put_field(name("high"), &self.ends, |r| r.2);
        points::put_floats(&self.points, arrays, &name, "reached", dim);
        arrays.put_field(name("enclosed.shares"), &self.enclosed, |s| s.1);
        arrays.put_field(name("exact.shares"), &self.exact, |s| s.1);
        arrays.put_field(name("outweighed.shares"), &self.outweighed, |s| s.1);
        let enclosed: Vec<&EnclosedRecord> = self.enclosed.iter().map(|s| &s.0).collect();
        EnclosedRecord::put_all(&enclosed, arrays, &name);
        let exact: Vec<_> = self.exact.iter().map(|s| &s.0).collect();
        losses::put_exact(&exact, arrays, &name);
        let outweighed: Vec<&BallLossRecord> = self.outweighed.iter().map(|s| &s.0).collect();
        BallLossRecord::put_all(&outweighed, arrays, &name);
    }

    /// Removes what [`RankRecords::put`] adds.
    ///
    /// # Errors
    /// An array is missing or has another type or length.
    pub(super) fn take(arrays: &mut Arrays, name: &Name, dim: usize) -> Result<Self, String> {
        let name = |field: &str| name(&format!("ranks.{field}"));
        let ids: Vec<u32> = arrays.take_list(&name("ids"))?;
        let low: Vec<u32> = arrays.take_exactly(&name("low"), ids.len())?;
        let high: Vec<u32> = arrays.take_exactly(&name("high"), ids.len())?;
        let mut records = RankRecords::default();
        for (i, token) in ids.into_iter().enumerate() {
            records.ends.push((token, low[i], high[i]));
        }
        records.points = points::take_floats(arrays, &name, "reached", dim)?;
        let enclosed = EnclosedRecord::take_all(arrays, &name)?;
        let shares = arrays.take_exactly(&name("enclosed.shares"), enclosed.len())?;
        records.enclosed = paired(enclosed, shares);
        let exact = losses::take_exact(arrays, &name)?;
        let shares = arrays.take_exactly(&name("exact.shares"), exact.len())?;
        records.exact = paired(exact, shares);
        let outweighed = BallLossRecord::take_all(arrays, &name)?;
        let shares = arrays.take_exactly(&name("outweighed.shares"), outweighed.len())?;
        records.outweighed = paired(outweighed, shares);
        Ok(records)
    }
}
