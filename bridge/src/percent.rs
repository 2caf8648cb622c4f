//! Python's `%` on strings ("printf-style String Formatting" in Python's library reference), and the `format` filter, which is
//! the same.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::format::{limit, python_repr, python_str};
use crate::methods::WIDTH_MAX;
use crate::template::JOINED_BYTES_MAX;

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

/// `format % arguments`: a tuple holds several, a dict named ones, anything else is one.
pub fn percent(state: &State, format: &str, arguments: &Value) -> Result<String, Error> {
    let positional = match arguments.is_tuple() {
        true => arguments.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?,
        false => vec![arguments.clone()],
    };
    let may_be_left = !arguments.is_tuple() && matches!(arguments.kind(), ValueKind::Map | ValueKind::Seq);
    let mut writer = Writer { state, arguments, positional, used: 0, out: String::new() };
    writer.write(format)?;
    if writer.used < writer.positional.len() && !may_be_left {
        return Err(invalid("not all arguments converted during string formatting"));
    }
    state.consume_fuel(writer.out.len() as u64 / 64)?;
    Ok(writer.out)
}

/// The `format` filter.
pub fn filter(state: &State, format: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let format = python_str(state, format)?;
    let names: Vec<&str> = named.args().collect();
    if names.is_empty() {
        return Ok(percent(state, &format, &Value::from(minijinja::value::Tuple::from(positional.0)))?.into());
    }
    if !positional.is_empty() {
        return Err(invalid("can't handle positional and keyword arguments at the same time"));
    }
    let pairs = names.iter().map(|name| Ok((*name, named.get::<Value>(name)?))).collect::<Result<Vec<_>, Error>>()?;
    Ok(percent(state, &format, &Value::from_pairs(pairs))?.into())
}

#[derive(Default)]
struct Spec {
    alternate: bool,
    zero: bool,
    left: bool,
    blank: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

struct Writer<'a, 'b, 'c> {
    state: &'a State<'b, 'c>,
    arguments: &'a Value,
    positional: Vec<Value>,
    used: usize,
    out: String,
}

impl Writer<'_, '_, '_> {
    fn write(&mut self, format: &str) -> Result<(), Error> {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            self.out.push_str(&rest[..at]);
            rest = self.conversion(&rest[at + 1..])?;
            if self.out.len() > JOINED_BYTES_MAX {
                return Err(limit("a formatted string is too large"));
            }
        }
        self.out.push_str(rest);
        Ok(())
    }

    /// Writes what follows a `%`; what is left of the format.
    fn conversion<'f>(&mut self, mut rest: &'f str) -> Result<&'f str, Error> {
        let mut named = None;
        if let Some(key) = rest.strip_prefix('(') {
            let end = key.find(')').ok_or_else(|| invalid("incomplete format key"))?;
            let value = self.arguments.get_item(&Value::from(&key[..end])).unwrap_or_default();
            if value.is_undefined() {
                return Err(invalid(format!("the format names '{}', which the arguments do not have", &key[..end])));
            }
            (named, rest) = (Some(value), &key[end + 1..]);
        }
        let mut spec = Spec::default();
        while let Some(flag) = rest.chars().next().filter(|c| "#0- +".contains(*c)) {
            match flag {
                '#' => spec.alternate = true,
                '0' => spec.zero = true,
                '-' => spec.left = true,
                ' ' => spec.blank = true,
                _ => spec.plus = true,
            }
            rest = &rest[1..];
        }
        let width;
        (width, rest) = self.number(rest)?;
        if let Some(width) = width {
            spec.left |= width < 0;
            spec.width = width.unsigned_abs() as usize;
        }
        if let Some(digits) = rest.strip_prefix('.') {
            let precision;
            (precision, rest) = self.number(digits)?;
            spec.precision = Some(precision.unwrap_or(0).max(0) as usize);
        }
        if spec.width > WIDTH_MAX || spec.precision.unwrap_or(0) > WIDTH_MAX {
            return Err(limit("a formatted value is too wide"));
        }
        rest = rest.trim_start_matches(['h', 'l', 'L']);
        let kind = rest.chars().next().ok_or_else(|| invalid("incomplete format"))?;
        if kind == '%' {
            self.out.push('%');
        } else {
            let value = named.map_or_else(|| self.next(), Ok)?;
            let text = self.convert(kind, &spec, &value)?;
            self.out.push_str(&text);
        }
        Ok(&rest[kind.len_utf8()..])
    }

    fn next(&mut self) -> Result<Value, Error> {
        self.used += 1;
        self.positional.get(self.used - 1).cloned().ok_or_else(|| invalid("not enough arguments for format string"))
    }

    /// A width or precision: digits, or `*` for the next argument.
    fn number<'f>(&mut self, rest: &'f str) -> Result<(Option<i64>, &'f str), Error> {
        if let Some(rest) = rest.strip_prefix('*') {
            return Ok((Some(i64::try_from(self.next()?)?), rest));
        }
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = &rest[..rest.len() - after.len()];
        if digits.is_empty() {
            return Ok((None, after));
        }
        Ok((Some(digits.parse().map_err(|_| limit("a formatted value is too wide"))?), after))
    }

    fn convert(&self, kind: char, spec: &Spec, value: &Value) -> Result<String, Error> {
        Ok(match kind {
            's' => text(spec, python_str(self.state, value)?),
            'r' => text(spec, python_repr(self.state, value)?),
            'a' => text(spec, ascii(&python_repr(self.state, value)?)),
            'c' => text(spec, character(value)?),
            'd' | 'i' | 'u' => integer(spec, kind, &decimal(value)?, ""),
            'x' | 'X' | 'o' => {
                let n = match value.is_integer() || value.kind() == ValueKind::Bool {
                    true => i128::try_from(value.clone())?,
                    false => return Err(invalid(format!("%{kind} format: an integer is required, not {}", value.kind()))),
                };
                let sign = if n < 0 { "-" } else { "" };
                let (digits, prefix) = match kind {
                    'x' => (format!("{:x}", n.unsigned_abs()), "0x"),
                    'X' => (format!("{:X}", n.unsigned_abs()), "0X"),
                    _ => (format!("{:o}", n.unsigned_abs()), "0o"),
                };
                integer(spec, kind, &(sign.to_string() + &digits), if spec.alternate { prefix } else { "" })
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => real(spec, kind, value)?,
            _ => return Err(invalid(format!("unsupported format character '{kind}'"))),
        })
    }
}

fn text(spec: &Spec, text: String) -> String {
    let text: String = match spec.precision {
        Some(n) => text.chars().take(n).collect(),
        None => text,
    };
    let missing = " ".repeat(spec.width.saturating_sub(text.chars().count()));
    if spec.left {
        text + &missing
    } else {
        missing + &text
    }
}

fn ascii(repr: &str) -> String {
    let mut out = String::new();
    for c in repr.chars() {
        match c as u32 {
            0..=0x7f => out.push(c),
            code @ 0x80..=0xff => out.push_str(&format!("\\x{code:02x}")),
            code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

fn character(value: &Value) -> Result<String, Error> {
    let text = match value.as_str() {
        Some(text) => text.to_string(),
        None => u32::try_from(value.clone()).ok().and_then(char::from_u32).map(String::from).unwrap_or_default(),
    };
    match text.chars().count() {
        1 => Ok(text),
        _ => Err(invalid("%c requires an int in range(0x110000) or a single character")),
    }
}

fn decimal(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Bool => Ok(if value.is_true() { "1" } else { "0" }.into()),
        ValueKind::Number if value.is_integer() => Ok(value.to_string()),
        ValueKind::Number => match f64::try_from(value.clone())? {
            number if number.is_finite() => Ok(format!("{:.0}", number.trunc() + 0.0)),
            _ => Err(invalid("cannot convert float infinity or NaN to integer")),
        },
        kind => Err(invalid(format!("%d format: a real number is required, not {kind}"))),
    }
}

/// Sign, prefix and zeros before the digits of a number; `digits` may begin with a minus.
fn padded(spec: &Spec, digits: &str, prefix: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None if spec.plus => ("+", digits),
        None if spec.blank => (" ", digits),
        None => ("", digits),
    };
    let head = sign.to_string() + prefix;
    let missing = spec.width.saturating_sub(head.len() + digits.len());
    match (spec.left, spec.zero) {
        (true, _) => head + digits + &" ".repeat(missing),
        (false, true) => head + &"0".repeat(missing) + digits,
        (false, false) => " ".repeat(missing) + &head + digits,
    }
}

fn integer(spec: &Spec, _kind: char, digits: &str, prefix: &str) -> String {
    let (sign, magnitude) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let least = spec.precision.unwrap_or(0).saturating_sub(magnitude.len());
    padded(spec, &(sign.to_string() + &"0".repeat(least) + magnitude), prefix)
}

fn real(spec: &Spec, kind: char, value: &Value) -> Result<String, Error> {
    let number = match value.kind() {
        ValueKind::Bool => f64::from(u8::from(value.is_true())),
        ValueKind::Number => f64::try_from(value.clone())?,
        kind => return Err(invalid(format!("must be real number, not {kind}"))),
    };
    let precision = spec.precision.unwrap_or(6);
    let mut digits = match kind.to_ascii_lowercase() {
        _ if number.is_nan() => "nan".to_string(),
        _ if number.is_infinite() => if number > 0.0 { "inf" } else { "-inf" }.to_string(),
        'f' => format!("{number:.precision$}"),
        'e' => exponential(number, precision),
        _ => general(number, precision.max(1), spec.alternate),
    };
    if spec.alternate && number.is_finite() && !digits.contains('.') {
        let end = digits.find('e').unwrap_or(digits.len());
        digits.insert(end, '.');
    }
    if kind.is_ascii_uppercase() {
        digits.make_ascii_uppercase();
    }
    Ok(match number.is_finite() {
        true => padded(spec, &digits, ""),
        false => padded(&Spec { zero: false, ..*spec }, &digits, ""),
    })
}

fn exponential(number: f64, precision: usize) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%g`: `precision` significant digits, an exponent where it is below −4 or not below the precision.
fn general(number: f64, precision: usize, keep_zeros: bool) -> String {
    let scientific = exponential(number, precision - 1);
    let (mantissa, exponent_text) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
    let exponent: i64 = exponent_text.parse().unwrap_or(0);
    let strip = |text: &str| match text.contains('.') && !keep_zeros {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if (-4..precision as i64).contains(&exponent) {
        return strip(&format!("{number:.*}", (precision as i64 - 1 - exponent) as usize));
    }
    strip(mantissa) + "e" + exponent_text
}
