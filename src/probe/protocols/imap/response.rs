//! What a server says in IMAP: lines of a login, and responses with literals in them.
//!
//! It finds out where a response ends, so that the text of a mail is never taken for one.

use crate::outcome::Fault;
use crate::probe::protocols::after_word;
use crate::probe::protocols::line::Lines;

/// How much of a literal is kept: more than any token needs.
const KEPT: usize = 1024;

/// A whole response, the literals in it taken out.
pub(super) struct Response {
    /// The text; where a literal stood there is nothing.
    text: Vec<u8>,
    literals: Vec<Literal>,
}

struct Literal {
    /// Its place in the text.
    at: usize,
    /// At most the first [`KEPT`] of its bytes.
    bytes: Vec<u8>,
}

impl Response {
    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Response, Fault> {
        let mut response = Response {
            text: Vec::new(),
            literals: Vec::new(),
        };
        loop {
            let line = lines.read()?;
            let is_first = response.literals.is_empty();
            let (text, count) = match literal_behind(line) {
                Some((text, count)) if !is_first || may_have_literals(line) => (text, count),
                _ => {
                    response.text.extend_from_slice(line);
                    return Ok(response);
                }
            };
            response.text.extend_from_slice(text);
            let at = response.text.len();
            let bytes = lines.read_bytes(count, KEPT)?;
            response.literals.push(Literal { at, bytes });
        }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The UID of a FETCH response and the beginning of the header fields in it. `None` if it is any
    /// other response: a server may send others at any time.
    pub(super) fn fetched_fields(&self, field: &str) -> Option<(u32, &[u8])> {
        let (_, items) = numbered(&self.text, "FETCH")?;
        let literal = match &self.literals[..] {
            [literal] => literal,
            _ => return None,
        };
        let before = self.text[..literal.at].strip_suffix(b" ")?;
        let name = format!("BODY[HEADER.FIELDS ({field})]<0>");
        let start = before.len().checked_sub(name.len())?;
        if !before[start..].eq_ignore_ascii_case(name.as_bytes()) {
            return None;
        }
        let words = words_of_list(items);
        let place = words
            .iter()
            .position(|word| word.eq_ignore_ascii_case(b"UID"))?;
        Some((number(words.get(place + 1)?)?, &literal.bytes))
    }
}

/// The number in `* 23 EXISTS` and its like, and what follows the word.
pub(super) fn numbered<'l>(text: &'l [u8], word: &str) -> Option<(u32, &'l [u8])> {
    let rest = after_word(text, "*")?;
    let space = rest.iter().position(|&byte| byte == b' ')?;
    Some((
        number(&rest[..space])?,
        after_word(&rest[space + 1..], word)?,
    ))
}

pub(super) fn number(digits: &[u8]) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// What stands before a `{23}` at the end of a line, and how many bytes it announces.
fn literal_behind(line: &[u8]) -> Option<(&[u8], usize)> {
    let inside = line.strip_suffix(b"}")?;
    let open = inside.iter().rposition(|&byte| byte == b'{')?;
    let digits = &inside[open + 1..];
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More than fits is more than any attempt reads.
    let count = std::str::from_utf8(digits).ok()?.parse();
    Some((&line[..open], count.unwrap_or(usize::MAX)))
}

/// Status responses end in free text, in which braces mean nothing (RFC 3501 7.1).
fn may_have_literals(line: &[u8]) -> bool {
    match after_word(line, "*") {
        None => false,
        Some(response) => !["OK", "NO", "BAD", "BYE", "PREAUTH"]
            .iter()
            .any(|status| after_word(response, status).is_some()),
    }
}

/// The words directly in a list, without what stands in lists, quotes and brackets inside.
fn words_of_list(list: &[u8]) -> Vec<&[u8]> {
    let mut words = Vec::new();
    let (mut depth, mut start) = (0usize, None);
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    for (place, &byte) in list.iter().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        if bracketed {
            bracketed = byte != b']';
            continue;
        }
        let is_word = !matches!(byte, b'(' | b')' | b' ' | b'"' | b'[');
        if is_word && depth == 1 {
            start.get_or_insert(place);
        } else if let Some(start) = start.take() {
            words.push(&list[start..place]);
        }
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'"' => quoted = true,
            b'[' => bracketed = true,
            _ => {}
        }
    }
    words
}

/// One line of the server's, with what stands behind its first words.
pub(super) enum Reply<'l> {
    Untagged(&'l [u8]),
    /// Untagged too: the server may take its leave at any time.
    Bye(&'l [u8]),
    Continue,
    Ok(&'l [u8]),
    No(&'l [u8]),
    Bad(&'l [u8]),
    Other,
}

impl<'l> Reply<'l> {
    pub(super) fn parse(line: &'l [u8], tag: &str) -> Reply<'l> {
        if let Some(response) = after_word(line, "*") {
            return match after_word(response, "BYE") {
                Some(text) => Reply::Bye(text),
                None => Reply::Untagged(response),
            };
        }
        if after_word(line, "+").is_some() {
            return Reply::Continue;
        }
        let status = after_word(line, tag).unwrap_or_default();
        if let Some(text) = after_word(status, "OK") {
            Reply::Ok(text)
        } else if let Some(text) = after_word(status, "NO") {
            Reply::No(text)
        } else if let Some(text) = after_word(status, "BAD") {
            Reply::Bad(text)
        } else {
            Reply::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::probe::protocols::token::HEADER;

    fn read(bytes: &[u8]) -> Result<Response, Fault> {
        // Half of a cursor is where it writes, which nobody does here.
        Response::read(&mut Lines::new(&mut Cursor::new(bytes.to_vec())))
    }

    fn check_fetched(response: &[u8], expected: Option<(u32, &[u8])>) {
        let shown = String::from_utf8_lossy(response).into_owned();
        let response = read(response).unwrap();
        assert_eq!(response.fetched_fields(HEADER), expected, "{shown}");
    }

    #[test]
    fn header_fields_are_those_of_the_uid_beside_them() {
        let fields: &[u8] = b"a: b\r\n\r\n";
        let body = "BODY[HEADER.FIELDS (X-POOLMON-PROBE)]<0> {8}\r\na: b\r\n\r\n";
        for (items, uid) in [
            (format!("(UID 7 {body})"), Some(7)),
            (format!("({body} UID 7)"), Some(7)),
            (format!("(FLAGS (\\Seen UID 8) UID 7 {body})"), Some(7)),
            (format!("(X \"UID 8 \\\" UID 9\" UID 7 {body})"), Some(7)),
            (format!("(MODSEQ (UID) UID 7 {body} FLAGS ())"), Some(7)),
            (format!("(FLAGS (UID 7) {body})"), None),
            (format!("(UID x {body})"), None),
            (format!("(UID +7 {body})"), None),
            (format!("(UID {body})"), None),
            (format!("({body} UID)"), None),
            (format!("(UID 99999999999 {body})"), None),
            (format!("(UID 7 {body} {body})"), None),
            (format!("(UID 7 {body} RFC822 {{0}}\r\n)"), None),
        ] {
            let response = format!("* 3 FETCH {items}\r\n");
            check_fetched(response.as_bytes(), uid.map(|uid| (uid, fields)));
        }
        for other in [
            "* 3 FETCH (UID 7 BODY[HEADER.FIELDS (SUBJECT)]<0> {8}\r\na: b\r\n\r\n)\r\n",
            "* 3 FETCH (UID 7 BODY[HEADER.FIELDS (X-POOLMON-PROBE)] {8}\r\na: b\r\n\r\n)\r\n",
            "* 3 FETCH (UID 7 BODY[HEADER.FIELDS (X-POOLMON-PROBE)]<0> \"\")\r\n",
            "* 3 FETCH (UID 7 FLAGS ())\r\n",
            "* x FETCH (UID 7)\r\n",
            "* 3 EXPUNGE\r\n",
            "* FETCH\r\n",
            "b1 OK done\r\n",
        ] {
            check_fetched(other.as_bytes(), None);
        }
    }

    #[test]
    fn a_literal_is_counted_and_never_read_as_a_reply() {
        let response = read(b"* 1 FETCH (X {9}\r\n)\r\nb1 OK{ Y {3}\r\n{1}z)\r\nb1 OK").unwrap();
        assert_eq!(response.text(), b"* 1 FETCH (X  Y z)");
        let literals: Vec<&[u8]> = response.literals.iter().map(|l| &l.bytes[..]).collect();
        assert_eq!(literals, [&b")\r\nb1 OK{"[..], b"{1}"]);
    }

    #[test]
    fn words_of_a_list_are_those_outside_of_its_lists_quotes_and_brackets() {
        for (list, words) in [
            (r"(A (B C) D)", &["A", "D"][..]),
            (r#"(A "b c" D)"#, &["A", "D"]),
            (r#"(A "b" D)"#, &["A", "D"]),
            (r#"(A "b\" c" D)"#, &["A", "D"]),
            (r#"(A "b\\" C)"#, &["A", "C"]),
            (r"(BODY[HEADER.FIELDS (X Y)] UID)", &["BODY", "UID"]),
        ] {
            let expected: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            assert_eq!(words_of_list(list.as_bytes()), expected, "{list}");
        }
    }

    #[test]
    fn braces_in_free_text_announce_nothing() {
        for line in [
            "* OK {5}",
            "* NO {5}",
            "* BAD {5}",
            "* BYE {5}",
            "* PREAUTH {5}",
            "b1 NO {5}",
            "+ {5}",
            "* LIST () \"{5}\"",
            "* X {}",
        ] {
            let response = read(format!("{line}\r\n").as_bytes()).unwrap();
            assert_eq!(response.text(), line.as_bytes());
        }
    }

    #[test]
    fn a_literal_larger_than_an_attempt_reads_ends_it() {
        let kept = read(&[b"* X {2000}\r\n", &[b'x'; 2000][..], b"\r\n"].concat()).unwrap();
        assert_eq!(kept.literals[0].bytes.len(), KEPT);
        for count in ["70000", "99999999999999999999999"] {
            let text = [format!("* X {{{count}}}\r\n").as_bytes(), &[b'x'; 100_000]].concat();
            assert_eq!(read(&text).err(), Some(Fault::TooMuch));
        }
    }
}
