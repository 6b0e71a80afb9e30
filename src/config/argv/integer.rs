//! What Perl's Getopt::Long takes for an integer (`=i`), made plain: `-` if negative, then digits.
//!
//! It only reads; whether a number is too large is for the bounds of each option to say.

/// A value that is an integer as a whole, with underscores anywhere between and around its digits.
pub fn whole(value: &[u8]) -> Option<String> {
    // Perl's `$` also matches in front of a line feed at the end.
    let text = value.strip_suffix(b"\n").unwrap_or(value);
    (length_at_start(text)? == text.len())
        .then(|| plain(text.iter().copied().filter(|&byte| byte != b'_')))
}

/// The integer at the start of the rest of a bundle, and what follows it.
///
/// Its length is that of `whole`, but its value ends at the first underscore (`-i1_0` is 1, `-i_5`
/// is 0), because there Getopt::Long leaves the underscores to Perl, which stops at them.
pub fn at_start(rest: &[u8]) -> Option<(String, &[u8])> {
    let (written, behind) = rest.split_at(length_at_start(rest)?);
    let counted = written.iter().copied().take_while(|&byte| byte != b'_');
    Some((plain(counted), behind))
}

/// How many bytes are a sign, digits and underscores, with at least one digit among them.
fn length_at_start(text: &[u8]) -> Option<usize> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let body = text[sign..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'_')
        .count();
    text[sign..sign + body]
        .iter()
        .any(u8::is_ascii_digit)
        .then_some(sign + body)
}

fn plain(signed: impl Iterator<Item = u8>) -> String {
    let written: String = signed.map(char::from).collect();
    let negative = written.starts_with('-');
    let digits = written
        .trim_start_matches(['-', '+'])
        .trim_start_matches('0');
    match (digits, negative) {
        ("", _) => "0".to_string(),
        (digits, false) => digits.to_string(),
        (digits, true) => format!("-{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_digits_and_underscores_make_an_integer() {
        for (text, expected) in [
            ("5", Some("5")),
            ("+5", Some("5")),
            ("-5", Some("-5")),
            ("-0", Some("0")),
            ("_5", Some("5")),
            ("1_000_", Some("1000")),
            ("007", Some("7")),
            ("5\n", Some("5")),
            ("99999999999999999999999", Some("99999999999999999999999")),
            ("", None),
            ("_", None),
            ("-", None),
            ("5x", None),
            (" 5", None),
            ("5 ", None),
            ("--5", None),
            ("0x10", None),
            ("1.5", None),
            ("\u{663}", None),
        ] {
            assert_eq!(whole(text.as_bytes()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn in_a_bundle_what_follows_the_number_is_left() {
        for (text, expected) in [
            ("30d", Some(("30", "d"))),
            ("-5", Some(("-5", ""))),
            ("30-d", Some(("30", "-d"))),
            ("1_0", Some(("1", ""))),
            ("_5n", Some(("0", "n"))),
            ("-_5n", Some(("0", "n"))),
            ("5\n", Some(("5", "\n"))),
            ("d30", None),
            ("_", None),
            ("=5", None),
        ] {
            let found = at_start(text.as_bytes());
            let expected = expected.map(|(n, rest): (&str, &str)| (n.to_string(), rest.as_bytes()));
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
