//! Random changes: what is still accepted is still true.

use std::collections::{BTreeMap, HashSet};

use num_bigint::BigInt;
use unargmax::audit::{Options, audit};
use unargmax::certificate::{self, AuditRecord, Certificate};
use unargmax::domain::{Ball, Domain};
use unargmax::head::{Head, Rows};
use unargmax::verify::{Claim, verify};

use super::ball_fixture::{self, BallFixture};
use super::fixture::{Fixture, Place, refusals};
use super::one_point::{self, OnePointFixture};
use super::{ball_records, files, subjects as about};
use super::{ranks, records};
use crate::probability;

/// The certificate of an audit, with the free one beside it where there is one.
fn certificate(head: &Head, domain: &Domain, options: Options) -> Certificate {
    let audit = audit(head, domain, Options { also_free: true, ..options }).unwrap();
    let all = Domain::free(head.dim());
    let beside = audit.free().map(|free| (&all, free));
    certificate::from_audits(
        head,
        &[(domain, &audit)].into_iter().chain(beside).collect::<Vec<_>>(),
    )
}

/// A small generator of its own (Marsaglia's xorshift64), so that every run makes the same changes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() >> 11) as usize % count
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// Rows on a small lattice: many equal rows, faces and ties; or anywhere.
fn head(random: &mut Random, tokens: usize, dim: usize, lattice: bool, bias: bool) -> Head {
    let mut number = || {
        let x = random.next() as f32 / u64::MAX as f32 * 4.0 - 2.0;
        if lattice { x.round() } else { x }
    };
    let rows: Vec<f32> = (0..tokens * dim).map(|_| number()).collect();
    let bias = bias.then(|| (0..tokens).map(|_| f64::from(number()).round()).collect());
    Head::new(rows, bias, tokens, dim).unwrap()
}

/// The verdict that an audit of a certificate claims of each token.
fn claimed(record: &AuditRecord) -> BTreeMap<u32, Claim> {
    let mapped = record.maps.iter().flat_map(|m| m.winners.iter().map(|s| s.0));
    let points = mapped
        .chain(record.witnesses.iter().map(|w| w.0))
        .chain(record.integers.iter().map(|w| w.0))
        .chain(record.only_wins.iter().copied())
        .map(|t| (t, Claim::Argmaxable));
    let lost = record.enclosed.iter().map(|e| e.token);
    let lost = lost.chain(record.exact.iter().map(|e| e.0));
    let lost = lost.chain(record.ball_losses.iter().map(|o| o.token));
    let lost = lost.chain(record.only_losses.iter().map(|l| l.0));
    let lost = lost.chain(record.dominated.iter().map(|d| d.0)).map(|t| (t, Claim::Unargmaxable));
    let free = record.domain.is_free();
    let carried = if free { Claim::Argmaxable } else { Claim::Unargmaxable };
    let carried = record.carried.iter().map(|&t| (t, carried));
    let open = record.undecided.iter().map(|u| (u.token, Claim::Undecided));
    // Last, for its first member has a point as well.
    let ties = record.ties.iter().flatten().map(|&t| (t, Claim::Tied));
    points.chain(lost).chain(carried).chain(open).chain(ties).collect()
}

/// The true verdicts, from a new audit; `None` where the domain is none that can be audited.
fn truth(head: &Head, domain: &Domain) -> Option<Vec<&'static str>> {
    let audit = audit(head, domain, Options { threads: 1, ..Options::default() }).ok()?;
    Some(audit.verdicts().iter().map(|v| v.1.name()).collect())
}

/// Checks a certificate that may be false: whatever is accepted is true. Returns whether all of it was accepted.
fn only_truth_is_accepted(head: &Head, certificate: &Certificate, known: &mut Known) -> bool {
    let verification = verify(head, certificate, None);
    for (record, checked) in certificate.audits.iter().zip(&verification.audits) {
        let scope = record.scope.as_deref();
        let asked = |t: u32| scope.is_none_or(|s| s.contains(&t)) && (t as usize) < head.tokens();
        let refused: HashSet<u32> = checked.refused.iter().filter_map(|r| r.token).collect();
        let accepted: Vec<(u32, Claim)> = claimed(record)
            .into_iter()
            .filter(|(t, _)| asked(*t) && !refused.contains(t))
            .collect();
        if checked.accepted.is_empty() {
            continue;
        }
        assert_eq!(checked.accepted.values().sum::<usize>(), accepted.len());
        let fresh = known.truths.iter().all(|(domain, _)| *domain != record.domain);
        let fresh = fresh.then(|| truth(head, &record.domain));
        let known_truth = known.truths.iter().find(|k| k.0 == record.domain).map(|k| &k.1);
        let Some(truth) = fresh.unwrap_or_else(|| known_truth.cloned()) else {
            known.unknown += 1;
            continue;
        };
        for (token, claim) in accepted {
            let name = format!("{claim:?}").to_lowercase();
            let truth = truth[token as usize];
            // The engine may know less than a proof by hand.
            let holds = claim == Claim::Undecided || truth == "undecided" || truth == name;
            assert!(
                holds,
                "token {token}, which is {truth} over {}, was accepted as {name}",
                record.domain
            );
        }
    }
    verification.is_accepted()
}

/// The verdicts over the domains of a certificate before it is changed, and how many domains were met that no audit
/// takes.
struct Known {
    truths: Vec<(Domain, Vec<&'static str>)>,
    unknown: usize,
}

/// One change of the bytes, mostly behind the header.
fn change(random: &mut Random, bytes: &mut [u8], header: usize, tokens: usize) {
    let count = bytes.len() - header;
    match random.below(8) {
        0..2 => {
            let at = header + random.below(count);
            bytes[at] ^= 1 << random.below(8);
        }
        2 => {
            let at = header + random.below(count);
            bytes[at] = random.pick(&[0, 1, 2, 3, 127, 128, 255]);
        }
        // A whole number of some type.
        3..6 => {
            let floats = [0.0, -0.0, 1.0, -1.0, 0.5, 1e300, 1e-300, f64::NAN, f64::INFINITY];
            let (id, float) = (random.below(tokens + 2) as u32, random.pick(&floats));
            let number: Vec<u8> = match random.below(3) {
                0 => id.to_le_bytes().to_vec(),
                1 => u64::from(id).to_le_bytes().to_vec(),
                _ => float.to_le_bytes().to_vec(),
            };
            let at = header + random.below(count / number.len()) * number.len();
            bytes[at..at + number.len()].copy_from_slice(&number);
        }
        // Two numbers change places.
        6 => {
            let size = random.pick(&[4, 8]);
            let (a, b) = (random.below(count / size) * size, random.below(count / size) * size);
            for i in 0..size {
                bytes.swap(header + a + i, header + b + i);
            }
        }
        _ => {
            let at = random.below(header);
            bytes[at] = random.pick(b"0123456789,:\"[]{}abt");
        }
    }
}

/// Heads and certificates of every kind: by hand, and of audits.
fn subjects(random: &mut Random) -> Vec<(Head, Certificate)> {
    let mut subjects: Vec<(Head, Certificate)> = [Place::Free, Place::Box]
        .map(|place| {
            let fixture = Fixture::new(place);
            (fixture.head(), fixture.certificate())
        })
        .into();
    for kind in ball_fixture::KINDS {
        let fixture = BallFixture::new(kind);
        subjects.push((fixture.head(), fixture.certificate()));
    }
    for lattice in [true, false] {
        for (bias, range) in [
            (false, None),
            (true, None),
            (true, Some((0.0, f64::INFINITY))),
            (false, Some((-1.0, 1.0))),
        ] {
            let head = head(random, 24, 3, lattice, bias);
            let domain =
                range.map_or(Domain::free(3), |(lo, hi)| Domain::range(3, lo, hi).unwrap());
            let gain = [[1.0, 0.5, 0.0], [2.0, 1.0, -1.0]][usize::from(bias)];
            let centred = range.is_none() && bias;
            let ball = Ball::new([1.5, 1.0], gain.to_vec(), vec![0.25, 0.5, 0.75], centred);
            let inside = domain.clone().within(ball.unwrap()).unwrap();
            for domain in [domain, inside] {
                let certificate = certificate(&head, &domain, Options::default());
                subjects.push((head.clone(), certificate));
            }
        }
    }
    subjects.extend(extremes(random));
    subjects
}

/// Audits of heads whose numbers are far from 1, and of domains that are one point or hardly more.
fn extremes(random: &mut Random) -> Vec<(Head, Certificate)> {
    let mut subjects = Vec::new();
    for exponents in [[-150, -150], [-300, 300], [300, -300], [-160, 0], [150, 150]] {
        let plain = head(random, 12, 2, exponents[0] == exponents[1], true);
        let size = exponents.map(|e| 10f64.powi(e));
        let rows =
            (0..12).flat_map(|t| plain.row(t).zip(size).map(|(x, s)| x * s).collect::<Vec<_>>());
        let bias = (0..12).map(|t| plain.bias(t) * size[0] * size[1]).collect();
        let head = Head::new(rows.collect::<Vec<f64>>(), Some(bias), 12, 2).unwrap();
        for (lo, hi) in [(f64::NEG_INFINITY, f64::INFINITY), (0.0, f64::INFINITY), (1e-170, 1e-160)]
        {
            let domain = Domain::range(2, lo, hi).unwrap();
            subjects.push((head.clone(), certificate(&head, &domain, Options::default())));
        }
    }
    // One point; a corner between neighbouring floats; and a corner that is not much more than a point.
    for (low, gain) in [(0.0, 1.0), (0.0, 3.0), (-5e-324, 1.0), (-1e-300, 3.0)] {
        let head = head(random, 12, 3, true, true);
        let ball = Ball::after_norm(vec![gain; 3], vec![0.0; 3], true).unwrap();
        let ranges = Domain::ranges(vec![low, 0.0, 0.0], vec![f64::INFINITY; 3]).unwrap();
        let domain = ranges.within(ball).unwrap();
        subjects.push((head.clone(), certificate(&head, &domain, Options::default())));
    }
    subjects
}

/// A few random changes of a file.
fn changed(random: &mut Random, bytes: &[u8], tokens: usize) -> Vec<u8> {
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(3) {
        change(random, &mut bytes, header, tokens);
    }
    bytes
}

#[test]
fn whatever_random_changes_leave_accepted_is_true() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let subjects = subjects(&mut random);
    let (mut read, mut whole, mut unknown) = (0, 0, 0);
    for (head, certificate) in &subjects {
        let domains = certificate.audits.iter().map(|a| a.domain.clone());
        let truths = domains.map(|domain| (domain.clone(), truth(head, &domain).unwrap()));
        let mut known = Known { truths: truths.collect(), unknown: 0 };
        assert!(only_truth_is_accepted(head, certificate, &mut known));
        let bytes = certificate.to_bytes().unwrap();
        for _ in 0..400 {
            let bytes = changed(&mut random, &bytes, head.tokens());
            let Ok(certificate) = Certificate::from_bytes(&bytes) else { continue };
            if certificate.audits.is_empty() {
                continue;
            }
            read += 1;
            whole += usize::from(only_truth_is_accepted(head, &certificate, &mut known));
        }
        unknown += known.unknown;
    }
    // The changes are neither all noticed by the reader nor all harmless.
    assert!(read > 1000 && whole > 100 && whole < read, "{read} read, {whole} accepted");
    // Gains and shifts near the end of float64, and boxes that the engine takes for ones that only touch the ball.
    assert!(unknown < read / 50, "{unknown} of {read} domains could not be audited");
}

#[test]
fn a_certificate_reads_back_as_it_was_and_does_not_depend_on_threads() {
    let mut random = Random(7);
    let lattice = head(&mut random, 200, 3, true, true);
    let anywhere = head(&mut random, 200, 3, false, false);
    let wide: Vec<f64> = (0..200).flat_map(|t| anywhere.row(t)).collect();
    let wide = Head::new(wide, None, 200, 3).unwrap();
    for head in [lattice, anywhere, wide] {
        let norm = |centred: bool| {
            let ball = Ball::after_norm(vec![1.0, 0.5, 2.0], vec![0.0, 0.5, 0.25], centred);
            Domain::free(3).within(ball.unwrap()).unwrap()
        };
        let above = Domain::range(3, 0.0, f64::INFINITY).unwrap();
        let both = above.clone().within(norm(true).ball().unwrap().clone()).unwrap();
        for domain in [Domain::free(3), above, norm(false), norm(true), both] {
            let scope: Vec<u32> = (0..200).step_by(3).collect();
            for tokens in [None, Some(&scope[..])] {
                let bytes = [1, 2].map(|threads| {
                    let options = Options { tokens, threads, ..Options::default() };
                    let certificate = certificate(&head, &domain, options);
                    let bytes = certificate.to_bytes().unwrap();
                    assert_eq!(bytes, certificate.to_bytes().unwrap());
                    assert_eq!(Certificate::from_bytes(&bytes).unwrap(), certificate);
                    let verification = verify(&head, &certificate, None);
                    assert!(verification.is_accepted(), "{:?}", refusals(&verification));
                    bytes
                });
                assert!(bytes[0] == bytes[1], "one thread and two write different bytes");
            }
        }
    }
}

#[test]
fn integers_of_any_size_read_back() {
    let mut fixture = Fixture::new(Place::Free);
    let huge: BigInt = BigInt::from(3) << 5000u32;
    let below: BigInt = BigInt::from(-3) << 5000u32;
    fixture.record.integers[0] = (9, vec![below.clone(), below - 1], huge);
    assert!(fixture.verify().is_accepted());
    let bytes = fixture.certificate().to_bytes().unwrap();
    assert_eq!(Certificate::from_bytes(&bytes).unwrap(), fixture.certificate());
}

/// Writes the fixture, honest and with each change, into the folder `UNARGMAX_TAMPERED` (else into one that is
/// removed again), for other checkers.
#[test]
#[ignore = "writes files, for analyses/compare_checkers.py"]
fn write_tampered_certificates() {
    let passing = tempfile::tempdir().unwrap();
    let asked = std::env::var_os("UNARGMAX_TAMPERED").map(std::path::PathBuf::from);
    let folder = asked.unwrap_or_else(|| passing.path().to_path_buf());
    let save_head = |name: &str, head: &Head, certificate: Vec<u8>| {
        let folder = folder.join(name.replace([' ', ',', '\'', '{', '`'], "-"));
        std::fs::create_dir_all(&folder).unwrap();
        let (kind, rows): (_, Vec<u8>) = match head.rows() {
            Rows::F64(rows) => {
                (safetensors::Dtype::F64, rows.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
            Rows::F32(rows) => {
                (safetensors::Dtype::F32, rows.iter().flat_map(|x| x.to_le_bytes()).collect())
            }
        };
        let count = head.tokens();
        let bias: Vec<u8> = (0..count).flat_map(|t| head.bias(t).to_le_bytes()).collect();
        let view = |kind, shape, data| safetensors::tensor::TensorView::new(kind, shape, data);
        let mut tensors = vec![("weight", view(kind, vec![count, head.dim()], &rows).unwrap())];
        if head.has_bias() {
            tensors.push(("bias", view(safetensors::Dtype::F64, vec![count], &bias).unwrap()));
        }
        let head = safetensors::serialize(tensors, None).unwrap();
        std::fs::write(folder.join("head.safetensors"), head).unwrap();
        std::fs::write(folder.join("certificate.safetensors"), certificate).unwrap();
    };
    let save = |name: &str, fixture: &Fixture, certificate: Vec<u8>| {
        save_head(name, &fixture.head(), certificate);
    };
    for place in [Place::Free, Place::Box] {
        let fixture = ranks::in_the_plane(place);
        save_head(
            &format!("honest ranks {place:?}"),
            &fixture.head(),
            fixture.certificate().to_bytes().unwrap(),
        );
    }
    for (name, place, _, plant) in ranks::TAMPERINGS {
        let fixture = ranks::planted(*place, *plant);
        save_head(name, &fixture.head(), fixture.certificate().to_bytes().unwrap());
    }
    for (name, kind, _, plant) in ranks::BALL_TAMPERINGS {
        let fixture = ranks::planted_in_ball(*kind, *plant);
        save_head(name, &fixture.head(), fixture.certificate().to_bytes().unwrap());
    }
    for kind in ball_fixture::KINDS {
        let fixture = ranks::in_a_ball(kind);
        let certificate = fixture.certificate().to_bytes().unwrap();
        save_head(&format!("honest ranks {kind:?}"), &fixture.head(), certificate);
        for wide in [false, true] {
            let fixture = BallFixture { wide, ..BallFixture::new(kind) };
            let name = format!("honest {kind:?} {wide}");
            save_head(&name, &fixture.head(), fixture.certificate().to_bytes().unwrap());
        }
    }
    for (name, kind, _, plant) in ball_records::TAMPERINGS {
        let mut fixture = BallFixture::new(*kind);
        plant(&mut fixture);
        save_head(name, &fixture.head(), fixture.certificate().to_bytes().unwrap());
    }
    for (name, kind, _, change) in files::BALL_CHANGES {
        let fixture = BallFixture::new(*kind);
        save_head(name, &fixture.head(), files::planted_in_ball(*kind, *change));
    }
    let ((plane, in_plane), (line, in_ball)) =
        (probability::in_the_plane(), probability::in_a_ball());
    save_head("honest ceilings", &plane, in_plane.to_bytes().unwrap());
    save_head("honest ceilings in a ball", &line, in_ball.to_bytes().unwrap());
    for (name, plant, _) in probability::LIES {
        let mut certificate = in_plane.clone();
        plant(&mut certificate);
        let bytes = certificate.to_bytes().unwrap();
        save_head(&format!("ceilings {name}"), &plane, bytes);
    }
    for (name, plant) in probability::LIES_IN_A_BALL {
        let mut certificate = in_ball.clone();
        plant(&mut certificate);
        let bytes = certificate.to_bytes().unwrap();
        save_head(&format!("ceilings in a ball {name}"), &line, bytes);
    }
    let (both, in_both) = probability::in_ranges_and_a_ball();
    save_head("honest ceilings in ranges and a ball", &both, in_both.to_bytes().unwrap());
    for (name, plant) in probability::LIES_IN_BOTH {
        let mut certificate = in_both.clone();
        plant(&mut certificate);
        let bytes = certificate.to_bytes().unwrap();
        save_head(&format!("ceilings in ranges and a ball {name}"), &both, bytes);
    }
    let subject = about::head();
    for (name, made) in [("kept", about::kept as fn() -> Certificate), ("sets", about::sets)] {
        save_head(&format!("honest {name}"), &subject, made().to_bytes().unwrap());
        let lies = if name == "kept" { about::OF_KEPT } else { about::OF_SETS };
        for (name, _, plant) in lies {
            let mut certificate = made();
            plant(&mut certificate);
            save_head(&name.replace(':', ""), &subject, certificate.to_bytes().unwrap());
        }
    }
    for (name, made, _, change) in about::FILES {
        save_head(name, &subject, about::planted(*made, *change));
    }
    for place in [Place::Free, Place::Box] {
        let fixture = Fixture::new(place);
        let bytes = fixture.certificate().to_bytes().unwrap();
        let first = files::planted(place, files::make_first_version);
        save(&format!("honest {place:?} of version 1"), &fixture, first);
        save(&format!("honest {place:?}"), &fixture, bytes.clone());
        save(&format!("cut short {place:?}"), &fixture, bytes[..bytes.len() - 1].to_vec());
    }
    for (name, place, _, plant) in records::TAMPERINGS {
        let mut fixture = Fixture::new(*place);
        plant(&mut fixture);
        if let Ok(bytes) = fixture.certificate().to_bytes()
            && *name != "a domain of another dimension"
        {
            save(name, &fixture, bytes);
        }
    }
    let fixture = OnePointFixture::new();
    save_head("honest only point", &fixture.head(), fixture.certificate().to_bytes().unwrap());
    for (name, _, plant) in one_point::TAMPERINGS {
        let mut fixture = OnePointFixture::new();
        plant(&mut fixture);
        save_head(name, &fixture.head(), fixture.certificate().to_bytes().unwrap());
    }
    for (name, _, from, to) in files::BENT {
        save(name, &Fixture::new(Place::Free), files::bent(from, to));
    }
    for (name, _, bytes) in files::misplaced() {
        save(name, &Fixture::new(Place::Free), bytes);
    }
    for (name, place, _, change) in files::CHANGES {
        save(name, &Fixture::new(*place), files::planted(*place, *change));
    }
    // Named by what `verify` says of them.
    let mut random = Random(11);
    for (i, (head, certificate)) in subjects(&mut random).iter().enumerate() {
        let bytes = certificate.to_bytes().unwrap();
        save_head(&format!("honest subject {i}"), head, bytes.clone());
        for n in 0..20 {
            let bytes = changed(&mut random, &bytes, head.tokens());
            let Ok(certificate) = Certificate::from_bytes(&bytes) else { continue };
            let accepted = verify(head, &certificate, None).is_accepted();
            let word = if accepted { "honest" } else { "lying" };
            save_head(&format!("{word} subject {i} changed {n}"), head, bytes);
        }
    }
    let mut other = Fixture::new(Place::Free);
    let bytes = other.certificate().to_bytes().unwrap();
    other.rows[10][0] = f64::from(1.0f32.next_up());
    save("another head", &other, bytes);
}
