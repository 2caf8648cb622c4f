//! Python's `textwrap.wrap` of one line, with the white space kept as it is (`expand_tabs` and `replace_whitespace` off).

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_numeric()
}

fn is_word_or_mark(c: char) -> bool {
    is_word(c) || "!\"'&.,?".contains(c)
}

/// A line under construction is measured in characters.
pub fn wrap(line: &str, width: usize, break_long_words: bool, break_on_hyphens: bool) -> Vec<String> {
    let chars: Vec<char> = line.chars().collect();
    let mut pending: Vec<&[char]> = chunks(&chars, break_on_hyphens);
    pending.reverse();
    let mut lines: Vec<String> = Vec::new();
    while !pending.is_empty() {
        if !lines.is_empty() && pending.last().is_some_and(|chunk| all_blank(chunk)) {
            pending.pop();
        }
        let (mut current, mut length): (Vec<&[char]>, usize) = (Vec::new(), 0);
        while let Some(chunk) = pending.last().copied().filter(|chunk| length + chunk.len() <= width) {
            current.push(chunk);
            length += chunk.len();
            pending.pop();
        }
        if let Some(long) = pending.last().copied().filter(|chunk| chunk.len() > width) {
            if break_long_words {
                let end = break_at(long, width - length, break_on_hyphens);
                current.push(&long[..end]);
                *pending.last_mut().expect("it was seen") = &long[end..];
            } else if current.is_empty() {
                current.push(long);
                pending.pop();
            }
        }
        if current.last().is_some_and(|chunk| all_blank(chunk)) {
            current.pop();
        }
        if !current.is_empty() {
            lines.push(current.concat().into_iter().collect());
        }
    }
    lines
}

fn all_blank(chunk: &[char]) -> bool {
    chunk.iter().all(|c| c.is_whitespace())
}

/// Where a word that is longer than a line is cut: after its last hyphen that fits, else where the line ends.
fn break_at(word: &[char], room: usize, break_on_hyphens: bool) -> usize {
    let hyphen = word[..room.min(word.len())].iter().rposition(|c| *c == '-');
    match hyphen {
        Some(at) if break_on_hyphens && at > 0 && word[..at].iter().any(|c| *c != '-') => at + 1,
        _ => room,
    }
}

/// Runs of white space, and words; a hyphenated word is several chunks when it may be broken there.
fn chunks(chars: &[char], break_on_hyphens: bool) -> Vec<&[char]> {
    let mut all = Vec::new();
    let mut start = 0;
    while start < chars.len() {
        let mut end = start + 1;
        if is_blank(chars[start]) {
            while end < chars.len() && is_blank(chars[end]) {
                end += 1;
            }
        } else if !break_on_hyphens {
            while end < chars.len() && !is_blank(chars[end]) {
                end += 1;
            }
        } else if start > 0 && is_word_or_mark(chars[start - 1]) && dash_before_word(chars, start).is_some() {
            end = dash_before_word(chars, start).expect("it was seen");
        } else {
            end = end_of_word(chars, end);
        }
        all.push(&chars[start..end]);
        start = end;
    }
    all
}

/// The end of two or more hyphens that a word follows.
fn dash_before_word(chars: &[char], start: usize) -> Option<usize> {
    let n = chars[start..].iter().take_while(|c| **c == '-').count();
    (n >= 2 && chars.get(start + n).is_some_and(|c| is_word(*c))).then_some(start + n)
}

fn end_of_word(chars: &[char], from: usize) -> usize {
    let letter = |i: usize| chars.get(i).is_some_and(|c| is_letter(*c));
    for at in from..chars.len() {
        if chars[at] == '-' {
            let two_letters = at >= 2 && letter(at - 2) && letter(at - 1);
            let letter_hyphen_any = at >= 3 && letter(at - 3) && chars[at - 2] == '-' && is_word_or_mark(chars[at - 1]);
            let then_letters = letter(at + 1) && (letter(at + 2) || (chars.get(at + 2) == Some(&'-') && letter(at + 3)));
            if (two_letters || letter_hyphen_any) && then_letters {
                return at + 1;
            }
        }
        if is_blank(chars[at]) || (is_word_or_mark(chars[at - 1]) && dash_before_word(chars, at).is_some()) {
            return at;
        }
    }
    chars.len()
}
