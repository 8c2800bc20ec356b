//! From audits to a certificate, and from a certificate to the bytes of a file.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::arrays::Arrays;
use super::{
    AuditRecord, Certificate, EnclosedRecord, FORMAT, MapRecord, MultiplierKind, OutweighedRecord,
    UndecidedRecord, VERSION, domain,
};
use crate::audit::Audit;
use crate::certify::map::Map;
use crate::certify::witness::{Point, Witness};
use crate::certify::{Loss, Rival, Verdict};
use crate::domain::{Ball, Domain, Inside};
use crate::error::{Error, Result};
use crate::head::Head;

impl Certificate {
    /// The proofs of audits of one head over several domains. Losses that one of them carries are those of the free
    /// audit, and wins those of the first audit that is not free.
    pub fn new(head: &Head, audits: &[(&Domain, &Audit)]) -> Self {
        let records = audits.iter().map(|(domain, audit)| {
            let mut record = AuditRecord::new(head, domain, audit);
            if !record.carried.is_empty() {
                let other = |a: &(&Domain, &Audit)| a.0.is_free() != domain.is_free();
                record.carried_from = audits.iter().position(other);
            }
            record
        });
        Certificate {
            head: head.sha256(),
            tokens: head.tokens(),
            dim: head.dim(),
            audits: records.collect(),
        }
    }

    /// The bytes of a certificate file.
    ///
    /// # Errors
    /// Lists whose lengths do not fit together; a certificate of an audit has none.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut arrays = Arrays::default();
        let plain = |audit: &AuditRecord| matches!(audit.inside, None | Some(Inside::Float(_)));
        let version = if self.audits.iter().all(plain) { 2 } else { VERSION };
        let audits: Vec<_> = self
            .audits
            .iter()
            .enumerate()
            .map(|(i, audit)| audit.put(&mut arrays, i, self.dim, version))
            .collect();
        let description = json!({
            "format": FORMAT,
            "version": version,
            "tool": concat!("unargmax ", env!("CARGO_PKG_VERSION")),
            "head": { "sha256": self.head, "tokens": self.tokens, "dim": self.dim },
            "audits": audits,
        });
        arrays
            .to_bytes(description.to_string())
            .map_err(|e| Error::Invalid(format!("the certificate: {e}")))
    }
}

fn multiplier(row: Option<Rival>, weight: f64) -> (MultiplierKind, u32, f64) {
    match row {
        Some(Rival::Token(j)) => (MultiplierKind::Token, j, weight),
        Some(Rival::Lower(k)) => (MultiplierKind::Lower, k, weight),
        Some(Rival::Upper(k)) => (MultiplierKind::Upper, k, weight),
        None => (MultiplierKind::Scale, 0, weight),
    }
}

impl AuditRecord {
    /// The proofs of one audit.
    fn new(head: &Head, domain: &Domain, audit: &Audit) -> Self {
        let mut record = AuditRecord::empty(domain.clone());
        if audit.verdicts().len() < head.tokens() {
            record.scope = Some(audit.verdicts().iter().map(|v| v.0).collect());
        }
        let mut maps: Vec<(Arc<Map>, MapRecord)> = Vec::new();
        let mut ties: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (token, verdict) in audit.verdicts() {
            match verdict {
                Verdict::Argmaxable(witness) => record.add_witness(witness, &mut maps),
                Verdict::Tied(tie) => {
                    let first = tie.members()[0];
                    if ties.insert(first, tie.members().to_vec()).is_none() {
                        record.add_witness(tie.witness(), &mut maps);
                    }
                }
                Verdict::Unargmaxable(loss) => record.add_loss(*token, loss),
                Verdict::Undecided(undecided) => record.undecided.push(UndecidedRecord {
                    token: *token,
                    upper: undecided.interval().1,
                    multipliers: undecided
                        .multipliers()
                        .map(|(row, weight)| multiplier(row, weight))
                        .collect(),
                }),
            }
        }
        record.ties = ties.into_values().collect();
        // The speaker of a tie stands where its group was first met: by id again.
        record.witnesses.sort_by_key(|w| w.0);
        record.integers.sort_by_key(|w| w.0);
        record.maps = maps.into_iter().map(|m| m.1).collect();
        record.maps.iter_mut().for_each(|m| m.settled.sort_by_key(|s| s.0));
        record.carried.sort_unstable();
        record.only_wins.sort_unstable();
        record
    }

    /// No verdicts yet.
    pub fn empty(domain: Domain) -> Self {
        let both = domain.ball().is_some() && domain.has_ranges();
        let inside = domain.inside().filter(|_| both);
        AuditRecord { inside, ..AuditRecord::blank(domain) }
    }

    fn add_witness(&mut self, witness: &Witness, maps: &mut Vec<(Arc<Map>, MapRecord)>) {
        match witness.point() {
            Point::Inside => self.carried.push(witness.token()),
            Point::Only => self.only_wins.push(witness.token()),
            Point::Float(h) => self.witnesses.push((witness.token(), h.clone())),
            Point::Integers { numerators, denominator } => {
                self.integers.push((witness.token(), numerators.clone(), denominator.clone()));
            }
            Point::Mapped { map, scale } => {
                let at = maps.iter().position(|m| Arc::ptr_eq(&m.0, map)).unwrap_or_else(|| {
                    let (centre, matrix) =
                        (map.centre().to_vec(), map.matrix().map(<[f32]>::to_vec));
                    maps.push((map.clone(), MapRecord { centre, matrix, settled: Vec::new() }));
                    maps.len() - 1
                });
                maps[at].1.settled.push((witness.token(), *scale));
            }
        }
    }

    fn add_loss(&mut self, token: u32, loss: &Loss) {
        match loss {
            Loss::Dominated(dominated) => self.dominated.push((token, dominated.by())),
            Loss::Enclosed(enclosed) => {
                let support = enclosed.support().clone();
                self.enclosed.push(EnclosedRecord {
                    token,
                    basic: support.basic,
                    frozen: support.frozen,
                    equations: support.equations,
                });
            }
            Loss::Exact(exact) => self.exact.push((token, exact.weights().to_vec())),
            Loss::Outweighed(outweighed) => self.outweighed.push(OutweighedRecord {
                token,
                rivals: outweighed.rivals().to_vec(),
                ends: outweighed.ends().to_vec(),
            }),
            Loss::Carried(_) => self.carried.push(token),
            Loss::Only(only) => self.only_losses.push((token, only.rival())),
        }
    }

    /// Adds the arrays of the `index`-th audit and returns its description.
    fn put(
        &self,
        arrays: &mut Arrays,
        index: usize,
        dim: usize,
        version: u64,
    ) -> serde_json::Value {
        let name = |field: &str| format!("audit{index}.{field}");
        let kind = domain::put(arrays, &name, &self.domain, self.inside.as_ref());
        if let Some(scope) = &self.scope {
            arrays.put_list(name("scope"), scope.iter().copied());
        }
        for (m, map) in self.maps.iter().enumerate() {
            arrays.put_list(name(&format!("map{m}.centre")), map.centre.iter().copied());
            if let Some(matrix) = &map.matrix {
                arrays.put(name(&format!("map{m}.matrix")), vec![dim, dim], matrix.iter().copied());
            }
            arrays.put_list(name(&format!("map{m}.ids")), map.settled.iter().map(|s| s.0));
            arrays.put_list(name(&format!("map{m}.scales")), map.settled.iter().map(|s| s.1));
        }
        arrays.put_list(name("witness.ids"), self.witnesses.iter().map(|w| w.0));
        let points = self.witnesses.iter().flat_map(|w| w.1.iter().copied());
        arrays.put(name("witness.points"), vec![self.witnesses.len(), dim], points);
        arrays.put_list(name("integer.ids"), self.integers.iter().map(|w| w.0));
        arrays.put_integers(
            &name("integer.points"),
            self.integers.iter().flat_map(|w| w.1.iter().chain([&w.2])),
        );

        arrays.put_list(name("enclosed.ids"), self.enclosed.iter().map(|e| e.token));
        for (field, part) in [("basic", 0), ("frozen", 1)] {
            let lists =
                || self.enclosed.iter().map(|e| if part == 0 { &e.basic } else { &e.frozen });
            arrays.put_offsets(name(&format!("enclosed.{field}.offsets")), lists().map(Vec::len));
            arrays.put_list(
                name(&format!("enclosed.{field}.rivals")),
                lists().flatten().map(|x| x.0),
            );
            arrays.put_list(
                name(&format!("enclosed.{field}.weights")),
                lists().flatten().map(|x| x.1),
            );
        }
        arrays.put_offsets(
            name("enclosed.equations.offsets"),
            self.enclosed.iter().map(|e| e.equations.len()),
        );
        arrays.put_list(
            name("enclosed.equations"),
            self.enclosed.iter().flat_map(|e| e.equations.iter().copied()),
        );

        arrays.put_list(name("exact.ids"), self.exact.iter().map(|e| e.0));
        arrays.put_offsets(name("exact.offsets"), self.exact.iter().map(|e| e.1.len()));
        arrays.put_list(
            name("exact.rivals"),
            self.exact.iter().flat_map(|e| e.1.iter().map(|w| w.0)),
        );
        arrays.put_integers(
            &name("exact.weights"),
            self.exact.iter().flat_map(|e| e.1.iter().map(|w| &w.1)),
        );

        arrays.put_list(name("outweighed.ids"), self.outweighed.iter().map(|o| o.token));
        arrays.put_offsets(
            name("outweighed.offsets"),
            self.outweighed.iter().map(|o| o.rivals.len()),
        );
        let rivals = || self.outweighed.iter().flat_map(|o| &o.rivals);
        arrays.put_list(name("outweighed.rivals"), rivals().map(|r| r.0));
        arrays.put_integers(&name("outweighed.weights"), rivals().map(|r| &r.1));
        arrays.put_offsets(
            name("outweighed.ends.offsets"),
            self.outweighed.iter().map(|o| o.ends.len()),
        );
        let ends = || self.outweighed.iter().flat_map(|o| &o.ends);
        arrays.put_list(name("outweighed.ends"), ends().map(|e| e.0));
        arrays.put_integers(&name("outweighed.ends.multipliers"), ends().map(|e| &e.1));
        arrays.put_list(name("carried.ids"), self.carried.iter().copied());

        arrays.put_offsets(name("tied.offsets"), self.ties.iter().map(Vec::len));
        arrays.put_list(name("tied.members"), self.ties.iter().flatten().copied());
        if self.inside == Some(Inside::Only) {
            arrays.put_list(name("only.wins"), self.only_wins.iter().copied());
            arrays.put_list(name("only.ids"), self.only_losses.iter().map(|l| l.0));
            arrays.put_list(name("only.rivals"), self.only_losses.iter().map(|l| l.1));
        }
        arrays.put_list(name("dominated.ids"), self.dominated.iter().map(|d| d.0));
        arrays.put_list(name("dominated.by"), self.dominated.iter().map(|d| d.1));

        arrays.put_list(name("undecided.ids"), self.undecided.iter().map(|u| u.token));
        arrays.put_list(name("undecided.upper"), self.undecided.iter().map(|u| u.upper));
        arrays.put_offsets(
            name("undecided.offsets"),
            self.undecided.iter().map(|u| u.multipliers.len()),
        );
        let multipliers = || self.undecided.iter().flat_map(|u| &u.multipliers);
        arrays.put_list(name("undecided.kinds"), multipliers().map(|m| m.0 as u8));
        arrays.put_list(name("undecided.indices"), multipliers().map(|m| m.1));
        arrays.put_list(name("undecided.weights"), multipliers().map(|m| m.2));

        let maps: Vec<&str> = self
            .maps
            .iter()
            .map(|m| if m.matrix.is_some() { "matrix" } else { "identity" })
            .collect();
        let mut description = json!({
            "domain": kind,
            "centred": self.domain.ball().map(Ball::is_centred),
            "carried_from": self.carried_from,
            "scope": if self.scope.is_some() { "listed" } else { "all" },
            "maps": maps,
            "groups": self.ties.len(),
        });
        if version > 2 {
            description["point"] = json!(self.inside.as_ref().map(domain::kind_of_point));
        }
        description
    }
}
