//! Texts as people write them, with what is read from them.

use super::*;

/// `key=value` for each entry, `key` for one without a value.
fn shown(entries: &[Entry<Scalar>]) -> String {
    let entries = entries.iter().map(|entry| match &entry.value {
        Some(value) => format!("{}={}", *entry.key, **value),
        None => entry.key.to_string(),
    });
    entries.collect::<Vec<_>>().join(" ")
}

fn known(key: &str) -> bool {
    !key.starts_with('x')
}

fn flat(text: &[u8]) -> Result<String, String> {
    let result = Document::new(text, known).and_then(|document| document.flat());
    result.map(|entries| shown(&entries)).map_err(complaint)
}

fn sections(text: &[u8]) -> Result<String, String> {
    let result = Document::new(text, known).and_then(|document| document.sections());
    let result = result.map(|sections| {
        let sections = sections.iter().map(|section| match &section.value {
            Some(fields) => format!("{}({})", *section.key, shown(fields)),
            None => section.key.to_string(),
        });
        sections.collect::<Vec<_>>().join(" ")
    });
    result.map_err(complaint)
}

fn complaint(error: Malformed) -> String {
    let line = error.line.map_or("?".to_owned(), |line| line.to_string());
    let key = error.key.map_or(String::new(), |key| format!(" {key}:"));
    format!("{line}:{key} {}", error.problem)
}

#[test]
fn scalars_arrive_as_written() {
    for (text, expected) in [
        ("a: True\nb: yes\nc: 'on'\n", "a=True b=yes c=on"),
        ("a: 0123\nb: 1e5\nc: 1_000\n", "a=0123 b=1e5 c=1_000"),
        ("a: \"q\\tr\" # comment\nb: 'it''s'\n", "a=q\tr b=it's"),
        ("a:\nb: ~\nc: null\nd: ''\ne: '~'\n", "a b c d= e=~"),
        ("{a: 1, 'b': 2}", "a=1 b=2"),
        ("a: &x 5\nb: *x\n", "a=5 b=5"),
        ("a: 1\na: 2\n", "a=1 a=2"),
        ("a:\t1\nb: 2\t# tab\n", "a=1 b=2"),
        ("a: 1\r\nb: 2\r\n", "a=1 b=2"),
        ("\u{feff}a: 1\nb: 2\n", "a=1 b=2"),
        ("--- # begin\na: 1\n...\n", "a=1"),
        ("  a: 1\n  b: 2\n", "a=1 b=2"),
        ("{\n\ta: 1,\n\tb: 2\n}\n", "a=1 b=2"),
        ("a: 1\n\t\n \t# tab\nb: 2\n\t\n", "a=1 b=2"),
        ("a: IMAP:143\nb: /x y\nc: 50%\n", "a=IMAP:143 b=/x y c=50%"),
        ("x: [1, {2: 3}]\nb: 2\nxx: {y: *z}\n", "x b=2 xx"),
    ] {
        let text = text.replace("*z", "z");
        assert_eq!(flat(text.as_bytes()), Ok(expected.to_owned()), "{text:?}");
    }
}

#[test]
fn a_text_without_keys_is_an_empty_map() {
    for text in [
        "",
        "\n\n",
        " \t\r\n",
        "# only\n  # comments\n",
        "---\n# nothing\n...\n",
        "--- # nothing\n",
        "\u{feff}",
        "\u{feff}# comment\n",
        "~\n",
        "null\n",
        "{}\n",
    ] {
        assert_eq!(flat(text.as_bytes()), Ok(String::new()), "{text:?}");
        assert_eq!(sections(text.as_bytes()), Ok(String::new()), "{text:?}");
    }
}

#[test]
fn what_is_no_map_of_scalars_is_refused_with_its_line() {
    for (text, expected) in [
        ("a\n", "1: expected a map of keys and values"),
        ("# c\n- a\n- b\n", "2: expected a map of keys and values"),
        ("a: 1\nb: [2]\n", "2: b: expected a single value"),
        ("a: 1\nb:\n  c: 2\n", "3: b: expected a single value"),
        ("a: 1\nb:\n- 2\n", "3: b: expected a single value"),
        (
            "a: 1\n---\nb: 2\n",
            "2: expected one document, a second begins here",
        ),
        (
            "a: 1\n\tb: 2\n",
            "2: expected spaces before the key, not a tab",
        ),
        ("a: 1\n[b]: 2\n", "2: expected a key of one word"),
        (
            "# x\n\n[dovemon]\na: 1\n",
            "3: expected a key and its value, not a heading in brackets",
        ),
        (
            "[dovemon]\na = 1\n",
            "1: expected a key and its value, not a heading in brackets",
        ),
    ] {
        assert_eq!(flat(text.as_bytes()), Err(expected.to_owned()), "{text:?}");
    }
    assert_eq!(flat(b"a: 1\nb: \xfc\n"), Err("2: expected UTF-8".into()));
    // The two parsers have other words for it.
    let behind = flat(b"{a: 1}\n\nb: 2\n").unwrap_err();
    let is_at_line = behind.starts_with("3: expected ") || behind.contains(" at line 3 ");
    assert!(is_at_line, "{behind}");
    for text in [
        "a: 'x\n",
        "a: 1\n b: 2\n",
        "a: *nobody\n",
        "a: @x\n",
        "{a: 1\n",
    ] {
        let message = flat(text.as_bytes()).unwrap_err();
        assert!(message.contains(": expected YAML: "), "{text:?}: {message}");
    }
}

#[test]
fn sections_are_maps_of_scalars() {
    for (text, expected) in [
        (
            "192.0.2.1:\n  a: u\n  b: 007\n\"192.0.2.2\": {a: v}\n",
            "192.0.2.1(a=u b=007) 192.0.2.2(a=v)",
        ),
        (
            "::1:\n  a: u\n2001:db8::1:\n  a: v\n",
            "::1(a=u) 2001:db8::1(a=v)",
        ),
        ("a: &x\n  u: 1\nb: *x\nc:\n", "a(u=1) b(u=1) c"),
        ("a:\n    u: 1\n    x: [1]\n", "a(u=1 x)"),
    ] {
        assert_eq!(sections(text.as_bytes()), Ok(expected.into()), "{text:?}");
    }
    for (text, expected) in [
        (
            "a: hunter2\n",
            "1: a: expected a map of keys and values below this one",
        ),
        ("- a: hunter2\n", "1: expected a map of keys and values"),
        ("hunter2\n", "1: expected a map of keys and values"),
        ("a:\n  p: [hunter2]\n", "2: a: p: expected a single value"),
        (
            "a:\n  p:\n    hunter2: x\n",
            "3: a: p: expected a single value",
        ),
        (
            "a:\n- u: hunter2\n",
            "2: a: expected a map of keys and values below this one",
        ),
        (
            "a:\n\tp: hunter2\n",
            "2: expected spaces before the key, not a tab",
        ),
    ] {
        assert_eq!(sections(text.as_bytes()), Err(expected.into()), "{text:?}");
    }
    for text in [
        "a:\n  p: 'hunter2\n",
        "a: {p: hunter2\n",
        "a:\n  p: %hunter2\n",
    ] {
        let message = sections(text.as_bytes()).unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn the_line_of_each_key_is_found() {
    let text = b"\xef\xbb\xbf# c\na: 1\n\nb:\nx: [1,\n 2]\n\"c\": |\n  lines\n  more\nd: 4\n";
    let document = Document::new(text, known).unwrap();
    let lines: Vec<_> = document
        .flat()
        .unwrap()
        .iter()
        .map(|entry| document.line_in_flat(entry.place).unwrap())
        .collect();
    assert_eq!(lines, [2, 4, 5, 7, 10]);

    let document = Document::new(b"a:\n  u: 1\n  p: 2\n\nb:\n  u: 3\n", known).unwrap();
    let sections = document.sections().unwrap();
    let line = |place| document.line_in_sections(place).unwrap();
    let lines: Vec<_> = sections
        .iter()
        .flat_map(|section| {
            let fields = section.value.iter().flatten();
            std::iter::once(line(section.place)).chain(fields.map(|field| line(field.place)))
        })
        .collect();
    assert_eq!(lines, [1, 2, 3, 5, 6]);
}

#[test]
fn aliases_of_aliases_and_deep_nesting_end_soon() {
    let mut bomb = "x0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n".to_owned();
    for level in 1..30 {
        let again = format!("*a{}, ", level - 1).repeat(9);
        bomb.push_str(&format!("x{level}: &a{level} [{again}1]\n"));
    }
    bomb.push_str("b: 2\n");
    assert!(flat(bomb.as_bytes()).unwrap().ends_with("b=2"));
    for deep in [
        "[".repeat(10_000),
        "x: ".to_owned() + &"{".repeat(10_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
    ] {
        assert!(flat(deep.as_bytes()).is_err());
    }
    // The columns are counted before the parser sees any.
    let at_column = |columns: usize| format!("a: 1\n{}b: 2\n", " ".repeat(columns));
    let refused = Malformed::new(Some(2), Problem::Deep);
    let refused = Err(complaint(refused));
    assert_ne!(flat(at_column(DEEPEST).as_bytes()), refused);
    assert_eq!(flat(at_column(DEEPEST + 1).as_bytes()), refused);
    let signs = format!("a: 1\n{}b\n", "- ".repeat(DEEPEST));
    assert_eq!(flat(signs.as_bytes()), refused);
}
