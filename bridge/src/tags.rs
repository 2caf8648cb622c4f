//! Hugging Face's `{% generation %}…{% endgeneration %}`, which marks what the assistant wrote and prints its body unchanged.
//!
//! minijinja has no tags of one's own, but `with` without assignments does the same: it prints its body in a scope of its own.
//! The names are replaced in place and padded with blanks, so that every other byte keeps its line and column.

use std::ops::Range;

/// The source with the tags' names replaced. Strings, comments and raw blocks are left alone.
pub fn rewrite_generation(source: String) -> String {
    if !source.contains("generation") {
        return source;
    }
    let mut bytes = source.into_bytes();
    for code in code_sections(&bytes) {
        if bytes[code.start - 1] != b'%' {
            continue;
        }
        let (start, end) = tag_name(&bytes, code.start);
        match &bytes[start..end] {
            b"generation" => replace(&mut bytes[start..end], b"with"),
            b"endgeneration" => replace(&mut bytes[start..end], b"endwith"),
            _ => {}
        }
    }
    String::from_utf8(bytes).expect("only ASCII was replaced by ASCII")
}

/// The insides of all `{{ … }}` and `{% … %}`, without the delimiters.
pub fn code_sections(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut sections = Vec::new();
    let mut at = 0;
    while let Some(open) = find_open(bytes, at) {
        let (is_tag, inside) = (bytes[open + 1] == b'%', open + 2);
        if bytes[open + 1] == b'#' {
            at = find(bytes, inside, b"#}").map_or(bytes.len(), |end| end + 2);
            continue;
        }
        at = skip_code(bytes, inside, if is_tag { b"%}" } else { b"}}" });
        sections.push(inside..at.saturating_sub(2).max(inside));
        let (start, end) = tag_name(bytes, inside);
        if is_tag && &bytes[start..end] == b"raw" {
            at = end_of_raw(bytes, at);
        }
    }
    sections
}

fn replace(name: &mut [u8], by: &[u8]) {
    name.fill(b' ');
    name[..by.len()].copy_from_slice(by);
}

fn find(bytes: &[u8], from: usize, what: &[u8; 2]) -> Option<usize> {
    (from..bytes.len().saturating_sub(1)).find(|&i| bytes[i..i + 2] == *what)
}

fn find_open(bytes: &[u8], from: usize) -> Option<usize> {
    (from..bytes.len().saturating_sub(1)).find(|&i| bytes[i] == b'{' && matches!(bytes[i + 1], b'{' | b'%' | b'#'))
}

/// The first word of a tag, after its whitespace control.
pub fn tag_name(bytes: &[u8], from: usize) -> (usize, usize) {
    let mut start = from;
    if matches!(bytes.get(start), Some(b'-' | b'+')) {
        start += 1;
    }
    while bytes.get(start).is_some_and(u8::is_ascii_whitespace) {
        start += 1;
    }
    let mut end = start;
    while bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        end += 1;
    }
    (start, end)
}

/// Names and numbers of a piece of code, but for what follows a dot and what stands in strings.
pub fn words(source: &str, code: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = source.as_bytes();
    let mut at = code.start;
    std::iter::from_fn(move || {
        while at < code.end {
            let start = at;
            match bytes[start] {
                b'"' | b'\'' => at = end_of_string(bytes, start).min(code.end),
                c if is_word(c) => {
                    while at < code.end && is_word(bytes[at]) {
                        at += 1;
                    }
                    if start == 0 || bytes[start - 1] != b'.' {
                        return Some(start..at);
                    }
                }
                _ => at += 1,
            }
        }
        None
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where a piece of code has its OPERATORS_MAX-th operator: each is a level of the tree that the parser builds, and the compiler
/// walks the tree by recursion.
pub fn too_many_operators(source: &str) -> Option<usize> {
    const OPERATORS_MAX: usize = 2000; // real templates have below 30
    let bytes = source.as_bytes();
    code_sections(bytes).into_iter().find_map(|code| {
        let names =
            words(source, code.clone()).filter(|word| ["not", "and", "or", "if", "in", "is"].contains(&&source[word.clone()]));
        let mut places: Vec<usize> = names.map(|word| word.start).collect();
        let mut at = code.start;
        while at < code.end {
            match bytes[at] {
                b'"' | b'\'' => {
                    at = end_of_string(bytes, at);
                    continue;
                }
                b'+' | b'-' | b'*' | b'/' | b'%' | b'~' | b'|' | b'.' | b'<' | b'>' | b'=' | b'[' | b'(' => places.push(at),
                _ => {}
            }
            at += 1;
        }
        places.sort_unstable();
        places.get(OPERATORS_MAX).copied()
    })
}

/// The position after the string that begins here.
pub fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != bytes[start] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The position after the next `close` that is not inside a string.
fn skip_code(bytes: &[u8], from: usize, close: &[u8; 2]) -> usize {
    let mut i = from;
    while i < bytes.len() {
        match bytes[i] {
            b'"' | b'\'' => i = end_of_string(bytes, i),
            _ if bytes[i..].starts_with(close) => return i + 2,
            _ => i += 1,
        }
    }
    bytes.len()
}

fn end_of_raw(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(open) = find(bytes, at, b"{%") {
        let (start, end) = tag_name(bytes, open + 2);
        if &bytes[start..end] == b"endraw" {
            return skip_code(bytes, end, b"%}");
        }
        at = open + 2;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::rewrite_generation;

    fn rewritten(source: &str) -> String {
        rewrite_generation(source.to_string())
    }

    #[test]
    fn names_are_replaced_in_place() {
        assert_eq!(rewritten("a{%- generation -%}b{% endgeneration %}c"), "a{%- with       -%}b{% endwith       %}c");
        assert_eq!(rewritten("{%generation%}{%+ endgeneration%}"), "{%with      %}{%+ endwith      %}");
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in [
            "generation {{ '{% generation %}' }} {{ \"\\\"{% generation %}\" }}",
            "{# {% generation %} #}",
            "{% raw %}{% generation %}{% endraw %}",
            "{% set x = '%}{% generation %}' %}",
            "{% if add_generation_prompt %}{{ generation }}{% endif %}",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }

    #[test]
    fn a_tag_after_strings_raw_and_comments_is_found() {
        let before = "{{ '}}' }}{# %} #}{% raw %}{{{% endraw %}";
        assert_eq!(rewritten(&format!("{before}{{% generation %}}")), format!("{before}{{% with       %}}"));
    }
}
