//! From the bytes of a file to a certificate: well-formed, or refused with the array's name. Nothing
//! is believed here; what the numbers claim is for [`crate::verify`] to check.

use std::path::Path;

use num_bigint::BigInt;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::arrays::Arrays;
use super::{
    AuditRecord, Certificate, EnclosedRecord, FORMAT, MapRecord, MultiplierKind, OutweighedRecord,
    UndecidedRecord, VERSION, container, domain,
};
use crate::checkpoint::bytes::Bytes;
use crate::domain::Inside;
use crate::error::Result;

/// Coordinates of all domains together, a thousand times those of the widest head known: a bound for
/// what a description alone can allocate.
const MOST_COORDINATES: usize = 1 << 24;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description<A> {
    format: String,
    version: u64,
    #[allow(dead_code, reason = "for people")]
    tool: String,
    head: HeadDescription,
    audits: Vec<A>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadDescription {
    sha256: String,
    tokens: usize,
    dim: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditDescription {
    domain: String,
    // A function of its own makes the field one that must be there.
    #[serde(deserialize_with = "Option::deserialize")]
    centred: Option<bool>,
    #[serde(deserialize_with = "Option::deserialize")]
    carried_from: Option<usize>,
    #[serde(deserialize_with = "Option::deserialize")]
    point: Option<String>,
    scope: String,
    maps: Vec<String>,
    groups: usize,
}

/// That of version 2, where a box and a ball always had a point in float64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondAuditDescription {
    domain: String,
    #[serde(deserialize_with = "Option::deserialize")]
    centred: Option<bool>,
    #[serde(deserialize_with = "Option::deserialize")]
    carried_from: Option<usize>,
    scope: String,
    maps: Vec<String>,
    groups: usize,
}

impl From<SecondAuditDescription> for AuditDescription {
    fn from(second: SecondAuditDescription) -> Self {
        let SecondAuditDescription { domain, centred, carried_from, scope, maps, groups } = second;
        let point = (domain == "box and ball").then(|| "float".to_owned());
        AuditDescription { domain, centred, carried_from, point, scope, maps, groups }
    }
}

/// That of version 1, which knew no ball and carried nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstAuditDescription {
    domain: String,
    scope: String,
    maps: Vec<String>,
    groups: usize,
}

impl From<FirstAuditDescription> for AuditDescription {
    fn from(first: FirstAuditDescription) -> Self {
        let FirstAuditDescription { domain, scope, maps, groups } = first;
        let (centred, carried_from, point) = (None, None, None);
        AuditDescription { domain, centred, carried_from, point, scope, maps, groups }
    }
}

fn describe<A: DeserializeOwned + Into<AuditDescription>>(
    value: serde_json::Value,
) -> std::result::Result<(HeadDescription, Vec<AuditDescription>), String> {
    // Lists would do for structures: their fields in order.
    let audits = value["audits"].as_array().into_iter().flatten();
    if let Some(other) = audits.chain([&value["head"]]).find(|part| !part.is_object()) {
        return Err(format!("the description: {other} is no JSON object"));
    }
    let description: Description<A> =
        serde_json::from_value(value).map_err(|e| format!("the description: {e}"))?;
    debug_assert!(description.format == FORMAT && description.version <= VERSION);
    Ok((description.head, description.audits.into_iter().map(Into::into).collect()))
}

impl Certificate {
    /// Reads a certificate file.
    ///
    /// # Errors
    /// A file that cannot be read, is no certificate of a known version, or is not well-formed: an array is
    /// missing, has another type or length, or is not known.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let bytes = Bytes::open(&path)?;
        Certificate::from_bytes(&bytes).map_err(|e| bytes.malformed(e))
    }

    /// As [`Certificate::open`], from memory.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        let (mut arrays, description) = Arrays::from_bytes(bytes)?;
        let value = container::json(description.as_bytes())
            .map_err(|e| format!("the description is not sound JSON: {e}"))?;
        // Format and version first: a later version may have other fields.
        let (format, version) = (value["format"].as_str(), value["version"].as_u64());
        let version = version.filter(|v| format == Some(FORMAT) && (1..=VERSION).contains(v));
        let Some(version) = version else {
            return Err(format!(
                "format {} version {} is not {FORMAT:?} version 1 to {VERSION}",
                value["format"], value["version"]
            ));
        };
        let (HeadDescription { sha256, tokens, dim }, audits) = match version {
            1 => describe::<FirstAuditDescription>(value)?,
            2 => describe::<SecondAuditDescription>(value)?,
            _ => describe::<AuditDescription>(value)?,
        };
        let domains = dim.saturating_mul(audits.len().max(1));
        if dim == 0 || domains > MOST_COORDINATES {
            return Err(format!(
                "{} audits of {dim} coordinates are none, or more than the {MOST_COORDINATES} coordinates that are read",
                audits.len()
            ));
        }
        let count = audits.len();
        if let Some(from) = audits.iter().filter_map(|a| a.carried_from).find(|&i| i >= count) {
            return Err(format!("there is no audit {from} to carry verdicts from, but {count}"));
        }
        let audits = audits
            .iter()
            .enumerate()
            .map(|(i, audit)| AuditRecord::take(&mut arrays, i, audit, dim, version))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if let Some(name) = arrays.names().next() {
            return Err(format!("the array `{name}` is not known to this version"));
        }
        Ok(Certificate { head: sha256, tokens, dim, audits })
    }
}

impl AuditRecord {
    fn take(
        arrays: &mut Arrays,
        index: usize,
        description: &AuditDescription,
        dim: usize,
        version: u64,
    ) -> std::result::Result<Self, String> {
        let name = |field: &str| format!("audit{index}.{field}");
        let (kind, centred) = (&description.domain, description.centred);
        let point = description.point.as_deref();
        let (domain, inside) = domain::take(arrays, &name, kind, centred, point, dim)?;
        let mut record = AuditRecord { inside, ..AuditRecord::blank(domain) };
        record.scope = match description.scope.as_str() {
            "all" => None,
            "listed" => Some(arrays.take_list(&name("scope"))?),
            other => return Err(format!("the scope {other:?} is not known to this version")),
        };
        for (m, kind) in description.maps.iter().enumerate() {
            let field = |part: &str| name(&format!("map{m}.{part}"));
            let matrix = match kind.as_str() {
                "identity" => None,
                "matrix" => Some(square(arrays, &field("matrix"), dim)?),
                other => {
                    return Err(format!("the kind of map {other:?} is not known to this version"));
                }
            };
            let ids: Vec<u32> = arrays.take_list(&field("ids"))?;
            let scales: Vec<f64> = arrays.take_exactly(&field("scales"), ids.len())?;
            let centre = arrays.take_exactly(&field("centre"), dim)?;
            record.maps.push(MapRecord {
                centre,
                matrix,
                settled: ids.into_iter().zip(scales).collect(),
            });
        }
        let ids: Vec<u32> = arrays.take_list(&name("witness.ids"))?;
        let (points, shape) = arrays.take::<f64>(&name("witness.points"))?;
        if shape != [ids.len(), dim] {
            return Err(format!(
                "the array `{}` has shape {shape:?}, not [{}, {dim}]",
                name("witness.points"),
                ids.len()
            ));
        }
        record.witnesses = ids.into_iter().zip(points.chunks(dim).map(<[f64]>::to_vec)).collect();
        let ids: Vec<u32> = arrays.take_list(&name("integer.ids"))?;
        let count = ids.len().checked_mul(dim + 1).ok_or("too many integers")?;
        let integers = arrays.take_integers(&name("integer.points"), count)?;
        record.integers = ids
            .into_iter()
            .zip(integers.chunks(dim + 1))
            .map(|(t, point)| (t, point[..dim].to_vec(), point[dim].clone()))
            .collect();

        let ids: Vec<u32> = arrays.take_list(&name("enclosed.ids"))?;
        let basic = weighted(arrays, &name("enclosed.basic"), ids.len())?;
        let frozen = weighted(arrays, &name("enclosed.frozen"), ids.len())?;
        let equations: Vec<u32> = arrays.take_list(&name("enclosed.equations"))?;
        let equations = arrays.cut(&name("enclosed.equations.offsets"), ids.len(), &equations)?;
        record.enclosed = ids
            .into_iter()
            .zip(basic.into_iter().zip(frozen).zip(equations))
            .map(|(token, ((basic, frozen), equations))| EnclosedRecord {
                token,
                basic,
                frozen,
                equations,
            })
            .collect();

        let ids: Vec<u32> = arrays.take_list(&name("exact.ids"))?;
        let rivals: Vec<u32> = arrays.take_list(&name("exact.rivals"))?;
        let weights = arrays.take_integers(&name("exact.weights"), rivals.len())?;
        let pairs: Vec<_> = rivals.into_iter().zip(weights).collect();
        let lists = arrays.cut(&name("exact.offsets"), ids.len(), &pairs)?;
        record.exact = ids.into_iter().zip(lists).collect();

        if version > 1 {
            record.outweighed = outweighed(arrays, &name)?;
            record.carried = arrays.take_list(&name("carried.ids"))?;
            record.carried_from = description.carried_from;
        }
        if record.inside == Some(Inside::Only) {
            record.only_wins = arrays.take_list(&name("only.wins"))?;
            let ids: Vec<u32> = arrays.take_list(&name("only.ids"))?;
            let rivals: Vec<u32> = arrays.take_exactly(&name("only.rivals"), ids.len())?;
            record.only_losses = ids.into_iter().zip(rivals).collect();
        }
        let members: Vec<u32> = arrays.take_list(&name("tied.members"))?;
        record.ties = arrays.cut(&name("tied.offsets"), description.groups, &members)?;
        let ids: Vec<u32> = arrays.take_list(&name("dominated.ids"))?;
        let by: Vec<u32> = arrays.take_exactly(&name("dominated.by"), ids.len())?;
        record.dominated = ids.into_iter().zip(by).collect();
        record.undecided = undecided(arrays, &name)?;
        Ok(record)
    }
}

fn square(arrays: &mut Arrays, name: &str, dim: usize) -> std::result::Result<Vec<f32>, String> {
    let (values, shape) = arrays.take(name)?;
    if shape == [dim, dim] {
        Ok(values)
    } else {
        Err(format!("the array `{name}` has shape {shape:?}, not [{dim}, {dim}]"))
    }
}

fn weighted(
    arrays: &mut Arrays,
    name: &str,
    count: usize,
) -> std::result::Result<Vec<Vec<(u32, f64)>>, String> {
    let rivals: Vec<u32> = arrays.take_list(&format!("{name}.rivals"))?;
    let weights: Vec<f64> = arrays.take_exactly(&format!("{name}.weights"), rivals.len())?;
    let pairs: Vec<_> = rivals.into_iter().zip(weights).collect();
    arrays.cut(&format!("{name}.offsets"), count, &pairs)
}

fn outweighed(
    arrays: &mut Arrays,
    name: &domain::Name,
) -> std::result::Result<Vec<OutweighedRecord>, String> {
    let ids: Vec<u32> = arrays.take_list(&name("outweighed.ids"))?;
    let mut lists = |indices: &str, integers: &str, offsets: &str| {
        let indices: Vec<u32> = arrays.take_list(&name(indices))?;
        let integers = arrays.take_integers(&name(integers), indices.len())?;
        let pairs: Vec<(u32, BigInt)> = indices.into_iter().zip(integers).collect();
        arrays.cut(&name(offsets), ids.len(), &pairs)
    };
    let rivals = lists("outweighed.rivals", "outweighed.weights", "outweighed.offsets")?;
    let ends = lists("outweighed.ends", "outweighed.ends.multipliers", "outweighed.ends.offsets")?;
    Ok(ids
        .into_iter()
        .zip(rivals.into_iter().zip(ends))
        .map(|(token, (rivals, ends))| OutweighedRecord { token, rivals, ends })
        .collect())
}

fn undecided(
    arrays: &mut Arrays,
    name: &domain::Name,
) -> std::result::Result<Vec<UndecidedRecord>, String> {
    let ids: Vec<u32> = arrays.take_list(&name("undecided.ids"))?;
    let upper: Vec<f64> = arrays.take_exactly(&name("undecided.upper"), ids.len())?;
    let kinds: Vec<u8> = arrays.take_list(&name("undecided.kinds"))?;
    let indices: Vec<u32> = arrays.take_exactly(&name("undecided.indices"), kinds.len())?;
    let weights: Vec<f64> = arrays.take_exactly(&name("undecided.weights"), kinds.len())?;
    let multipliers = kinds
        .into_iter()
        .zip(indices.into_iter().zip(weights))
        .map(|(kind, (index, weight))| {
            let kind = match kind {
                0 => MultiplierKind::Token,
                1 => MultiplierKind::Lower,
                2 => MultiplierKind::Upper,
                3 => MultiplierKind::Scale,
                other => {
                    return Err(format!(
                        "the kind of multiplier {other} is not known to this version"
                    ));
                }
            };
            Ok((kind, index, weight))
        })
        .collect::<std::result::Result<Vec<_>, String>>()?;
    let lists = arrays.cut(&name("undecided.offsets"), ids.len(), &multipliers)?;
    Ok(ids
        .into_iter()
        .zip(upper)
        .zip(lists)
        .map(|((token, upper), multipliers)| UndecidedRecord { token, upper, multipliers })
        .collect())
}
