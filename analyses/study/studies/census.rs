//! Study: what a census of random directions says of a head.

mod directions;

use anyhow::{Result, ensure};
use unargmax::audit::Counts;
use unargmax::{Ball, Domain, Head, Options, audit};

use super::real_heads::{self, rows};
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::statistics::quantile;
use crate::frame::{Outcome, Setting, Standing, Study, Table};
use directions::Census;

pub const STUDY: Study = Study {
    name: "census",
    title: "Tokens that random directions never reach",
    claim: "In 3 million random directions of the last hidden state 510 of GPT-2's 50,257 tokens were never the winner; all of as many random rows were, at least 16 \
            times each. The post takes that as evidence that many of the 510 lie inside the hull of the others, which would make them unspeakable.",
    source: "Robert_AIZI, \"Explaining SolidGoldMagikarp by looking at it from random directions\", LessWrong, 2023-02-14. GPT-2's head is in no package that \
             we found under a free licence; the method is tried on three published heads and on two that were made.",
    run,
};

/// Tokens whose best gaps are measured, seen often and never seen.
const SAMPLE: usize = 20;
const SEED: u32 = 10;

/// A head behind a norm, or a made one.
struct Subject {
    name: String,
    head: Head,
    domain: Domain,
    draws: usize,
}

fn subjects(setting: &Setting) -> Result<Vec<Subject>> {
    let mut found = Vec::new();
    let made = setting
        .pick(vec![(1000, 8, 100_000)], vec![(10_000, 10, 1_000_000), (10_000, 20, 300_000)]);
    for (classes, dim, draws) in made {
        let rows: Vec<f32> =
            RandomState::new(13).normals(classes * dim).into_iter().map(|x| x as f32).collect();
        let sphere = Ball::after_norm(vec![1.0; dim], vec![0.0; dim], false)?;
        found.push(Subject {
            name: format!("normal {classes} x {dim}"),
            head: Head::new(rows, None, classes, dim)?,
            domain: Domain::free(dim).within(sphere)?,
            draws,
        });
    }
    if !setting.quick {
        let real = [
            (real_heads::rxnmapper(setting)?, 1_000_000),
            (real_heads::smollm2(setting)?, 1 << 12),
            (real_heads::whisper(setting)?, 1 << 12),
        ];
        for (real, draws) in real {
            ensure!(real.domain().ball().is_some(), "{}: no norm before the head", real.name);
            found.push(Subject {
                name: real.name.to_owned(),
                head: real.head().clone(),
                domain: real.domain().clone(),
                draws,
            });
        }
    }
    Ok(found)
}

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let columns = [
        "head",
        "V",
        "d",
        "directions",
        "seen",
        "seen once",
        "seen twice",
        "never seen",
        "Chao's lower bound",
        "chance that the next is new, %",
        "never seen: argmaxable",
        "tied",
        "unargmaxable",
        "undecided",
    ];
    let mut table = Table::new(
        "census",
        "Winners of random directions, and the verdicts of the tokens that never won",
        &columns,
    );
    let mut growth = Table::new(
        "growth",
        "Different winners after so many directions",
        &["head", "directions", "seen"],
    );
    let columns =
        ["head", "tokens", "measured", "least", "quarter", "median", "three quarters", "largest"];
    let mut gaps = Table::new(
        "gaps",
        "Best gaps within the ball of the norm, in logits (proved lower ends)",
        &columns,
    );
    let mut panels = Vec::new();
    for subject in subjects(setting)? {
        let census = Census::of(&subject.head, &subject.domain, subject.draws, SEED)?;
        let options = Options { threads: setting.threads, ..Options::default() };
        let audit = audit(&subject.head, &subject.domain, options)?;
        let mut unseen = Counts::default();
        for (token, verdict) in audit.verdicts() {
            if census.wins[*token as usize] == 0 {
                unseen.add(verdict.outcome());
            }
        }
        let (tokens, dim) = (subject.head.tokens(), subject.head.dim());
        let [seen, once, twice] = [census.seen(), census.seen_times(1), census.seen_times(2)];
        let fresh = format!("{:.3}", 100.0 * once as f64 / subject.draws as f64);
        let chao = format!("{:.0}", census.chao());
        let Counts { argmaxable, tied, unargmaxable, undecided } = unseen;
        table.push(&[
            &subject.name,
            &tokens,
            &dim,
            &subject.draws,
            &seen,
            &once,
            &twice,
            &(tokens - seen),
            &chao,
            &fresh,
            &argmaxable,
            &tied,
            &unargmaxable,
            &undecided,
        ]);
        for &(draws, seen) in &census.growth {
            growth.push(&[&subject.name, &draws, &seen]);
        }
        let all = audit.counts();
        panels.push(panel(&subject.name, &census, all.argmaxable + all.tied));
        conclude(&mut outcome, &subject, &census, unseen);
        measure(setting, &subject, &census, &mut gaps)?;
    }
    outcome.figures.push(Figure {
        name: "growth".to_owned(),
        caption: "Different winners of random directions, beside the tokens that are proved to reach the maximum.".to_owned(),
        panels,
    });
    outcome.tables = vec![table, growth, gaps];
    outcome.remarks = remarks();
    Ok(outcome)
}

fn panel(name: &str, census: &Census, proved: usize) -> Panel {
    let points = census.growth.iter().map(|&(n, seen)| (n as f64, seen as f64)).collect::<Vec<_>>();
    let ends = [points[0].0, points[points.len() - 1].0];
    let flat = |y: usize| ends.map(|x| (x, y as f64)).to_vec();
    Panel {
        title: name.to_owned(),
        x: Axis::log("random directions"),
        y: Axis::from_zero("different winners"),
        series: vec![
            Series::new("seen as winner", Drawn::Both, points),
            Series::new("proved to reach the maximum", Drawn::Line, flat(proved)),
        ],
    }
}

fn conclude(outcome: &mut Outcome, subject: &Subject, census: &Census, unseen: Counts) {
    let never = unseen.sum();
    let can = unseen.argmaxable + unseen.tied;
    let Subject { name, head, draws, .. } = subject;
    outcome.findings.push(format!(
        "{name}: {never} of {} tokens never win in {draws} random directions; {can} of these are proved to reach the maximum, {} are \
         proved not to.",
        head.tokens(),
        unseen.unargmaxable
    ));
    let (standing, share) = match never {
        0 => (Standing::Agrees, "none unseen".to_owned()),
        _ => {
            let share = format!("{:.1} %", 100.0 * unseen.unargmaxable as f64 / never as f64);
            (
                Standing::Explained(
                    "a direction that a token needs may be rarer than one in millions".to_owned(),
                ),
                share,
            )
        }
    };
    outcome.compare(
        format!("{name}: tokens never seen that are unargmaxable"),
        (format!("many of {never}"), "what the post infers from a census"),
        format!("{}", unseen.unargmaxable),
        share,
        standing,
    );
    let chao = census.chao();
    outcome.compare(
        format!("{name}: tokens that can reach the maximum"),
        (format!(">= {chao:.0}"), "Chao's bound from the census"),
        format!("{}", census.seen() + can),
        format!("{:+.0}", (census.seen() + can) as f64 - chao),
        match (census.seen() + can) as f64 + 1.0 >= chao {
            true => Standing::Agrees,
            false => Standing::Open("a bound in expectation, above the truth here".to_owned()),
        },
    );
}

/// Best gaps of a sample of tokens that were seen most, and of one that were never seen and can win.
fn measure(setting: &Setting, subject: &Subject, census: &Census, gaps: &mut Table) -> Result<()> {
    let mut order: Vec<u32> = (0..subject.head.tokens() as u32).collect();
    order.sort_by_key(|&token| std::cmp::Reverse(census.wins[token as usize]));
    let often: Vec<u32> = order.iter().copied().take(SAMPLE).collect();
    let never: Vec<u32> =
        order.iter().copied().filter(|&token| census.wins[token as usize] == 0).collect();
    let mut random = RandomState::new(SEED);
    let chosen = random.choice(never.len(), SAMPLE.min(never.len()));
    let never: Vec<u32> = chosen.into_iter().map(|i| never[i as usize]).collect();
    for (what, mut tokens) in [("seen most often", often), ("never seen", never)] {
        tokens.sort_unstable();
        if tokens.is_empty() {
            continue;
        }
        let options = Options {
            tokens: Some(&tokens),
            margins: Some(&tokens),
            threads: setting.threads,
            ..Options::default()
        };
        let audit = audit(&subject.head, &subject.domain, options)?;
        let lows: Vec<f64> = audit.margins().iter().map(|gap| gap.ends().0).collect();
        let [a, b, c, d, e] =
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|level| format!("{:.4}", quantile(&lows, level)));
        gaps.push(&[&subject.name, &what, &lows.len(), &a, &b, &c, &d, &e]);
    }
    Ok(())
}

fn remarks() -> Vec<String> {
    vec![
        "A direction is a standard normal vector scaled to length sqrt(d), the hidden state before gain and shift of the norm; its \
         winner is computed in float32. The made heads have a norm without gain and shift, for which lengths do not matter. Directions are those of numpy's legacy generator, seed 10."
            .to_owned(),
        "Chao's lower bound of the number of winners there are is seen + (seen once)^2 / (2 x seen twice) (Chao 1984); the chance that the next \
         direction has a new winner is estimated by the share of those seen once (Good 1953). Both are estimates; the verdicts are proofs."
            .to_owned(),
        "Fewer directions are drawn for the large heads than the post drew for GPT-2. More would find more winners, as the curves say; \
         how many more directions are needed to see all is not known from such a census, and the audit needs none."
            .to_owned(),
        "The best gap of a token is the most by which its logit can exceed all others within the ball; the table has its proved lower end. Tied tokens \
         are measured against tokens of other rows."
            .to_owned(),
    ]
}
