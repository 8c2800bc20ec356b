//! How far a row must move: against distances in the plane that are computed another way, against audits of heads whose row was
//! moved that far, and against moves of less in many directions.

use std::path::Path;

use unargmax::audit::{Audit, Options, audit};
use unargmax::certify::{RowMove, Verdict};
use unargmax::checkpoint;
use unargmax::domain::{Ball, Domain};
use unargmax::head::Head;
use unargmax::locate::{Choice, locate};
use unargmax::split_mix::SplitMix;

/// Numbers between `-size` and `size`, rounded to float32.
fn numbers(random: &mut SplitMix, count: usize, size: f64) -> Vec<f64> {
    let number = |_| (random.number() as f64 / u64::MAX as f64 * 2.0 - 1.0) * size;
    (0..count).map(number).map(|x| f64::from(x as f32)).collect()
}

fn measured(head: &Head, domain: &Domain) -> Audit {
    audit(head, domain, Options { move_needed: true, ..Options::default() }).unwrap()
}

/// The same head with another row for one token.
fn with_row(head: &Head, token: u32, row: &[f64]) -> Head {
    let rows = (0..head.tokens()).flat_map(|t| match t == token as usize {
        true => row.to_vec(),
        false => head.row(t).collect(),
    });
    let rows: Vec<f64> = rows.collect();
    let bias = (0..head.tokens()).map(|t| head.bias(t)).collect();
    Head::new(rows, head.has_bias().then_some(bias), head.tokens(), head.dim()).unwrap()
}

/// The verdict of one token of a head.
fn verdict(head: &Head, domain: &Domain, token: u32) -> Verdict {
    let tokens = [token];
    let options = Options { tokens: Some(&tokens), also_free: false, ..Options::default() };
    audit(head, domain, options).unwrap().verdicts()[0].1.clone()
}

fn length(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

/// Asserts that the token wins with the moved row, and with no row that is moved by less than the lower end.
fn assert_both_ends(head: &Head, domain: &Domain, moved: &RowMove, directions: usize) {
    let token = moved.token();
    let (low, high) = moved.ends();
    let told = format!("{domain}: token {token} in [{low}, {high}]");
    assert!(0.0 <= low && low <= high && high.is_finite(), "{told}");
    let row = moved.row().unwrap();
    let change = length(head.row(token as usize).zip(row).map(|(x, y)| y - x));
    assert!(change <= high && high <= change * (1.0 + 1e-9) + 1e-300, "{told}: moved by {change}");
    let won = verdict(&with_row(head, token, row), domain, token);
    assert!(matches!(won, Verdict::Argmaxable(_)), "{told}: {}", won.name());
    let mut random = SplitMix::new(u64::from(token));
    for _ in 0..if low > 0.0 { directions } else { 0 } {
        let mut way = numbers(&mut random, head.dim(), 1.0);
        let by = 0.999 * low / length(way.iter().copied());
        way.iter_mut().for_each(|x| *x *= by);
        let row: Vec<f64> = head.row(token as usize).zip(&way).map(|(x, d)| x + d).collect();
        let lost = verdict(&with_row(head, token, &row), domain, token);
        assert!(!matches!(lost, Verdict::Argmaxable(_)), "{told}: it wins after a shorter move");
    }
}

/// The distance of a point inside a polygon from its border: the least over all pairs of corners that have all others on one side.
fn to_the_border(points: &[[f64; 2]], of: [f64; 2]) -> f64 {
    let mut least = f64::INFINITY;
    for a in points {
        for b in points.iter().filter(|b| *b != a) {
            let (x, y) = (b[0] - a[0], b[1] - a[1]);
            let side = |p: &[f64; 2]| x * (p[1] - a[1]) - y * (p[0] - a[0]);
            if points.iter().all(|p| side(p) >= -1e-12) {
                least = least.min(side(&of) / x.hypot(y));
            }
        }
    }
    least
}

#[test]
fn in_the_plane_the_interval_holds_the_distance_from_the_border() {
    let mut random = SplitMix::new(5);
    let (mut lost, mut proved) = (0, 0);
    for _ in 0..30 {
        let rows = numbers(&mut random, 2 * 12, 1.0);
        let head = Head::new(rows.clone(), None, 12, 2).unwrap();
        for moved in measured(&head, &Domain::free(2)).moves_needed() {
            let own = moved.token() as usize;
            let others: Vec<[f64; 2]> =
                (0..12).filter(|t| *t != own).map(|t| [rows[2 * t], rows[2 * t + 1]]).collect();
            let known = to_the_border(&others, [rows[2 * own], rows[2 * own + 1]]);
            let (low, high) = moved.ends();
            assert!(low <= known * (1.0 + 1e-9) && known <= high, "{known} in [{low}, {high}]");
            // The search is no proof, but in the plane it should come close.
            assert!(high <= 1.5 * known + 1e-6, "{known}, found {high}");
            lost += 1;
            proved += usize::from(low > 0.0);
        }
    }
    assert!(lost > 80 && proved > lost / 2, "{proved} of {lost} have a lower end");
}

#[test]
fn the_token_wins_after_the_move_and_after_no_shorter_one() {
    let mut random = SplitMix::new(11);
    let (tokens, dim) = (90, 4);
    let mut rows = numbers(&mut random, tokens * dim, 1.0);
    rows.copy_within(3 * dim..4 * dim, 60 * dim);
    let mut bias = numbers(&mut random, tokens, 0.3);
    bias[60] = bias[3];
    let gain: Vec<f64> = numbers(&mut random, dim, 0.5).iter().map(|x| x + 1.0).collect();
    let norm = |centred| {
        let ball = Ball::after_norm(gain.clone(), vec![0.1; dim], centred).unwrap();
        Domain::free(dim).within(ball).unwrap()
    };
    let domains = [
        Domain::free(dim),
        Domain::range(dim, -0.25, 1.0).unwrap(),
        Domain::range(dim, 0.0, f64::INFINITY).unwrap(),
        norm(true),
        norm(false),
    ];
    for bias in [None, Some(bias)] {
        let head = Head::new(rows.clone(), bias, tokens, dim).unwrap();
        for domain in &domains {
            let audit = measured(&head, domain);
            let counts = audit.counts();
            let moves = audit.moves_needed();
            assert_eq!(moves.len(), counts.tied + counts.unargmaxable, "{domain}");
            assert!(moves.len() > 4, "{domain}");
            for moved in moves.iter().step_by(3) {
                assert_both_ends(&head, domain, moved, 8);
            }
            if domain.is_free() {
                let proved = moves.iter().filter(|moved| moved.ends().0 > 0.0).count();
                assert!(2 * proved > moves.len(), "{proved} of {} have a lower end", moves.len());
            }
        }
    }
}

#[test]
fn new_rows_at_the_mean_of_a_trained_head_win_after_their_move() {
    let path = Path::new("tests/data/new-rows/head.safetensors");
    let opened = checkpoint::open(path).unwrap();
    let head = locate(opened.as_ref(), path, &Choice::default()).unwrap().head;
    let domain = Domain::free(head.dim());
    let tokens = [591, 595, 601, 605];
    let options = Options { tokens: Some(&tokens), move_needed: true, ..Options::default() };
    let audit = audit(&head, &domain, options).unwrap();
    assert_eq!(audit.moves_needed().len(), 4);
    for moved in audit.moves_needed() {
        assert_both_ends(&head, &domain, moved, 4);
    }
}

#[test]
fn where_an_inverse_overflows_nothing_is_claimed_from_below() {
    // A square that is flat beyond the normal range of float64: the slopes of its weights are no finite numbers.
    for size in [1e-300, 1e-310, 1e-320] {
        let rows = vec![1.0, size, -1.0, size, -1.0, -size, 1.0, -size, 0.1, 0.0];
        let head = Head::new(rows, None, 5, 2).unwrap();
        for moved in measured(&head, &Domain::free(2)).moves_needed() {
            assert!(moved.token() == 4 && moved.ends().0 <= size, "{size}: {:?}", moved.ends());
        }
    }
}

#[test]
fn a_tied_token_needs_hardly_any_move() {
    let head = Head::new(vec![1.0, 0.0, 1.0, 0.0, -1.0, 0.5], None, 3, 2).unwrap();
    let audit = measured(&head, &Domain::free(2));
    for moved in audit.moves_needed() {
        assert!(moved.ends().0 == 0.0 && moved.ends().1 < 1e-9, "{moved:?}");
        assert_both_ends(&head, &Domain::free(2), moved, 1);
    }
    assert_eq!(audit.moves_needed().len(), 2);
}

#[test]
fn tokens_that_can_win_are_not_measured_and_ids_are_those_of_the_whole_head() {
    let rows = vec![5.0, -1.0, 0.25, 1.0];
    let head = Head::new(rows, None, 4, 1).unwrap();
    let among = unargmax::audit::Among::new(&head, &[1, 2, 3]).unwrap();
    let options = Options { move_needed: true, ..Options::default() };
    let audit = among.audit(&Domain::free(1), options).unwrap();
    let [moved] = audit.moves_needed() else { panic!("{:?}", audit.moves_needed()) };
    assert_eq!(moved.token(), 2);
    assert!(moved.ends().0 <= 0.75 && 0.75 < moved.ends().1 && moved.ends().1 < 0.7501);
}
