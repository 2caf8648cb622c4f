//! The `tojson` filter as Hugging Face defines it: Python's `json.dumps` with `ensure_ascii=False`.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::format::{check_depth, float_repr, Sink};

struct Style {
    ensure_ascii: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
}

impl Style {
    /// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`
    fn from_arguments(positional: &[Value], named: &Kwargs) -> Result<Style, Error> {
        let option = |i: usize, name: &str| -> Result<Option<Value>, Error> {
            let value = match positional.get(i) {
                Some(value) => Some(value.clone()),
                None => named.get::<Option<Value>>(name)?,
            };
            Ok(value.filter(|v| !v.is_none() && !v.is_undefined()))
        };
        let ensure_ascii = option(0, "ensure_ascii")?.is_some_and(|v| v.is_true());
        let indent = match option(1, "indent")? {
            None => None,
            Some(text) if text.as_str().is_some() => Some(text.to_string()),
            Some(width) => Some(indentation(i64::try_from(width)?)?),
        };
        let (mut item, mut key) = (if indent.is_some() { "," } else { ", " }.to_string(), ": ".to_string());
        if let Some(separators) = option(2, "separators")? {
            (item, key) = (text(separators.get_item_by_index(0)?)?, text(separators.get_item_by_index(1)?)?);
        }
        let sort_keys = option(3, "sort_keys")?.is_some_and(|v| v.is_true());
        named.assert_all_used()?;
        Ok(Style { ensure_ascii, indent, item_separator: item, key_separator: key, sort_keys })
    }
}

fn indentation(width: i64) -> Result<String, Error> {
    if width > 1000 {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("tojson indent {width} is above 1000")));
    }
    Ok(" ".repeat(width.max(0) as usize))
}

fn text(value: Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_string()),
        None => Err(Error::new(ErrorKind::InvalidOperation, "tojson separators must be two strings")),
    }
}

pub fn tojson(state: &State, value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let style = Style::from_arguments(&positional, &named)?;
    let mut writer = Writer { sink: Sink::new(state), style };
    writer.value(value, 0)?;
    Ok(Value::from(writer.sink.finish(state)?))
}

struct Writer {
    sink: Sink,
    style: Style,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        check_depth(depth)?;
        match value.kind() {
            ValueKind::None => self.sink.push("null"),
            ValueKind::Bool => self.sink.push(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.sink.push(&value.to_string()),
            ValueKind::Number => self.sink.push(&number(f64::try_from(value.clone())?)),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => self.sequence(value, depth),
            ValueKind::Map => self.map(value, depth),
            _ => Err(Error::new(ErrorKind::BadSerialization, format!("tojson: {} is not JSON serializable", value.kind()))),
        }
    }

    fn sequence(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.sink.push("[")?;
        let mut empty = true;
        for item in value.try_iter()?.checked() {
            self.begin_item(empty, depth + 1)?;
            empty = false;
            self.value(&item?, depth + 1)?;
        }
        self.end(empty, depth, "]")
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
        if self.style.sort_keys {
            keys.sort();
        }
        self.sink.push("{")?;
        let empty = keys.is_empty();
        for (i, key) in keys.iter().enumerate() {
            self.begin_item(i == 0, depth + 1)?;
            self.key(key)?;
            let separator = std::mem::take(&mut self.style.key_separator);
            self.sink.push(&separator)?;
            self.style.key_separator = separator;
            self.value(&value.get_item(key)?, depth + 1)?;
        }
        self.end(empty, depth, "}")
    }

    fn key(&mut self, key: &Value) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.string(key.as_str().unwrap_or_default()),
            ValueKind::Number | ValueKind::Bool | ValueKind::None => {
                self.sink.push("\"")?;
                self.value(key, 0)?;
                self.sink.push("\"")
            }
            kind => Err(Error::new(ErrorKind::BadSerialization, format!("tojson: a key of type {kind}"))),
        }
    }

    fn begin_item(&mut self, first: bool, depth: usize) -> Result<(), Error> {
        if !first {
            self.sink.push(&self.style.item_separator)?;
        }
        self.new_line(depth)
    }

    fn end(&mut self, empty: bool, depth: usize, close: &str) -> Result<(), Error> {
        if !empty {
            self.new_line(depth)?;
        }
        self.sink.push(close)
    }

    fn new_line(&mut self, depth: usize) -> Result<(), Error> {
        let Some(indent) = &self.style.indent else { return Ok(()) };
        self.sink.push("\n")?;
        for _ in 0..depth {
            self.sink.push(indent)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.sink.push("\"")?;
        let mut plain = 0;
        for (at, c) in text.char_indices() {
            let escape = match c {
                '"' => "\\\"".to_string(),
                '\\' => "\\\\".to_string(),
                '\n' => "\\n".to_string(),
                '\r' => "\\r".to_string(),
                '\t' => "\\t".to_string(),
                '\u{8}' => "\\b".to_string(),
                '\u{c}' => "\\f".to_string(),
                _ if (c as u32) < 0x20 || (self.style.ensure_ascii && !(' '..='~').contains(&c)) => utf16_escape(c),
                _ => continue,
            };
            self.sink.push(&text[plain..at])?;
            self.sink.push(&escape)?;
            plain = at + c.len_utf8();
        }
        self.sink.push(&text[plain..])?;
        self.sink.push("\"")
    }
}

fn utf16_escape(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    float_repr(value)
}
