//! The inequalities of one token: `u = (h, s)` with `A u > 0` exactly when it wins at `h / s`.
//!
//! Rows of `A` are `(w_t - w_j, b_t - b_j)` for rivals, `(e_k, -lo_k)` and `(-e_k, hi_k)` for finite ends of the
//! domain, and `(0, 1)` for `s > 0`. If lengths do not matter (constant bias, no finite end but 0), the last
//! coordinate is omitted. Each coordinate is scaled by a power of two to a spread of about one, and each row to
//! length one; neither changes the problem. All of this is approximate: it only proposes.

use std::sync::OnceLock;

use crate::arithmetic::rounding::power_of_two_near;
use crate::certify::Rival;
use crate::problem::Problem;
use crate::prove::span::Span;

/// One inequality of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Constraint {
    /// The token beats a rival, or the hidden state keeps an end of the domain.
    Rival(Rival),
    /// `s > 0`.
    Scale,
}

/// The system of inequalities of a problem, in scaled coordinates.
#[derive(Debug)]
pub struct System<'a> {
    problem: &'a Problem<'a>,
    /// The coordinates that the domain does not fix.
    columns: Vec<usize>,
    /// Powers of two: `u_k = scales[k] h_k`, and rows are divided by them; the last belongs to `s`.
    scales: Vec<f64>,
    /// Biases with the fixed coordinates added.
    bias: Vec<f64>,
    lifted: bool,
    /// The scaled rows in fewer coordinates, for a wide head without range ends; computed on first use.
    span: Option<OnceLock<Span>>,
}

/// The most rows sampled for the spread of a coordinate.
const SAMPLE: usize = 2048;

impl<'a> System<'a> {
    /// Chooses the scales of the coordinates of a problem.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let (head, domain) = (problem.head(), problem.domain());
        let (fixed, columns): (Vec<usize>, Vec<usize>) =
            (0..head.dim()).partition(|&k| domain.is_fixed(k));
        let bias: Vec<f64> = (0..head.tokens())
            .map(|t| {
                head.bias(t) + fixed.iter().map(|&k| head.weight(t, k) * domain.lo(k)).sum::<f64>()
            })
            .collect();
        let stride = head.tokens().div_ceil(SAMPLE);
        let mut scales = Vec::with_capacity(columns.len() + 1);
        for &k in &columns {
            let sample = (0..head.tokens()).step_by(stride).map(|t| head.weight(t, k));
            scales.push(spread(&sample.collect::<Vec<f64>>()));
        }
        let constant_bias = bias.iter().all(|b| *b == bias[0]);
        let (mut has_ends, mut scaled_ends) = (false, Vec::new());
        for (&k, scale) in columns.iter().zip(&scales) {
            for end in [domain.lo(k), domain.hi(k)] {
                has_ends |= end.is_finite() && end != 0.0;
                scaled_ends.push(end * scale);
            }
        }
        scaled_ends.retain(|x| x.is_finite());
        scaled_ends.push(0.0);
        let lifted = !constant_bias || has_ends;
        // If biases are constant, only the ends have lengths: their spread in the scaled coordinates counts.
        scales.push(spread(if constant_bias { &scaled_ends } else { &bias }));
        let ends = |&k: &usize| domain.lo(k).is_finite() || domain.hi(k).is_finite();
        let wide = head.is_wide() && !columns.iter().any(ends);
        let span = wide.then(OnceLock::new);
        System { problem, columns, scales, bias, lifted, span }
    }

    /// The span of the scaled rows, if it is used.
    fn span(&self) -> Option<&Span> {
        let head = self.problem.head();
        let scaled = |t: usize, out: &mut [f64]| {
            for (x, (&k, scale)) in out.iter_mut().zip(self.columns.iter().zip(&self.scales)) {
                *x = head.weight(t, k) / scale;
            }
        };
        let span = || Span::new(head.tokens(), self.columns.len(), scaled);
        Some(self.span.as_ref()?.get_or_init(span))
    }

    /// The number of coordinates of `u` that represent `h`.
    fn width(&self) -> usize {
        self.span().map_or(self.columns.len(), Span::rank)
    }

    /// The problem behind the system.
    pub fn problem(&self) -> &'a Problem<'a> {
        self.problem
    }

    /// The number of coordinates of `u`.
    pub fn dim(&self) -> usize {
        self.width() + usize::from(self.lifted)
    }

    /// Whether `s` is a coordinate of `u`.
    pub fn is_lifted(&self) -> bool {
        self.lifted
    }

    /// The coordinates of `h` that the domain does not fix.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The unscaled-length row of a constraint for `token`, in scaled coordinates.
    pub fn row(&self, token: u32, constraint: Constraint) -> Vec<f64> {
        let mut row = vec![0.0; self.dim()];
        // The index of the scale of `s`, and that of its coordinate if there is one.
        let (scale, last) = (self.columns.len(), self.width());
        let scale_of = |k: u32| self.columns.iter().position(|&c| c == k as usize).unwrap_or(0);
        match constraint {
            Constraint::Rival(Rival::Token(j)) => {
                let head = self.problem.head();
                let (t, j) = (token as usize, j as usize);
                if let Some(span) = self.span() {
                    let difference = span.difference(token, j as u32);
                    row.iter_mut().zip(difference).for_each(|(x, d)| *x = d);
                } else {
                    let mut both = vec![0.0; 2 * head.dim()];
                    let (own, rival) = both.split_at_mut(head.dim());
                    head.copy_row(t, own);
                    head.copy_row(j, rival);
                    let scaled = self.columns.iter().zip(&self.scales);
                    for (x, (&k, &scale)) in row.iter_mut().zip(scaled) {
                        *x = own[k] / scale - rival[k] / scale;
                    }
                }
                if self.lifted {
                    let unit = self.scales[scale];
                    row[last] = self.bias[t] / unit - self.bias[j] / unit;
                }
            }
            Constraint::Rival(Rival::Lower(k)) => {
                let at = scale_of(k);
                row[at] = 1.0 / self.scales[at];
                if self.lifted {
                    row[last] = -self.problem.domain().lo(k as usize) / self.scales[scale];
                }
            }
            Constraint::Rival(Rival::Upper(k)) => {
                let at = scale_of(k);
                row[at] = -1.0 / self.scales[at];
                if self.lifted {
                    row[last] = self.problem.domain().hi(k as usize) / self.scales[scale];
                }
            }
            Constraint::Scale => row[last] = 1.0,
        }
        row
    }

    /// The row of a token in scaled coordinates, with its bias where that matters.
    pub fn place(&self, token: u32) -> Vec<f64> {
        let head = self.problem.head();
        let t = token as usize;
        let scaled = self.columns.iter().zip(&self.scales).map(|(&k, s)| head.weight(t, k) / s);
        let mut place: Vec<f64> = scaled.collect();
        if self.lifted {
            place.push(self.bias[t] / self.scales[self.columns.len()]);
        }
        place
    }

    /// The hidden state `h / s` of a solution, including the fixed coordinates; it may lie outside the domain.
    pub fn hidden_state(&self, u: &[f64]) -> Vec<f64> {
        let domain = self.problem.domain();
        let last = self.width();
        let s = if self.lifted { u[last] / self.scales[self.columns.len()] } else { 1.0 };
        let expanded = self.span().map(|span| span.expanded(&u[..last]));
        let u = expanded.as_deref().unwrap_or(u);
        let mut h: Vec<f64> = (0..domain.dim()).map(|k| domain.lo(k)).collect();
        for (&k, (x, scale)) in self.columns.iter().zip(u.iter().zip(&self.scales)) {
            h[k] = x / scale / s;
        }
        h
    }

    /// A solution `u` of the given length that represents the hidden state `h`.
    pub fn solution(&self, h: &[f64], length: f64) -> Vec<f64> {
        let mut u: Vec<f64> =
            self.columns.iter().zip(&self.scales).map(|(&k, scale)| h[k] * scale).collect();
        if let Some(span) = self.span() {
            u = span.reduced(&u);
        }
        if self.lifted {
            u.push(self.scales[self.columns.len()]);
        }
        let size = self::length(&u);
        if size > 0.0 {
            u.iter_mut().for_each(|x| *x *= length / size);
        }
        u
    }
}

/// Scales a row to length one and returns its previous length; a row of zeros is not changed.
pub fn normalise(row: &mut [f64]) -> f64 {
    let length = length(row);
    if length > 0.0 {
        row.iter_mut().for_each(|x| *x /= length);
    }
    length
}

/// The Euclidean length, without overflow.
fn length(row: &[f64]) -> f64 {
    let largest = row.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let scale = power_of_two_near(largest);
    scale * row.iter().map(|x| (x / scale) * (x / scale)).sum::<f64>().sqrt()
}

/// The power of two near the standard deviation (near the size if all values are equal; 1 if all are 0).
fn spread(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let unit = power_of_two_near(largest);
    let count = values.len() as f64;
    let mean = values.iter().map(|x| x / unit).sum::<f64>() / count;
    let squares = values.iter().map(|x| (x / unit - mean) * (x / unit - mean));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    if deviation > 1e-12 { power_of_two_near(deviation) * unit } else { unit }
}
