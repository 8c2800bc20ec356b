//! An independent check of the evidence behind every verdict, in exact integers and rationals.
//!
//! It shares no arithmetic with the library: a float is `n / 2^1074`, and a support is solved by
//! Gaussian elimination over the rationals. [`ball`] does the same for hidden states behind a norm.

mod ball;

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::{One, Signed, Zero};
use unargmax::audit::Audit;
use unargmax::certify::enclosure::Enclosed;
use unargmax::certify::exact::Exact;
use unargmax::certify::witness::{Point, Witness};
use unargmax::certify::{Blocker, Loss, Rival, Verdict};
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::problem::Problem;

pub type BigRational = Ratio<BigInt>;

/// `x 2^1074`, an integer for every finite float.
fn units(x: f64) -> BigInt {
    let bits = x.to_bits();
    let (biased, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    assert!(biased < 0x7ff, "{x} is not finite");
    let size = if biased == 0 {
        BigInt::from(fraction)
    } else {
        BigInt::from(fraction | 1 << 52) << (biased - 1)
    };
    if x < 0.0 { -size } else { size }
}

/// The exact value of a finite float.
pub fn rational(x: f64) -> BigRational {
    BigRational::new(units(x), BigInt::one() << 1074u32)
}

/// Whether no hidden state of the domain tells the tokens' rows apart, apart from a constant.
pub fn same_row(head: &Head, domain: &Domain, a: usize, b: usize) -> bool {
    if let Some(ball) = domain.ball() {
        return ball::same_row(head, ball, a, b);
    }
    (0..head.dim()).all(|k| domain.is_fixed(k) || head.weight(a, k) == head.weight(b, k))
}

/// `b_a - b_b` with the coordinates that the domain fixes; behind a norm with what its shift gives.
pub fn bias_gap(head: &Head, domain: &Domain, a: usize, b: usize) -> BigRational {
    if let Some(ball) = domain.ball() {
        return ball::level_gap(head, ball, a, b);
    }
    let fixed = (0..head.dim()).filter(|&k| domain.is_fixed(k));
    fixed.fold(rational(head.bias(a)) - rational(head.bias(b)), |sum, k| {
        sum + (rational(head.weight(a, k)) - rational(head.weight(b, k))) * rational(domain.lo(k))
    })
}

/// The tokens that score the same as `token` everywhere in the domain, itself included.
pub fn equals(head: &Head, domain: &Domain, token: usize) -> Vec<u32> {
    let equal = |&j: &usize| {
        j == token || same_row(head, domain, token, j) && bias_gap(head, domain, token, j).is_zero()
    };
    (0..head.tokens()).filter(equal).map(|j| j as u32).collect()
}

/// Checks every verdict of an audit; the error names the token and what is wrong with its evidence.
pub fn check(head: &Head, domain: &Domain, audit: &Audit) -> Result<(), String> {
    check_those(head, domain, audit, |_| true)
}

/// As [`check`], but undecided tokens are passed over.
#[allow(dead_code, reason = "not every test program has undecided tokens")]
pub fn check_decided(head: &Head, domain: &Domain, audit: &Audit) -> Result<(), String> {
    check_those(head, domain, audit, |verdict| !matches!(verdict, Verdict::Undecided(_)))
}

fn check_those(
    head: &Head,
    domain: &Domain,
    audit: &Audit,
    asked: impl Fn(&Verdict) -> bool,
) -> Result<(), String> {
    let scores = Scores::new(head);
    audit.verdicts().iter().filter(|(_, verdict)| asked(verdict)).try_for_each(
        |(token, verdict)| {
            check_verdict(&scores, domain, *token, verdict)
                .map_err(|e| format!("token {token}: {e}"))
        },
    )
}

fn check_verdict(
    scores: &Scores,
    domain: &Domain,
    token: u32,
    verdict: &Verdict,
) -> Result<(), String> {
    let (head, t) = (scores.head, token as usize);
    match verdict {
        Verdict::Argmaxable(witness) => check_witness(scores, domain, t, &[token], witness),
        Verdict::Tied(tie) => {
            let group = equals(head, domain, t);
            require(tie.members() == group && group.len() > 1, || {
                format!("{:?} are equal, not {:?}", group, tie.members())
            })?;
            check_witness(scores, domain, t, &group, tie.witness())
        }
        Verdict::Unargmaxable(loss) => check_loss(head, domain, t, loss),
        Verdict::Undecided(undecided) => Err(format!("undecided: {}", undecided.reason())),
    }
}

fn check_loss(head: &Head, domain: &Domain, t: usize, loss: &Loss) -> Result<(), String> {
    match loss {
        Loss::Dominated(by) => {
            let by = by.by() as usize;
            require(same_row(head, domain, t, by), || format!("{by} has another row"))?;
            require(bias_gap(head, domain, by, t).is_positive(), || {
                format!("{by} has no larger bias")
            })
        }
        Loss::Carried(carried) => {
            require(!domain.is_free(), || "there is no larger domain".into())?;
            check_loss(head, &Domain::free(head.dim()), t, carried.loss())
        }
        Loss::OnePoint(only) => ball::check_only(head, domain, t, only.rival() as usize),
        Loss::Ball(outweighed) => ball::check_outweighed(head, domain, t, outweighed),
        Loss::Exact(exact) if domain.ball().is_none() => check_exact(head, domain, t, exact),
        Loss::Enclosed(enclosed) if domain.ball().is_none() => {
            check_enclosed(head, domain, t, enclosed)
        }
        _ => Err("an unknown kind of proof".into()),
    }
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message()) }
}

/// Rows and biases in units of `2^-1074`.
struct Scores<'a> {
    head: &'a Head,
    rows: Vec<BigInt>,
    bias: Vec<BigInt>,
}

impl<'a> Scores<'a> {
    fn new(head: &'a Head) -> Self {
        let rows = (0..head.tokens()).flat_map(|t| head.row(t)).map(units).collect();
        Scores { head, rows, bias: (0..head.tokens()).map(|t| units(head.bias(t))).collect() }
    }

    /// The score at `numerators / denominator`, in units of `2^-1074 / denominator`.
    fn at(&self, token: usize, numerators: &[BigInt], denominator: &BigInt) -> BigInt {
        let row = &self.rows[token * self.head.dim()..][..self.head.dim()];
        row.iter().zip(numerators).map(|(w, h)| w * h).sum::<BigInt>()
            + &self.bias[token] * denominator
    }
}

/// The point of a witness as integers over a positive denominator.
fn integers(problem: &Problem, witness: &Witness) -> (Vec<BigInt>, BigInt) {
    match witness.point() {
        Point::Integers { numerators, denominator } => (numerators.clone(), denominator.clone()),
        Point::Only => {
            let point = ball::only_point(problem.domain()).expect("a domain of one point");
            let common = point.iter().fold(BigInt::one(), |common, x| common * x.denom());
            (point.iter().map(|x| x.numer() * (&common / x.denom())).collect(), common)
        }
        _ => {
            let point = witness.point_in_floats(problem).expect("a point of its own");
            (point.into_iter().map(units).collect(), BigInt::one() << 1074u32)
        }
    }
}

fn check_witness(
    scores: &Scores,
    domain: &Domain,
    t: usize,
    group: &[u32],
    witness: &Witness,
) -> Result<(), String> {
    let head = scores.head;
    let problem = Problem::new(head, domain).map_err(|e| e.to_string())?;
    let (numerators, denominator) = integers(&problem, witness);
    require(denominator.is_positive() && numerators.len() == head.dim(), || {
        "the point is malformed".into()
    })?;
    if let Some(ball) = domain.ball() {
        return ball::check_witness(
            head,
            domain,
            ball,
            t,
            group,
            (&numerators, &denominator),
            witness,
        );
    }
    for (k, h) in numerators.iter().enumerate() {
        let side = |end: f64| (h << 1074u32) - units(end) * &denominator;
        let above = domain.lo(k).is_infinite() || !side(domain.lo(k)).is_negative();
        let below = domain.hi(k).is_infinite() || !side(domain.hi(k)).is_positive();
        require(above && below, || format!("coordinate {k} of the witness is outside the domain"))?;
    }
    let own = scores.at(t, &numerators, &denominator);
    let rivals = (0..head.tokens()).filter(|j| !group.contains(&(*j as u32)));
    let Some((least, rival)) =
        rivals.map(|j| (&own - scores.at(j, &numerators, &denominator), j)).min()
    else {
        return require(witness.margin() == 0.0, || "a margin over no rivals".into());
    };
    require(least.is_positive(), || format!("the witness does not beat {rival}"))?;
    require(units(witness.margin()) * &denominator <= least, || {
        format!("the margin {:e} exceeds the gap to {rival}", witness.margin())
    })?;
    // Below a few subnormal spacings no float bounds the gap but 0.
    let visible = least > BigInt::from(64) * &denominator;
    require(witness.margin() > 0.0 || !visible && witness.margin() == 0.0, || {
        format!("the margin {:e} says nothing", witness.margin())
    })
}

fn check_exact(head: &Head, domain: &Domain, t: usize, exact: &Exact) -> Result<(), String> {
    let weights: Vec<(u32, BigRational)> =
        exact.weights().iter().map(|(j, n)| (*j, BigRational::from(n.clone()))).collect();
    let total: BigRational = weights.iter().map(|w| w.1.clone()).sum();
    require(total.is_positive(), || "the weights vanish".into())?;
    let weights: Vec<_> = weights.into_iter().map(|(j, n)| (j, n / &total)).collect();
    check_combination(head, domain, t, &weights, exact.blockers())
}

/// The exact weights that an enclosure claims to exist.
fn check_enclosed(
    head: &Head,
    domain: &Domain,
    t: usize,
    enclosed: &Enclosed,
) -> Result<(), String> {
    let support = enclosed.support();
    let mut system: Vec<Vec<BigRational>> = Vec::new();
    let frozen: Vec<(u32, BigRational)> =
        support.frozen.iter().map(|&(j, w)| (j, rational(w))).collect();
    for &k in &support.equations {
        let entry = |j: usize| rational(head.weight(j, k as usize));
        let rest = frozen.iter().fold(entry(t), |rest, (j, w)| rest - w * entry(*j as usize));
        system.push(support.basic.iter().map(|b| entry(b.0 as usize)).chain([rest]).collect());
    }
    let rest = frozen.iter().fold(BigRational::one(), |rest, (_, w)| rest - w);
    system.push(support.basic.iter().map(|_| BigRational::one()).chain([rest]).collect());
    let solution = solve(system).ok_or("the support has no unique solution")?;
    require(solution.iter().all(Signed::is_positive), || {
        "an enclosed weight is not positive".into()
    })?;
    let mut weights: Vec<(u32, BigRational)> =
        support.basic.iter().map(|b| b.0).zip(solution).collect();
    for (j, w) in frozen {
        match weights.iter_mut().find(|other| other.0 == j) {
            Some(other) => other.1 += w,
            None => weights.push((j, w)),
        }
    }
    check_combination(head, domain, t, &weights, enclosed.blockers())
}

/// Weights of sum one must never score less than the token, and the published ones must be these.
fn check_combination(
    head: &Head,
    domain: &Domain,
    t: usize,
    weights: &[(u32, BigRational)],
    published: &[Blocker],
) -> Result<(), String> {
    for (j, weight) in weights {
        require(!weight.is_negative(), || format!("the weight of {j} is negative"))?;
        require(!same_row(head, domain, t, *j as usize), || {
            format!("{j} has the token's own row")
        })?;
    }
    let total: BigRational = weights.iter().map(|w| w.1.clone()).sum();
    require(total.is_one(), || format!("the weights sum to {total}"))?;
    let combined = |value: &dyn Fn(usize) -> f64| -> BigRational {
        weights.iter().map(|(j, w)| w * (rational(value(*j as usize)) - rational(value(t)))).sum()
    };
    let mut slack = combined(&|j| head.bias(j));
    let mut expected: Vec<(Rival, BigRational)> =
        weights.iter().map(|(j, w)| (Rival::Token(*j), w.clone())).collect();
    // Residuals of a coordinate are as accurate as its column is large, down to subnormal spacings.
    let tolerance = |rival: &Rival| {
        let size = match rival {
            Rival::Token(_) => 1.0,
            Rival::Lower(k) | Rival::Upper(k) => {
                (0..head.tokens()).map(|j| head.weight(j, *k as usize).abs()).fold(0.0, f64::max)
            }
        };
        rational(1e-9) * rational(size) + rational(1e-320)
    };
    for k in 0..head.dim() {
        let column = |j: usize| head.weight(j, k);
        let r = combined(&column);
        if r.is_zero() {
            continue;
        }
        let (end, rival) = if r.is_positive() {
            (domain.lo(k), Rival::Lower(k as u32))
        } else {
            (domain.hi(k), Rival::Upper(k as u32))
        };
        require(end.is_finite(), || {
            format!("coordinate {k} is left over, and the domain has no end there")
        })?;
        slack += &r * rational(end);
        // A fixed coordinate counts as bias, and its ends are not told apart.
        if !domain.is_fixed(k) {
            expected.push((rival, r.abs()));
        }
    }
    require(!slack.is_negative(), || format!("the combination scores less, by {slack}"))?;

    for (rival, shown) in published {
        let weight =
            expected.iter().find(|e| e.0 == *rival).map_or(BigRational::zero(), |e| e.1.clone());
        if !shown.is_finite() {
            let overflows = weight > rational(f64::MAX) - tolerance(rival);
            require(*shown > 0.0 && overflows, || {
                format!("the published weight of {rival} is {shown}")
            })?;
            continue;
        }
        require((rational(*shown) - weight).abs() <= tolerance(rival), || {
            format!("the published weight of {rival} is off")
        })?;
    }
    let hidden = expected.iter().filter(|e| published.iter().all(|p| p.0 != e.0));
    for (rival, weight) in hidden {
        require(*weight <= tolerance(rival), || format!("the weight of {rival} is not published"))?;
    }
    Ok(())
}

/// The one solution of a square system given by rows with their right sides, by elimination.
fn solve(mut rows: Vec<Vec<BigRational>>) -> Option<Vec<BigRational>> {
    let order = rows.len();
    for column in 0..order {
        let pivot = (column..order).find(|&i| !rows[i][column].is_zero())?;
        rows.swap(column, pivot);
        let line: Vec<BigRational> =
            rows[column].iter().map(|x| x / &rows[column][column]).collect();
        for (i, row) in rows.iter_mut().enumerate() {
            if i != column && !row[column].is_zero() {
                let factor = row[column].clone();
                row.iter_mut().zip(&line).for_each(|(x, p)| *x -= &factor * p);
            }
        }
        rows[column] = line;
    }
    Some(rows.into_iter().map(|mut row| row.remove(order)).collect())
}
