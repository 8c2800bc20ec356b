//! Certificates of heads so wide that their map is of low rank: accepted as written, refused after each change.

use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate, Linear, MapRecord};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

/// Rows with a decaying spectrum, a few of them inside the hull of the others, and some biases.
fn head(tokens: usize, dim: usize, biased: bool) -> Head {
    let mut state = 7u64;
    let mut signed = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) as f64 / (1u64 << 30) as f64) - 1.0
    };
    let mut rows: Vec<f32> = Vec::new();
    for t in 0..tokens {
        // Every hundredth row is nearly the mean, and loses.
        let size = if t % 100 == 50 { 1e-3 } else { 1.0 + 0.2 * signed() };
        rows.extend((0..dim).map(|k| (size * signed() / (1.0 + k as f64).sqrt() + 0.1) as f32));
    }
    let bias = biased.then(|| (0..tokens).map(|_| 0.05 * signed()).collect());
    Head::new(rows, bias, tokens, dim).unwrap()
}

/// The first audit of the certificate is that of the domain.
fn audited(head: &Head, domain: &Domain) -> (Audit, Certificate) {
    let inside = audit(head, domain, Options::default()).unwrap();
    let all = Domain::free(head.dim());
    let mut audits = vec![(domain, &inside)];
    audits.extend(inside.free().map(|free| (&all, free)));
    let certificate = certificate::from_audits(head, &audits);
    (inside, certificate)
}

fn low_rank(certificate: &mut Certificate) -> &mut MapRecord {
    let maps = &mut certificate.audits[0].maps;
    maps.iter_mut().find(|m| matches!(m.linear, Linear::LowRank { .. })).expect("a map of low rank")
}

fn domains(dim: usize) -> Vec<Domain> {
    let gain: Vec<f64> = (0..dim).map(|k| 0.5 + (k % 7) as f64 / 7.0).collect();
    let shift: Vec<f64> = (0..dim).map(|k| 0.01 * (k % 5) as f64).collect();
    let after = |centred| {
        let ball = Ball::after_norm(gain.clone(), shift.clone(), centred).unwrap();
        Domain::free(dim).within(ball).unwrap()
    };
    vec![Domain::free(dim), after(false), after(true)]
}

#[test]
fn maps_of_low_rank_are_written_in_version_4_read_back_and_accepted() {
    for biased in [false, true] {
        let head = head(1500, 132, biased);
        for domain in domains(132) {
            let (audit, mut certificate) = audited(&head, &domain);
            let settled = low_rank(&mut certificate).winners.len();
            assert!(settled > 1200, "{domain}: the map settles most tokens, not {settled}");
            assert!(audit.counts().unargmaxable > 0, "{domain}: some tokens lose");
            let bytes = certificate.to_bytes().unwrap();
            let read = Certificate::from_bytes(&bytes).unwrap();
            assert_eq!(read, certificate);
            // Bounds of probabilities came with version 5; without them version 4 is enough.
            let mut plain = certificate.clone();
            plain.audits.iter_mut().for_each(|audit| audit.capped.clear());
            for (certificate, version) in [(&certificate, 5), (&plain, 4)] {
                let bytes = certificate.to_bytes().unwrap();
                let text = String::from_utf8_lossy(&bytes[..4096]).replace('\\', "");
                assert!(text.contains(&format!(r#""version":{version}"#)), "{text}");
            }
            let verification = verify(&head, &read, None);
            assert!(verification.is_accepted(), "{domain}: {:?}", verification.audits);
        }
    }
}

/// A change of a certificate.
type Change = fn(&mut Certificate);

#[test]
fn false_claims_of_a_map_of_low_rank_are_refused() {
    let head = head(1500, 132, false);
    for domain in domains(132) {
        let (audit, certificate) = audited(&head, &domain);
        let loser = audit.verdicts().iter().find(|v| v.1.name() == "unargmaxable").unwrap().0;
        let refused = |change: &dyn Fn(&mut Certificate)| -> Vec<String> {
            let mut changed = certificate.clone();
            change(&mut changed);
            let verification = verify(&head, &changed, None);
            let audits = verification.audits.into_iter().flat_map(|a| a.refused);
            verification.refused.into_iter().chain(audits.map(|r| r.reason)).collect()
        };

        // A losing token, moved to the map instead of its proof.
        let reasons = refused(&|c| {
            let audit = &mut c.audits[0];
            audit.enclosed.retain(|e| e.token != loser);
            audit.exact.retain(|e| e.0 != loser);
            audit.ball_losses.retain(|l| l.token != loser);
            audit.carried.retain(|t| *t != loser);
            audit.capped.retain(|c| c.0 != loser);
            let settled = &mut low_rank(c).winners;
            let scale = settled[0].1;
            settled.push((loser, scale));
            settled.sort_by_key(|s| s.0);
        });
        assert_eq!(reasons.len(), 1, "{domain}: {reasons:?}");
        assert!(reasons[0].contains("scores at least as much at its point"), "{reasons:?}");

        // A map that points elsewhere lets most tokens lose.
        let changes: [(&str, Change); 3] = [
            ("gains negated", |c| {
                if let Linear::LowRank { rest, gains, .. } = &mut low_rank(c).linear {
                    gains.iter_mut().for_each(|gain| *gain = -*gain - 2.0 * *rest);
                }
            }),
            ("another basis", |c| {
                if let Linear::LowRank { basis, .. } = &mut low_rank(c).linear {
                    basis.reverse();
                }
            }),
            ("scales negated", |c| {
                low_rank(c).winners.iter_mut().for_each(|s| s.1 = -s.1);
            }),
        ];
        for (name, change) in changes {
            let reasons = refused(&change);
            assert!(reasons.len() > 10, "{domain}, {name}: only {} refused", reasons.len());
        }

        let changes: [(&str, &str, Change); 5] = [
            ("more vectors than coordinates", "133 vectors, more than 132", |c| {
                if let Linear::LowRank { gains, basis, .. } = &mut low_rank(c).linear {
                    gains.resize(133, 1.0);
                    basis.resize(133 * 132, 0.0);
                }
            }),
            ("an infinite basis", "not finite", |c| {
                if let Linear::LowRank { basis, .. } = &mut low_rank(c).linear {
                    basis[3] = f32::INFINITY;
                }
            }),
            ("an undefined gain", "not finite", |c| {
                if let Linear::LowRank { gains, .. } = &mut low_rank(c).linear {
                    gains[1] = f64::NAN;
                }
            }),
            ("an infinite rest", "not finite", |c| {
                if let Linear::LowRank { rest, .. } = &mut low_rank(c).linear {
                    *rest = f64::INFINITY;
                }
            }),
            ("a basis too short", "the matrix of a map is not", |c| {
                if let Linear::LowRank { basis, .. } = &mut low_rank(c).linear {
                    basis.pop();
                }
            }),
        ];
        for (name, expected, change) in changes {
            let reasons = refused(&change);
            assert!(reasons.iter().any(|r| r.contains(expected)), "{domain}, {name}: {reasons:?}");
        }
    }
}

/// The comparison in the coordinates of the basis must leave the outcome as it is: a basis that is not orthonormal is
/// compared in whole rows.
#[test]
fn a_basis_that_is_not_orthonormal_is_checked_in_whole_rows_with_the_same_outcome() {
    let head = head(1500, 132, false);
    let (_, mut certificate) = audited(&head, &Domain::free(132));
    if let Linear::LowRank { basis, gains, .. } = &mut low_rank(&mut certificate).linear {
        // The same map: vectors twice as long with a quarter of the gains.
        basis.iter_mut().for_each(|x| *x *= 2.0);
        gains.iter_mut().for_each(|gain| *gain /= 4.0);
    }
    let verification = verify(&head, &certificate, None);
    assert!(verification.is_accepted(), "{:?}", verification.audits);
}

/// Each of some tokens gets a rival that differs from it by one unit in the last place of one number, and scores more at
/// its point: in the coordinates of the basis, in the others, or in both.
#[test]
fn a_rival_ahead_by_one_unit_in_the_last_place_is_not_overlooked() {
    let (tokens, dim) = (1500, 132);
    let before = head(tokens, dim, true);
    let mut rows: Vec<f32> =
        (0..tokens).flat_map(|t| before.row(t).map(|x| x as f32).collect::<Vec<_>>()).collect();
    let biases: Vec<f64> = (0..tokens).map(|t| before.bias(t)).collect();
    for domain in domains(dim) {
        let (audit, mut certificate) = audited(&before, &domain);
        let settled: Vec<u32> =
            low_rank(&mut certificate).winners.iter().map(|s| s.0).step_by(30).collect();
        let states = audit.hidden_states(&before, &settled).unwrap();
        let mut biases = biases.clone();
        for (i, (&token, h)) in settled.iter().zip(&states).enumerate() {
            let (h, t) = (h.as_ref().unwrap(), token as usize);
            // A token beside it that is not chosen itself.
            let rival = t + 1 - 2 * usize::from(t + 1 == tokens);
            let k = (i * 37) % dim;
            let copy = rows[t * dim..(t + 1) * dim].to_vec();
            rows[rival * dim..(rival + 1) * dim].copy_from_slice(&copy);
            let x = &mut rows[rival * dim + k];
            *x = if h[k] > 0.0 { x.next_up() } else { x.next_down() };
            biases[rival] = biases[t];
        }
        let after = Head::new(rows.clone(), Some(biases), tokens, dim).unwrap();
        certificate.head = after.sha256();
        let verification = verify(&after, &certificate, None);
        let refused: Vec<u32> =
            verification.audits[0].refused.iter().filter_map(|r| r.token).collect();
        assert!(settled.len() > 30);
        for token in &settled {
            assert!(refused.contains(token), "{domain}: {token} was accepted");
        }
        rows =
            (0..tokens).flat_map(|t| before.row(t).map(|x| x as f32).collect::<Vec<_>>()).collect();
    }
}
