//! Eleven tokens in the plane, and by hand a certificate with every kind of record.

use num_bigint::BigInt;
use unargmax::certificate::{
    AuditRecord, Certificate, EnclosedRecord, Linear, MapRecord, MultiplierKind, Subject,
    UndecidedRecord,
};
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::verify::{Verification, verify};

/// A head before it is one, and its certificate.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub rows: Vec<[f64; 2]>,
    pub bias: Vec<f64>,
    /// Whether the rows are stored as float64.
    pub wide: bool,
    pub record: AuditRecord,
}

/// The plane, or a square that holds all points of the certificate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Free,
    Box,
}

impl Fixture {
    pub fn new(place: Place) -> Self {
        let rows = vec![
            [4.0, 0.0],
            [0.0, 4.0],
            [-4.0, 0.0],
            [0.0, -4.0],
            [1.0, 1.0], // inside the triangle of 0, 1, 2
            [0.0, 0.0], // the centre of 0, 1, 2, 3: needs four rivals
            [2.0, 2.0], // half-way between 0 and 1
            [4.0, 0.0], // ties with 0
            [0.0, 4.0], // below 1
            [-4.0, -4.0],
            [1.0, -1.0], // inside, but claimed undecided
        ];
        let mut bias = vec![0.0; rows.len()];
        bias[8] = -1.0;
        let domain = match place {
            Place::Free => Domain::free(2),
            Place::Box => Domain::range(2, -8.0, 8.0).unwrap(),
        };
        let mut record = AuditRecord::empty(domain);
        record.maps = vec![
            MapRecord {
                centre: vec![0.0, -1.0],
                linear: Linear::Identity,
                winners: vec![(1, 1.0), (2, 1.0)],
            },
            MapRecord {
                centre: vec![0.0, 0.0],
                linear: Linear::Matrix(vec![1.0, 0.0, 0.0, 0.5]),
                winners: vec![(0, 0.5)],
            },
        ];
        record.witnesses = vec![(3, vec![1.0, -4.0])];
        record.integers = vec![(9, vec![BigInt::from(-2), BigInt::from(-2)], BigInt::from(3))];
        record.enclosed = vec![
            EnclosedRecord {
                token: 4,
                basic: vec![(0, 0.5), (1, 0.25), (2, 0.25)],
                frozen: vec![],
                equations: vec![0, 1],
            },
            EnclosedRecord {
                token: 5,
                basic: vec![(1, 0.25), (2, 0.25), (3, 0.25)],
                frozen: vec![(0, 0.25)],
                equations: vec![1, 0],
            },
        ];
        record.exact = vec![(6, vec![(0, 3.into()), (1, 3.into())])];
        record.ties = vec![vec![0, 7]];
        record.dominated = vec![(8, 1)];
        let token = MultiplierKind::Token;
        let mut multipliers = vec![(token, 0, 0.5), (token, 3, 0.25), (token, 2, 0.2)];
        multipliers.push((MultiplierKind::Scale, 0, 0.01));
        if place == Place::Box {
            multipliers.push((MultiplierKind::Lower, 0, 0.001));
            multipliers.push((MultiplierKind::Upper, 1, 0.002));
        }
        record.undecided = vec![UndecidedRecord { token: 10, upper: 0.28, multipliers }];
        Fixture { rows, bias, wide: false, record }
    }

    pub fn head(&self) -> Head {
        let (count, bias) = (self.rows.len(), Some(self.bias.clone()));
        if self.wide {
            Head::new(self.rows.concat(), bias, count, 2).unwrap()
        } else {
            let rows: Vec<f32> = self.rows.iter().flatten().map(|&x| x as f32).collect();
            Head::new(rows, bias, count, 2).unwrap()
        }
    }

    pub fn certificate(&self) -> Certificate {
        let head = self.head();
        Certificate {
            head: head.sha256(),
            tokens: head.tokens(),
            dim: 2,
            subject: Subject::Head,
            audits: vec![self.record.clone()],
        }
    }

    pub fn verify(&self) -> Verification {
        verify(&self.head(), &self.certificate(), None)
    }
}

/// All refusals as `token 5: reason` lines.
pub fn refusals(verification: &Verification) -> Vec<String> {
    let audits = verification.audits.iter().flat_map(|a| &a.refused).map(|r| match r.token {
        Some(t) => format!("token {t}: {}", r.reason),
        None => format!("audit: {}", r.reason),
    });
    verification.refused.iter().map(|r| format!("certificate: {r}")).chain(audits).collect()
}

#[test]
fn the_honest_certificate_is_accepted_with_every_kind_of_record() {
    for place in [Place::Free, Place::Box] {
        for wide in [false, true] {
            let mut fixture = Fixture::new(place);
            fixture.wide = wide;
            let verification = fixture.verify();
            assert!(verification.is_accepted(), "{:?}", refusals(&verification));
            let accepted: Vec<usize> = verification.audits[0].accepted.values().copied().collect();
            // 1, 2, 3, 9; 0, 7; 4, 5, 6, 8; 10.
            assert_eq!(accepted, [4, 2, 4, 1]);
            assert!(verification.audits[0].complete);
        }
    }
}
