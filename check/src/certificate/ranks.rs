//! The best ranks of tokens in a certificate, and their arrays.

use num_bigint::BigInt;

use super::arrays::Arrays;
use super::domain::Name;
use super::{BallLossRecord, EnclosedRecord, losses};

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
        arrays.put_list(name("ids"), self.ends.iter().map(|r| r.0));
        arrays.put_list(name("low"), self.ends.iter().map(|r| r.1));
        arrays.put_list(name("high"), self.ends.iter().map(|r| r.2));
        arrays.put_list(name("reached.ids"), self.points.iter().map(|p| p.0));
        let numbers = self.points.iter().flat_map(|p| p.1.iter().copied());
        arrays.put(name("reached.points"), vec![self.points.len(), dim], numbers);
        let mut shares = |field: &str, shares: Vec<f64>| arrays.put_list(name(field), shares);
        shares("enclosed.shares", self.enclosed.iter().map(|s| s.1).collect());
        shares("exact.shares", self.exact.iter().map(|s| s.1).collect());
        shares("outweighed.shares", self.outweighed.iter().map(|s| s.1).collect());
        let enclosed: Vec<EnclosedRecord> = self.enclosed.iter().map(|s| s.0.clone()).collect();
        EnclosedRecord::put_all(&enclosed, arrays, &name);
        let exact: Vec<_> = self.exact.iter().map(|s| s.0.clone()).collect();
        losses::put_exact(&exact, arrays, &name);
        let outweighed: Vec<BallLossRecord> = self.outweighed.iter().map(|s| s.0.clone()).collect();
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
        let ends = ids.into_iter().zip(low.into_iter().zip(high));
        let ends = ends.map(|(token, (low, high))| (token, low, high)).collect();
        let ids: Vec<u32> = arrays.take_list(&name("reached.ids"))?;
        let (points, shape) = arrays.take::<f64>(&name("reached.points"))?;
        if shape != [ids.len(), dim] {
            let (name, count) = (name("reached.points"), ids.len());
            return Err(format!("the array `{name}` has shape {shape:?}, not [{count}, {dim}]"));
        }
        let points = ids.into_iter().zip(points.chunks(dim).map(<[f64]>::to_vec)).collect();
        let mut records = RankRecords { ends, points, ..RankRecords::default() };
        let enclosed = EnclosedRecord::take_all(arrays, &name)?;
        let shares = arrays.take_exactly(&name("enclosed.shares"), enclosed.len())?;
        records.enclosed = enclosed.into_iter().zip(shares).collect();
        let exact = losses::take_exact(arrays, &name)?;
        let shares = arrays.take_exactly(&name("exact.shares"), exact.len())?;
        records.exact = exact.into_iter().zip(shares).collect();
        let outweighed = BallLossRecord::take_all(arrays, &name)?;
        let shares = arrays.take_exactly(&name("outweighed.shares"), outweighed.len())?;
        records.outweighed = outweighed.into_iter().zip(shares).collect();
        Ok(records)
    }
}
