//! A slow and obvious twin: Fourier-Motzkin elimination in exact rationals, on heads small enough for it.

use crate::evidence::BigRational;
use crate::evidence::{self, equals, rational};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, Zero};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use unargmax::audit::{Audit, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::verify::verify;

/// `sum coefficients_k h_k + constant > 0`, or `>= 0`; the constant comes last.
#[derive(Clone, PartialEq)]
pub struct Inequality {
    numbers: Vec<BigInt>,
    strict: bool,
}

impl Inequality {
    pub fn new(numbers: Vec<BigRational>, strict: bool) -> Self {
        let common = numbers.iter().fold(BigInt::from(1), |common, x| common.lcm(x.denom()));
        let integers = numbers.iter().map(|x| x.numer() * (&common / x.denom())).collect();
        Inequality { numbers: integers, strict }.reduced()
    }

    fn reduced(mut self) -> Self {
        let common = self.numbers.iter().fold(BigInt::zero(), |common, x| common.gcd(x));
        if !common.is_zero() {
            self.numbers.iter_mut().for_each(|x| *x /= &common);
        }
        self
    }

    /// The sum of positive multiples of both in which coordinate `k` cancels.
    fn without(&self, other: &Self, k: usize) -> Self {
        let (a, b) = (self.numbers[k].abs(), other.numbers[k].abs());
        let numbers =
            self.numbers.iter().zip(&other.numbers).map(|(x, y)| x * &b + y * &a).collect();
        Inequality { numbers, strict: self.strict || other.strict }.reduced()
    }
}

/// Whether some real vector satisfies all inequalities.
pub fn feasible(mut system: Vec<Inequality>, dim: usize) -> bool {
    for k in 0..dim {
        let (above, rest): (Vec<_>, Vec<_>) =
            system.into_iter().partition(|i| i.numbers[k].is_positive());
        let (below, mut next): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|i| i.numbers[k].is_negative());
        for lower in &above {
            for upper in &below {
                let sum = lower.without(upper, k);
                if !next.contains(&sum) {
                    next.push(sum);
                }
            }
        }
        system = next;
    }
    system.iter().all(|i| i.numbers[dim].is_positive() || !i.strict && i.numbers[dim].is_zero())
}

/// The ends of a domain without a ball.
pub fn range_ends(domain: &Domain) -> Vec<Inequality> {
    let dim = domain.dim();
    let both = (0..dim).flat_map(|k| [(k, domain.lo(k), 1.0), (k, domain.hi(k), -1.0)]);
    let end = |(k, end, sign): (usize, f64, f64)| {
        let mut numbers = vec![BigRational::zero(); dim + 1];
        numbers[k] = rational(sign);
        numbers[dim] = rational(-sign * end);
        Inequality::new(numbers, false)
    };
    both.filter(|(_, end, _)| end.is_finite()).map(end).collect()
}

/// The verdict of a token, by its definition.
fn verdict(head: &Head, domain: &Domain, token: usize) -> &'static str {
    let dim = head.dim();
    let group = equals(head, domain, token);
    let mut system = Vec::new();
    for j in (0..head.tokens()).filter(|&j| !group.contains(&(j as u32))) {
        let gap = |a: f64, b: f64| rational(a) - rational(b);
        let row = (0..dim).map(|k| gap(head.weight(token, k), head.weight(j, k)));
        system.push(Inequality::new(
            row.chain([gap(head.bias(token), head.bias(j))]).collect(),
            true,
        ));
    }
    system.extend(range_ends(domain));
    match (feasible(system, dim), group.len()) {
        (false, _) => "unargmaxable",
        (true, 1) => "argmaxable",
        (true, _) => "tied",
    }
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<Vec<f64>>,
    bias: Option<Vec<f64>>,
    ends: Vec<(f64, f64)>,
}

impl Case {
    fn head(&self) -> Head {
        Head::new(self.rows.concat(), self.bias.clone(), self.rows.len(), self.ends.len()).unwrap()
    }

    fn domain(&self) -> Domain {
        let (lo, hi) = self.ends.iter().copied().unzip();
        Domain::ranges(lo, hi).unwrap()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let (head, domain) = (self.head(), self.domain());
        let found = audit(&head, &domain, Options { threads: 1, ..Options::default() }).unwrap();
        for (token, found) in found.verdicts() {
            let expected = verdict(&head, &domain, *token as usize);
            prop_assert_eq!(found.name(), expected, "token {} of {:?}", token, self);
        }
        prop_assert_eq!(evidence::check(&head, &domain, &found), Ok(()), "{:?}", self);
        prop_assert_eq!(refused(&head, &domain, &found), Vec::<String>::new(), "{:?}", self);
        Ok(())
    }
}

/// What `verify` refuses of the certificate of an audit, read back from its bytes.
fn refused(head: &Head, domain: &Domain, audit: &Audit) -> Vec<String> {
    let all = Domain::free(head.dim());
    let beside = audit.free().map(|free| (&all, free));
    let audits: Vec<_> = [(domain, audit)].into_iter().chain(beside).collect();
    let bytes = certificate::from_audits(head, &audits).to_bytes().unwrap();
    let verification = verify(head, &Certificate::from_bytes(&bytes).unwrap(), None);
    let refused = verification.audits.iter().flat_map(|audit| &audit.refused);
    let refused: Vec<String> = refused.map(|r| format!("{:?}: {}", r.token, r.reason)).collect();
    assert_eq!(verification.is_accepted(), refused.is_empty());
    refused
}

const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// A range for each coordinate: free, the same for all, or any.
fn ends(dim: usize, number: BoxedStrategy<f64>) -> BoxedStrategy<Vec<(f64, f64)>> {
    let end = |infinity: f64| prop_oneof![1 => Just(infinity), 3 => number.clone()];
    let any = (end(f64::NEG_INFINITY), end(f64::INFINITY)).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let shared = prop_oneof![Just((0.0, f64::INFINITY)), Just((-1.0, 1.0)), any.clone()];
    prop_oneof![
        2 => Just(vec![FREE; dim]),
        1 => shared.prop_map(move |range| vec![range; dim]),
        2 => prop::collection::vec(any, dim),
    ]
    .boxed()
}

fn cases_of(number: BoxedStrategy<f64>) -> BoxedStrategy<Case> {
    (1..=8usize, 1..=3usize)
        .prop_flat_map(move |(tokens, dim)| {
            let row = prop::collection::vec(number.clone(), dim);
            let bias = prop::option::of(prop::collection::vec(number.clone(), tokens));
            (prop::collection::vec(row, tokens), bias, ends(dim, number.clone()))
        })
        .prop_map(|(rows, bias, ends)| Case { rows, bias, ends })
        .boxed()
}

/// Integers so few that rows repeat, line up and share faces.
fn coarse() -> BoxedStrategy<f64> {
    (-2..=2i32).prop_map(f64::from).boxed()
}

fn sixteenths() -> BoxedStrategy<f64> {
    (-32..=32i32).prop_map(|n| f64::from(n) / 16.0).boxed()
}

/// Any sign, any exponent, subnormals and the largest floats included.
fn any_float() -> BoxedStrategy<f64> {
    use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    (POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO).boxed()
}

/// Four floats of any size, their opposites and their neighbours, again and again.
fn from_few_floats() -> BoxedStrategy<Case> {
    prop::array::uniform4(any_float())
        .prop_flat_map(|few| {
            let pick = (0..4usize, 0..6usize).prop_map(move |(i, form)| match form {
                0 => -few[i],
                1 => few[i].next_up().clamp(-f64::MAX, f64::MAX),
                2 => few[i] / 2.0,
                _ => few[i],
            });
            cases_of(prop_oneof![1 => Just(0.0), 4 => pick].boxed())
        })
        .boxed()
}

/// Powers of two from a few far exponents, so that sums are often exact at very different sizes.
fn powers() -> BoxedStrategy<f64> {
    (prop::sample::select(vec![-1074, -1073, -540, -537, -1, 0, 1, 500, 1023]), -1..=1i32)
        .prop_map(|(e, sign)| f64::from(sign) * 2f64.powi(e / 2) * 2f64.powi(e - e / 2))
        .boxed()
}

/// Small integers, each column and the bias times a power of two of its own: scores underflow, and
/// witnesses must be as long or short as the bias asks for.
fn scaled_columns() -> BoxedStrategy<Case> {
    let exponent = || {
        prop::sample::select(vec![-1070, -1000, -600, -540, -537, -530, -300, 0, 300, 600, 1000])
    };
    let scaled = |x: f64, e: i32| x * 2f64.powi(e / 2) * 2f64.powi(e - e / 2);
    (cases_of(coarse()), prop::array::uniform3(exponent()), exponent())
        .prop_map(move |(mut case, columns, bias)| {
            for row in &mut case.rows {
                row.iter_mut().zip(columns).for_each(|(x, e)| *x = scaled(*x, e));
            }
            case.bias.iter_mut().flatten().for_each(|b| *b = scaled(*b, bias));
            case
        })
        .boxed()
}

/// So many cases from this seed; `UNARGMAX_CASES` and `UNARGMAX_SEED` ask for others, for longer attacks.
fn config(cases: u32, seed: u64) -> ProptestConfig {
    fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
        std::env::var(name).ok()?.parse().ok()
    }
    ProptestConfig {
        cases: asked("UNARGMAX_CASES").unwrap_or(cases),
        rng_seed: RngSeed::Fixed(asked("UNARGMAX_SEED").unwrap_or(seed)),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(2000, 1))]
    #[test]
    fn verdicts_equal_those_of_elimination_on_small_integers(case in cases_of(coarse())) {
        case.check()?;
    }
}

proptest! {
    #![proptest_config(config(1500, 2))]
    #[test]
    fn verdicts_equal_those_of_elimination_on_sixteenths(case in cases_of(sixteenths())) {
        case.check()?;
    }
}

proptest! {
    #![proptest_config(config(400, 3))]
    #[test]
    fn verdicts_equal_those_of_elimination_on_floats_of_any_size(case in cases_of(any_float())) {
        case.check()?;
    }
}

proptest! {
    #![proptest_config(config(400, 4))]
    #[test]
    fn verdicts_equal_those_of_elimination_on_a_few_floats_repeated(case in from_few_floats()) {
        case.check()?;
    }
}

proptest! {
    #![proptest_config(config(400, 5))]
    #[test]
    fn verdicts_equal_those_of_elimination_on_powers_of_two_far_apart(case in cases_of(powers())) {
        case.check()?;
    }
}

proptest! {
    #![proptest_config(config(2000, 6))]
    #[test]
    fn verdicts_equal_those_of_elimination_where_scores_underflow_or_overflow(case in scaled_columns()) {
        case.check()?;
    }
}

/// A number between 1/8 and 8 of either sign, or 0, times a power of ten.
fn sized(exponents: std::ops::RangeInclusive<i32>) -> BoxedStrategy<f64> {
    (-64..=64i32, exponents).prop_map(|(n, e)| f64::from(n) / 8.0 * 10f64.powi(e)).boxed()
}

/// One exponent of ten for most numbers of a list, or one each.
fn exponents(count: usize, most: i32) -> BoxedStrategy<Vec<i32>> {
    prop_oneof![
        (-most..=most).prop_map(move |e| vec![e; count]),
        (-most..=most, prop::collection::vec(-3..=3i32, count))
            .prop_map(move |(e, off)| off.iter().map(|o| (e + o).clamp(-most, most)).collect()),
        prop::collection::vec(-most..=most, count),
    ]
    .boxed()
}

/// Heads of any size, some with rows, columns and biases of sizes of their own.
fn heads_of_all_sizes() -> BoxedStrategy<Head> {
    (1..=7usize, 1..=3usize)
        .prop_flat_map(|(tokens, dim)| {
            let numbers = prop::collection::vec(prop_oneof![coarse(), sized(0..=0)], tokens * dim);
            let sizes = (exponents(tokens, 150), exponents(dim, 150));
            let bias = prop::collection::vec(prop_oneof![coarse(), sized(0..=0)], tokens);
            (numbers, sizes, prop::option::of((bias, exponents(tokens, 300))), Just((tokens, dim)))
        })
        .prop_map(|(numbers, (rows, columns), bias, (tokens, dim))| {
            let power = |e: i32| 10f64.powi(e / 2) * 10f64.powi(e - e / 2);
            let size = |i: usize| power(rows[i / dim] + columns[i % dim]);
            let rows: Vec<f64> = numbers.iter().enumerate().map(|(i, x)| x * size(i)).collect();
            let bias = bias.map(|(numbers, sizes)| {
                numbers.iter().zip(sizes).map(|(x, e)| x * power(e)).collect()
            });
            Head::new(rows, bias, tokens, dim).unwrap()
        })
        .boxed()
}

/// Ranges of any size: free, one-sided, of one number, or two-sided.
fn ranges_of_all_sizes(dim: usize) -> BoxedStrategy<Vec<(f64, f64)>> {
    let number = || prop_oneof![1 => Just(0.0), 3 => sized(-300..=300), 2 => sized(0..=0)];
    let range = prop_oneof![
        1 => Just(FREE),
        2 => number().prop_map(|x| (x, f64::INFINITY)),
        2 => number().prop_map(|x| (f64::NEG_INFINITY, x)),
        1 => number().prop_map(|x| (x, x)),
        3 => (number(), number()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ];
    prop_oneof![
        range.clone().prop_map(move |range| vec![range; dim]),
        prop::collection::vec(range, dim),
    ]
    .boxed()
}

/// Balls around the origin, and those of norms, with radii, gains and shifts of any size.
fn balls_of_all_sizes(dim: usize) -> BoxedStrategy<Ball> {
    let around = (1..=64i32, -100..=100i32)
        .prop_map(move |(n, e)| Ball::around_origin(dim, f64::from(n) / 8.0 * 10f64.powi(e)));
    let vector = |most: i32| {
        let numbers = prop::collection::vec(prop_oneof![coarse(), sized(0..=0)], dim);
        let product = |(numbers, sizes): (Vec<f64>, Vec<i32>)| -> Vec<f64> {
            numbers.iter().zip(sizes).map(|(x, e)| x * 10f64.powi(e)).collect()
        };
        (numbers, exponents(dim, most)).prop_map(product)
    };
    let norm = (vector(100), prop_oneof![Just(vec![0.0; dim]), vector(100)], any::<bool>())
        .prop_map(|(gain, shift, centred)| Ball::after_norm(gain, shift, centred));
    prop_oneof![around, norm].prop_map(Result::unwrap).boxed()
}

/// A head and a domain of any kind; a box that does not meet its ball is left out.
fn questions_of_all_sizes() -> BoxedStrategy<(Head, Domain)> {
    heads_of_all_sizes()
        .prop_flat_map(|head| {
            let dim = head.dim();
            let ball = prop::option::of(balls_of_all_sizes(dim));
            (Just(head), ranges_of_all_sizes(dim), any::<bool>(), ball)
        })
        .prop_map(|(head, ends, ranged, ball)| {
            let (lo, hi) = ends.into_iter().unzip();
            let free = Domain::free(head.dim());
            let boxed = if ranged { Domain::ranges(lo, hi).unwrap() } else { free.clone() };
            let domain = match ball {
                None => boxed,
                Some(ball) => {
                    boxed.within(ball.clone()).unwrap_or_else(|_| free.within(ball).unwrap())
                }
            };
            (head, domain)
        })
        .boxed()
}

proptest! {
    #![proptest_config(config(3000, 7))]
    #[test]
    fn every_certificate_of_an_audit_is_accepted_and_true_at_all_sizes_and_in_all_domains(
        (head, domain) in questions_of_all_sizes()
    ) {
        // Folded products beyond float64 are refused.
        let options = Options { threads: 1, also_free: true, ..Options::default() };
        if let Ok(found) = audit(&head, &domain, options) {
            let none = Vec::<String>::new();
            prop_assert_eq!(refused(&head, &domain, &found), none, "{:?} {:?}", head, domain);
            let checked = evidence::check_decided(&head, &domain, &found);
            prop_assert_eq!(checked, Ok(()), "{:?} {:?}", head, domain);
        }
    }
}

#[test]
fn elimination_itself_answers_by_hand() {
    let square =
        Head::new(vec![1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 0.0, 0.0, 1.0], None, 5, 2).unwrap();
    let free = Domain::free(2);
    assert_eq!(
        [0, 1, 4].map(|t| verdict(&square, &free, t)),
        ["unargmaxable", "argmaxable", "argmaxable"]
    );
    let corner = Domain::ranges(vec![0.0, 0.0], vec![0.0, f64::INFINITY]).unwrap();
    assert_eq!(
        [0, 1, 2].map(|t| verdict(&square, &corner, t)),
        ["unargmaxable", "argmaxable", "unargmaxable"]
    );
    let point = Domain::range(2, 0.0, 0.0).unwrap();
    assert_eq!(verdict(&square, &point, 3), "tied");
}
