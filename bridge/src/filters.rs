//! Jinja2's filters that minijinja lacks or has with other results.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::format::python_str;
use crate::methods::{center, split_lines};
use crate::wordwrap;

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// The arguments of a filter, by place or by name.
struct Arguments {
    positional: Vec<Value>,
    named: Kwargs,
}

impl Arguments {
    fn get(&self, place: usize, name: &str) -> Result<Option<Value>, Error> {
        match self.positional.get(place) {
            Some(value) => Ok(Some(value.clone())),
            None => self.named.get(name),
        }
    }

    fn whole(&self, place: usize, name: &str, otherwise: usize) -> Result<usize, Error> {
        match self.get(place, name)?.filter(|v| !v.is_none()) {
            Some(value) => usize::try_from(value),
            None => Ok(otherwise),
        }
    }

    fn truth(&self, place: usize, name: &str, otherwise: bool) -> Result<bool, Error> {
        Ok(self.get(place, name)?.map_or(otherwise, |v| v.is_true()))
    }

    fn text(&self, state: &State, place: usize, name: &str, otherwise: &str) -> Result<String, Error> {
        match self.get(place, name)?.filter(|v| !v.is_none()) {
            Some(value) => python_str(state, &value),
            None => Ok(otherwise.into()),
        }
    }
}

/// `int(value, default=0, base=10)`
pub fn int(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let arguments = Arguments { positional: positional.0, named };
    let default = arguments.get(0, "default")?.unwrap_or(Value::from(0));
    let base = arguments.whole(1, "base", 10)?;
    arguments.named.assert_all_used()?;
    let whole = match value.kind() {
        ValueKind::Undefined => return Err(Error::new(ErrorKind::UndefinedError, "int of an undefined value")),
        ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Some(value.clone()),
        ValueKind::Number => truncated(f64::try_from(value.clone())?),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            parse_int(text, base).map(Value::from).or_else(|| parse_float(text).and_then(truncated))
        }
        _ => None,
    };
    Ok(whole.unwrap_or(default))
}

/// `float(value, default=0.0)`
pub fn float(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let arguments = Arguments { positional: positional.0, named };
    let default = arguments.get(0, "default")?.unwrap_or(Value::from(0.0));
    arguments.named.assert_all_used()?;
    let real = match value.kind() {
        ValueKind::Undefined => return Err(Error::new(ErrorKind::UndefinedError, "float of an undefined value")),
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => Some(f64::try_from(value.clone())?),
        ValueKind::String => parse_float(value.as_str().unwrap_or_default()),
        _ => None,
    };
    Ok(real.map_or(default, Value::from))
}

fn truncated(number: f64) -> Option<Value> {
    (number.abs() < 1e38).then(|| Value::from(number.trunc() as i128))
}

/// Python's digits: white space around, one underscore between two digits.
fn plain_digits(text: &str) -> Option<String> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_alphanumeric);
    let lone = (0..bytes.len()).all(|i| bytes[i] != b'_' || (i > 0 && digit(i - 1) && digit(i + 1)));
    lone.then(|| text.replace('_', ""))
}

/// `int(text, base)`
fn parse_int(text: &str, base: usize) -> Option<i128> {
    let text = plain_digits(text)?;
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text.as_str()),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed =
        [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find(|(p, b)| lower.starts_with(p) && (base == 0 || base == *b));
    let (digits, base) = match prefixed {
        Some((_, base)) => (&lower[2..], base),
        None => (lower.as_str(), if base == 0 { 10 } else { base }),
    };
    if !(2..=36).contains(&base) || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, base as u32).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

fn parse_float(text: &str) -> Option<f64> {
    plain_digits(text)?.parse().ok()
}

/// `wordcount`: runs of letters, digits and underscores.
pub fn wordcount(state: &State, value: &Value) -> Result<usize, Error> {
    let text = python_str(state, value)?;
    Ok(text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).count())
}

/// `center(value, width=80)`
pub fn center_filter(state: &State, value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments { positional: positional.0, named };
    let width = arguments.whole(0, "width", 80)?;
    arguments.named.assert_all_used()?;
    center(&python_str(state, value)?, width, " ")
}

/// `truncate(s, length=255, killwords=False, end='...', leeway=5)`
pub fn truncate(state: &State, value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments { positional: positional.0, named };
    let length = arguments.whole(0, "length", 255)?;
    let kill_words = arguments.truth(1, "killwords", false)?;
    let end = arguments.text(state, 2, "end", "...")?;
    let leeway = arguments.whole(3, "leeway", 5)?;
    arguments.named.assert_all_used()?;
    let text = python_str(state, value)?;
    let room = length.checked_sub(end.chars().count()).ok_or_else(|| invalid("truncate: the length is below that of its end"))?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text);
    }
    let kept: String = text.chars().take(room).collect();
    let cut = if kill_words { kept.len() } else { kept.rfind(' ').unwrap_or(kept.len()) };
    Ok(kept[..cut].to_string() + &end)
}

/// `wordwrap(s, width=79, break_long_words=True, wrapstring='\n', break_on_hyphens=True)`
pub fn wordwrap(state: &State, value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments { positional: positional.0, named };
    let width = arguments.whole(0, "width", 79)?;
    let break_long_words = arguments.truth(1, "break_long_words", true)?;
    let joint = arguments.text(state, 2, "wrapstring", "\n")?;
    let break_on_hyphens = arguments.truth(3, "break_on_hyphens", true)?;
    arguments.named.assert_all_used()?;
    if width == 0 {
        return Err(invalid("wordwrap: the width must be above 0"));
    }
    let text = python_str(state, value)?;
    state.consume_fuel(text.len() as u64)?;
    let lines = split_lines(&text, false);
    let wrapped = lines.iter().map(|line| wordwrap::wrap(line, width, break_long_words, break_on_hyphens).join(&joint));
    Ok(wrapped.collect::<Vec<_>>().join(&joint))
}

/// `striptags`: comments and tags go, runs of white space become a blank. Of the entities that stand for a character the
/// numbers and the six that escaping makes are read.
pub fn striptags(state: &State, value: &Value) -> Result<String, Error> {
    let text = python_str(state, value)?;
    let text = without(&without(&text, "<!--", "-->"), "<", ">");
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(unescaped(&words.join(" ")))
}

/// The text without what stands from each `open` to the next `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let Some(end) = rest[start..].find(close) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + end + close.len()..];
    }
    out + rest
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest.find(';').and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

/// `urlencode`: a text, or the pairs of a dict or list as a query.
pub fn urlencode(state: &State, value: &Value) -> Result<String, Error> {
    if !matches!(value.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Iterable) {
        return Ok(url_quote(&python_str(state, value)?, false));
    }
    let mut pairs = Vec::new();
    for item in value.try_iter()?.checked() {
        let item = item?;
        let (key, value) = match value.kind() {
            ValueKind::Map => (item.clone(), value.get_item(&item)?),
            _ => (item.get_item_by_index(0)?, item.get_item_by_index(1)?),
        };
        pairs.push(url_quote(&python_str(state, &key)?, true) + "=" + &url_quote(&python_str(state, &value)?, true));
    }
    Ok(pairs.join("&"))
}

fn url_quote(text: &str, in_query: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b'-' | b'~' => out.push(byte as char),
            b'/' if !in_query => out.push('/'),
            b' ' if in_query => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
