//! Text of others: what a server, a director or a file said, made fit to be shown.
//!
//! Every byte that did not come from our own source code passes through `Quote` on its way to a
//! log, a terminal, a page or a metric. It owns escaping and cutting, and must not interpret.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many bytes of the original are kept; the rest is replaced by an ellipsis.
const LONGEST: usize = 160;

/// Each byte shown as `\\xff`, and the ellipsis.
const LONGEST_SHOWN: usize = 4 * LONGEST + 3;

/// Foreign text, escaped to printable ASCII and cut to a bounded length.
///
/// Two quotes are equal when they print the same.
///
/// As JSON it is its escaped text; what is read from there is escaped again where it has to be.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Quote(Box<str>);

impl From<String> for Quote {
    fn from(shown: String) -> Quote {
        let is_plain = shown.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match is_plain && shown.len() <= LONGEST_SHOWN {
            true => Quote(shown.into_boxed_str()),
            false => Quote::new(shown),
        }
    }
}

impl Quote {
    /// Keeps the first 160 bytes, and escapes all that is not printable ASCII, the double quote and the
    /// backslash.
    pub fn new(text: impl AsRef<[u8]>) -> Quote {
        let text = text.as_ref();
        let kept = &text[..text.len().min(LONGEST)];
        let mut shown = String::with_capacity(kept.len() + "...".len());
        for &byte in kept {
            match byte {
                b'"' => shown.push_str("\\\""),
                _ => push_byte(&mut shown, byte),
            }
        }
        if kept.len() < text.len() {
            shown.push_str("...");
        }
        Quote(shown.into_boxed_str())
    }
}

/// Appends foreign text, escaped to printable ASCII and cut to so many characters. Not between quotes, so
/// quotes stay as they are.
pub fn push_escaped(shown: &mut String, text: &[u8], longest: usize) {
    let end = shown.len() + longest;
    for &byte in text {
        let before = shown.len();
        push_byte(shown, byte);
        if shown.len() > end {
            shown.truncate(before);
            shown.push_str("...");
            return;
        }
    }
}

/// Between double quotes a single one ends nothing, and Dovecot's "doesn't" is to be readable.
fn push_byte(shown: &mut String, byte: u8) {
    match byte {
        b'\\' => shown.push_str("\\\\"),
        b' '..=b'~' => shown.push(char::from(byte)),
        _ => shown.extend(std::ascii::escape_default(byte).map(char::from)),
    }
}

impl Quote {
    /// What was quoted, as far as it was kept.
    pub fn unescaped(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut shown = self.0.bytes();
        while let Some(byte) = shown.next() {
            if byte != b'\\' {
                bytes.push(byte);
                continue;
            }
            bytes.extend(match shown.next() {
                Some(b't') => Some(b'\t'),
                Some(b'n') => Some(b'\n'),
                Some(b'r') => Some(b'\r'),
                Some(b'x') => {
                    let digits = [shown.next(), shown.next()];
                    let digit = |digit: Option<u8>| char::from(digit?).to_digit(16);
                    match digits.map(digit) {
                        [Some(high), Some(low)] => u8::try_from(high * 16 + low).ok(),
                        _ => None,
                    }
                }
                other => other,
            });
        }
        bytes
    }

    /// Without the quotes around it, for where its bounds show otherwise.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl fmt::Debug for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_terminal_escapes_and_quotes_are_escaped() {
        let quote = Quote::new(b"a\r\n\x1b[2J\"\xff");
        assert_eq!(quote.to_string(), r#""a\r\n\x1b[2J\"\xff""#);
    }

    #[test]
    fn what_was_quoted_can_be_had_again() {
        let all: Vec<u8> = (0..=255).collect();
        for part in all.chunks(100) {
            assert_eq!(Quote::new(part).unescaped(), part);
        }
        let read: Quote = String::from(r"a\x4").into();
        assert_eq!(read.unescaped(), b"a");
    }

    #[test]
    fn what_ends_no_quote_is_left_as_it_is() {
        let quote = Quote::new("550 5.1.1 <u> User doesn't exist: u");
        assert_eq!(quote.to_string(), "\"550 5.1.1 <u> User doesn't exist: u\"");
    }

    #[test]
    fn a_long_text_is_cut() {
        let shown = Quote::new(vec![b'x'; 100_000]).to_string();
        assert_eq!(shown.len(), LONGEST + "\"...\"".len());
        let whole = vec![b'x'; LONGEST];
        assert_eq!(Quote::new(&whole).to_string().len(), LONGEST + 2);
    }

    /// A file may hold anything; what a quote can have made is taken as it is.
    #[test]
    fn what_is_read_as_a_quote_is_escaped_and_cut_where_it_cannot_be_one() {
        let read = |text: String| Quote::from(text).0.into_string();
        let longest = Quote::new(vec![0xff; LONGEST + 1]).0.into_string();
        assert_eq!(longest.len(), LONGEST_SHOWN);
        assert_eq!(read(longest.clone()), longest);
        assert_eq!(read("x".repeat(LONGEST_SHOWN + 1)).len(), LONGEST + 3);
        assert_eq!(read("\u{1b}[2J".to_owned()), "\\x1b[2J");
    }

    #[test]
    fn what_is_appended_has_as_many_characters_as_it_may_have() {
        let appended = |text: &[u8], longest| {
            let mut shown = "a: ".to_owned();
            push_escaped(&mut shown, text, longest);
            shown
        };
        assert_eq!(appended(b"12345", 5), "a: 12345");
        assert_eq!(appended(b"123456", 5), "a: 12345...");
        assert_eq!(appended(b"12\x1b", 5), "a: 12...");
        assert_eq!(appended(b"1\x1b", 5), "a: 1\\x1b");
    }
}
