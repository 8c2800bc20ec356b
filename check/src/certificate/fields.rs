//! Takes the fields of a JSON object one by one. A field that is missing, has another type or is left over is refused by
//! name.

use serde_json::{Map, Value};

/// Makes a value of one type from JSON, or says why it cannot.
pub type Read<T> = fn(Value) -> Result<T, String>;

/// The fields of an object that were not taken yet.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of this object.
    ///
    /// # Errors
    /// The value is not an object.
    pub fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Ok(Fields(fields)),
            other => Err(format!("{other} is not a JSON object")),
        }
    }

    /// Removes a field, which must be there.
    ///
    /// # Errors
    /// The field is missing, or has another type.
    pub fn take<T>(&mut self, name: &str, read: Read<T>) -> Result<T, String> {
        read(self.remove(name)?).map_err(|e| in_field(name, &e))
    }

    /// Removes a field, which must be there and may be null.
    ///
    /// # Errors
    /// The field is missing, or has another type.
    pub fn take_or_null<T>(&mut self, name: &str, read: Read<T>) -> Result<Option<T>, String> {
        match self.remove(name)? {
            Value::Null => Ok(None),
            value => read(value).map(Some).map_err(|e| in_field(name, &e)),
        }
    }

    /// Removes a field that may be missing.
    pub fn take_if_there(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// Checks that every field was taken.
    ///
    /// # Errors
    /// A field is left.
    pub fn end(self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(name) => Err(format!("unknown field `{name}`")),
            None => Ok(()),
        }
    }

    fn remove(&mut self, name: &str) -> Result<Value, String> {
        self.0.remove(name).ok_or_else(|| format!("missing field `{name}`"))
    }
}

fn in_field(name: &str, error: &str) -> String {
    format!("field `{name}`: {error}")
}

/// A string.
pub fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(invalid("type", &other, "a string")),
    }
}

/// `true` or `false`.
pub fn flag(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| invalid("type", &value, "true or false"))
}

/// A whole number from 0, without a point or an exponent.
pub fn count(value: Value) -> Result<usize, String> {
    let fault = if value.is_i64() || value.is_u64() { "value" } else { "type" };
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| invalid(fault, &value, "a whole number from 0"))
}

/// A list of values of any type.
pub fn list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(values) => Ok(values),
        other => Err(invalid("type", &other, "a list")),
    }
}

/// A list of strings.
pub fn texts(value: Value) -> Result<Vec<String>, String> {
    all(value, text)
}

/// A list of whole numbers from 0.
pub fn counts(value: Value) -> Result<Vec<usize>, String> {
    all(value, count)
}

fn all<T>(value: Value, read: Read<T>) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    for value in list(value)? {
        values.push(read(value)?);
    }
    Ok(values)
}

fn invalid(fault: &str, value: &Value, expected: &str) -> String {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("boolean `{value}`"),
        Value::Number(number) if number.is_f64() => format!("floating point `{value}`"),
        Value::Number(_) => format!("integer `{value}`"),
        Value::String(_) => format!("string {value}"),
        Value::Array(_) => "sequence".to_owned(),
        Value::Object(_) => "map".to_owned(),
    };
    format!("invalid {fault}: {found}, expected {expected}")
}
