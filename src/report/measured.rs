//! Efforts, best margins and lacking biases of tokens in a few numbers, for `summary.json` and the terminal. Padding is
//! left out, as it is wherever tokens are counted.

use serde::Serialize;

use super::tally::is_padding;
use crate::audit::Audit;
use crate::audit::RADIUS_THRESHOLD;
use crate::certify::best_gap::BestGap;
use crate::certify::survival::Format;
use crate::checkpoint::vocabulary::Vocabulary;

/// Of numbers that may be infinite, those that are not, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// The least.
    pub min: f64,
    /// Above a hundredth.
    pub p01: f64,
    /// Above a tenth.
    pub p10: f64,
    /// Above a quarter.
    pub p25: f64,
    /// Above half.
    pub median: f64,
    /// Above three quarters.
    pub p75: f64,
    /// Above nine tenths.
    pub p90: f64,
    /// Above 99 hundredths.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    /// `None` if no number is finite.
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

/// Efforts, as shares of the radius.
#[derive(Clone, Debug, Serialize)]
pub struct EffortSummary {
    /// How many were measured.
    pub tokens: usize,
    /// What the sample was drawn with, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    /// Tokens whose winning points come as near to the centre as one likes.
    pub effortless: usize,
    /// Tokens whose winning points are all beyond the ball.
    pub unreachable: usize,
    /// The widest interval with two finite ends.
    pub widest: f64,
    /// Of the upper ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// Best margins, in logits.
#[derive(Clone, Debug, Serialize)]
pub struct MarginSummary {
    /// How many were measured.
    pub tokens: usize,
    /// What the sample was drawn with, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    /// The widest interval with two finite ends.
    pub widest: f64,
    /// How many were proved to survive the rounding of their logits.
    pub survives: Survives,
    /// Of the lower ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// Tokens by format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Survives {
    /// bfloat16.
    pub bf16: usize,
    /// IEEE 754 binary16.
    pub f16: usize,
    /// IEEE 754 binary32.
    pub f32: usize,
}

/// Biases that lost tokens lack, in logits.
#[derive(Clone, Debug, Serialize)]
pub struct BiasSummary {
    /// How many were measured.
    pub tokens: usize,
    /// The widest interval with two finite ends.
    pub widest: f64,
    /// Of the upper ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
}

/// Of the radii in `radius.csv`, which are not proved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RadiusSummary {
    /// Of how many tokens there is one.
    #[serde(skip)]
    pub tokens: usize,
    /// Below which the paper calls a token unargmaxable.
    pub threshold: f64,
    /// How many are.
    pub below: usize,
    /// Of how many tokens the solver found none.
    pub not_found: usize,
}

/// `None` if none were asked for.
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

fn widest(ends: impl Iterator<Item = (f64, f64)>) -> f64 {
    ends.map(|(low, high)| high - low).filter(|width| width.is_finite()).fold(0.0, f64::max)
}

/// `None` if none were asked for, or of padding alone.
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

/// `None` if none were asked for.
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

/// `None` if no token lacks any.
pub fn bias_needed(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<BiasSummary> {
    let of_tokens = audit.bias_needed().iter().filter(|gap| !is_padding(vocabulary, gap.token()));
    let lacking: Vec<(f64, f64)> = of_tokens.map(BestGap::bias_needed).collect();
    (!lacking.is_empty()).then(|| BiasSummary {
        tokens: lacking.len(),
        widest: widest(lacking.iter().copied()),
        quantiles: Quantiles::new(lacking.iter().map(|l| l.1)),
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
