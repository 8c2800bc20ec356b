//! Numbers and counts in sentences.

/// A number with thin spaces between thousands: 262 144.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count and a noun, in the singular or plural.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A share of a whole, never rounded to nothing or all: `26.1 %`, `<0.1 %`.
pub fn percent(part: usize, whole: usize) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    if part == whole {
        return "100 %".to_owned();
    }
    match 100.0 * part as f64 / whole as f64 {
        share if share < 0.1 => "<0.1 %".to_owned(),
        share if share > 99.9 => ">99.9 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}

/// A number with four significant digits; the table has all digits.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        if x.is_nan() { "not a number".to_owned() } else { "beyond float64".to_owned() }
    } else if x == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&size) {
        let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        for (part, whole, text) in [
            (0, 9, "0 %"),
            (9, 9, "100 %"),
            (1, 49152, "<0.1 %"),
            (49151, 49152, ">99.9 %"),
            (229, 876, "26.1 %"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn numbers_have_four_digits_that_can_be_read() {
        for (x, text) in [
            (0.0, "0"),
            (2.97203, "2.972"),
            (31234.5, "31234"),
            (0.00123456, "0.001235"),
            (2.98725e-4, "2.987e-4"),
            (f64::INFINITY, "beyond float64"),
        ] {
            assert_eq!(number(x), text);
        }
        assert_eq!((grouped(9999), grouped(262144)), ("9999".into(), "262\u{202f}144".into()));
    }
}
