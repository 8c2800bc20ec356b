//! The JSON description inside a certificate file, and which of its fields each version has.

use serde::Serialize;
use serde_json::Value;

use super::fields::{Fields, count, flag, list, text, texts};
use super::{FORMAT, VERSION};

/// The description of a certificate. It is written with the fields in this order.
#[derive(Serialize)]
pub struct Description {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The version of the format.
    pub version: u64,
    /// The program that wrote the file, for people.
    pub tool: String,
    /// What identifies the head.
    pub head: HeadDescription,
    /// The audits, in the order of their arrays.
    pub audits: Vec<AuditDescription>,
    /// The name of the subject, from version 5 on; it is left out for the head, as before there were other subjects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// The head in the description: the digest of its numbers, `V` and `d`.
#[derive(Serialize)]
pub struct HeadDescription {
    pub sha256: String,
    pub tokens: usize,
    pub dim: usize,
}

/// The description of an audit. It is written with the fields in this order.
#[derive(Serialize)]
pub struct AuditDescription {
    pub domain: String,
    /// From version 2 on.
    pub centred: Option<bool>,
    /// From version 2 on.
    pub carried_from: Option<usize>,
    pub scope: String,
    pub maps: Vec<String>,
    pub groups: usize,
    /// From version 5 on; earlier ones had only verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measures: Option<Vec<String>>,
    /// From version 3 on, where it may be null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<Option<String>>,
}

impl Description {
    /// Reads a description of a known version.
    ///
    /// # Errors
    /// The format or version is another, or a field is missing, not known to the version, or of another type.
    pub fn read(value: Value) -> Result<Self, String> {
        // Check format and version first: a later version may have other fields.
        let (format, version) = (value["format"].as_str(), value["version"].as_u64());
        let version = version.filter(|v| format == Some(FORMAT) && (1..=VERSION).contains(v));
        let Some(version) = version else {
            return Err(format!(
                "format {} version {} is not {FORMAT:?} version 1 to {VERSION}",
                value["format"], value["version"]
            ));
        };
        Self::read_fields(value, version).map_err(|e| format!("the description: {e}"))
    }

    fn read_fields(value: Value, version: u64) -> Result<Self, String> {
        let mut fields = Fields::of(value)?;
        let subject = match fields.take_if_there("subject") {
            Some(Value::String(subject)) if version >= 5 => Some(subject),
            None => None,
            Some(_) => {
                return Err("`subject` is a string, which only version 5 and later have".to_owned());
            }
        };
        fields.take("format", text)?;
        fields.take("version", count)?;
        let tool = fields.take("tool", text)?;
        let head = HeadDescription::read(fields.take("head", Ok)?)?;
        let mut audits = Vec::new();
        for (i, audit) in fields.take("audits", list)?.into_iter().enumerate() {
            let audit = AuditDescription::read(audit, version);
            audits.push(audit.map_err(|e| format!("audit {i}: {e}"))?);
        }
        fields.end()?;
        Ok(Description { format: FORMAT, version, tool, head, audits, subject })
    }
}

impl HeadDescription {
    fn read(value: Value) -> Result<Self, String> {
        let mut fields = Fields::of(value)?;
        let sha256 = fields.take("sha256", text)?;
        let tokens = fields.take("tokens", count)?;
        let dim = fields.take("dim", count)?;
        fields.end()?;
        Ok(HeadDescription { sha256, tokens, dim })
    }
}

impl AuditDescription {
    /// Reads the description of an audit in a file of this version.
    fn read(value: Value, version: u64) -> Result<Self, String> {
        let mut fields = Fields::of(value)?;
        let domain = fields.take("domain", text)?;
        let (mut centred, mut carried_from) = (None, None);
        if version >= 2 {
            centred = fields.take_or_null("centred", flag)?;
            carried_from = fields.take_or_null("carried_from", count)?;
        }
        let point = match version {
            1 => None,
            // A box with a ball always had a float64 point.
            2 => (domain == "box and ball").then(|| "float".to_owned()),
            _ => fields.take_or_null("point", text)?,
        };
        let scope = fields.take("scope", text)?;
        let maps = fields.take("maps", texts)?;
        let groups = fields.take("groups", count)?;
        let measures = if version >= 5 { Some(fields.take("measures", texts)?) } else { None };
        fields.end()?;
        let point = Some(point);
        Ok(AuditDescription { domain, centred, carried_from, scope, maps, groups, measures, point })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a certificate depend on it.
    #[test]
    fn the_fields_are_written_in_one_order_and_those_of_later_versions_are_left_out() {
        let point = r#","measures":["ranks"],"point":null}],"subject":"kept rows"}"#;
        for (version, end) in [(2, "}]}"), (5, point)] {
            let later = version == 5;
            let description = Description {
                format: FORMAT,
                version,
                tool: "t".to_owned(),
                head: HeadDescription { sha256: "s".to_owned(), tokens: 3, dim: 2 },
                audits: vec![AuditDescription {
                    domain: "free".to_owned(),
                    centred: None,
                    carried_from: Some(0),
                    scope: "all".to_owned(),
                    maps: vec!["identity".to_owned()],
                    groups: 1,
                    measures: later.then(|| vec!["ranks".to_owned()]),
                    point: later.then_some(None),
                }],
                subject: later.then(|| "kept rows".to_owned()),
            };
            let written = serde_json::to_string(&description).unwrap();
            let head = r#""tool":"t","head":{"sha256":"s","tokens":3,"dim":2}"#;
            let audit = r#""domain":"free","centred":null,"carried_from":0,"scope":"all","maps":["identity"],"groups":1"#;
            let format = r#""format":"unargmax certificate""#;
            let expected =
                format!(r#"{{{format},"version":{version},{head},"audits":[{{{audit}{end}"#);
            assert_eq!(written, expected);
            let read = Description::read(serde_json::from_str(&written).unwrap()).unwrap();
            assert_eq!((read.version, read.audits[0].groups), (version, 1));
        }
    }
}
