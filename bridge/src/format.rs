//! Values as Python prints them: `str()` and `repr()`.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// Nesting at which printing gives up; Python's json and repr stop near 1000.
const DEPTH_MAX: usize = 200;

/// Bytes of printed containers that one unit of fuel pays for. Walking a value costs more than copying text.
const BYTES_PER_FUEL: u64 = 4;

pub fn limit(what: &'static str) -> Error {
    Error::new(ErrorKind::OutOfFuel, what)
}

/// Text under construction, never longer than the render's remaining fuel allows. A value may hold the same list many times,
/// so its printed length is not bounded by its size in memory.
pub struct Sink {
    text: String,
    bytes_max: usize,
}

impl Sink {
    pub fn new(state: &State) -> Sink {
        let fuel = state.fuel_levels().map_or(0, |(_, remaining)| remaining);
        Sink { text: String::new(), bytes_max: (fuel * BYTES_PER_FUEL) as usize }
    }

    pub fn push(&mut self, text: &str) -> Result<(), Error> {
        if text.len() > self.bytes_max - self.text.len() {
            return Err(limit("a value is too large to print"));
        }
        self.text.push_str(text);
        Ok(())
    }

    pub fn finish(self, state: &State) -> Result<String, Error> {
        state.consume_fuel(self.text.len() as u64 / BYTES_PER_FUEL)?;
        Ok(self.text)
    }
}

pub fn check_depth(depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(limit("a value is nested too deeply to print"));
    }
    Ok(())
}

/// `str(value)`.
pub fn python_str(state: &State, value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_string());
    }
    let mut sink = Sink::new(state);
    match value.kind() {
        ValueKind::Undefined => {}
        _ => write_repr(&mut sink, value, 0)?,
    }
    sink.finish(state)
}

/// `repr(value)`.
pub fn python_repr(state: &State, value: &Value) -> Result<String, Error> {
    let mut sink = Sink::new(state);
    write_repr(&mut sink, value, 0)?;
    sink.finish(state)
}

fn write_repr(sink: &mut Sink, value: &Value, depth: usize) -> Result<(), Error> {
    check_depth(depth)?;
    match value.kind() {
        ValueKind::Undefined => sink.push("Undefined"),
        ValueKind::None => sink.push("None"),
        ValueKind::String => sink.push(&string_repr(value.as_str().unwrap_or_default())),
        ValueKind::Number if !value.is_integer() => sink.push(&float_repr(f64::try_from(value.clone())?)),
        ValueKind::Map => {
            sink.push("{")?;
            for (i, key) in value.try_iter()?.checked().enumerate() {
                let key = key?;
                if i > 0 {
                    sink.push(", ")?;
                }
                write_repr(sink, &key, depth + 1)?;
                sink.push(": ")?;
                write_repr(sink, &value.get_item(&key)?, depth + 1)?;
            }
            sink.push("}")
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let (open, close) = if value.is_tuple() { ("(", ")") } else { ("[", "]") };
            sink.push(open)?;
            let mut n = 0;
            for item in value.try_iter()?.checked() {
                if n > 0 {
                    sink.push(", ")?;
                }
                write_repr(sink, &item?, depth + 1)?;
                n += 1;
            }
            if n == 1 && value.is_tuple() {
                sink.push(",")?;
            }
            sink.push(close)
        }
        _ => sink.push(&value.to_string()),
    }
}

/// `repr` of a string: single quotes unless only double ones avoid escapes; what cannot be printed is escaped.
fn string_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if c == quote => {
                out.push('\\');
                out.push(c);
            }
            _ if is_printable(c) => out.push(c),
            _ if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            _ if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push(quote);
    out
}

/// `str.isprintable` but for unassigned code points, which depend on the Unicode version: no controls, separators other than the
/// blank, format characters or private use.
fn is_printable(c: char) -> bool {
    !matches!(c as u32,
        0..=0x1f | 0x7f..=0xa0 | 0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x1680 | 0x180e | 0x2000..=0x200f
        | 0x2028..=0x202f | 0x205f..=0x2064 | 0x2066..=0x206f | 0x3000 | 0xe000..=0xf8ff | 0xfeff | 0xfff9..=0xfffb
        | 0xfffe | 0xffff | 0xe0001 | 0xe0020..=0xe007f | 0xf0000..=0x10ffff)
}

/// `repr` of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
pub fn float_repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = value.to_string();
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_python() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (9007199254740993.0, "9007199254740992.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (1.5e300, "1.5e+300"),
            (-0.0, "-0.0"),
            (123456789.125, "123456789.125"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(float_repr(value), text);
        }
    }

    #[test]
    fn strings_print_as_in_python() {
        for (value, text) in [
            ("it's", "\"it's\""),
            ("a\"b'c", "'a\"b\\'c'"),
            ("\n\t\\", "'\\n\\t\\\\'"),
            ("é😀", "'é😀'"),
            ("\u{7f}\u{200b}", "'\\x7f\\u200b'"),
        ] {
            assert_eq!(string_repr(value), text);
        }
    }
}
