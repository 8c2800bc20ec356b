//! Summaries of efforts, best margins and biases needed, for `summary.json` and the terminal. They do not include
//! padding, like all counts of tokens.

use serde::{Deserialize, Serialize};

use super::tally::is_padding;
use crate::audit::Audit;
use crate::audit::RADIUS_THRESHOLD;
use crate::certify::Outcome;
use crate::certify::best_gap::BestGap;
use crate::certify::ceiling::Ceiling;
use crate::certify::survival::Format;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::head::Head;

/// Quantiles of the finite values among some numbers, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The least value.
    pub min: f64,
    /// The 1 % quantile.
    pub p01: f64,
    /// The 10 % quantile.
    pub p10: f64,
    /// The 25 % quantile.
    pub p25: f64,
    /// The median.
    pub median: f64,
    /// The 75 % quantile.
    pub p75: f64,
    /// The 90 % quantile.
    pub p90: f64,
    /// The 99 % quantile.
    pub p99: f64,
    /// The largest value.
    pub max: f64,
}

impl Quantiles {
    /// The quantiles of `numbers`; `None` if no number is finite.
    pub fn new(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.filter(|x| x.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at =
            |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).clamp(1, last + 1) - 1];
        Some(Quantiles {
            min: sorted[0],
            p01: at(1),
            p10: at(10),
            p25: at(25),
            median: at(50),
            p75: at(75),
            p90: at(90),
            p99: at(99),
            max: sorted[last],
        })
    }
}

/// A summary of efforts, as shares of the radius.
#[derive(Clone, Debug, Serialize)]
pub struct EffortSummary {
    /// The number of tokens measured.
    pub tokens: usize,
    /// The seed of the sample, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    /// The number of tokens that win arbitrarily near the centre.
    pub effortless: usize,
    /// The number of tokens that win only beyond the ball, or nowhere.
    pub unreachable: usize,
    /// The width of the widest interval with two finite ends.
    pub widest: f64,
    /// The quantiles of the upper ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// A summary of best margins, in logits.
#[derive(Clone, Debug, Serialize)]
pub struct MarginSummary {
    /// The number of tokens measured.
    pub tokens: usize,
    /// The seed of the sample, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    /// The width of the widest interval with two finite ends.
    pub widest: f64,
    /// The number of tokens that are proved to survive the rounding of their logits.
    pub survives: Survives,
    /// The quantiles of the lower ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// The number of tokens that survive rounding, by format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Survives {
    /// bfloat16.
    pub bf16: usize,
    /// IEEE 754 binary16.
    pub f16: usize,
    /// IEEE 754 binary32.
    pub f32: usize,
}

/// A summary of the biases that lost tokens need, in logits.
#[derive(Clone, Debug, Serialize)]
pub struct BiasSummary {
    /// The number of tokens measured.
    pub tokens: usize,
    /// The width of the widest interval with two finite ends.
    pub widest: f64,
    /// The quantiles of the upper ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// A summary of the changes of their own rows that lost and tied tokens need, in the unit of the rows.
#[derive(Clone, Debug, Serialize)]
pub struct MoveSummary {
    /// The number of tokens measured.
    pub tokens: usize,
    /// How many of them have an upper end: a row with which they win was found.
    pub found: usize,
    /// The quantiles of the upper ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// The quantiles of the upper ends as shares of the row's length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<Quantiles>,
}

/// A summary of the largest probabilities that tokens can have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbabilitySummary {
    /// The number of tokens with a proved upper bound: all lost and tied tokens, and those that were measured.
    pub bounded: usize,
    /// The number of tokens with an interval of their own.
    pub measured: usize,
    /// The seed of the sample, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    /// The width of the widest interval, as a share of its lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub widest_share: Option<f64>,
    /// The quantiles of the upper bounds of lost and tied tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_or_tied: Option<Quantiles>,
    /// The quantiles of the upper bounds of measured tokens that can win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argmaxable: Option<Quantiles>,
}

/// A summary of the radii in `radius.csv`, which are not proved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RadiusSummary {
    /// The number of tokens with a radius.
    #[serde(skip)]
    pub tokens: usize,
    /// The radius below which the paper calls a token unargmaxable.
    pub threshold: f64,
    /// The number of tokens below that radius.
    pub below: usize,
    /// The number of tokens for which the solver found no radius.
    pub not_found: usize,
}

/// The summary of the radii; `None` if none were requested.
pub fn radii(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<RadiusSummary> {
    let of_tokens = audit.radii()?.iter().filter(|r| !is_padding(vocabulary, r.0));
    let radii: Vec<f64> = of_tokens.map(|r| r.1).collect();
    Some(RadiusSummary {
        tokens: radii.len(),
        threshold: RADIUS_THRESHOLD,
        below: radii.iter().filter(|r| **r < RADIUS_THRESHOLD).count(),
        not_found: radii.iter().filter(|r| r.is_nan()).count(),
    })
}

/// The width of the widest interval with two finite ends; 0 if there is none.
fn widest(ends: impl Iterator<Item = (f64, f64)>) -> f64 {
    ends.map(|(low, high)| high - low).filter(|width| width.is_finite()).fold(0.0, f64::max)
}

/// The summary of the efforts; `None` if none were requested, or only of padding.
pub fn efforts(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<EffortSummary> {
    let of_tokens = audit.efforts().iter().filter(|e| !is_padding(vocabulary, e.token()));
    let ends: Vec<(f64, f64)> = of_tokens.map(|e| e.ends()).collect();
    (!ends.is_empty()).then(|| EffortSummary {
        tokens: ends.len(),
        sample_seed: None,
        effortless: ends.iter().filter(|e| e.1 == 0.0).count(),
        unreachable: ends.iter().filter(|e| e.0 >= 1.0).count(),
        widest: widest(ends.iter().copied()),
        quantiles: Quantiles::new(ends.iter().map(|e| e.1)),
    })
}

/// The summary of the best margins; `None` if none were requested, or only of padding.
pub fn margins(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<MarginSummary> {
    let margins: Vec<&BestGap> =
        audit.margins().iter().filter(|m| !is_padding(vocabulary, m.token())).collect();
    let survive =
        |format: Format| margins.iter().filter(|m| m.survives().contains(&format)).count();
    (!margins.is_empty()).then(|| MarginSummary {
        tokens: margins.len(),
        sample_seed: None,
        widest: widest(margins.iter().map(|m| m.ends())),
        survives: Survives {
            bf16: survive(Format::Bf16),
            f16: survive(Format::F16),
            f32: survive(Format::F32),
        },
        quantiles: Quantiles::new(margins.iter().map(|m| m.ends().0)),
    })
}

/// The summary of the biases needed; `None` if there are none.
pub fn bias_needed(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<BiasSummary> {
    let of_tokens = audit.bias_needed().iter().filter(|gap| !is_padding(vocabulary, gap.token()));
    let lacking: Vec<(f64, f64)> = of_tokens.map(BestGap::bias_needed).collect();
    (!lacking.is_empty()).then(|| BiasSummary {
        tokens: lacking.len(),
        widest: widest(lacking.iter().copied()),
        quantiles: Quantiles::new(lacking.iter().map(|l| l.1)),
    })
}

/// The summary of the moves needed; `None` if there are none.
pub fn moves_needed(
    head: &Head,
    audit: &Audit,
    vocabulary: Option<&Vocabulary>,
) -> Option<MoveSummary> {
    let moves = audit.moves_needed().iter().filter(|one| !is_padding(vocabulary, one.token()));
    let highs: Vec<(f64, f64)> =
        moves.map(|one| (one.ends().1, head.row_norm(one.token() as usize))).collect();
    (!highs.is_empty()).then(|| MoveSummary {
        tokens: highs.len(),
        found: highs.iter().filter(|(high, _)| high.is_finite()).count(),
        quantiles: Quantiles::new(highs.iter().map(|(high, _)| *high)),
        shares: Quantiles::new(highs.iter().map(|(high, norm)| high / norm)),
    })
}

/// The summary of the largest probabilities; `None` if no token has a bound.
pub fn probabilities(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<ProbabilitySummary> {
    let of = |wanted: fn(Outcome) -> bool| -> Vec<f64> {
        let verdicts = audit.verdicts().iter().filter(|v| !is_padding(vocabulary, v.0));
        let wanted = verdicts.filter(|v| wanted(v.1.outcome()));
        wanted.filter_map(|v| audit.max_probability(v.0)).collect()
    };
    let lost_or_tied = of(|outcome| matches!(outcome, Outcome::Unargmaxable | Outcome::Tied));
    let argmaxable = of(|outcome| outcome == Outcome::Argmaxable);
    let undecided = of(|outcome| outcome == Outcome::Undecided);
    let bounded = lost_or_tied.len() + argmaxable.len() + undecided.len();
    let measured = audit.max_probabilities().iter().map(Ceiling::ends);
    let shares = measured.clone().map(|(low, high)| (high - low) / low);
    (bounded > 0).then(|| ProbabilitySummary {
        bounded,
        measured: measured.len(),
        sample_seed: None,
        widest_share: shares.filter(|share| share.is_finite()).reduce(f64::max),
        lost_or_tied: Quantiles::new(lost_or_tied.into_iter()),
        argmaxable: Quantiles::new(argmaxable.into_iter()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numbers_of_the_list() {
        let all = Quantiles::new((1..=200).rev().map(f64::from)).unwrap();
        assert_eq!(
            (all.min, all.p01, all.p10, all.median, all.p99, all.max),
            (1.0, 2.0, 20.0, 100.0, 198.0, 200.0)
        );
        let one = Quantiles::new([f64::INFINITY, 3.0].into_iter()).unwrap();
        assert_eq!((one.min, one.p01, one.max), (3.0, 3.0, 3.0));
        assert!(Quantiles::new([f64::INFINITY].into_iter()).is_none());
    }
}
