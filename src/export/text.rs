//! Writes an export: words and integers, separated by spaces and line ends (proofs/README.md).

use std::io::{self, Write};

use num_bigint::BigInt;

use super::exact::{Point, Unit};
use super::{ExactAudit, Export, Loss, Record};
use crate::domain::Domain;
use crate::head::Rows;

/// The first line of the file.
const FIRST: &str = "unargmax exact certificate 1";

impl Export<'_> {
    /// Writes the whole export.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let head = self.head;
        let width = match head.rows() {
            Rows::F32(_) => "f32",
            Rows::F64(_) => "f64",
        };
        let biased = if head.has_bias() { "biased" } else { "unbiased" };
        writeln!(out, "{FIRST}")?;
        writeln!(out, "head {} {width} {biased}", head.sha256())?;
        let (tokens, dim) = (head.tokens(), head.dim());
        writeln!(out, "tokens {tokens} dim {dim} unit {}", self.unit.per_one())?;
        for t in 0..tokens {
            write!(out, "row")?;
            number(out, self.unit, head.bias(t))?;
            head.row(t).try_for_each(|w| number(out, self.unit, w))?;
            writeln!(out)?;
        }
        writeln!(out, "audits {}", self.audits.len())?;
        self.audits.iter().try_for_each(|audit| audit.write(out))
    }
}

impl ExactAudit<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let unit = Unit::of_domain(self.domain);
        writeln!(out, "audit unit {}", unit.per_one())?;
        domain(out, unit, self.domain)?;
        write!(out, "somewhere")?;
        point(out, &self.somewhere)?;
        match self.scope {
            None => writeln!(out, "scope all")?,
            Some(ids) => {
                write!(out, "scope {}", ids.len())?;
                ids.iter().try_for_each(|t| write!(out, " {t}"))?;
                writeln!(out)?;
            }
        }
        writeln!(out, "records {}", self.records.len())?;
        self.records.iter().try_for_each(|record| record.write(out))
    }
}

impl Record {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Record::Leads { members, point: at } => {
                write!(out, "leads {}", members.len())?;
                members.iter().try_for_each(|t| write!(out, " {t}"))?;
                point(out, at)
            }
            Record::Loses { token, loss } => {
                let Loss { weights, ends } = loss.as_ref();
                write!(out, "loses {token} {}", weights.len())?;
                weights.iter().try_for_each(|(j, n)| write!(out, " {j} {n}"))?;
                write!(out, " {}", ends.len())?;
                integers(out, ends)
            }
            Record::Open(token) => writeln!(out, "open {token}"),
        }
    }
}

/// Writes the ends of the box, `-` where there is none, and the norm.
fn domain(out: &mut impl Write, unit: Unit, domain: &Domain) -> io::Result<()> {
    let end = |out: &mut dyn Write, x: f64| match x.is_finite() {
        true => number(out, unit, x),
        false => write!(out, " -"),
    };
    if domain.has_ranges() {
        write!(out, "lower {}", domain.dim())?;
        (0..domain.dim()).try_for_each(|k| end(out, domain.lo(k)))?;
        write!(out, "\nupper {}", domain.dim())?;
        (0..domain.dim()).try_for_each(|k| end(out, domain.hi(k)))?;
    } else {
        write!(out, "lower 0\nupper 0")?;
    }
    let Some(ball) = domain.ball() else { return writeln!(out, "\nnorm none") };
    write!(out, "\nnorm {}", if ball.is_centred() { "centred" } else { "plain" })?;
    ball.radius().iter().try_for_each(|&r| number(out, unit, r))?;
    write!(out, "\ngain")?;
    ball.gain().iter().try_for_each(|&g| number(out, unit, g))?;
    write!(out, "\nshift")?;
    ball.shift().iter().try_for_each(|&c| number(out, unit, c))?;
    writeln!(out)
}

/// Writes the denominator of a point and its numerators.
fn point(out: &mut impl Write, point: &Point) -> io::Result<()> {
    let (numerators, denominator) = point.fractions();
    write!(out, " {denominator}")?;
    integers(out, &numerators)
}

fn integers(out: &mut impl Write, integers: &[BigInt]) -> io::Result<()> {
    integers.iter().try_for_each(|n| write!(out, " {n}"))?;
    writeln!(out)
}

/// Writes a finite number as an integer in this unit. The sign of a zero is kept, since the hash of a head keeps it.
fn number(out: &mut (impl Write + ?Sized), unit: Unit, x: f64) -> io::Result<()> {
    if x == 0.0 && x.is_sign_negative() {
        return write!(out, " -0");
    }
    match unit.small_integer(x) {
        Some(small) => write!(out, " {small}"),
        None => write!(out, " {}", unit.integer(x)),
    }
}
