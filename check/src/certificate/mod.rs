//! The certificate: everything that is needed, besides the head, to check the verdicts of an audit.
//!
//! [`Certificate`] is plain data, neither trusted nor proved, and [`arrays`] lays it out in a safetensors
//! file. The format is described in `docs/certificate.md`; [`crate::verify`] checks it.

pub mod arrays;
mod audit;
mod container;
mod description;
mod domain;
mod fields;
mod file;
mod losses;
mod measures;
mod points;
mod ranks;
mod subject;

use num_bigint::BigInt;

use crate::domain::{Domain, Inside};
pub use ranks::RankRecords;
pub use subject::{Subject, SubjectKind};

/// The name of the format in the metadata.
pub const FORMAT: &str = "unargmax certificate";
/// The latest version of the format; [`Certificate::open`] reads this version and all earlier ones. A certificate
/// is written as the earliest version, from 2, that can express it.
pub const VERSION: u64 = 5;
/// The name of the certificate file in an output folder.
pub const FILE: &str = "certificate.safetensors";

/// The proofs of one or more audits of one head.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// [`Head::sha256`](crate::head::Head::sha256) of the head.
    pub head: String,
    /// The number of tokens, `V`.
    pub tokens: usize,
    /// The length of a hidden state, `d`.
    pub dim: usize,
    /// What the audits decide of the head.
    pub subject: Subject,
    /// The audits, one for each domain.
    pub audits: Vec<AuditRecord>,
}

/// The proofs over one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Where hidden states may lie.
    pub domain: Domain,
    /// A point in both the box and the ball; present only if the domain is both.
    pub inside: Option<Inside>,
    /// The ids, rising, of the tokens that have a verdict; `None` means all.
    pub scope: Option<Vec<u32>>,
    /// Tokens that win at a point computed from their own row.
    pub maps: Vec<MapRecord>,
    /// Tokens and the float64 points (`d`) where they win.
    pub witnesses: Vec<(u32, Vec<f64>)>,
    /// Tokens and the points where they win, as integers over a positive denominator.
    pub integers: Vec<(u32, Vec<BigInt>, BigInt)>,
    /// Tokens that lose by weights that exist near the given ones.
    pub enclosed: Vec<EnclosedRecord>,
    /// Tokens that lose by exact weights: rivals and positive integers.
    pub exact: Vec<(u32, Vec<(u32, BigInt)>)>,
    /// Tokens that lose in a ball: rivals with positive integers, and coordinates with multipliers of their range
    /// ends (positive for the lower end).
    pub ball_losses: Vec<BallLossRecord>,
    /// Tokens whose verdict follows from another audit of the same certificate, ids rising.
    pub carried: Vec<u32>,
    /// The index of the audit that carried verdicts follow from.
    pub carried_from: Option<usize>,
    /// Groups of tokens that no hidden state tells apart; the first of each has a point where it wins.
    pub ties: Vec<Vec<u32>>,
    /// Only if the domain is one point: tokens that win there.
    pub only_wins: Vec<u32>,
    /// Only if the domain is one point: tokens, and a rival that scores at least as much there.
    pub only_losses: Vec<(u32, u32)>,
    /// Pairs of a token and another token with the same row and a larger level (bias plus the part of the score that is fixed).
    pub dominated: Vec<(u32, u32)>,
    /// Tokens without a proof.
    pub undecided: Vec<UndecidedRecord>,
    /// Tokens and upper bounds of their probability that follow from the proofs of their verdicts, ids rising.
    pub capped: Vec<(u32, f64)>,
    /// Intervals of the largest probabilities of tokens, with points and weights of their own, ids rising.
    pub ceilings: Vec<CeilingRecord>,
    /// The best ranks of some tokens; `None` if they were not asked for.
    pub ranks: Option<RankRecords>,
}

impl AuditRecord {
    /// A record over this domain without verdicts.
    pub fn empty(domain: Domain) -> Self {
        let both = domain.ball().is_some() && domain.has_ranges();
        let inside = domain.inside().filter(|_| both);
        AuditRecord { inside, ..AuditRecord::blank(domain) }
    }

    /// A record with only a domain; it does not compute an interior point.
    pub(crate) fn blank(domain: Domain) -> Self {
        AuditRecord {
            domain,
            inside: None,
            scope: None,
            maps: Vec::new(),
            witnesses: Vec::new(),
            integers: Vec::new(),
            enclosed: Vec::new(),
            exact: Vec::new(),
            ball_losses: Vec::new(),
            carried: Vec::new(),
            carried_from: None,
            ties: Vec::new(),
            only_wins: Vec::new(),
            only_losses: Vec::new(),
            dominated: Vec::new(),
            undecided: Vec::new(),
            capped: Vec::new(),
            ceilings: Vec::new(),
            ranks: None,
        }
    }
}

/// One map and the tokens that win at its points. Token `t` wins at `scale_t G (w_t - centre)`, moved into the box; under a
/// ball the folded row replaces `w_t`, and the point is not moved.
#[derive(Clone, Debug, PartialEq)]
pub struct MapRecord {
    /// The centre that is subtracted from a row (`d`).
    pub centre: Vec<f64>,
    /// `G`, `d x d`.
    pub linear: Linear,
    /// The tokens that win, with the scales of their points.
    pub winners: Vec<(u32, f64)>,
}

/// The linear part `G` of a map, a `d x d` matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum Linear {
    /// The identity.
    Identity,
    /// Any matrix, row-major.
    Matrix(Vec<f32>),
    /// `rest I + sum_i gain_i u_i u_i^T`, for `k` vectors `u_i` that are nearly orthonormal.
    LowRank {
        /// The factor of the identity.
        rest: f64,
        /// The factors of the vectors (`k`).
        gains: Vec<f64>,
        /// The vectors, `k x d`, row-major.
        basis: Vec<f32>,
    },
}

/// A proof that a token loses in a ball: for every `z` in the ball, `sum_j weight_j (score_t - score_j)` plus the
/// terms of the range ends is at most `R |v| + F <= 0` (docs/certificate.md, "outweighed").
#[derive(Clone, Debug, PartialEq)]
pub struct BallLossRecord {
    /// The losing token.
    pub token: u32,
    /// Rivals and their weights.
    pub rivals: Vec<(u32, BigInt)>,
    /// Coordinates and multipliers: positive for the lower end, negative for the upper one.
    pub ends: Vec<(u32, BigInt)>,
}

/// A proof that a token loses by weights near the given ones: the basic weights solve a square linear system, whose
/// exact solution is enclosed and found to be positive (docs/certificate.md, "enclosed").
#[derive(Clone, Debug, PartialEq)]
pub struct EnclosedRecord {
    /// The losing token.
    pub token: u32,
    /// Rivals and approximate weights (the unknowns of the system).
    pub basic: Vec<(u32, f64)>,
    /// Rivals and weights that are exact as given.
    pub frozen: Vec<(u32, f64)>,
    /// Coordinates whose equations the basic weights solve.
    pub equations: Vec<u32>,
}

/// An interval of the largest probability of a token over the domain: a point where it is at least `low`, and weights
/// that prove that it is nowhere above `high` (docs/certificate.md, "ceilings").
#[derive(Clone, Debug, PartialEq)]
pub struct CeilingRecord {
    /// The token.
    pub token: u32,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The point (`d`) where the probability is at least the lower end; empty if that is 0.
    pub point: Vec<f64>,
    /// Rivals and approximate weights, as in [`EnclosedRecord`]; none in a ball.
    pub basic: Vec<(u32, f64)>,
    /// Rivals and weights that are exact as given.
    pub frozen: Vec<(u32, f64)>,
    /// Coordinates whose equations the basic weights solve; none in a ball.
    pub equations: Vec<u32>,
    /// In a ball, coordinates and multipliers of their range ends (positive for the lower end).
    pub ends: Vec<(u32, f64)>,
    /// In a ball, whether the weights are the softmax of all rivals at the point. They are computed there, and none are
    /// stored.
    pub at_point: bool,
}

/// The bound of the best margin of a token that was not decided.
#[derive(Clone, Debug, PartialEq)]
pub struct UndecidedRecord {
    /// The token.
    pub token: u32,
    /// The claimed upper bound of the best margin; infinite without multipliers.
    pub upper: f64,
    /// Multipliers of the rows of the token's system.
    pub multipliers: Vec<(MultiplierKind, u32, f64)>,
}

/// The row of a token's system that a multiplier belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MultiplierKind {
    /// The rival with this id.
    Token = 0,
    /// The lower end of this coordinate.
    Lower = 1,
    /// The upper end of this coordinate.
    Upper = 2,
    /// The constraint `s > 0` on the scale of the lifted space.
    Scale = 3,
}
