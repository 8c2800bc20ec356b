//! Writes a certificate to the bytes of a file and reads it back. A file that is not well-formed is refused with the
//! name of the array. The reader does not judge what the numbers claim: [`crate::verify`] checks that.

use std::path::Path;

use super::arrays::Arrays;
use super::description::{Description, HeadDescription};
use super::{AuditRecord, Certificate, FORMAT, Linear, MapRecord, Subject, VERSION, container};
use crate::domain::Inside;
use crate::error::{Error, Result};

/// The most coordinates that all domains together may have, a thousand times those of the widest head known. It
/// limits what a description alone can make the reader allocate.
const MOST_COORDINATES: usize = 1 << 24;

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
        let mut audits = Vec::with_capacity(self.audits.len());
        for (i, audit) in self.audits.iter().enumerate() {
            audits.push(audit.put(&mut arrays, i, self.dim, version));
        }
        let description = Description {
            format: FORMAT,
            version,
            tool: concat!("unargmax ", env!("CARGO_PKG_VERSION")).to_owned(),
            head: HeadDescription { sha256: self.head.clone(), tokens: self.tokens, dim: self.dim },
            audits,
            subject: subject.map(str::to_owned),
        };
        let description = serde_json::to_string(&description).map_err(|e| e.to_string());
        description
            .and_then(|description| arrays.to_bytes(description))
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
        let Description { version, head, audits, subject, .. } = Description::read(value)?;
        let (dim, count) = (head.dim, audits.len());
        if dim == 0 || dim.saturating_mul(count.max(1)) > MOST_COORDINATES {
            return Err(format!(
                "{count} audits of {dim} coordinates are none, or more than the {MOST_COORDINATES} coordinates that are read"
            ));
        }
        if let Some(from) = audits.iter().filter_map(|a| a.carried_from).find(|&i| i >= count) {
            return Err(format!("there is no audit {from} to carry verdicts from, but {count}"));
        }
        let subject = Subject::take(subject.as_deref(), &mut arrays)?;
        let mut records = Vec::with_capacity(count);
        for (i, audit) in audits.iter().enumerate() {
            records.push(AuditRecord::take(&mut arrays, i, audit, dim, version)?);
        }
        if let Some(name) = arrays.names().min() {
            return Err(format!("the array `{name}` is not known to this version"));
        }
        Ok(Certificate { head: head.sha256, tokens: head.tokens, dim, subject, audits: records })
    }
}
