//! What Perl's Getopt::Long was asked (`tests/argv.pl`), put to our reader.

use std::collections::BTreeMap;

use super::*;

/// A word as `tests/argv.pl` writes it.
fn unwritten(word: &str) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = if word == "%" { b"" } else { word.as_bytes() };
    while let Some((&byte, behind)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(&behind[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &behind[2..];
        } else {
            bytes.push(byte);
            rest = behind;
        }
    }
    OsString::from_vec(bytes)
}

fn written(word: OsString) -> String {
    let bytes = word.into_vec();
    if bytes.is_empty() {
        return "%".to_string();
    }
    bytes
        .iter()
        .map(|&byte| {
            if byte.is_ascii_alphanumeric() || b"_/.:=+?@-".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// What we make of `words`, written like the table.
fn verdict(words: Vec<OsString>) -> String {
    let arguments = match read(words) {
        Ok(arguments) => arguments,
        Err(_) => return "refused".to_string(),
    };
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for Given { option, value, .. } in arguments.options {
        if option.origin == Origin::Added {
            // Perl was only told of poolmon's own.
            return "refused".to_string();
        }
        let shown = match value.map(written) {
            None => option.long.to_string(),
            Some(value) => {
                let integer = matches!(option.takes, Takes::Integer(_));
                let large = value.trim_start_matches('-').len() > 18;
                let value = if integer && large { "large" } else { &value };
                match found.remove(option.long) {
                    Some(earlier) if ["port", "ssl"].contains(&option.long) => {
                        format!("{earlier},{value}")
                    }
                    _ => format!("{}={value}", option.long),
                }
            }
        };
        found.insert(option.long, shown);
    }
    let mut line: Vec<String> = found.into_values().collect();
    line.push("--".to_string());
    line.extend(arguments.operands.into_iter().map(written));
    line.join(" ")
}

/// Compares every line of a table; gives their number.
fn check(table: &str) -> usize {
    let mut differences = Vec::new();
    let mut lines = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        lines += 1;
        let (words, expected) = line.split_once('\t').unwrap();
        let words_given = words.split(' ').filter(|word| !word.is_empty());
        let ours = verdict(words_given.map(unwritten).collect());
        if ours != expected {
            differences.push(format!("{words}\n  Perl: {expected}\n  ours: {ours}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {lines} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
    lines
}

#[test]
fn every_vector_is_read_as_getopt_long_reads_it() {
    assert!(check(include_str!("../../../tests/data/argv.table")) >= 150);
}

/// `tests/check-argv` names a file of freshly made-up vectors.
#[test]
fn made_up_vectors_are_read_as_getopt_long_reads_them() {
    if let Some(path) = std::env::var_os("POOLMON_ARGV_TABLE") {
        assert!(check(&std::fs::read_to_string(path).unwrap()) > 0);
    }
}

#[test]
fn added_options_are_abbreviated_only_where_poolmon_refused() {
    for (word, expected) in [
        ("--sta=x", None),
        ("--stat=x", None),
        ("--state=x", Some("state-file")),
        ("--statu=x", Some("status-file")),
        ("--start=x", Some("starttls")),
        ("--STATE-FILE=x", Some("state-file")),
        ("--ver", Some("version")),
        ("--onc", Some("once")),
        ("--on-=x", Some("on-change")),
        ("--on", None),
        ("--ca=x", Some("ca-file")),
        ("--tl=x", Some("tls-name")),
        ("--fl=x", Some("flush")),
        ("--max-m=1", Some("max-moves")),
        ("--m=1", None),
        ("--retri=1", Some("retries")),
        ("--retry=1", Some("retry-delay")),
        ("--retr=1", None),
        ("--s=x", Some("ssl")),
        ("--c=x", Some("credfile")),
        ("--t=1", Some("timeout")),
        ("--f", Some("foreground")),
        ("--v=1", Some("ssl-verify")),
        ("--l=x", Some("logfile")),
    ] {
        let found = read([OsString::from(word)])
            .ok()
            .map(|arguments| arguments.options[0].option.long);
        assert_eq!(found, expected, "{word}");
    }
}

#[test]
fn errors_name_what_is_wrong() {
    for (words, expected) in [
        (&["--bogus"][..], r#"unknown option "--bogus""#),
        (&["-dx"], r#"unknown option "-x""#),
        (
            &["--lo=x"],
            r#"option "--lo" is ambiguous: --lockfile, --logfile"#,
        ),
        (&["--port="], "--port: a value is missing"),
        (&["-k"], "--lockfile: a value is missing"),
        (&["--debug=1"], "--debug: takes no value"),
        (
            &["-i", "5x"],
            r#"--interval: "5x": expected a whole number"#,
        ),
        (
            &["--timeout=\u{1b}[2J"],
            r#"--timeout: "\x1b[2J": expected a whole number"#,
        ),
    ] {
        let error = read(words.iter().map(OsString::from)).err().unwrap();
        assert_eq!(error.to_string(), expected, "{words:?}");
    }
}
