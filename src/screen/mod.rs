//! The screen: settles most tokens at once, at hidden states that shared linear maps make from the tokens' own rows.
//!
//! [`Pairs`] first tries each token at `S^(-1/2) (w_t - m)`, scaled and moved into the domain, with the mean `m` and
//! the covariance `S` of the rows; it compares all pairs by 8-bit products with a proved bound. That settles nearly
//! all tokens of a language model, and returns for each other token the rivals that it did not beat. Heads whose
//! numbers do not fit float32 comfortably, and domains that fix a coordinate, are tried at `S^-1 (w_t - m)`,
//! `w_t - m` and `w_t` by float64 products ([`certify_block`]). The maps only propose: both methods prove what they
//! claim.

mod keeper;
mod maps;

use std::sync::Arc;

use crate::arithmetic::rounding::norm_up_of;
use crate::certify::map::Map;
use crate::certify::pairs::kernel::Kernel;
use crate::certify::pairs::transform::Transform;
use crate::certify::pairs::{Pairs, RIVALS, Trial, TrialPoint};
use crate::certify::witness::{Scaling, certify_block};
use crate::parallel;
use crate::problem::Problem;
use crate::progress::Progress;
use keeper::Done;
pub use keeper::{Keeper, Pass};
pub use maps::Moments;
use unargmax_check::certificate::Linear;

/// The most scores of a block held at once, a few tens of megabytes.
const BLOCK_SCORES: usize = 1 << 22;
/// The number of tokens tried together at clamped points.
const TOKENS_TOGETHER: usize = 64;
/// The gap to prove at a clamped point, as a share of the product of the lengths of row and point.
const GAP_SHARE: f64 = 1.0 / (1 << 20) as f64;

/// The shared maps of a problem, and the method that tries tokens at their points.
#[derive(Debug)]
pub struct Screen<'a> {
    problem: &'a Problem<'a>,
    /// The map and the factor that give the start of a search.
    start: (Arc<Map>, f64),
    method: Method<'a>,
}

/// How tokens are tried.
#[derive(Debug)]
enum Method<'a> {
    /// Compares all pairs by 8-bit products.
    Pairs(Box<Pairs<'a>>),
    /// Uses float64 products, one map after the other.
    Products(Vec<(Arc<Map>, Scaling)>),
}

/// The number of tokens (up to twice as many) that are tried to see whether a length is useful in a ball.
const SAMPLE: usize = 64;
/// The lengths of the points tried in a box by float64 products, as multiples of the fitting length.
const LENGTHS: [f64; 3] = [1.0, 8.0, 64.0];
/// How far out searches start and tokens are tried in a box, as a multiple of the length where scores and biases
/// balance: so far that rows decide most, and most coordinates lie on the ends of a box. (PP-OCRv4 behind its Swish
/// leaves 529 tokens, and 1427 at lengths up to half of this; without a range its searches take half the time that
/// they take from the balanced length.)
const REACH: f64 = 128.0;
/// The lengths of the points tried in a box by 8-bit products, as multiples of [`REACH`].
const BOX_LENGTHS: [f64; 3] = [1.0, 4.0, 0.25];

impl<'a> Screen<'a> {
    /// Fits the maps to the rows of a problem.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        Screen::with(problem, Moments::new(problem.head()))
    }

    /// Makes the screen from moments of the rows that were computed before.
    pub fn with(problem: &'a Problem<'a>, moments: Moments) -> Self {
        let Moments { centre, covariance, half_whitening } = moments;
        if let Some(pairs) = half_whitening.and_then(|maps| pairs(problem, &centre, maps)) {
            let start = (pairs.map().clone(), maps::factor(problem, pairs.map()) * REACH);
            return Screen { problem, start, method: Method::Pairs(Box::new(pairs)) };
        }
        let whitened = Arc::new(maps::whitened(&centre, covariance.as_deref()));
        let centred = Arc::new(Map::new(centre, Linear::Identity));
        let plain = Arc::new(Map::new(vec![0.0; problem.head().dim()], Linear::Identity));
        let mut passes = Vec::new();
        // Without a covariance, the first map equals the second.
        let maps = [&whitened, &centred, &plain]
            .into_iter()
            .skip(usize::from(*whitened.linear() == Linear::Identity));
        for map in maps.filter(|_| problem.domain().ball().is_none()) {
            if !problem.domain().is_free() {
                let unit = maps::factor(problem, map);
                passes.extend(LENGTHS.map(|c| (map.clone(), Scaling::Clamped(unit * c))));
            } else {
                passes.push((
                    map.clone(),
                    if problem.is_scale_free() { Scaling::Unit } else { Scaling::Ray },
                ));
            }
        }
        let scale = maps::factor(problem, &whitened);
        Screen { problem, start: (whitened, scale), method: Method::Products(passes) }
    }

    /// A screen that settles no token, for a few tokens: searching them takes less time than preparing the comparison
    /// of all pairs.
    pub fn empty(problem: &'a Problem<'a>) -> Self {
        let centred = Arc::new(Map::new(maps::mean(problem.head()), Linear::Identity));
        let scale = maps::factor(problem, &centred) * REACH;
        Screen { problem, start: (centred, scale), method: Method::Products(Vec::new()) }
    }

    /// Multiplies with this kernel instead of the fastest; the witnesses are the same.
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        let method = match self.method {
            Method::Pairs(pairs) => Method::Pairs(Box::new(pairs.with_kernel(kernel))),
            products => products,
        };
        Screen { method, ..self }
    }

    /// The comparison of all pairs, if the head allows it.
    pub fn pairs(&self) -> Option<&Pairs<'a>> {
        match &self.method {
            Method::Pairs(pairs) => Some(pairs),
            Method::Products(_) => None,
        }
    }

    /// The map whose points are the starts of searches.
    pub fn map(&self) -> &Map {
        &self.start.0
    }

    /// Tries `tokens` at the points of the maps, and returns a trial for each, in order. Each kind of point is a
    /// stage of `progress`.
    pub fn try_tokens(&self, tokens: &[u32], progress: &dyn Progress) -> Vec<Trial> {
        self.try_tokens_keeping(tokens, progress, None)
    }

    /// [`Screen::try_tokens`] that gives every trial to `keeper`, and tries no token whose trial is kept there.
    pub fn try_tokens_keeping(
        &self,
        tokens: &[u32],
        progress: &dyn Progress,
        keeper: Option<&dyn Keeper>,
    ) -> Vec<Trial> {
        let mut passes = Passes::new(tokens, progress, keeper);
        match &self.method {
            // Where a ball is cut by ranges, the maps give no points: all tokens are searched.
            Method::Pairs(_) if self.is_cut() => {}
            Method::Pairs(pairs) if !self.problem.domain().has_ranges() => {
                self.try_own_points(pairs, &mut passes);
            }
            Method::Pairs(pairs) => {
                for step in BOX_LENGTHS {
                    passes.run(pairs.map(), &|_, rest, done| {
                        self.moved_inside(pairs, self.start.1 * step, rest, done)
                    });
                }
            }
            Method::Products(maps) => {
                for (map, scaling) in maps {
                    passes.run(map, &|_, rest, done| self.by_products(map, *scaling, rest, done));
                }
            }
        }
        passes.found
    }

    /// Tries tokens at the points made from their own rows, with every scaling in turn.
    fn try_own_points(&self, pairs: &Pairs, passes: &mut Passes) {
        let on_sphere = self.problem.domain().ball().is_some();
        let progress = passes.progress;
        for (i, scaling) in pairs.scalings().into_iter().enumerate() {
            // Only the rivals at the first point are kept.
            let rivals = match (i, on_sphere) {
                (0, true) => RIVALS / 4,
                (0, false) => RIVALS,
                _ => 1,
            };
            passes.run(pairs.map(), &|ids, rest, done| {
                // Few heads have tokens that win only nearer to the centre, so try a sample of the tokens first.
                let some: Vec<u32> = ids.iter().copied().step_by(ids.len() / SAMPLE + 1).collect();
                let wins = |trial: &Trial| matches!(trial, Trial::Wins(_));
                if on_sphere && i > 0 && !pairs.try_own_points(&some, scaling, 1).iter().any(wins) {
                    progress.advance(rest.len());
                    return vec![Trial::Behind(Vec::new()); rest.len()];
                }
                pairs.try_own_points_telling(rest, scaling, rivals, done)
            });
        }
    }

    /// Tries tokens at a map's points by products with all rows in float64.
    fn by_products(
        &self,
        map: &Arc<Map>,
        scaling: Scaling,
        ids: &[u32],
        done: &Done,
    ) -> Vec<Trial> {
        let block = (BLOCK_SCORES / self.problem.head().tokens()).clamp(8, 256);
        parallel::flat_map(ids.len(), block, &|range| {
            let ids = &ids[range];
            done(&[], &[]);
            let certified = certify_block(self.problem, map, scaling, ids);
            let trials = certified
                .into_iter()
                .map(|found| found.map_or(Trial::Behind(Vec::new()), Trial::Wins));
            let trials: Vec<Trial> = trials.collect();
            done(ids, &trials);
            trials
        })
    }

    /// Whether the domain is a ball that ranges cut.
    fn is_cut(&self) -> bool {
        let domain = self.problem.domain();
        domain.ball().is_some() && domain.has_ranges()
    }

    /// Tries tokens at the map's points, clamped to the domain.
    fn moved_inside(&self, pairs: &Pairs, scale: f64, ids: &[u32], done: &Done) -> Vec<Trial> {
        let (head, domain) = (self.problem.head(), self.problem.domain());
        let trials_of = |ids: &[u32]| {
            done(&[], &[]);
            let mut points = pairs.map().directions(head, ids);
            let attempts =
                ids.iter().zip(points.chunks_exact_mut(head.dim())).map(|(&token, h)| {
                    h.iter_mut().for_each(|x| *x *= scale);
                    domain.clamp(h);
                    let size = self.problem.norms()[token as usize] * norm_up_of(h);
                    TrialPoint { token, h: h.to_vec(), scale: Some(scale), floor: GAP_SHARE * size }
                });
            let trials = pairs.try_points(attempts.collect());
            done(ids, &trials);
            trials
        };
        parallel::flat_map(ids.len(), TOKENS_TOGETHER, &|range| trials_of(&ids[range]))
    }

    /// The starts of the searches for tokens that no map settled: points near where each almost wins.
    pub fn starts(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        parallel::flat_map(tokens.len(), TOKENS_TOGETHER, &|range| self.starts_of(&tokens[range]))
    }

    /// [`Screen::starts`] for a few tokens.
    fn starts_of(&self, tokens: &[u32]) -> Vec<Vec<f64>> {
        let (map, scale) = &self.start;
        let mut points = map.directions(self.problem.head(), tokens);
        let ball = self.problem.domain().ball();
        let moved = points.chunks_exact_mut(self.problem.head().dim()).map(|h| {
            let scale = match ball {
                None => *scale,
                Some(ball) => ball.radius_down() / norm_up_of(h).max(f64::MIN_POSITIVE),
            };
            h.iter_mut().for_each(|x| *x *= scale);
            if ball.is_none() {
                self.problem.domain().clamp(h);
            }
            h.to_vec()
        });
        moved.collect()
    }
}

/// The passes of a screen over its tokens, and the trials so far.
struct Passes<'p> {
    tokens: &'p [u32],
    progress: &'p dyn Progress,
    keeper: Option<&'p dyn Keeper>,
    /// The number of passes that were run.
    count: u8,
    /// A trial for each token, in order.
    found: Vec<Trial>,
}

impl<'p> Passes<'p> {
    /// Begins without a trial.
    fn new(tokens: &'p [u32], progress: &'p dyn Progress, keeper: Option<&'p dyn Keeper>) -> Self {
        let found = vec![Trial::Behind(Vec::new()); tokens.len()];
        Passes { tokens, progress, keeper, count: 0, found }
    }

    /// Runs one pass: `trials_of` gets all open tokens and those of them whose trial is not kept, and returns the trials of
    /// the latter.
    fn run(&mut self, map: &Arc<Map>, trials_of: &dyn Fn(&[u32], &[u32], &Done) -> Vec<Trial>) {
        let behind = |&i: &usize| matches!(self.found[i], Trial::Behind(_));
        let open: Vec<usize> = (0..self.tokens.len()).filter(behind).collect();
        let ids: Vec<u32> = open.iter().map(|&i| self.tokens[i]).collect();
        self.count += 1;
        let stage = if self.count == 1 { "screen" } else { "screen again" };
        let progress = self.progress;
        let trials = keeper::pass(self.keeper, (self.count, map), &ids, &|rest, keep| {
            if !rest.is_empty() {
                progress.begin(stage, rest.len(), "tokens");
            }
            trials_of(&ids, rest, &|tokens, trials| {
                progress.advance(tokens.len());
                if !tokens.is_empty() {
                    keep(tokens, trials);
                }
            })
        });
        for (i, trial) in open.into_iter().zip(trials) {
            let wins = matches!(trial, Trial::Wins(_));
            // The rivals of the first point are kept: searches start there.
            if wins || matches!(&self.found[i], Trial::Behind(rivals) if rivals.is_empty()) {
                self.found[i] = trial;
            }
        }
    }
}

/// Prepares the comparison of all pairs.
fn pairs<'a>(
    problem: &'a Problem<'a>,
    centre: &[f64],
    transform: Box<dyn Transform>,
) -> Option<Pairs<'a>> {
    // Round the centre first, so that the map uses exactly the centre that is subtracted from the rows.
    let centre: Vec<f32> = centre.iter().map(|&x| x as f32).collect();
    Pairs::by(problem, &centre, transform)
}
