//! `varargs` and `kwargs` in macros, which minijinja does not have: a macro that names them gets them as parameters, and its
//! calls go through `_call`, which gathers what the other parameters leave over.

use std::ops::Range;

use minijinja::value::{Kwargs, Rest, Tuple};
use minijinja::{Error, ErrorKind, State, Value};

use crate::rewrite::Edit;
use crate::tags::{code_sections, tag_name, words};

const GATHERED: [&str; 2] = ["varargs", "kwargs"];

struct Macro<'a> {
    name: &'a str,
    name_at: usize,
}

/// What makes the macros of a source gather, and their calls go through `_call`.
pub fn edits(source: &str) -> Vec<Edit> {
    if !GATHERED.iter().any(|name| source.contains(name)) {
        return Vec::new();
    }
    let sections = code_sections(source.as_bytes());
    let mut edits = Vec::new();
    let mut macros: Vec<Macro> = Vec::new();
    for (i, section) in sections.iter().enumerate() {
        if let Some(found) = gathering_macro(source, &sections[i..], section, &mut edits) {
            macros.push(found);
        }
    }
    for section in &sections {
        for word in words(source, section.clone()) {
            let is_call = macros.iter().any(|m| m.name == &source[word.clone()] && m.name_at != word.start);
            let Some(open) = opening(source, word.end, section.end).filter(|_| is_call) else { continue };
            let has_none = source[open + 1..section.end].trim_start().starts_with(')');
            edits.push(Edit::insert(word.start, "_call("));
            edits.push(Edit::replace(open, 1, if has_none { "" } else { "," }));
        }
    }
    edits
}

/// The macro that this section begins, when its body names what it gathers.
fn gathering_macro<'a>(
    source: &'a str,
    sections: &[Range<usize>],
    section: &Range<usize>,
    edits: &mut Vec<Edit>,
) -> Option<Macro<'a>> {
    let bytes = source.as_bytes();
    if !is_tag(bytes, section, "macro") {
        return None;
    }
    let name = words(source, section.clone()).nth(1)?;
    let open = opening(source, name.end, section.end)?;
    let close = source[open..section.end].rfind(')')? + open;
    let mut depth = 0;
    let mut used = [false; 2];
    for inner in sections {
        depth += i32::from(is_tag(bytes, inner, "macro")) - i32::from(is_tag(bytes, inner, "endmacro"));
        if depth == 0 {
            break;
        }
        for word in words(source, inner.clone()) {
            for (i, gathered) in GATHERED.iter().enumerate() {
                used[i] |= source[word.clone()] == **gathered;
            }
        }
    }
    let parameters = &source[open + 1..close];
    let given = words(source, open + 1..close).any(|word| GATHERED.contains(&&source[word]));
    if used == [false; 2] || given {
        return None;
    }
    let empty = ["varargs=()", "kwargs={}"];
    let added: Vec<&str> = (0..2).filter(|i| used[*i]).map(|i| empty[i]).collect();
    let comma = if parameters.trim().is_empty() || parameters.trim_end().ends_with(',') { "" } else { ", " };
    edits.push(Edit::insert(close, format!("{comma}{}", added.join(", "))));
    Some(Macro { name: &source[name.clone()], name_at: name.start })
}

fn is_tag(bytes: &[u8], section: &Range<usize>, name: &str) -> bool {
    let (start, end) = tag_name(bytes, section.start);
    bytes[section.start - 1] == b'%' && &bytes[start..end] == name.as_bytes()
}

/// The `(` that follows, blanks aside.
fn opening(source: &str, from: usize, end: usize) -> Option<usize> {
    let blanks = source[from..end].len() - source[from..end].trim_start().len();
    source[from + blanks..end].starts_with('(').then_some(from + blanks)
}

/// `_call(macro, …)`: the macro with its own parameters, and what is left over in `varargs` and `kwargs`.
pub fn call(state: &mut State, target: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let mut parameters = Vec::new();
    for name in target.get_attr("arguments")?.try_iter()?.checked() {
        parameters.push(name?.to_string());
    }
    let has = |name: &str| parameters.iter().any(|p| p == name);
    let own = parameters.iter().filter(|p| !GATHERED.contains(&p.as_str())).count();
    let mut arguments = positional.0;
    let left_over = arguments.split_off(own.min(arguments.len()));
    if !left_over.is_empty() && !has("varargs") {
        return Err(Error::new(ErrorKind::TooManyArguments, format!("the macro takes {own} arguments")));
    }
    let (mut known, mut others) = (Vec::new(), Vec::new());
    for name in named.args() {
        let value = named.get::<Value>(name)?;
        match has(name) || name == "caller" || !has("kwargs") {
            true => known.push((name.to_string(), value)),
            false => others.push((name.to_string(), value)),
        }
    }
    if has("varargs") {
        known.push(("varargs".into(), Value::from(Tuple::from(left_over))));
    }
    if has("kwargs") {
        known.push(("kwargs".into(), Value::from_pairs(others)));
    }
    arguments.push(known.into_iter().collect::<Kwargs>().into());
    target.call(state, &arguments)
}

#[cfg(test)]
mod tests {
    use super::edits;
    use crate::rewrite::Source;

    fn edited(source: &str) -> String {
        let mut text = Source::new(source.into());
        text.apply(edits(source));
        text.text
    }

    #[test]
    fn gathering_macros_and_their_calls_change() {
        assert_eq!(
            edited("{% macro m(a) %}{{ varargs }}{% endmacro %}{{ m(1, 2) }}{{ x.m(1) }}{{ 'm(1)' }}"),
            "{% macro m(a, varargs=()) %}{{ varargs }}{% endmacro %}{{ _call(m,1, 2) }}{{ x.m(1) }}{{ 'm(1)' }}"
        );
        assert_eq!(
            edited("{% macro m() -%}{{ kwargs.x }}{% endmacro %}{% call m () %}{% endcall %}"),
            "{% macro m(kwargs={}) -%}{{ kwargs.x }}{% endmacro %}{% call _call(m ) %}{% endcall %}"
        );
    }

    #[test]
    fn other_macros_stay() {
        for source in [
            "{% macro m(kwargs) %}{{ kwargs }}{% endmacro %}{{ m(1) }}",
            "{% macro m(a) %}{{ a.kwargs }}'varargs'{{ 'kwargs' }}{% endmacro %}{{ m(1) }}{{ kwargs }}",
        ] {
            assert_eq!(edited(source), source);
        }
    }
}
