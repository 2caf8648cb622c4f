//! Jinja2's `Markup`: `'a'|safe + b` escapes b, with or without auto-escaping. minijinja does that with auto-escaping only.
//!
//! In a sum that has an operand whose last filter is `safe` or `escape`, the other operands get `|e`. Only sums written as one
//! expression are seen; that is how templates use it.

use std::ops::Range;

use crate::rewrite::Edit;
use crate::tags::{code_sections, end_of_string};

const MARKUP_FILTERS: [&str; 4] = ["safe", "e", "escape", "forceescape"];
const OPERATOR_WORDS: [&str; 8] = ["if", "else", "and", "or", "not", "in", "is", "elif"];

/// The filters to insert.
pub fn edits(source: &str) -> Vec<Edit> {
    if !MARKUP_FILTERS.iter().any(|filter| source.contains(filter)) {
        return Vec::new();
    }
    let mut insertions: Vec<usize> = Vec::new();
    for code in code_sections(source.as_bytes()) {
        find_sums(source, code, &mut insertions);
    }
    insertions.into_iter().map(|at| Edit::insert(at, "|e")).collect()
}

/// One sum under construction, at one bracket level.
#[derive(Default)]
struct Sum {
    operands: Vec<(usize, bool)>, // end, is markup
    end: usize,                   // of the current operand
    filter: bool,                 // the last token was `|`
    markup: bool,
}

impl Sum {
    fn token(&mut self, end: usize) {
        (self.end, self.filter, self.markup) = (end, false, false);
    }

    fn plus(&mut self) {
        self.operands.push((self.end, self.markup));
        self.markup = false;
    }

    fn finish(&mut self, insertions: &mut Vec<usize>) {
        self.plus();
        if self.operands.len() > 1 && self.operands.iter().any(|(_, markup)| *markup) {
            insertions.extend(self.operands.iter().filter(|(end, markup)| !markup && *end > 0).map(|(end, _)| *end));
        }
        *self = Sum::default();
    }
}

fn find_sums(source: &str, code: Range<usize>, insertions: &mut Vec<usize>) {
    let bytes = source.as_bytes();
    let mut levels = vec![Sum::default()];
    let mut i = code.start;
    while i < code.end {
        let start = i;
        i += 1;
        let sum = levels.last_mut().expect("one level is always open");
        match bytes[start] {
            b'"' | b'\'' => {
                i = end_of_string(bytes, start).min(code.end);
                sum.token(i);
            }
            b'(' | b'[' | b'{' => levels.push(Sum::default()),
            b')' | b']' | b'}' => {
                sum.finish(insertions);
                if levels.len() > 1 {
                    levels.pop();
                }
                let outer = levels.last_mut().expect("one level is always open");
                let markup = outer.markup; // the arguments of a filter belong to it
                outer.token(i);
                outer.markup = markup;
            }
            b'|' => sum.filter = true,
            b'+' => sum.plus(),
            b',' | b':' | b'=' | b'!' | b'<' | b'>' | b'-' => sum.finish(insertions),
            c if c.is_ascii_whitespace() => {}
            c if c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80 => {
                while i < code.end && (bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_' || bytes[i] >= 0x80) {
                    i += 1;
                }
                let word = &source[start..i];
                let is_attribute = start > 0 && bytes[start - 1] == b'.';
                if OPERATOR_WORDS.contains(&word) && !is_attribute {
                    sum.finish(insertions);
                } else {
                    let markup = sum.filter && MARKUP_FILTERS.contains(&word);
                    sum.token(i);
                    sum.markup = markup;
                }
            }
            _ => sum.token(i),
        }
    }
    for mut sum in levels {
        sum.finish(insertions);
    }
}

#[cfg(test)]
mod tests {
    use crate::rewrite::Source;

    fn escape_sums(source: String) -> String {
        let mut text = Source::new(source);
        text.apply(super::edits(&text.text));
        text.text
    }

    #[test]
    fn operands_beside_markup_are_escaped() {
        for (source, wanted) in [
            ("{{ 'a'|safe + b }}", "{{ 'a'|safe + b|e }}"),
            ("{{ b + 'a' | safe + c['x'] + d|tojson() }}", "{{ b|e + 'a' | safe + c['x']|e + d|tojson()|e }}"),
            ("{% set x = f(y|e + z) if a + b else c %}", "{% set x = f(y|e + z|e) if a + b else c %}"),
        ] {
            assert_eq!(escape_sums(source.to_string()), wanted);
        }
    }

    #[test]
    fn other_expressions_stay() {
        for source in [
            "{{ a + b }} 'x'|safe + y",
            "{{ x|safe }}{{ a + b }}",
            "{{ x|safe ~ b }}",
            "{{ f(x|safe) + b }}",
            "{{ '|safe + ' + b }}",
            "{% if x|safe == a + b %}{% endif %}",
            "{# 'a'|safe + b #}",
            "{% raw %}{{ 'a'|safe + b }}{% endraw %}",
            "{{ x|safe|trim + b }}",
        ] {
            assert_eq!(escape_sums(source.to_string()), source);
        }
    }
}
