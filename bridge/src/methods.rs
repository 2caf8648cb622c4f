//! Python's methods of strings, lists and dicts: those that minijinja-contrib lacks or has with other results.

use minijinja::value::{from_args, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use crate::format::limit;

/// Widest result of ljust, rjust, center and zfill.
pub const WIDTH_MAX: usize = 100_000;

pub fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    let own = match value.kind() {
        ValueKind::String => string_method(value.as_str().unwrap_or_default(), method, args)?,
        ValueKind::Seq | ValueKind::Iterable => sequence_method(value, method, args)?,
        ValueKind::Map if method == "copy" => Some(value.clone()),
        _ => None,
    };
    match own {
        Some(result) => Ok(result),
        None => pycompat::unknown_method_callback(state, value, method, args),
    }
}

/// `str.isspace` of one character: what `strip` and `split` take away.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

fn stripper(args: &[Value]) -> Result<impl Fn(char) -> bool, Error> {
    let (chars,): (Option<String>,) = from_args(args)?;
    Ok(move |c: char| chars.as_ref().map_or_else(|| is_space(c), |set| set.contains(c)))
}

fn string_method(s: &str, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "strip" => s.trim_matches(stripper(args)?).into(),
        "lstrip" => s.trim_start_matches(stripper(args)?).into(),
        "rstrip" => s.trim_end_matches(stripper(args)?).into(),
        "split" => split(s, args, false)?,
        "rsplit" => split(s, args, true)?,
        "splitlines" => {
            let (keep_ends,): (Option<bool>,) = from_args(args)?;
            list(split_lines(s, keep_ends.unwrap_or(false)).into_iter())
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            partition(s, non_empty(separator)?, method == "rpartition")
        }
        "replace" => {
            let (from, to): (&str, &str) = from_args(&args[..args.len().min(2)])?;
            if s.matches(from).count().saturating_mul(to.len()) > crate::template::JOINED_BYTES_MAX {
                return Err(limit("a string grows too large"));
            }
            return Ok(None);
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            s.strip_prefix(prefix).unwrap_or(s).into()
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            s.strip_suffix(suffix).unwrap_or(s).into()
        }
        "index" | "rindex" => {
            let (what,): (&str,) = from_args(args)?;
            let at = if method == "index" { s.find(what) } else { s.rfind(what) };
            match at {
                Some(at) => s[..at].chars().count().into(),
                None => return Err(invalid("substring not found")),
            }
        }
        "ljust" | "rjust" | "center" | "zfill" => padded(s, method, args)?.into(),
        "swapcase" => s.chars().map(swap_case).collect::<String>().into(),
        "casefold" => s.to_lowercase().replace('ß', "ss").into(),
        "isspace" => (!s.is_empty() && s.chars().all(is_space)).into(),
        "isdigit" | "isdecimal" => (!s.is_empty() && s.chars().all(|c| c.is_ascii_digit())).into(),
        "isidentifier" => {
            let head = s.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
            (head && s.chars().all(|c| c.is_alphanumeric() || c == '_')).into()
        }
        "join" => {
            let (items,): (&Value,) = from_args(args)?;
            join(s, items)?.into()
        }
        _ => return Ok(None),
    }))
}

fn sequence_method(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match method {
        "copy" => value.clone(),
        "index" | "count" => {
            let (what,): (&Value,) = from_args(args)?;
            let items = value.try_iter()?.checked().collect::<Result<Vec<_>, _>>()?;
            match method {
                "count" => items.iter().filter(|item| *item == what).count().into(),
                _ => items.iter().position(|item| item == what).ok_or_else(|| invalid("the item is not in the list"))?.into(),
            }
        }
        _ => return Ok(None),
    }))
}

fn invalid(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

fn non_empty(separator: &str) -> Result<&str, Error> {
    if separator.is_empty() {
        return Err(invalid("empty separator"));
    }
    Ok(separator)
}

fn list<'a>(parts: impl Iterator<Item = &'a str>) -> Value {
    parts.map(Value::from).collect::<Vec<_>>().into()
}

/// `split(sep=None, maxsplit=-1)` and `rsplit`.
fn split(s: &str, args: &[Value], from_right: bool) -> Result<Value, Error> {
    let (positional, named): (minijinja::value::Rest<Value>, minijinja::value::Kwargs) = from_args(args)?;
    let separator = positional.first().cloned().or(named.get("sep")?).filter(|v| !v.is_none());
    let splits_max = positional.get(1).cloned().or(named.get("maxsplit")?).map_or(Ok(-1), i64::try_from)?;
    named.assert_all_used()?;
    let n = usize::try_from(splits_max).map_or(usize::MAX, |n| n.saturating_add(1));
    let Some(separator) = separator else { return Ok(split_blanks(s, n, from_right)) };
    let separator = non_empty(separator.as_str().ok_or_else(|| invalid("the separator must be a string"))?)?;
    if !from_right {
        return Ok(list(s.splitn(n, separator)));
    }
    let mut parts: Vec<&str> = s.rsplitn(n, separator).collect();
    parts.reverse();
    Ok(list(parts.into_iter()))
}

/// Splitting at runs of white space; the last part keeps the rest as it is.
fn split_blanks(s: &str, n: usize, from_right: bool) -> Value {
    let mut parts = Vec::new();
    let mut rest = if from_right { s.trim_end_matches(is_space) } else { s.trim_start_matches(is_space) };
    while !rest.is_empty() {
        let cut = if parts.len() + 1 == n {
            None
        } else if from_right {
            rest.char_indices().rfind(|(_, c)| is_space(*c)).map(|(at, c)| (&rest[at + c.len_utf8()..], &rest[..at]))
        } else {
            rest.find(is_space).map(|at| (&rest[..at], &rest[at..]))
        };
        let Some((part, remaining)) = cut else {
            parts.push(rest);
            break;
        };
        parts.push(part);
        rest = if from_right { remaining.trim_end_matches(is_space) } else { remaining.trim_start_matches(is_space) };
    }
    if from_right {
        parts.reverse();
    }
    list(parts.into_iter())
}

/// Python's line ends: more than \n, and \r\n is one.
pub fn split_lines(s: &str, keep_ends: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = s.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(if keep_ends { &s[start..end] } else { &s[start..at] });
        start = end;
    }
    if start < s.len() {
        lines.push(&s[start..]);
    }
    lines
}

fn partition(s: &str, separator: &str, from_right: bool) -> Value {
    let parts = match if from_right { s.rsplit_once(separator) } else { s.split_once(separator) } {
        Some((before, after)) => [before, separator, after],
        None if from_right => ["", "", s],
        None => [s, "", ""],
    };
    Value::from(minijinja::value::Tuple::from(parts.map(Value::from)))
}

fn padded(s: &str, method: &str, args: &[Value]) -> Result<String, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(args)?;
    let length = s.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    if missing > WIDTH_MAX {
        return Err(limit("a string is padded too widely"));
    }
    let fill = |n: usize| fill.unwrap_or(if method == "zfill" { "0" } else { " " }).repeat(n);
    Ok(match method {
        "ljust" => s.to_string() + &fill(missing),
        "rjust" => fill(missing) + s,
        "zfill" => match s.strip_prefix(['+', '-']) {
            Some(digits) => s[..1].to_string() + &fill(missing) + digits,
            None => fill(missing) + s,
        },
        _ => center(s, length + missing, &fill(1))?,
    })
}

/// `str.center`
pub fn center(s: &str, width: usize, fill: &str) -> Result<String, Error> {
    let missing = width.saturating_sub(s.chars().count());
    if missing > WIDTH_MAX {
        return Err(limit("a string is padded too widely"));
    }
    // CPython puts the odd blank on the left when the width is odd
    let left = missing / 2 + (missing & width & 1);
    Ok(fill.repeat(left) + s + &fill.repeat(missing - left))
}

fn swap_case(c: char) -> String {
    if c.is_uppercase() {
        c.to_lowercase().collect()
    } else {
        c.to_uppercase().collect()
    }
}

fn join(separator: &str, items: &Value) -> Result<String, Error> {
    let mut out = String::new();
    for (i, item) in items.try_iter()?.checked().enumerate() {
        let item = item?;
        let text = item.as_str().ok_or_else(|| invalid("join: every item must be a string"))?;
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
        if out.len() > crate::template::JOINED_BYTES_MAX {
            return Err(limit("a joined string is too large"));
        }
    }
    Ok(out)
}
