//! Efforts, best margins and the biases that lost tokens lack: known by hand, against each other, against exact
//! arithmetic, against real rounding, and against audits of heads whose bias was raised.

use std::path::PathBuf;
use std::sync::Mutex;

use half::{bf16, f16};
use num_bigint::BigInt;
use unargmax::arithmetic::dyadic::{Dyadic, as_integers, dot_integers};
use unargmax::audit::{Audit, Engine, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::certify::best_gap::BestGap;
use unargmax::certify::effort::Effort;
use unargmax::certify::survival::Format;
use unargmax::certify::{Loss, Verdict};
use unargmax::checkpoint;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::locate::bundled;
use unargmax::locate::{Choice, locate};
use unargmax::progress::Progress;
use unargmax::verify::verify_with_progress;

/// Everything measured of every token.
fn measured(head: &Head, domain: &Domain, threads: usize) -> Audit {
    let all: Vec<u32> = (0..head.tokens() as u32).collect();
    let asked = domain.ball().map(|_| all.as_slice());
    let options = Options {
        efforts: asked,
        margins: asked,
        bias_needed: true,
        threads,
        ..Options::default()
    };
    audit(head, domain, options).unwrap()
}

fn ball(dim: usize, radius: f64) -> Domain {
    Domain::free(dim).within(Ball::around_origin(dim, radius).unwrap()).unwrap()
}

fn wins(verdict: &Verdict) -> bool {
    verdict.witness().is_some()
}

/// The interval holds the number and is narrower than `1e-6`.
#[track_caller]
fn assert_holds((low, high): (f64, f64), number: f64) {
    let same = low == number && high == number;
    assert!(
        same || low <= number && number <= high && high - low < 1e-6,
        "{number} in [{low}, {high}]"
    );
}

fn efforts(audit: &Audit) -> Vec<(f64, f64)> {
    audit.efforts().iter().map(Effort::ends).collect()
}

fn margins(audit: &Audit) -> Vec<(f64, f64)> {
    audit.margins().iter().map(BestGap::ends).collect()
}

#[test]
fn efforts_and_margins_are_those_known_by_hand() {
    // In the ball of radius 2: token 0 wins for 1 < x < 5, token 1 for x < 1, token 2 only for x > 5.
    let rows = vec![1.0, 0.0, 0.0, 0.0, 2.0, 0.0];
    let head = Head::new(rows, Some(vec![-1.0, 0.0, -6.0]), 3, 2).unwrap();
    let audit = measured(&head, &ball(2, 2.0), 1);
    for (ends, known) in efforts(&audit).into_iter().zip([0.5, 0.0, 2.5]) {
        assert_holds(ends, known);
    }
    assert_eq!(efforts(&audit)[1], (0.0, 0.0));
    for (ends, known) in margins(&audit).into_iter().zip([1.0, 3.0, -3.0]) {
        assert_holds(ends, known);
    }
    let lacking: Vec<_> =
        audit.bias_needed().iter().map(|g| (g.token(), g.bias_needed())).collect();
    assert_eq!(lacking.len(), 1);
    assert_eq!(lacking[0].0, 2);
    assert_holds(lacking[0].1, 3.0);
}

#[test]
fn the_effort_of_a_corner_is_the_distance_to_it() {
    // Token 2 must beat both others: x > 1 and y > 1.
    let rows = vec![0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let head = Head::new(rows, Some(vec![1.0, 1.0, 0.0]), 3, 2).unwrap();
    let audit = measured(&head, &ball(2, 2.0), 1);
    assert_holds(efforts(&audit)[2], std::f64::consts::FRAC_1_SQRT_2);
    // At (sqrt 2, sqrt 2) both gaps are sqrt 2 - 1.
    assert_holds(margins(&audit)[2], std::f64::consts::SQRT_2 - 1.0);
}

#[test]
fn behind_a_layer_norm_lengths_are_those_without_the_mean() {
    // z = (s, -s) with |z| < sqrt 2, so s < 1; gain 2 and shift (0, 1): token 0 scores 4 s - 1 - 2, token 1 none.
    let rows = vec![1.0, -1.0, 0.0, 0.0];
    let head = Head::new(rows, Some(vec![-2.0, 0.0]), 2, 2).unwrap();
    let norm = Ball::after_norm(vec![2.0, 2.0], vec![0.0, 1.0], true).unwrap();
    let domain = Domain::free(2).within(norm).unwrap();
    let audit = measured(&head, &domain, 1);
    assert_holds(efforts(&audit)[0], 0.75);
    assert_eq!(efforts(&audit)[1], (0.0, 0.0));
    assert_holds(margins(&audit)[0], 1.0);
    assert_holds(margins(&audit)[1], 7.0);
}

#[test]
fn without_levels_tokens_that_win_do_so_without_effort_and_others_nowhere() {
    let rows = vec![1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.25, 1.0];
    let head = Head::new(rows, None, 4, 2).unwrap();
    let audit = measured(&head, &ball(2, 3.0), 1);
    let inf = f64::INFINITY;
    assert_eq!(efforts(&audit), [(0.0, 0.0), (0.0, 0.0), (inf, inf), (0.0, 0.0)]);
    assert_eq!(audit.bias_needed().len(), 0, "there is no bias");
    // Token 2 is in the middle of 0 and 1, and level with both along y, where token 3 is ahead for y > 0.
    assert_holds(margins(&audit)[2], 0.0);
}

#[test]
fn a_range_moves_the_nearest_point() {
    // x > 1 and, by the range, y >= 1.
    let head = Head::new(vec![1.0, 0.0, 0.0, 0.0], Some(vec![-1.0, 0.0]), 2, 2).unwrap();
    let range = Domain::ranges(vec![f64::NEG_INFINITY, 1.0], vec![f64::INFINITY; 2]).unwrap();
    let domain = range.within(Ball::around_origin(2, 4.0).unwrap()).unwrap();
    let audit = measured(&head, &domain, 1);
    assert_holds(efforts(&audit)[0], 2f64.sqrt() / 4.0);
    assert_holds(efforts(&audit)[1], 0.25);
    assert_holds(margins(&audit)[0], 15f64.sqrt() - 1.0);
}

#[test]
fn equal_rows_lack_at_least_the_difference_of_their_biases() {
    let rows = vec![1.0, 1.0, 0.0, 0.0, -1.0];
    let bias = vec![0.0, -0.25, -0.5, 0.0, 0.0];
    for domain in [Domain::free(1), Domain::range(1, -3.0, 3.0).unwrap(), ball(1, 3.0)] {
        let head = Head::new(rows.clone(), Some(bias.clone()), 5, 1).unwrap();
        let audit = measured(&head, &domain, 1);
        let lacking: Vec<_> =
            audit.bias_needed().iter().map(|g| (g.token(), g.bias_needed())).collect();
        // Token 2 has row 0 and a bias below that of token 3; token 3 itself is in the middle of 0 and 4.
        assert_eq!(lacking.iter().map(|l| l.0).collect::<Vec<_>>(), [1, 2, 3], "{domain}");
        for ((_, ends), known) in lacking.into_iter().zip([0.25, 0.5, 0.0]) {
            assert_holds(ends, known);
        }
    }
}

#[test]
fn a_token_without_rivals_has_no_margin() {
    let head = Head::new(vec![1.0, 1.0], Some(vec![0.5, 0.5]), 2, 1).unwrap();
    let audit = measured(&head, &ball(1, 1.0), 1);
    assert_eq!((audit.margins().len(), efforts(&audit)), (0, vec![(0.0, 0.0); 2]));
}

#[test]
fn outside_a_ball_nothing_is_measured() {
    let head = Head::new(vec![1.0, -1.0], None, 2, 1).unwrap();
    let tokens = [0];
    for options in [
        Options { efforts: Some(&tokens), ..Options::default() },
        Options { margins: Some(&tokens), ..Options::default() },
    ] {
        let error = audit(&head, &Domain::free(1), options).unwrap_err().to_string();
        assert!(error.contains("ball") && error.contains("free"), "{error}");
    }
    let other = Options { tokens: Some(&[1]), efforts: Some(&tokens), ..Options::default() };
    assert!(audit(&head, &ball(1, 1.0), other).unwrap_err().to_string().contains("audited"));
}

/// Numbers that look like a bell curve, from a fixed seed.
struct Random(u64);

impl Random {
    fn bell(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        (0..4).map(|_| uniform()).sum::<f64>() / 2.0
    }

    fn numbers(&mut self, count: usize, scale: f64) -> Vec<f64> {
        (0..count).map(|_| scale * f64::from(self.bell() as f32)).collect()
    }
}

const TOKENS: usize = 300;
const DIM: usize = 9;

/// Rows of float32, a few of them repeated, with biases by which some lose.
fn random_head(bias: f64) -> Head {
    let mut random = Random(7);
    let mut rows = random.numbers(TOKENS * DIM, 1.0);
    for (copy, of) in [(11, 3), (12, 3), (200, 150)] {
        rows.copy_within(of * DIM..(of + 1) * DIM, copy * DIM);
    }
    let mut biases = random.numbers(TOKENS, bias);
    biases[11] = biases[3];
    Head::new(rows, Some(biases), TOKENS, DIM).unwrap()
}

fn norms() -> Vec<Domain> {
    let mut random = Random(3);
    let gain: Vec<f64> = random.numbers(DIM, 0.5).iter().map(|x| x + 1.0).collect();
    let shift = random.numbers(DIM, 0.2);
    let norm = |centred| Ball::after_norm(gain.clone(), shift.clone(), centred).unwrap();
    let cut = Domain::range(DIM, -1.0, 2.0).unwrap();
    vec![
        ball(DIM, 1.0),
        Domain::free(DIM).within(norm(true)).unwrap(),
        Domain::free(DIM).within(norm(false)).unwrap(),
        cut.within(norm(true)).unwrap(),
    ]
}

/// The least gap at a point to all but exact equals, times the denominator, and the denominator.
fn exact_gap(head: &Head, domain: &Domain, token: u32, point: &[f64]) -> (Dyadic, BigInt) {
    let (numerators, denominator) = as_integers(point);
    let (h, over) = match domain.ball() {
        Some(ball) => ball.exact_state(&numerators, &denominator),
        None => (numerators, denominator),
    };
    let score = |t: usize| {
        let bias = &Dyadic::from_f64(head.bias(t)) * &Dyadic::from_integer(over.clone());
        &dot_integers(head.row(t), &h) + &bias
    };
    let own = score(token as usize);
    let equal = |j: &usize| {
        head.bias(*j) == head.bias(token as usize) && head.row(*j).eq(head.row(token as usize))
    };
    let gaps = (0..head.tokens()).filter(|j| !equal(j)).map(|j| &own - &score(j));
    (gaps.min().unwrap(), over)
}

#[test]
fn intervals_are_ordered_narrow_and_on_the_side_of_the_verdict() {
    let head = random_head(1.5);
    for domain in norms() {
        let audit = measured(&head, &domain, 2);
        let counts = audit.counts();
        assert!(
            counts.unargmaxable > 20 && counts.argmaxable > 20 && counts.undecided == 0,
            "{counts:?}"
        );
        assert_eq!((audit.efforts().len(), audit.margins().len()), (TOKENS, TOKENS));
        for ((effort, gap), (token, verdict)) in
            audit.efforts().iter().zip(audit.margins()).zip(audit.verdicts())
        {
            let ((low, high), (least, most)) = (effort.ends(), gap.ends());
            let told = format!(
                "{domain}, token {token}: effort [{low}, {high}], margin [{least}, {most}]"
            );
            assert_eq!((effort.token(), gap.token()), (*token, *token));
            assert!(low <= high && least <= most, "{told}");
            assert_eq!(low < 1.0, wins(verdict), "{told}");
            assert_eq!(high <= 1.0, wins(verdict), "{told}");
            assert_eq!(least > 0.0, wins(verdict), "{told}");
            assert_eq!(most > 0.0, wins(verdict), "{told}");
            assert!(most - least <= 1e-6 * most.abs().max(1e-3), "{told}");
            // Beyond the larger ball that lost tokens are searched for in, nothing is known.
            let never = matches!(verdict, Verdict::Unargmaxable(Loss::Dominated(_)));
            assert!(!never || low == f64::INFINITY, "{told}");
            assert!(
                high - low <= 1e-6 * high.max(1.0) || !wins(verdict) && (never || high > 50.0),
                "{told}"
            );
        }
    }
}

#[test]
fn margins_hold_at_their_points_in_exact_arithmetic() {
    let head = random_head(1.5);
    for domain in norms() {
        let audit = measured(&head, &domain, 2);
        let mut seen = 0;
        for gap in audit.margins() {
            let Some(point) = gap.point() else { continue };
            seen += 1;
            assert!(domain.contains(point), "{domain}, token {}", gap.token());
            let (exact, over) = exact_gap(&head, &domain, gap.token(), point);
            let (low, high) = gap.ends();
            let times = |x: f64| &Dyadic::from_f64(x) * &Dyadic::from_integer(over.clone());
            assert!(times(low) <= exact && exact <= times(high), "{domain}, token {}", gap.token());
        }
        assert!(seen > TOKENS - 5);
    }
}

#[test]
fn measures_do_not_depend_on_threads() {
    let head = random_head(1.5);
    for domain in norms() {
        let (one, three) = (measured(&head, &domain, 1), measured(&head, &domain, 3));
        assert_eq!(efforts(&one), efforts(&three));
        assert_eq!(margins(&one), margins(&three));
        let survive = |audit: &Audit| -> Vec<Vec<Format>> {
            audit.margins().iter().map(|m| m.survives().to_vec()).collect()
        };
        assert_eq!(survive(&one), survive(&three));
    }
}

/// Logits as a runtime may compute them in float32: forwards, backwards, and fused.
fn narrow_logits(head: &Head, h: &[f64]) -> [Vec<f32>; 3] {
    let h: Vec<f32> = h.iter().map(|&x| x as f32).collect();
    let terms = |t: usize| -> Vec<(f32, f32)> {
        head.row(t).map(|w| w as f32).zip(h.iter().copied()).collect()
    };
    let all = |sum: &dyn Fn(&[(f32, f32)]) -> f32| -> Vec<f32> {
        (0..head.tokens()).map(|t| sum(&terms(t)) + head.bias(t) as f32).collect()
    };
    [
        all(&|x| x.iter().fold(0.0, |s, (a, b)| s + a * b)),
        all(&|x| x.iter().rev().fold(0.0, |s, (a, b)| s + a * b)),
        all(&|x| x.iter().fold(0.0, |s, (a, b)| a.mul_add(*b, s))),
    ]
}

#[test]
fn what_survives_rounding_survives_real_rounding() {
    // Small biases and heads scaled up and down, so that formats differ, overflow and underflow.
    for scale in [1e-9, 1.0, 300.0, 4e4, 1e36] {
        let small = random_head(0.1);
        let rows: Vec<f64> = (0..TOKENS).flat_map(|t| small.row(t).collect::<Vec<_>>()).collect();
        let narrow = |x: f64| f64::from((x * scale) as f32);
        let rows: Vec<f64> = rows.into_iter().map(narrow).collect();
        let bias = (0..TOKENS).map(|t| narrow(small.bias(t))).collect();
        let head = Head::new(rows, Some(bias), TOKENS, DIM).unwrap();
        let mut counts = [0; 3];
        for domain in norms() {
            let audit = measured(&head, &domain, 2);
            for gap in audit.margins().iter().filter(|g| g.ends().0 > 0.0) {
                let Some(point) = gap.point() else { continue };
                let logits = narrow_logits(&head, &domain.ball().unwrap().hidden_state(point));
                for format in gap.survives() {
                    let round = |x: f32| match format {
                        Format::Bf16 => bf16::from_f32(x).to_f32(),
                        Format::F16 => f16::from_f32(x).to_f32(),
                        Format::F32 => x,
                    };
                    counts[Format::ALL.iter().position(|f| f == format).unwrap()] += 1;
                    let t = gap.token() as usize;
                    for logits in &logits {
                        let equal =
                            |j: usize| head.bias(j) == head.bias(t) && head.row(j).eq(head.row(t));
                        let ahead =
                            (0..TOKENS).all(|j| equal(j) || round(logits[t]) > round(logits[j]));
                        assert!(ahead, "{scale}, {domain}: token {t} does not survive {format:?}");
                    }
                }
            }
        }
        let [bf16, f16, f32] = counts;
        assert!(bf16 <= f32 && (f32 > 500 || scale > 1e30), "{scale}: {counts:?}");
        match scale {
            // Below the least spacing of float16, and beyond its largest number.
            1e-9 | 1e36 => assert_eq!(f16, 0, "{scale}: {counts:?}"),
            1.0 | 300.0 => assert!(bf16 > 50 && bf16 <= f16 && f16 <= f32, "{scale}: {counts:?}"),
            _ => {}
        }
    }
}

/// The token's verdict with another bias.
fn with_bias(head: &Head, domain: &Domain, token: u32, raise: f64) -> Verdict {
    let rows: Vec<f64> = (0..head.tokens()).flat_map(|t| head.row(t).collect::<Vec<_>>()).collect();
    let mut bias: Vec<f64> = (0..head.tokens()).map(|t| head.bias(t)).collect();
    bias[token as usize] += raise;
    let raised = Head::new(rows, Some(bias), head.tokens(), head.dim()).unwrap();
    let options = Options { tokens: Some(&[token]), threads: 1, ..Options::default() };
    audit(&raised, domain, options).unwrap().verdicts()[0].1.clone()
}

/// A little above the interval the token wins, a little below it loses; returns how many were not 0.
fn assert_needed(head: &Head, domain: &Domain, step: usize) -> usize {
    assert_needed_of(head, domain, measured(head, domain, 2), step)
}

fn assert_needed_of(head: &Head, domain: &Domain, audit: Audit, step: usize) -> usize {
    let lost = audit.counts().unargmaxable;
    assert_eq!(audit.bias_needed().len(), lost, "{domain}");
    let mut positive = 0;
    for gap in audit.bias_needed().iter().step_by(step) {
        let (low, high) = gap.bias_needed();
        let told = format!("{domain}, token {}: [{low}, {high}]", gap.token());
        assert!(0.0 <= low && low <= high && high - low < 1e-6 * high.max(1e-3), "{told}");
        let above = with_bias(head, domain, gap.token(), high + 1e-6 * high.max(1e-2));
        assert!(matches!(above, Verdict::Argmaxable(_)), "{told}: {}", above.name());
        if low > 1e-6 {
            positive += 1;
            let below = with_bias(head, domain, gap.token(), low - 1e-6 * low);
            assert!(matches!(below, Verdict::Unargmaxable(_)), "{told}: {}", below.name());
        }
    }
    positive
}

#[test]
fn a_raise_beyond_the_bias_needed_makes_a_token_win_and_one_below_does_not() {
    let head = random_head(1.5);
    let boxes = [
        Domain::free(DIM),
        Domain::range(DIM, 0.0, f64::INFINITY).unwrap(),
        Domain::range(DIM, -0.25, 1.0).unwrap(),
    ];
    for domain in boxes.into_iter().chain(norms()) {
        let step = if domain.is_free() { 1 } else { 3 };
        assert!(assert_needed(&head, &domain, step) > 10, "{domain}");
    }
}

#[test]
fn the_bundled_head_lacks_what_its_bias_needs() {
    let head = bundled::read().unwrap().0.head;
    for domain in
        [Domain::free(head.dim()), bundled::domain(head.dim()).unwrap(), ball(head.dim(), 4.0)]
    {
        assert!(assert_needed(&head, &domain, 5) > 20, "{domain}");
    }
}

/// A published head that is too large for the repository, see `engines_models.rs`.
#[test]
#[ignore = "needs models/"]
fn pp_ocrv4_lacks_what_its_bias_needs() {
    let folder = std::env::var_os("UNARGMAX_MODELS").map_or("models".into(), PathBuf::from);
    let path = folder.join("pp-ocrv4/head.safetensors");
    let checkpoint = checkpoint::open(&path).unwrap();
    let head = locate(checkpoint.as_ref(), &path, &Choice::default()).unwrap().head;
    let swish = Domain::range(head.dim(), -0.27846454276107, f64::INFINITY).unwrap();
    let tokens: Vec<u32> = (0..head.tokens() as u32).step_by(20).collect();
    for domain in [Domain::free(head.dim()), swish] {
        let options = Options { tokens: Some(&tokens), bias_needed: true, ..Options::default() };
        let audit = audit(&head, &domain, options).unwrap();
        assert!(assert_needed_of(&head, &domain, audit, 1) >= 3, "{domain}");
    }
}

/// What it was told: stages with what they announced, and each step of them.
#[derive(Default)]
struct Told(Mutex<Vec<(String, usize, String, Vec<usize>)>>);

impl Progress for Told {
    fn begin(&self, stage: &str, total: usize, unit: &str) {
        self.0.lock().unwrap().push((stage.to_owned(), total, unit.to_owned(), Vec::new()));
    }

    fn advance(&self, count: usize) {
        self.0.lock().unwrap().last_mut().unwrap().3.push(count);
    }
}

impl Told {
    /// Asserts that each stage with a known end came to it and not further, and returns their names.
    fn stages(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        for (stage, total, unit, steps) in told.iter() {
            assert_eq!(steps.iter().sum::<usize>(), *total, "{stage}");
            assert_eq!(unit.is_empty(), *total == 0, "{stage}: {unit}");
        }
        told.iter().map(|stage| stage.0.clone()).collect()
    }

    /// How many steps the first stage of this name took.
    fn steps(&self, name: &str) -> usize {
        let told = self.0.lock().unwrap();
        told.iter().find(|stage| stage.0 == name).unwrap().3.len()
    }
}

#[test]
fn every_stage_counts_up_to_what_it_announced() {
    let head = bundled::read().unwrap().0.head;
    let dim = head.dim();
    let some: Vec<u32> = (0..head.tokens() as u32).step_by(40).collect();
    let box_of = Domain::range(dim, 0.0, f64::INFINITY).unwrap();
    let meeting = Ball::around_origin(dim, 5.0).unwrap();
    let meeting = box_of.clone().within(meeting).unwrap();
    let measured = ["effort", "margin", "bias"];
    for (domain, engine, stages) in [
        (Domain::free(dim), Engine::LeastDistance, &["prepare", "screen", "prove", "bias"][..]),
        (box_of, Engine::LeastDistance, &["screen", "prove", "screen, free", "prove, free"]),
        (ball(dim, 5.0), Engine::LeastDistance, &measured),
        (meeting, Engine::LeastDistance, &measured),
        (Domain::range(dim, -100.0, 100.0).unwrap(), LP, &["prove", "radius", "prove, free"]),
    ] {
        let (told, checked) = (Told::default(), Told::default());
        let asked = domain.ball().map(|_| some.as_slice());
        let audit = audit(
            &head,
            &domain,
            Options {
                tokens: (engine == LP).then_some(&some),
                engine,
                threads: 2,
                also_free: true,
                efforts: asked,
                margins: asked,
                bias_needed: true,
                progress: &told,
                ..Options::default()
            },
        )
        .unwrap();
        let names = told.stages();
        assert!(stages.iter().all(|stage| names.contains(&(*stage).to_owned())), "{names:?}");
        // The share of the screen rises by what 64 tokens are of it.
        if engine == Engine::LeastDistance && !(domain.ball().is_some() && domain.has_ranges()) {
            assert!(told.steps("screen") >= head.tokens() / 64, "{domain}");
        }
        let certificate = certificate::from_audits(&head, &[(&domain, &audit)]);
        let certificate = Certificate::from_bytes(&certificate.to_bytes().unwrap()).unwrap();
        verify_with_progress(&head, &certificate, None, &checked);
        assert_eq!(checked.stages(), [format!("verify, {domain}")]);
    }
}

const LP: Engine = Engine::LinearProgram { radius: true };
