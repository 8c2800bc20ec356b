//! Heads with independently known answers, run through every engine and both precisions.
//!
//! A case of `cases/*.toml` holds
//! - `name`, and `why`: the proof of the expected verdicts;
//! - `family` (a name from [`Family`] with its sizes) and `rows`, either or both, in this order.
//!   Numbers that decimals cannot name are strings: hexadecimal floats (`"0x1.8p-3"`) and integers
//!   times a power of two (`"3p-20"`);
//! - `scale`: a factor for all columns, or one a column; every product must be exact;
//! - `bias`; absent, a family may bring its own;
//! - `domain`: `"free"` (also when absent), `"range:LO:HI"`, `"ball:R"`, both (`"ball:R+range:LO:HI"`), or a table of
//!   - `lo` and `hi`, a number a column each;
//!   - `norm`: `"layernorm"` or `"rmsnorm"`, then perhaps its `gain` (else ones) and its `shift` (else zeros), a number a
//!     column each, and `radius`, in place of the root of the number of columns;
//! - `verdicts`: one a token; or `all`, with exceptions by token in `except`; or
//! - `error`: a part of what the domain's refusal says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::evidence;
use serde::Deserialize;
use unargmax::audit::{Audit, Engine, Options, audit};
use unargmax::certificate::{self, Certificate};
use unargmax::domain::{Ball, Domain};
use unargmax::error::Error;
use unargmax::head::Head;
use unargmax::verify::verify;

/// Linear programs know no balls.
fn engines(domain: &Domain) -> &'static [Engine] {
    const ENGINES: [Engine; 2] = [Engine::LeastDistance, Engine::LinearProgram { radius: false }];
    if domain.ball().is_some() { &ENGINES[..1] } else { &ENGINES }
}

fn decide(engine: Engine, head: &Head, domain: &Domain) -> Audit {
    audit(head, domain, Options { engine, ..Options::default() }).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    why: String,
    family: Option<Family>,
    #[serde(default)]
    rows: Vec<Vec<Number>>,
    scale: Option<Scale>,
    bias: Option<Vec<Number>>,
    domain: Option<Place>,
    verdicts: Option<Vec<String>>,
    all: Option<String>,
    #[serde(default)]
    except: BTreeMap<String, String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
enum Family {
    /// All corners of `[-1, 1]^dim`.
    #[serde(rename = "cube corners")]
    CubeCorners { dim: usize },
    /// `e_k` and `-e_k`.
    #[serde(rename = "cross-polytope")]
    CrossPolytope { dim: usize },
    /// `(t, t^2, .., t^dim)` for consecutive integers `t` around 0.
    #[serde(rename = "cyclic polytope")]
    CyclicPolytope { dim: usize, points: i64 },
    /// All points of `{0, .., side - 1}^dim` with bias `-|w|^2 / 2`.
    #[serde(rename = "nearest grid point")]
    NearestGridPoint { dim: usize, side: usize },
    /// Pseudorandom signs, divided by `sqrt(dim)` in float32.
    #[serde(rename = "random signs")]
    RandomSigns { dim: usize, points: usize },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Integer(i64),
    Float(f64),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scale {
    Same(Number),
    Columns(Vec<Number>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Text(String),
    Parts(Parts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    lo: Option<Vec<Number>>,
    hi: Option<Vec<Number>>,
    norm: Option<Norm>,
    gain: Option<Vec<Number>>,
    shift: Option<Vec<Number>>,
    radius: Option<Number>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Norm {
    LayerNorm,
    RmsNorm,
}

impl Parts {
    fn domain(&self, dim: usize) -> Result<Domain, Error> {
        let values = |numbers: &Option<Vec<Number>>, absent: f64| match numbers {
            Some(numbers) => numbers.iter().map(Number::value).collect(),
            None => vec![absent; dim],
        };
        let domain =
            Domain::ranges(values(&self.lo, f64::NEG_INFINITY), values(&self.hi, f64::INFINITY))?;
        let Some(norm) = self.norm else {
            assert!(self.gain.is_none() && self.shift.is_none() && self.radius.is_none());
            return Ok(domain);
        };
        let radius = self.radius.as_ref().map_or([dim as f64, 1.0], |r| [r.value(); 2]);
        let (gain, shift) = (values(&self.gain, 1.0), values(&self.shift, 0.0));
        Ok(domain.within(Ball::new(radius, gain, shift, norm == Norm::LayerNorm)?)?)
    }
}

impl Number {
    fn value(&self) -> f64 {
        match self {
            Number::Integer(n) => {
                assert_eq!(*n as f64 as i128, i128::from(*n), "{n} is no float");
                *n as f64
            }
            Number::Float(x) => *x,
            Number::Text(text) => {
                exact(text).unwrap_or_else(|| panic!("{text:?} is no exact float"))
            }
        }
    }
}

/// Reads `[-]0xH.Hp[-]E` and `[-]Np[-]E`; `None` unless a float64 has exactly this value.
fn exact(text: &str) -> Option<f64> {
    let (sign, size) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (mantissa, exponent) = size.split_once('p')?;
    let mut exponent: i32 = exponent.parse().ok()?;
    let mut integer = match mantissa.strip_prefix("0x") {
        Some(hex) => {
            let (whole, fraction) = hex.split_once('.').unwrap_or((hex, ""));
            exponent -= 4 * fraction.len() as i32;
            u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?
        }
        None => mantissa.parse().ok()?,
    };
    if integer == 0 {
        return Some(sign * 0.0);
    }
    exponent += integer.trailing_zeros() as i32;
    integer >>= integer.trailing_zeros();
    let bits = 64 - integer.leading_zeros() as i32;
    if bits > 53 || exponent < -1074 || bits + exponent > 1024 {
        return None;
    }
    let (first, second) = (exponent / 2, exponent - exponent / 2);
    Some(sign * integer as f64 * 2f64.powi(first) * 2f64.powi(second))
}

#[test]
fn exact_numbers_read_as_written() {
    assert_eq!(exact("0x1p-1074"), Some(5e-324));
    assert_eq!(exact("-0x1.8p1"), Some(-3.0));
    assert_eq!(exact("3p-2"), Some(0.75));
    assert_eq!(exact("0x1.fffffffffffffp1023"), Some(f64::MAX));
    assert!(exact("-0p0").is_some_and(|x| x == 0.0 && x.is_sign_negative()));
    for text in ["0x1.00000000000001p0", "1p-1075", "1p1024", "1", "0xg.0p0"] {
        assert_eq!(exact(text), None, "{text}");
    }
}

impl Family {
    /// Rows, and biases of their own.
    fn build(&self) -> (Vec<Vec<f64>>, Option<Vec<f64>>) {
        match *self {
            Family::CubeCorners { dim } => {
                let corner = |bits: usize| {
                    (0..dim).map(|k| if bits >> k & 1 == 1 { 1.0 } else { -1.0 }).collect()
                };
                ((0..1 << dim).map(corner).collect(), None)
            }
            Family::CrossPolytope { dim } => {
                let axis = |i: usize| {
                    (0..dim).map(|k| if k != i / 2 { 0.0 } else { [1.0, -1.0][i % 2] }).collect()
                };
                ((0..2 * dim).map(axis).collect(), None)
            }
            Family::CyclicPolytope { dim, points } => {
                let power = |t: i64, k: usize| {
                    let power = t.pow(k as u32 + 1);
                    assert!(power.abs() < 1 << 53);
                    power as f64
                };
                (
                    (0..points)
                        .map(|i| (0..dim).map(|k| power(i - points / 2, k)).collect())
                        .collect(),
                    None,
                )
            }
            Family::NearestGridPoint { dim, side } => {
                let point =
                    |i: usize| (0..dim).map(|k| (i / side.pow(k as u32) % side) as f64).collect();
                let rows: Vec<Vec<f64>> = (0..side.pow(dim as u32)).map(point).collect();
                let bias =
                    rows.iter().map(|row| -row.iter().map(|x| x * x).sum::<f64>() / 2.0).collect();
                (rows, Some(bias))
            }
            Family::RandomSigns { dim, points } => {
                let mut state = 1u64;
                let unit = f64::from(1.0 / (dim as f32).sqrt());
                let mut sign = || {
                    state =
                        state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    if state >> 63 == 1 { unit } else { -unit }
                };
                let rows: Vec<Vec<f64>> =
                    (0..points).map(|_| (0..dim).map(|_| sign()).collect()).collect();
                // Signs only: rows that differ have smaller products with each other than with themselves.
                assert!((1..points).all(|i| !rows[..i].contains(&rows[i])));
                (rows, None)
            }
        }
    }
}

impl Case {
    fn rows(&self) -> (Vec<Vec<f64>>, Option<Vec<f64>>) {
        let (mut rows, bias) = self.family.as_ref().map_or((Vec::new(), None), Family::build);
        rows.extend(self.rows.iter().map(|row| row.iter().map(Number::value).collect()));
        assert!(
            rows.iter().all(|row| row.len() == rows[0].len()),
            "{}: rows of different lengths",
            self.name
        );
        for row in &mut rows {
            for (k, x) in row.iter_mut().enumerate() {
                let factor = match &self.scale {
                    None => continue,
                    Some(Scale::Same(s)) => s.value(),
                    Some(Scale::Columns(s)) => s[k].value(),
                };
                let product = *x * factor;
                assert_eq!(
                    evidence::rational(product),
                    evidence::rational(*x) * evidence::rational(factor),
                    "{}",
                    self.name
                );
                *x = product;
            }
        }
        (rows, self.bias.as_ref().map(|b| b.iter().map(Number::value).collect()).or(bias))
    }

    fn domain(&self, dim: usize) -> Result<Domain, Error> {
        match &self.domain {
            None => Ok(Domain::free(dim)),
            Some(Place::Text(text)) => {
                Ok(Domain::parse(text, dim, |name| panic!("{}: {name} is a table's", self.name))?)
            }
            Some(Place::Parts(parts)) => parts.domain(dim),
        }
    }

    fn expected(&self, tokens: usize) -> Vec<String> {
        let mut expected = match (&self.verdicts, &self.all) {
            (Some(verdicts), None) => verdicts.clone(),
            (None, Some(all)) => vec![all.clone(); tokens],
            _ => panic!("{}: either `verdicts` or `all`", self.name),
        };
        assert_eq!(expected.len(), tokens, "{}: a verdict for every token", self.name);
        for (token, verdict) in &self.except {
            expected[token.parse::<usize>().unwrap()].clone_from(verdict);
        }
        assert!(
            expected.iter().all(|v| ["argmaxable", "tied", "unargmaxable"].contains(&v.as_str())),
            "{}",
            self.name
        );
        expected
    }

    /// What went wrong, for all engines and precisions.
    fn run(&self) -> Vec<String> {
        assert!(!self.why.is_empty(), "{}: the expected verdicts need a proof", self.name);
        let (rows, bias) = self.rows();
        let (tokens, dim) = (rows.len(), rows[0].len());
        let numbers = rows.concat();
        let mut heads =
            vec![("f64", Head::new(numbers.clone(), bias.clone(), tokens, dim).unwrap())];
        let narrow: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
        if narrow.iter().zip(&numbers).all(|(&n, &x)| f64::from(n) == x) {
            heads.push(("f32", Head::new(narrow, bias, tokens, dim).unwrap()));
        }
        let domain = match (self.domain(dim), &self.error) {
            (Ok(domain), None) => domain,
            (Err(said), Some(part)) if said.to_string().contains(part) => return Vec::new(),
            (found, _) => return vec![format!("{}: the domain is {found:?}", self.name)],
        };
        let expected = self.expected(tokens);
        let mut failures = Vec::new();
        for (precision, head) in &heads {
            for &engine in engines(&domain) {
                let found = decide(engine, head, &domain);
                let mut fail = |what: String| {
                    failures.push(format!("{} ({precision}, {}): {what}", self.name, engine.name()))
                };
                for ((token, verdict), expected) in found.verdicts().iter().zip(&expected) {
                    if verdict.name() != expected {
                        fail(format!("token {token} is {}, not {expected}", verdict.name()));
                    }
                }
                if let Err(what) = evidence::check(head, &domain, &found) {
                    fail(what);
                }
                let free = Domain::free(dim);
                let mut audits = vec![(&domain, &found)];
                audits.extend(found.free().map(|audit| (&free, audit)));
                let bytes = certificate::from_audits(head, &audits).to_bytes().unwrap();
                let checked = verify(head, &Certificate::from_bytes(&bytes).unwrap(), None);
                if !checked.is_accepted() {
                    fail(format!("its certificate is refused: {checked:?}"));
                }
            }
        }
        failures
    }
}

#[test]
fn every_case_has_its_known_verdicts_and_sound_evidence() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut failures = Vec::new();
    for path in paths {
        let file: File = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        failures.extend(file.case.iter().flat_map(Case::run));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
