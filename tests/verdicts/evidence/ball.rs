//! Evidence behind a final norm, from the definition `h = g * Pz + c`, `|z| < R`, over the rationals.

use super::BigRational;
use num_bigint::BigInt;
use num_traits::{Signed, Zero};
use unargmax::certify::Rival;
use unargmax::certify::ball_loss::BallLoss;
use unargmax::certify::witness::Witness;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;

use super::{rational, require};

/// `P y`.
fn centred(ball: &Ball, mut y: Vec<BigRational>) -> Vec<BigRational> {
    if ball.is_centred() {
        let mean = y.iter().sum::<BigRational>() / BigRational::from(BigInt::from(y.len()));
        y.iter_mut().for_each(|x| *x -= &mean);
    }
    y
}

fn dot(x: &[BigRational], y: &[BigRational]) -> BigRational {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn rationals(floats: impl IntoIterator<Item = f64>) -> Vec<BigRational> {
    floats.into_iter().map(rational).collect()
}

fn times_gain(ball: &Ball, v: &[BigRational]) -> Vec<BigRational> {
    ball.gain().iter().zip(v).map(|(g, v)| rational(*g) * v).collect()
}

fn row_gap(head: &Head, a: usize, b: usize) -> Vec<BigRational> {
    head.row(a).zip(head.row(b)).map(|(x, y)| rational(x) - rational(y)).collect()
}

/// Whether no `z` tells the rows apart.
pub fn same_row(head: &Head, ball: &Ball, a: usize, b: usize) -> bool {
    let gap = centred(ball, times_gain(ball, &row_gap(head, a, b)));
    gap.iter().all(Zero::is_zero)
}

/// What token `a` is ahead of `b` at `z = 0`.
pub fn level_gap(head: &Head, ball: &Ball, a: usize, b: usize) -> BigRational {
    let shift = rationals(ball.shift().iter().copied());
    rational(head.bias(a)) - rational(head.bias(b)) + dot(&row_gap(head, a, b), &shift)
}

fn radius_squared(ball: &Ball) -> BigRational {
    rational(ball.radius()[0]) * rational(ball.radius()[1])
}

/// The witness `z` must lie in the ball, `h` in the box, and the token beat all others outside its group.
pub fn check_witness(
    head: &Head,
    domain: &Domain,
    ball: &Ball,
    t: usize,
    group: &[u32],
    (numerators, denominator): (&[BigInt], &BigInt),
    witness: &Witness,
) -> Result<(), String> {
    let over = |n: &BigInt| BigRational::new(n.clone(), denominator.clone());
    let z: Vec<BigRational> = numerators.iter().map(over).collect();
    require(dot(&z, &z) < radius_squared(ball), || "the point is outside the ball".into())?;
    let shift = rationals(ball.shift().iter().copied());
    let h: Vec<BigRational> =
        times_gain(ball, &centred(ball, z)).iter().zip(&shift).map(|(x, c)| x + c).collect();
    for (k, h) in h.iter().enumerate() {
        let above = domain.lo(k).is_infinite() || rational(domain.lo(k)) <= *h;
        let below = domain.hi(k).is_infinite() || *h <= rational(domain.hi(k));
        require(above && below, || {
            format!("coordinate {k} of the hidden state is outside the box")
        })?;
    }
    let score = |j: usize| dot(&rationals(head.row(j)), &h) + rational(head.bias(j));
    let own = score(t);
    let rivals = (0..head.tokens()).filter(|j| !group.contains(&(*j as u32)));
    let Some((least, rival)) = rivals.map(|j| (&own - score(j), j)).min() else {
        return require(witness.margin() == 0.0, || "a margin over no rivals".into());
    };
    require(least.is_positive(), || format!("the witness does not beat {rival}"))?;
    let margin = witness.margin();
    require(margin >= 0.0 && rational(margin) <= least, || {
        format!("the margin {margin:e} exceeds the gap to {rival}")
    })?;
    // Below a few subnormal spacings no float bounds the gap but 0.
    let visible = least > rational(64.0 * 5e-324);
    require(margin > 0.0 || !visible, || format!("the margin {margin:e} says nothing"))
}

/// The `z` of mean 0 of a box and a centred ball that meet in one point alone.
pub fn only_point(domain: &Domain) -> Option<Vec<BigRational>> {
    let ball = domain.ball().filter(|ball| ball.is_centred())?;
    let corner = |low: bool| -> Option<Vec<BigRational>> {
        (0..domain.dim())
            .map(|k| {
                let g = ball.gain()[k];
                let end = if (g > 0.0) == low { domain.lo(k) } else { domain.hi(k) };
                let held = g != 0.0 && end.is_finite();
                held.then(|| (rational(end) - rational(ball.shift()[k])) / rational(g))
            })
            .collect()
    };
    let vanishes = |y: &Vec<BigRational>| y.iter().sum::<BigRational>().is_zero();
    let y = [true, false].into_iter().filter_map(corner).find(vanishes)?;
    (dot(&y, &y) < radius_squared(ball)).then_some(y)
}

/// The domain must be one point, where the rival, no equal of the token, scores at least as much.
pub fn check_only(head: &Head, domain: &Domain, t: usize, rival: usize) -> Result<(), String> {
    let z = only_point(domain).ok_or("the domain is more than one point, or none")?;
    let ball = domain.ball().ok_or("there is no ball")?;
    let shift = rationals(ball.shift().iter().copied());
    let h: Vec<BigRational> = times_gain(ball, &z).iter().zip(&shift).map(|(x, c)| x + c).collect();
    let score = |j: usize| dot(&rationals(head.row(j)), &h) + rational(head.bias(j));
    let equal = same_row(head, ball, t, rival) && level_gap(head, ball, t, rival).is_zero();
    require(!equal, || format!("{rival} is its equal"))?;
    require(score(rival) >= score(t), || format!("{rival} scores less"))
}

/// `R |P(g * v)| + F <= 0` for the weights (see [`unargmax::certify::ball_loss`]).
pub fn check_outweighed(
    head: &Head,
    domain: &Domain,
    t: usize,
    outweighed: &BallLoss,
) -> Result<(), String> {
    let ball = domain.ball().ok_or("there is no ball")?;
    let mut v = vec![BigRational::zero(); head.dim()];
    let (mut level, mut total) = (BigRational::zero(), BigRational::zero());
    let mut shown: Vec<(Rival, BigRational)> = Vec::new();
    for (j, weight) in &outweighed.combination().rivals {
        let (j, weight) = (*j as usize, BigRational::from(weight.clone()));
        require(weight.is_positive(), || format!("the weight of {j} is not above 0"))?;
        require(!same_row(head, ball, t, j), || format!("{j} has the token's own row"))?;
        v.iter_mut().zip(row_gap(head, t, j)).for_each(|(v, gap)| *v += &weight * gap);
        level += &weight * (rational(head.bias(t)) - rational(head.bias(j)));
        total += &weight;
        shown.push((Rival::Token(j as u32), weight));
    }
    require(total.is_positive(), || "no rival outweighs it".into())?;
    for (k, multiplier) in &outweighed.combination().ends {
        let (at, multiplier) = (*k as usize, BigRational::from(multiplier.clone()));
        let (end, rival) = if multiplier.is_positive() {
            (domain.lo(at), Rival::Lower(*k))
        } else {
            (domain.hi(at), Rival::Upper(*k))
        };
        require(end.is_finite(), || format!("coordinate {k} has no end there"))?;
        v[at] += &multiplier;
        level -= &multiplier * rational(end);
        shown.push((rival, multiplier.abs()));
    }
    level += dot(&v, &rationals(ball.shift().iter().copied()));
    let pull = centred(ball, times_gain(ball, &v));
    require(!level.is_positive(), || "its rivals are behind at the centre".into())?;
    require(radius_squared(ball) * dot(&pull, &pull) <= &level * &level, || {
        "its rivals do not outweigh it everywhere in the ball".into()
    })?;
    require(shown.len() == outweighed.blockers().len(), || "other blockers are published".into())?;
    for ((rival, weight), (whom, share)) in shown.iter().zip(outweighed.blockers()) {
        let true_share = weight / &total;
        let holds = if share.is_finite() {
            let off = (rational(*share) - &true_share).abs();
            off <= rational(1e-12) * true_share + rational(1e-320)
        } else {
            *share > 0.0 && true_share > rational(f64::MAX) * rational(1.0 - 1e-12)
        };
        require(rival == whom && holds, || format!("the published share of {whom} is off"))?;
    }
    Ok(())
}
