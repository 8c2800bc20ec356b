//! Writes a certificate to the bytes of a file and reads it back. A file that is not well-formed is refused with the
//! name of the array. The reader does not judge what the numbers claim: [`crate::verify`] checks that.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::arrays::Arrays;
use super::{AuditRecord, Certificate, FORMAT, Linear, MapRecord, Subject, VERSION, container};
use crate::domain::Inside;
use crate::error::{Error, Result};

/// The most coordinates that all domains together may have, a thousand times those of the widest head known. It
/// limits what a description alone can make the reader allocate.
const MOST_COORDINATES: usize = 1 << 24;

/// The JSON description of a certificate; `A` is the description of an audit in its version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description<A> {
    format: String,
    version: u64,
    #[allow(dead_code, reason = "for people")]
    tool: String,
    head: HeadDescription,
    audits: Vec<A>,
    /// From version 5 on, where it is not the head.
    subject: Option<String>,
}

/// The head in the description: the digest of its numbers, `V` and `d`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadDescription {
    sha256: String,
    tokens: usize,
    dim: usize,
}

/// The description of an audit in the latest version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditDescription {
    pub domain: String,
    // With a deserialiser of its own, serde requires the field to be present.
    #[serde(deserialize_with = "Option::deserialize")]
    pub centred: Option<bool>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub carried_from: Option<usize>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub point: Option<String>,
    pub scope: String,
    pub maps: Vec<String>,
    pub groups: usize,
    pub measures: Vec<String>,
}

/// The description of an audit in versions 3 and 4, which had only verdicts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThirdAuditDescription {
    domain: String,
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

impl From<ThirdAuditDescription> for AuditDescription {
    fn from(third: ThirdAuditDescription) -> Self {
        let ThirdAuditDescription { domain, centred, carried_from, point, scope, maps, groups } =
            third;
        let measures = Vec::new();
        AuditDescription { domain, centred, carried_from, point, scope, maps, groups, measures }
    }
}

/// The description of an audit in version 2, where a box with a ball always had a float64 point.
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
        let third =
            ThirdAuditDescription { domain, centred, carried_from, point, scope, maps, groups };
        third.into()
    }
}

/// The description of an audit in version 1, which had no balls and no carried verdicts.
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
        let third =
            ThirdAuditDescription { domain, centred, carried_from, point, scope, maps, groups };
        third.into()
    }
}

/// Parses a description in which audits are described as `A`, and converts them to the latest version.
fn describe<A: DeserializeOwned + Into<AuditDescription>>(
    value: serde_json::Value,
    version: u64,
) -> std::result::Result<(HeadDescription, Vec<AuditDescription>, Option<String>), String> {
    // Serde would also accept lists for structures, with the fields in order.
    if value.get("subject").is_some_and(|subject| version < 5 || !subject.is_string()) {
        return Err("the description: `subject` is a string, which only version 5 and later have"
            .to_owned());
    }
    let audits = value["audits"].as_array().into_iter().flatten();
    if let Some(other) = audits.chain([&value["head"]]).find(|part| !part.is_object()) {
        return Err(format!("the description: {other} is not a JSON object"));
    }
    let description: Description<A> =
        serde_json::from_value(value).map_err(|e| format!("the description: {e}"))?;
    debug_assert!(description.format == FORMAT && description.version <= VERSION);
    let audits = description.audits.into_iter().map(Into::into).collect();
    Ok((description.head, audits, description.subject))
}

/// The earliest version, from 2, that can express an audit.
fn needed_version(audit: &AuditRecord) -> u64 {
    let low_rank = |map: &MapRecord| matches!(map.linear, Linear::LowRank { .. });
    match &audit.inside {
        _ if audit.has_measures() => 5,
        _ if audit.maps.iter().any(low_rank) => 4,
        None | Some(Inside::Float(_)) => 2,
        Some(_) => 3,
    }
}

impl Certificate {
    /// Reads a certificate file.
    ///
    /// # Errors
    /// The file cannot be read, is not a certificate of a known version, or is not well-formed: an array is missing,
    /// has another type or length, or is not known.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io = |reason| Error::io(path, reason);
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(Error::malformed(
                path,
                "this is not a regular file, so it is not a certificate",
            ));
        }
        let bytes = std::fs::read(path).map_err(io)?;
        Certificate::from_bytes(&bytes).map_err(|e| Error::malformed(path, e))
    }

    /// Serialises the certificate as the bytes of a certificate file.
    ///
    /// # Errors
    /// Lists have lengths that do not fit together; this never happens in a certificate of an audit.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut arrays = Arrays::default();
        let version = match self.subject {
            Subject::Head => self.audits.iter().map(needed_version).max().unwrap_or(2),
            Subject::Kept(_) | Subject::Sets(_) => VERSION,
        };
        let subject = self.subject.put(&mut arrays);
        let audits: Vec<_> = self
            .audits
            .iter()
            .enumerate()
            .map(|(i, audit)| audit.put(&mut arrays, i, self.dim, version))
            .collect();
        let mut description = json!({
            "format": FORMAT,
            "version": version,
            "tool": concat!("unargmax ", env!("CARGO_PKG_VERSION")),
            "head": { "sha256": self.head, "tokens": self.tokens, "dim": self.dim },
            "audits": audits,
        });
        // As before there were other subjects, so that certificates about a head keep their bytes.
        if self.subject != Subject::Head {
            description["subject"] = json!(subject);
        }
        arrays
            .to_bytes(description.to_string())
            .map_err(|e| Error::Invalid(format!("the certificate: {e}")))
    }

    /// Parses the bytes of a certificate file, like [`Certificate::open`].
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        let (mut arrays, description) = Arrays::from_bytes(bytes)?;
        let value = container::json(description.as_bytes())
            .map_err(|e| format!("the description is not valid JSON: {e}"))?;
        // Check format and version first: a later version may have other fields.
        let (format, version) = (value["format"].as_str(), value["version"].as_u64());
        let version = version.filter(|v| format == Some(FORMAT) && (1..=VERSION).contains(v));
        let Some(version) = version else {
            return Err(format!(
                "format {} version {} is not {FORMAT:?} version 1 to {VERSION}",
                value["format"], value["version"]
            ));
        };
        let (HeadDescription { sha256, tokens, dim }, audits, subject) = match version {
            1 => describe::<FirstAuditDescription>(value, version)?,
            2 => describe::<SecondAuditDescription>(value, version)?,
            3 | 4 => describe::<ThirdAuditDescription>(value, version)?,
            _ => describe::<AuditDescription>(value, version)?,
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
        let subject = Subject::take(subject.as_deref().unwrap_or("head"), &mut arrays)?;
        let audits = audits
            .iter()
            .enumerate()
            .map(|(i, audit)| AuditRecord::take(&mut arrays, i, audit, dim, version))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if let Some(name) = arrays.names().next() {
            return Err(format!("the array `{name}` is not known to this version"));
        }
        Ok(Certificate { head: sha256, tokens, dim, subject, audits })
    }
}
