//! The measurements of an audit (efforts, best gaps, biases needed, best ranks), made after the verdicts.

use super::clock::Clock;
use super::edge::beyond;
use super::kept_measures::{Measurement, Quantity};
use super::{Audit, Options};
use crate::certify::best_gap::BestGap;
use crate::certify::ceiling::Ceiling;
use crate::certify::effort::Effort;
use crate::certify::rank::BestRank;
use crate::certify::row_move::RowMove;
use crate::certify::{Outcome, Verdict};
use crate::domain::Domain;
use crate::error::{Result, invalid};
use crate::measure::effort::Known;
use crate::measure::row_move::{InNeed, moves};
use crate::measure::{Done, bias, effort, margin, probability, rank};
use crate::order;
use crate::problem::Problem;

/// The measurements of an audit, each list in id order.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub efforts: Vec<Effort>,
    pub margins: Vec<BestGap>,
    /// The best gaps of lost tokens, for the bias that they need.
    pub bias_gaps: Vec<BestGap>,
    /// The changes of their rows that lost and tied tokens need.
    pub moves: Vec<RowMove>,
    pub ceilings: Vec<Ceiling>,
    pub ranks: Vec<BestRank>,
}

impl Measured {
    /// The same measurements, where `ids` are the ids of tokens in the whole head.
    pub fn with_ids(self, ids: &[u32]) -> Self {
        let Measured { efforts, margins, bias_gaps, moves, ceilings, ranks } = self;
        Measured {
            efforts: efforts.into_iter().map(|effort| effort.with_ids(ids)).collect(),
            margins: margins.into_iter().map(|gap| gap.with_ids(ids)).collect(),
            bias_gaps: bias_gaps.into_iter().map(|gap| gap.with_ids(ids)).collect(),
            moves: moves.into_iter().map(|one| one.with_ids(ids)).collect(),
            ceilings: ceilings.into_iter().map(|ceiling| ceiling.with_ids(ids)).collect(),
            ranks: ranks.into_iter().map(|rank| rank.with_ids(ids)).collect(),
        }
    }
}

/// What an audit measured. It needs the feature `measures`.
impl Audit {
    /// The requested efforts, in id order; empty without a ball.
    pub fn efforts(&self) -> &[Effort] {
        &self.measured.efforts
    }

    /// The requested best gaps, in id order; empty without a ball, and without tokens that have no rival.
    pub fn margins(&self) -> &[BestGap] {
        &self.measured.margins
    }

    /// The best gaps of lost tokens, in id order, if the bias that they need was requested.
    pub fn bias_needed(&self) -> &[BestGap] {
        &self.measured.bias_gaps
    }

    /// The changes of their own rows that lost and tied tokens need, in id order, if they were requested.
    ///
    /// ```
    /// use unargmax::{Domain, Head, Options, audit};
    ///
    /// // The middle row is a tenth away from the outside of what the others block.
    /// let head = Head::new(vec![-1.0, 0.9, 1.0], None, 3, 1)?;
    /// let options = Options { move_needed: true, ..Options::default() };
    /// let audit = audit(&head, &Domain::free(1), options)?;
    /// let (low, high) = audit.moves_needed()[0].ends();
    /// assert!(low <= 0.1 && 0.1 < high && high - low < 1e-6);
    /// # Ok::<(), unargmax::Error>(())
    /// ```
    pub fn moves_needed(&self) -> &[RowMove] {
        &self.measured.moves
    }

    /// The requested largest probabilities, in id order.
    pub fn max_probabilities(&self) -> &[Ceiling] {
        &self.measured.ceilings
    }

    /// The smallest proved upper bound of the probability of a token at temperature 1; `None` if nothing bounds it.
    pub fn max_probability(&self, token: u32) -> Option<f64> {
        let cap = self.caps.binary_search_by_key(&token, |c| c.0).ok().map(|i| self.caps[i].1);
        let measured = self.measured.ceilings.binary_search_by_key(&token, Ceiling::token);
        let high = measured.ok().map(|i| self.measured.ceilings[i].ends().1);
        cap.into_iter().chain(high).reduce(f64::min)
    }

    /// The requested best ranks, in id order.
    pub fn best_ranks(&self) -> &[BestRank] {
        &self.measured.ranks
    }
}

/// Refuses measurements that have no meaning.
pub fn check(domain: &Domain, tokens: &[u32], options: Options) -> Result<()> {
    let asked = [
        ("efforts", options.efforts, true),
        ("margins", options.margins, true),
        ("best ranks", options.ranks, false),
    ];
    for (name, asked, in_a_ball) in asked {
        let Some(asked) = asked else { continue };
        if in_a_ball && domain.ball().is_none() {
            return invalid(format!(
                "{name} are measured in a ball, the domain of a final norm (layernorm, rmsnorm) or `ball:R`, not in {domain}"
            ));
        }
        among_audited(name, asked, tokens)?;
    }
    options
        .max_probability
        .map_or(Ok(()), |asked| among_audited("largest probabilities", asked, tokens))
}

/// Refuses to measure tokens that are not audited.
fn among_audited(name: &str, asked: &[u32], tokens: &[u32]) -> Result<()> {
    match asked.iter().find(|t| tokens.binary_search(t).is_err()) {
        None => Ok(()),
        Some(other) => invalid(format!(
            "{name} can be measured of tokens that are audited, and {other} is not among them"
        )),
    }
}

/// Makes the measurements that the options request.
pub fn measure(
    problem: &Problem,
    verdicts: &[(u32, Verdict)],
    free: Option<&Audit>,
    options: Options,
    clock: &mut Clock,
) -> Measured {
    let mut measured = Measured::default();
    let of = |asked: &[u32]| -> Vec<(u32, &Verdict)> {
        let mut asked = asked.to_vec();
        asked.sort_unstable();
        asked.dedup();
        let is_asked = |v: &&(u32, Verdict)| asked.binary_search(&v.0).is_ok();
        verdicts.iter().filter(is_asked).map(|(t, verdict)| (*t, verdict)).collect()
    };
    if let Some(asked) = options.efforts {
        options.progress.begin("effort", asked.len(), "tokens");
        measured.efforts = efforts(problem, &of(asked), free, options);
        clock.lap("effort");
    }
    if let Some(asked) = options.margins {
        options.progress.begin("margin", asked.len(), "tokens");
        measured.margins = margins(problem, &of(asked), options);
        clock.lap("margin");
    }
    if options.bias_needed && problem.stored().has_bias() {
        let lost = |v: &&(u32, Verdict)| matches!(v.1, Verdict::Unargmaxable(_));
        let lost: Vec<(u32, &Verdict)> =
            verdicts.iter().filter(lost).map(|(t, verdict)| (*t, verdict)).collect();
        if !lost.is_empty() {
            options.progress.begin("bias", lost.len(), "lost tokens");
            measured.bias_gaps = bias_gaps(problem, verdicts, lost, &measured.margins, options);
            clock.lap("bias");
        }
    }
    if options.move_needed {
        let in_need = verdicts
            .iter()
            .filter(|v| matches!(v.1.outcome(), Outcome::Tied | Outcome::Unargmaxable));
        let in_need: Vec<(u32, &Verdict)> = in_need.map(|(t, verdict)| (*t, verdict)).collect();
        if !in_need.is_empty() {
            measured.moves = moves_needed(problem, verdicts, (&in_need, free), &measured, options);
            clock.lap("move");
        }
    }
    if let Some(asked) = options.max_probability {
        options.progress.begin("probability", asked.len(), "tokens");
        measured.ceilings =
            kept_or(problem, Quantity::Probability, &of(asked), options, |open, done| {
                probability::ceilings(problem, open, done)
            });
        clock.lap("probability");
    }
    if let Some(asked) = options.ranks {
        let asked = of(asked);
        options.progress.begin("rank", asked.len(), "tokens");
        measured.ranks = kept_or(problem, Quantity::Rank, &asked, options, |open, done| {
            rank::best_ranks(problem, open, done)
        });
        clock.lap("rank");
    }
    measured
}

/// The measurements of tokens: those of the journal, and for the other tokens those that `measure` makes, which go into it
/// as soon as `measure` hands them to its second argument. Ids rise, as those of `tokens` do.
fn kept_or<'v, R: Measurement>(
    problem: &Problem,
    quantity: Quantity,
    tokens: &[(u32, &'v Verdict)],
    options: Options,
    measure: impl FnOnce(&[(u32, &'v Verdict)], Done<R>) -> Vec<R>,
) -> Vec<R> {
    let known = match options.journal {
        Some(journal) => journal.measured(problem, quantity, tokens),
        None => tokens.iter().map(|_| None).collect(),
    };
    let open = tokens.iter().zip(&known).filter(|(_, known)| known.is_none());
    let open: Vec<(u32, &Verdict)> = open.map(|(token, _)| *token).collect();
    options.progress.advance(tokens.len() - open.len());
    let done = |found: &[R]| {
        options.progress.advance(found.len());
        if let Some(journal) = options.journal {
            journal.keep_measured(quantity, found);
        }
    };
    let mut measured: Vec<R> = known.into_iter().flatten().collect();
    if !open.is_empty() {
        measured.extend(measure(&open, &done));
        order::by_token(&mut measured, Measurement::token);
    }
    measured
}

/// The best gaps of tokens in a ball.
fn margins(problem: &Problem, tokens: &[(u32, &Verdict)], options: Options) -> Vec<BestGap> {
    kept_or(problem, Quantity::Margin, tokens, options, |open, done| {
        margin::margins(problem, open, done)
    })
}

/// Measures efforts: tokens that can win are searched inside the ball, others in a larger one.
fn efforts(
    problem: &Problem,
    tokens: &[(u32, &Verdict)],
    free: Option<&Audit>,
    options: Options,
) -> Vec<Effort> {
    let quantity = if free.is_some() { Quantity::EffortBesideFree } else { Quantity::Effort };
    kept_or(problem, quantity, tokens, options, |open, done| {
        let known = open.iter().map(|&(token, verdict)| {
            let free = free.and_then(|audit| audit.verdict(token));
            Known { token, verdict, free }
        });
        let (inside, outside): (Vec<Known>, Vec<Known>) =
            known.partition(|known| known.verdict.witness().is_some());
        let mut efforts = effort::efforts(problem, problem, &inside, done);
        if !outside.is_empty() {
            efforts
                .extend(beyond(problem, |outer| effort::efforts(problem, outer, &outside, done)));
        }
        efforts
    })
}

/// The best gaps of lost tokens; those already measured are reused.
fn bias_gaps(
    problem: &Problem,
    verdicts: &[(u32, Verdict)],
    lost: Vec<(u32, &Verdict)>,
    known: &[BestGap],
    options: Options,
) -> Vec<BestGap> {
    if problem.domain().ball().is_none() {
        let length = typical_length(verdicts);
        return kept_or(problem, Quantity::BiasGap, &lost, options, |open, done| {
            bias::gaps(problem, open, length, done)
        });
    }
    let of =
        |token: u32| known.binary_search_by_key(&token, BestGap::token).ok().map(|i| &known[i]);
    let (done, open): (Vec<_>, Vec<_>) = lost.into_iter().partition(|(t, _)| of(*t).is_some());
    options.progress.advance(done.len());
    let mut gaps: Vec<BestGap> = done.into_iter().filter_map(|(t, _)| of(t).cloned()).collect();
    gaps.extend(margins(problem, &open, options));
    order::by_token(&mut gaps, BestGap::token);
    gaps
}

/// The moves that lost and tied tokens need.
fn moves_needed(
    problem: &Problem,
    verdicts: &[(u32, Verdict)],
    (tokens, free): (&[(u32, &Verdict)], Option<&Audit>),
    measured: &Measured,
    options: Options,
) -> Vec<RowMove> {
    let verdict_over_all = |token: u32| free.and_then(|audit| audit.verdict(token));
    // Where states are bounded, a best gap below 0 says how much a token lacks at least; what loses over all of space has more
    // to say by its proof there.
    let is_bounded = problem.domain().ball().is_some() || problem.domain().is_bounded();
    let is_lost = |v: Option<&Verdict>| matches!(v, Some(Verdict::Unargmaxable(_)));
    let lacking = tokens.iter().filter(|(token, verdict)| {
        is_bounded && is_lost(Some(verdict)) && !is_lost(verdict_over_all(*token))
    });
    let lacking: Vec<(u32, &Verdict)> = lacking.copied().collect();
    let gaps = match measured.bias_gaps.is_empty() && !lacking.is_empty() {
        true => {
            options.progress.begin("gap", lacking.len(), "tokens");
            bias_gaps(problem, verdicts, lacking, &measured.margins, options)
        }
        false => measured.bias_gaps.clone(),
    };
    options.progress.begin("move", tokens.len(), "tokens");
    let all = Domain::free(problem.domain().dim());
    let over_all = (!problem.domain().is_free()).then(|| Problem::new(problem.stored(), &all));
    let over_all = over_all.and_then(Result::ok);
    let over_all = over_all.as_ref().unwrap_or(problem);
    let reach = typical_length(verdicts);
    kept_or(problem, Quantity::RowMove, tokens, options, |open, done| {
        let in_need = open.iter().map(|&(token, verdict)| {
            let free = verdict_over_all(token);
            InNeed { token, verdict, free }
        });
        moves((problem, over_all), &in_need.collect::<Vec<_>>(), &gaps, reach, done)
    })
}

/// The median length of the witnesses, or 1 if there are none.
fn typical_length(verdicts: &[(u32, Verdict)]) -> f64 {
    let witnesses = verdicts.iter().filter_map(|(_, verdict)| verdict.witness());
    let mut lengths: Vec<f64> = witnesses.map(|w| w.norm()).filter(|n| *n > 0.0).collect();
    lengths.sort_by(f64::total_cmp);
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(1.0);
    median.clamp(1e-100, 1e100)
}
