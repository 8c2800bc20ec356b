//! Thirteen tokens behind a norm, and by hand a certificate of two audits: one in the ball, and the free one beside it.

use num_bigint::BigInt;
use unargmax::certificate::{
    AuditRecord, BallLossRecord, Certificate, Linear, MapRecord, MultiplierKind, Subject,
    UndecidedRecord,
};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::{Verification, verify};

use super::fixture::refusals;

/// A head before it is one, and its certificate.
#[derive(Clone, Debug)]
pub struct BallFixture {
    pub rows: Vec<Vec<f64>>,
    pub bias: Vec<f64>,
    /// Whether the rows are stored as float64.
    pub wide: bool,
    pub ball: AuditRecord,
    pub free: AuditRecord,
}

/// A ball of radius `sqrt(2)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// The norm takes off no mean; a fourth coordinate has gain 0.
    Plain,
    /// The norm takes off the mean.
    Centred,
    /// As plain, in a box that cuts the ball.
    Crossed,
}

pub const KINDS: [Kind; 3] = [Kind::Plain, Kind::Centred, Kind::Crossed];

/// Gain and shift; a plain norm has one coordinate more.
const GAIN: [f64; 3] = [2.0, 1.0, 0.5];
const SHIFT: [f64; 3] = [0.5, -1.0, 0.0];
const FOURTH: f64 = 3.0;

/// What each token is after folding: three coordinates of sum 0, what only free hidden states tell apart (a multiple of
/// ones, or the fourth coordinate), and the level.
const TOKENS: [([f64; 3], f64, f64); 13] = [
    ([4.0, -4.0, 0.0], 0.0, 0.0),
    ([0.0, 4.0, -4.0], 0.0, 0.0),
    ([-4.0, 0.0, 4.0], 0.0, 0.0),
    ([0.0, 0.0, 0.0], 0.0, -1.0),   // below the mean of 0, 1, 2
    ([6.0, -6.0, 0.0], 0.0, -10.0), // wins, but far outside the ball
    ([4.0, -4.0, 0.0], 0.0, 0.0),   // ties with 0
    ([0.0, 4.0, -4.0], 1.0, 0.0),   // ties with 1 in the ball
    ([-4.0, 0.0, 4.0], -1.0, -1.0), // below 2 in the ball
    ([1.0, -1.0, 0.0], 0.0, 0.0),   // inside 0, 1, 2, but claimed undecided
    ([2.0, 0.0, -2.0], 0.0, 0.0),   // half-way between 0 and 1
    ([5.0, -5.0, 0.0], 0.0, -2.0),  // wins from the sphere outwards
    ([-4.0, 4.0, 0.0], 0.0, 0.0),
    ([4.5, -4.5, 0.0], 0.0, -0.875), // wins in the ball near the sphere, but not in the box
];

impl Kind {
    fn dim(self) -> usize {
        if self == Kind::Centred { 3 } else { 4 }
    }

    pub fn gain(self) -> Vec<f64> {
        if self == Kind::Centred { GAIN.to_vec() } else { [&GAIN[..], &[0.0]].concat() }
    }

    pub fn shift(self) -> Vec<f64> {
        if self == Kind::Centred { SHIFT.to_vec() } else { [&SHIFT[..], &[FOURTH]].concat() }
    }

    /// The row and the bias of a token with this folded row.
    pub fn row(self, (folded, apart, level): ([f64; 3], f64, f64)) -> (Vec<f64>, f64) {
        let along = if self == Kind::Centred { apart } else { 0.0 };
        let mut row: Vec<f64> = folded.iter().zip(GAIN).map(|(a, g)| (a + along) / g).collect();
        if self != Kind::Centred {
            row.push(apart);
        }
        let shifted: f64 = row.iter().zip(self.shift()).map(|(w, c)| w * c).sum();
        (row, level - shifted)
    }

    /// A point of the ball.
    pub fn point(self, z: [f64; 3]) -> Vec<f64> {
        let mut z = z.to_vec();
        z.resize(self.dim(), 0.0);
        z
    }

    /// A hidden state outside the norm: at `z`, and `apart` beyond it where only free hidden states go.
    fn beyond(self, z: [f64; 3], apart: f64) -> Vec<f64> {
        let along = if self == Kind::Centred { apart / 3.0 } else { 0.0 };
        let norm = GAIN.iter().zip(SHIFT);
        let mut h: Vec<f64> = z.iter().zip(norm).map(|(z, (g, c))| g * (z + along) + c).collect();
        if self != Kind::Centred {
            h.push(FOURTH + apart);
        }
        h
    }

    pub fn domain(self, ball: Ball) -> Domain {
        let domain = match self {
            Kind::Crossed => {
                let lo = vec![-8.0, -1.8125, -8.0, -8.0];
                Domain::ranges(lo, vec![2.25, 8.0, 8.0, 8.0]).unwrap()
            }
            _ => Domain::free(self.dim()),
        };
        domain.within(ball).unwrap()
    }
}

impl BallFixture {
    pub fn new(kind: Kind) -> Self {
        let centred = kind == Kind::Centred;
        let ball = Ball::new([2.0, 1.0], kind.gain(), kind.shift(), centred).unwrap();
        let (rows, bias) = TOKENS.map(|token| kind.row(token)).into_iter().unzip();
        let dim = kind.dim();
        let diagonal =
            |k: usize| if k.is_multiple_of(dim + 1) { [0.5, 1.0, 1.0, 0.5][k / dim] } else { 0.0 };
        let one = || BigInt::from(1);

        let mut inside = AuditRecord::empty(kind.domain(ball));
        inside.carried_from = Some(1);
        inside.maps = vec![
            MapRecord {
                centre: vec![0.0; dim],
                linear: Linear::Identity,
                winners: vec![(0, 0.125)],
            },
            MapRecord {
                centre: vec![0.25; dim],
                linear: Linear::Matrix((0..dim * dim).map(|k| diagonal(k) as f32).collect()),
                winners: vec![(1, 0.125)],
            },
        ];
        inside.witnesses = vec![(11, kind.point([-0.5, 0.5, 0.0]))];
        let mut numerators: Vec<BigInt> = [-2, 0, 2].map(BigInt::from).to_vec();
        numerators.resize(dim, BigInt::ZERO);
        inside.integers = vec![(2, numerators, 3.into())];
        inside.carried = vec![3];
        let outweighed = |token: u32, rivals: &[u32]| BallLossRecord {
            token,
            rivals: rivals.iter().map(|&j| (j, one())).collect(),
            ends: vec![],
        };
        inside.ball_losses =
            vec![outweighed(4, &[0]), outweighed(9, &[0, 1]), outweighed(10, &[0])];
        inside.ties = vec![vec![0, 5], vec![1, 6]];
        inside.dominated = vec![(7, 2)];
        let token = MultiplierKind::Token;
        let mut multipliers = vec![(token, 0, 0.5), (token, 1, 0.25), (token, 2, 0.2)];
        if kind == Kind::Crossed {
            multipliers.push((MultiplierKind::Lower, 1, 0.01));
            multipliers.push((MultiplierKind::Upper, 0, 0.01));
            inside.ball_losses.push(BallLossRecord {
                token: 12,
                rivals: vec![(0, 4.into())],
                ends: vec![(0, (-1).into()), (1, 2.into())],
            });
        } else {
            inside.witnesses.push((12, kind.point([0.95, -0.95, 0.0])));
        }
        let upper = if kind == Kind::Crossed { 0.54 } else { 0.4824 };
        inside.undecided = vec![UndecidedRecord { token: 8, upper, multipliers }];

        let mut free = AuditRecord::empty(Domain::free(dim));
        free.carried_from = Some(0);
        free.carried = vec![0, 2, 11];
        free.witnesses = vec![
            (1, kind.beyond([0.0, 0.5, -0.5], -0.375)),
            (4, kind.beyond([5.0, -5.0, 0.0], 0.0)),
            (6, kind.beyond([0.0, 0.5, -0.5], 0.375)),
            (7, kind.beyond([-0.5, 0.0, 0.5], -3.0)),
            (10, kind.beyond([2.0, -2.0, 0.0], 0.0)),
        ];
        if kind == Kind::Crossed {
            free.witnesses.push((12, kind.beyond([0.95, -0.95, 0.0], 0.0)));
        } else {
            free.carried.push(12);
        }
        free.exact = vec![
            (3, vec![(0, one()), (1, one()), (2, one())]),
            (8, vec![(0, 2.into()), (1, one()), (2, one())]),
            (9, vec![(0, one()), (1, one())]),
        ];
        free.ties = vec![vec![0, 5]];
        BallFixture { rows, bias, wide: false, ball: inside, free }
    }

    pub fn head(&self) -> Head {
        let (count, bias, dim) = (self.rows.len(), Some(self.bias.clone()), self.rows[0].len());
        if self.wide {
            return Head::new(self.rows.concat(), bias, count, dim).unwrap();
        }
        let rows: Vec<f32> = self.rows.iter().flatten().map(|&x| x as f32).collect();
        Head::new(rows, bias, count, dim).unwrap()
    }

    pub fn certificate(&self) -> Certificate {
        let head = self.head();
        Certificate {
            head: head.sha256(),
            tokens: head.tokens(),
            dim: head.dim(),
            subject: Subject::Head,
            audits: vec![self.ball.clone(), self.free.clone()],
        }
    }

    pub fn verify(&self) -> Verification {
        verify(&self.head(), &self.certificate(), None)
    }

    /// The audit over the same box with another ball.
    pub fn set_ball(
        &mut self,
        radius: [f64; 2],
        change: impl FnOnce(&mut Vec<f64>, &mut Vec<f64>),
    ) {
        let ball = self.ball.domain.ball().unwrap();
        let (mut gain, mut shift) = (ball.gain().to_vec(), ball.shift().to_vec());
        change(&mut gain, &mut shift);
        let ball = Ball::new(radius, gain, shift, ball.is_centred()).unwrap();
        self.ball.domain = self.ball.domain.clone().within_unchecked(ball).unwrap();
    }
}

#[test]
fn the_honest_certificate_is_accepted_in_every_kind_of_ball() {
    for kind in KINDS {
        for wide in [false, true] {
            let fixture = BallFixture { wide, ..BallFixture::new(kind) };
            let verification = fixture.verify();
            assert!(verification.is_accepted(), "{kind:?}: {:?}", refusals(&verification));
            let accepted = |i: usize| -> Vec<usize> {
                verification.audits[i].accepted.values().copied().collect()
            };
            // 2, 11 and 12; 0, 5, 1, 6; 3, 4, 7, 9, 10 and 12; 8.
            let crossed = usize::from(kind == Kind::Crossed);
            assert_eq!(accepted(0), [3 - crossed, 4, 5 + crossed, 1]);
            // 1, 2, 4, 6, 7, 10, 11, 12; 0, 5; 3, 8, 9.
            assert_eq!(accepted(1), [8, 2, 3]);
        }
    }
}

#[test]
fn a_point_just_inside_the_sphere_is_one_of_the_ball() {
    let mut fixture = BallFixture::new(Kind::Plain);
    fixture.ball.witnesses[0].1 = Kind::Plain.point([-1.0, 1.0f64.next_down(), 0.0]);
    assert!(fixture.verify().is_accepted(), "{:?}", refusals(&fixture.verify()));
}

#[test]
fn a_point_on_the_box_is_one_of_the_domain() {
    let mut fixture = BallFixture::new(Kind::Crossed);
    // Token 0 has its point on the upper end of the first coordinate.
    fixture.ball.maps[0].winners.clear();
    fixture.ball.witnesses.push((0, Kind::Crossed.point([0.875, -0.5, 0.0])));
    assert!(fixture.verify().is_accepted(), "{:?}", refusals(&fixture.verify()));
}

#[test]
fn a_certificate_of_two_audits_reads_back_as_it_was() {
    for kind in KINDS {
        let certificate = BallFixture::new(kind).certificate();
        let bytes = certificate.to_bytes().unwrap();
        assert_eq!(Certificate::from_bytes(&bytes).unwrap(), certificate);
    }
}

#[test]
fn some_tokens_are_checked_with_what_they_need_of_the_other_audit() {
    let mut fixture = BallFixture::new(Kind::Plain);
    let (head, certificate) = (fixture.head(), fixture.certificate());
    for only in [&[3][..], &[5], &[11, 4]] {
        let checked = verify(&head, &certificate, Some(only));
        assert!(checked.is_accepted(), "{only:?}: {:?}", refusals(&checked));
    }
    fixture.ball.maps[0].winners[0].1 = 0.25;
    let refused = refusals(&verify(&head, &fixture.certificate(), Some(&[5])));
    let missing = "token 5: the other audit has no accepted proof of its own for its win";
    assert_eq!(refused, ["token 5: its point lies outside the domain", missing]);
}
