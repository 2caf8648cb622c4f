//! Changes to a template's source that keep the way back: a position in the changed text can be told in the original's.

/// `length` bytes at `at` give way to `with`.
#[derive(Debug, PartialEq)]
pub struct Edit {
    pub at: usize,
    pub length: usize,
    pub with: String,
}

impl Edit {
    pub fn insert(at: usize, with: impl Into<String>) -> Edit {
        Edit { at, length: 0, with: with.into() }
    }

    pub fn replace(at: usize, length: usize, with: impl Into<String>) -> Edit {
        Edit { at, length, with: with.into() }
    }
}

/// A source and the rounds of edits it went through.
pub struct Source {
    pub text: String,
    rounds: Vec<Vec<Edit>>,
}

impl Source {
    pub fn new(text: String) -> Source {
        Source { text, rounds: Vec::new() }
    }

    /// Edits of the present text, which must not overlap; at one place they keep their order.
    pub fn apply(&mut self, mut edits: Vec<Edit>) {
        edits.sort_by_key(|edit| edit.at);
        let mut out = String::with_capacity(self.text.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
        let mut from = 0;
        for edit in &edits {
            out.push_str(&self.text[from..edit.at]);
            out.push_str(&edit.with);
            from = edit.at + edit.length;
        }
        out.push_str(&self.text[from..]);
        self.text = out;
        self.rounds.push(edits);
    }

    /// Where a position of the present text was in the original.
    fn original(&self, mut position: usize) -> usize {
        for edits in self.rounds.iter().rev() {
            let (mut added, mut removed) = (0, 0);
            for edit in edits {
                let start = edit.at + added - removed;
                if start > position {
                    break;
                }
                if position < start + edit.with.len() {
                    position = start;
                    break;
                }
                added += edit.with.len();
                removed += edit.length;
            }
            position = position + removed - added;
        }
        position
    }

    /// Line and column of the original, from 1. No edit adds or takes a line, so that the present text has the lines.
    pub fn line_and_column(&self, position: usize) -> (u32, u32) {
        let before = self.text.get(..position).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let (start, end) = (self.original(line_start), self.original(before.len()));
        // Edits are made of ASCII and counted in bytes; the characters between are those of the present text.
        let wide = before[line_start..].len() - before[line_start..].chars().count();
        (line as u32, (end - start - wide) as u32 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, Source};

    #[test]
    fn positions_lead_back_through_two_rounds() {
        let mut source = Source::new("é\nabc % d".into());
        source.apply(vec![Edit::insert(3, "("), Edit::insert(6, ")"), Edit::replace(7, 1, "|f("), Edit::insert(10, ")")]);
        assert_eq!(source.text, "é\n(abc) |f( d)");
        source.apply(vec![Edit::replace(4, 1, "X")]);
        assert_eq!(source.line_and_column(source.text.find("bc").unwrap()), (2, 2));
        assert_eq!(source.line_and_column(source.text.find('d').unwrap()), (2, 7));
        assert_eq!(source.line_and_column(0), (1, 1));
        assert_eq!(source.line_and_column(2), (1, 2));
    }
}
