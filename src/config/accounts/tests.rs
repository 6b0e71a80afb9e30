//! Files of accounts, tidy and not.

use std::time::Duration;

use super::*;
use crate::service::{Protocol, Security};
use crate::slowness::stretched;

fn backends(text: &str) -> Backends {
    let written = parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}{error}"));
    assert_eq!(written.remarks, [], "{text:?}");
    written.backends
}

fn complaint(text: &str) -> String {
    let complaint = match parse(text.as_bytes()) {
        Ok(_) => panic!("{text:?} is accepted"),
        Err(complaint) => complaint.to_string(),
    };
    assert!(!complaint.contains("hunter"), "{complaint}");
    complaint
}

fn account(user: &str, password: &str, master: Option<&str>) -> Account {
    Account {
        user: user.into(),
        password: Secret::new(password),
        master: master.map(Vec::from),
    }
}

#[test]
fn each_backend_has_its_account() {
    let backends = backends(
        "192.0.2.1:\n  username: probe\n  password: hunter2\n\
         '192.0.2.2': {username: probe2, password: 'hunter: 3', masteruser: master}\n\
         2001:DB8:0:0::1: {username: u, password: hunter4}\n\
         \"[::1]\": {username: u, password: hunter5}\n",
    );
    let of = |address: &str| {
        let backend = &backends[&address.parse::<IpAddr>().unwrap()];
        backend.account.as_deref().cloned().unwrap()
    };
    assert_eq!(of("192.0.2.1"), account("probe", "hunter2", None));
    assert_eq!(
        of("192.0.2.2"),
        account("probe2", "hunter: 3", Some("master"))
    );
    assert_eq!(of("2001:db8::1"), account("u", "hunter4", None));
    assert_eq!(of("::1"), account("u", "hunter5", None));
}

#[test]
fn passwords_are_the_text_as_written() {
    for (written, expected) in [
        ("0123", "0123"),
        ("1e5", "1e5"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("True", "True"),
        ("yes", "yes"),
        ("12:30:00", "12:30:00"),
        ("2026-11-22", "2026-11-22"),
        ("'#hunter'", "#hunter"),
        ("\"hun\\\"ter\"", "hun\"ter"),
        ("hunter # comment", "hunter"),
        ("p\u{e4}ss", "p\u{e4}ss"),
        ("'~'", "~"),
    ] {
        let text = format!("192.0.2.1: \n  username: u\n  password: {written}\n");
        let backends = backends(&text);
        let backend = backends.values().next().unwrap();
        let account = backend.account.as_ref().unwrap();
        assert_eq!(account.password.reveal(), expected.as_bytes(), "{written}");
    }
}

#[test]
fn backends_may_share_an_account() {
    let backends = backends("192.0.2.1: &all\n  username: u\n  password: p\n192.0.2.2: *all\n");
    assert_eq!(backends.len(), 2);
    assert!(backends
        .values()
        .all(|backend| backend.account.as_deref() == Some(&account("u", "p", None))));
}

#[test]
fn ports_and_the_name_can_be_a_backends_own() {
    let backends = backends(
        "192.0.2.1:\n  imap_port: 1143\n  imaps_port: 1993\n  pop3_port: 1110\n  pop3s_port: 1995\n  \
         lmtp_port: 1024\n  sieve_port: 4191\n  submission_port: 1587\n  submissions_port: 1465\n  \
         tls_name: mail.example.org\n192.0.2.2:\n  username: u\n  password: p\n",
    );
    let backend = &backends[&"192.0.2.1".parse::<IpAddr>().unwrap()];
    assert_eq!(backend.tls_name.as_deref(), Some("mail.example.org"));
    assert_eq!(backend.account, None);
    let other = &backends[&"192.0.2.2".parse::<IpAddr>().unwrap()];
    for (protocol, security, number, expected) in [
        (Protocol::Imap, Security::Plain, 143, 1143),
        (Protocol::Imap, Security::Tls, 993, 1993),
        (Protocol::Pop3, Security::Plain, 110, 1110),
        (Protocol::Pop3, Security::Tls, 995, 1995),
        (Protocol::Lmtp, Security::Plain, 24, 1024),
        (Protocol::Lmtp, Security::Tls, 24, 1024),
        (Protocol::Sieve, Security::Plain, 4190, 4191),
        (Protocol::Submission, Security::Plain, 587, 1587),
        (Protocol::Submission, Security::Tls, 465, 1465),
        (Protocol::AnyLine, Security::Plain, 4190, 4190),
    ] {
        let usual = Port {
            protocol,
            security,
            number,
        };
        assert_eq!(backend.port(usual).number, expected, "{usual}");
        assert_eq!(other.port(usual), usual);
    }
}

/// Recordings have them in this form.
#[test]
fn a_backends_own_ports_are_recorded_as_ever() {
    const RECORDED: &str = r#"{"ports":[{"replaces":{"one":["imap","tls"]},"number":1993},{"replaces":{"both":"lmtp"},"number":1024}]}"#;
    let backends = backends("192.0.2.1: {imaps_port: 1993, lmtp_port: 1024}\n");
    let backend = backends.values().next().unwrap();
    let written = serde_json::to_string(&backend.numbered(&mut |_| unreachable!())).unwrap();
    assert_eq!(written, RECORDED);
    let read = serde_json::from_str(RECORDED).unwrap();
    let again = Particulars::from_numbered(&read, &mut |_| unreachable!());
    assert_eq!(again, *backend);
}

#[test]
fn a_file_without_backends_is_empty() {
    for text in ["", "# nobody\n", "---\n", "{}\n", "~\n", "\u{feff}\r\n"] {
        assert!(backends(text).is_empty(), "{text:?}");
    }
}

#[test]
fn what_is_wrong_is_named_by_line_and_backend_and_never_shown() {
    for (text, expected) in [
        (
            "192.0.2.1:\n  username: u\n  password: p\n\n192.0.2.2:\n  username: hunter\n",
            ":5: 192.0.2.2: expected a password beside the username",
        ),
        (
            "192.0.2.1:\n  password: hunter2\n",
            ":1: 192.0.2.1: expected a username beside the password",
        ),
        (
            "192.0.2.1:\n  masteruser: hunter2\n",
            ":1: 192.0.2.1: expected a username beside the masteruser",
        ),
        (
            "192.0.2.1:\n  username: u\n  password:\n",
            ":3: 192.0.2.1: password: expected a password beside the username; one that begins with a sign such as * or \
             @, or has ': ' or ' #' in it, needs quotes: 'VALUE'",
        ),
        (
            "192.0.2.1:\n  username: u\n  password: ''\n",
            ":3: 192.0.2.1: password: expected a value; one that begins with a sign such as * or @, or has ': ' or ' #' \
             in it, needs quotes: 'VALUE'",
        ),
        (
            "192.0.2.1:\n  username: u\n  password: \"hun\\nter2\"\n",
            ":3: 192.0.2.1: password: expected one line of text without NUL",
        ),
        (
            "192.0.2.1:\n  username: u\n  password: hunter2\n  password: hunter3\n",
            ":4: 192.0.2.1: password: expected once",
        ),
        (
            "192.0.2.1:\n",
            ":1: 192.0.2.1: expected a username and a password",
        ),
        (
            "::1: {username: u, password: hunter2}\n0:0::1: {username: u, password: hunter2}\n",
            ":2: ::1: expected once, this backend is already above",
        ),
        (
            "192.0.2.1:\n  imap_port: hunter2\n",
            ":2: 192.0.2.1: imap_port: expected a port from 1 to 65535",
        ),
        (
            "192.0.2.1:\n  tls_name: 'a hunter2'\n",
            ":2: 192.0.2.1: tls_name: expected a host name",
        ),
        (
            "backend1:\n  username: u\n  password: hunter2\n",
            ":1: expected the address of a backend, as doveadm director status prints it",
        ),
        (
            "username: u\npassword: hunter2\n",
            ":1: expected a map of keys and values below this one",
        ),
        (
            "192.0.2.1: hunter2\n",
            ":1: 192.0.2.1: expected a map of keys and values below this one",
        ),
        (
            "192.0.2.1:\n  - username: u\n  - password: hunter2\n",
            ":2: 192.0.2.1: expected a map of keys and values below this one",
        ),
        (
            "- 192.0.2.1\n- hunter2\n",
            ":1: expected a map of keys and values",
        ),
        ("probe\nhunter2\n", ":1: expected a map of keys and values"),
        (
            "192.0.2.1:\n  username: u\n  password: [hunter2]\n",
            ":3: 192.0.2.1: password: expected a single value; one that begins with a sign such as * or @, or has ': ' \
             or ' #' in it, needs quotes: 'VALUE'",
        ),
        (
            "192.0.2.1:\n  username: u\n  password:\n    hunter2: x\n",
            ":4: 192.0.2.1: password: expected a single value; one that begins with a sign such as * or @, or has ': ' \
             or ' #' in it, needs quotes: 'VALUE'",
        ),
        (
            "192.0.2.1:\n\tusername: u\n\tpassword: hunter2\n",
            ":2: expected spaces before the key, not a tab",
        ),
        (
            "192.0.2.1: {username: u, password: p}\n---\n192.0.2.1: {password: hunter2}\n",
            ":2: expected one document, a second begins here",
        ),
    ] {
        assert_eq!(complaint(text), expected, "{text:?}");
    }
    for text in [
        "192.0.2.1:\n  username: u\n  password: @hunter2\n",
        "192.0.2.1:\n  username: u\n  password: %hunter2\n",
        "192.0.2.1:\n  username: u\n  password: 'hunter2\n",
        "192.0.2.1:\n  username: u\n  password: *hunter2\n",
        "192.0.2.1:\n  username: u\n  password: !!int hunter2: x\n",
        "192.0.2.1:\n  username: u\n password: hunter2\n",
        "192.0.2.1:\n  username: u\n  password: !!null hunter2\n",
    ] {
        assert!(complaint(text).starts_with(':'), "{text:?}");
    }
}

#[test]
fn an_unknown_field_is_ignored_with_the_nearest_known_name() {
    let text = "192.0.2.1:\n  user: u\n  username: u\n  pasword: hunter2\n  password: p\n";
    let written = parse(text.as_bytes()).unwrap();
    let remarks: Vec<_> = written.remarks.iter().map(Complaint::to_string).collect();
    assert_eq!(
        remarks,
        [
            ":2: 192.0.2.1: unknown field, ignored; its name is not shown, as it may be a password; the fields are in \
             dovemon.testaccounts.yml(5)",
            ":4: 192.0.2.1: unknown field \"pasword\", ignored; is password meant?"
        ]
    );
    assert_eq!(written.backends.len(), 1);
}

/// YAML takes what follows the comma for a field without a value.
#[test]
fn the_rest_of_a_password_without_quotes_is_never_shown_as_a_field() {
    for text in [
        "192.0.2.1: {username: u, password: hunter2,passwort1}\n",
        "192.0.2.1: {username: u, password: hunter2,passwort:1}\n",
        "192.0.2.1: {passwort1, username: u, password: hunter2}\n",
    ] {
        let remarks = parse(text.as_bytes()).unwrap().remarks;
        assert_eq!(remarks.len(), 1, "{text}");
        let remark = remarks[0].to_string();
        assert!(!remark.contains("passwort"), "{remark}");
    }
}

#[test]
fn a_password_that_needs_quotes_is_said_to_need_them_at_its_line() {
    for password in [
        "*x", "@x", "%x", "!x", "&x", "#x", "`x", "[x", "{x", "[x]", "{x}", "|x", ">x", "|",
        "x: y", "~", "\"x", "'x", "'x'y", "- x", "? x", ", x", "]x", "}x",
    ] {
        let text = format!("192.0.2.1:\n  username: u\n  password: {password}\n");
        let told = complaint(&text);
        let hint = "needs quotes: 'VALUE'";
        assert!(told.ends_with(hint), "{password}: {told}");
        // The end of the text is where an end of quotes, or of a list, is missed.
        let said = [" at line 3 ", " at line 4 "];
        let is_at_line = told.starts_with(":3: ") || said.iter().any(|line| told.contains(line));
        assert!(is_at_line, "{password}: {told}");
    }
    for password in ["0123", "yes", "-x", ":x", "1e5", "=x", "/x"] {
        let text = format!("192.0.2.1:\n  username: u\n  password: {password}\n");
        let backends = backends(&text);
        let account = backends.values().next().unwrap().account.as_ref();
        assert_eq!(account.unwrap().password.reveal(), password.as_bytes());
    }
    assert_eq!(
        complaint("192.0.2.1:\n  username: u\n"),
        ":1: 192.0.2.1: expected a password beside the username"
    );
}

#[test]
fn ten_thousand_backends_are_read_within_seconds() {
    let text: String = (0..10_000)
        .map(|n| {
            let (high, low) = (n / 256, n % 256);
            format!("10.1.{high}.{low}:\n  username: probe{n}\n  password: secret{n}\n")
        })
        .collect();
    assert!(text.len() < LONGEST);
    let began = std::time::Instant::now();
    assert_eq!(backends(&text).len(), 10_000);
    assert!(began.elapsed() < stretched(Duration::from_secs(30)));
}

#[test]
fn no_text_makes_it_panic_or_show_a_password() {
    const PARTS: [&str; 34] = [
        "192.0.2.1:",
        "192.0.2.2",
        "::1:",
        "username:",
        "password:",
        "masteruser:",
        "imap_port:",
        "tls_name:",
        "hunter2",
        "\"hunter2",
        "'hunter2'",
        "*hunter2",
        "&hunter2",
        "!!int",
        "!hunter2",
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "# ",
        "|",
        ">",
        "---\n",
        "...\n",
        "%hunter2",
        "\r\n",
    ];
    // xorshift64
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |most: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % most as u64) as usize
    };
    for _ in 0..20_000 {
        let text: String = (0..1 + roll(20))
            .map(|_| PARTS[roll(PARTS.len())].to_owned() + [" ", ""][roll(2)])
            .collect();
        let said = match parse(text.as_bytes()) {
            Ok(written) => written.remarks.iter().map(Complaint::to_string).collect(),
            Err(complaint) => complaint.to_string(),
        };
        assert!(!said.contains("hunter"), "{text:?}: {said}");
    }
}

#[test]
fn a_merge_key_is_refused_at_its_line_and_an_alias_alone_is_not() {
    let first = "192.0.2.1: &a\n  username: probe\n  password: hunter2\n";
    let words = "merge keys (<<) are not supported, write `*a` alone, or the keys themselves";
    for (rest, expected) in [
        (
            "192.0.2.2:\n  imap_port: 144\n  <<: *a\n",
            format!(":6: 192.0.2.2: {words}"),
        ),
        (
            "192.0.2.2: {<<: [*a], imap_port: 144}\n",
            format!(":4: 192.0.2.2: {words}"),
        ),
        ("<<: {192.0.2.2: *a}\n", format!(":4: {words}")),
    ] {
        assert_eq!(complaint(&format!("{first}{rest}")), expected, "{rest}");
    }
    let backends = backends(&format!("{first}192.0.2.2: *a\n"));
    let probe = account("probe", "hunter2", None);
    assert!(
        backends.len() == 2
            && backends
                .values()
                .all(|b| b.account.as_deref() == Some(&probe))
    );
}

#[test]
fn a_bent_file_is_read_or_refused_without_showing_a_password() {
    let text = "192.0.2.1:\n  username: probe\n  password: hunter2\n\
                '192.0.2.2': {username: p, password: 'hunter3', masteruser: m}\n";
    let mut refused = 0;
    for text in crate::bent::bent_file(text.as_bytes()) {
        crate::config::fuzz::accounts(&text);
        match parse(&text) {
            Ok(written) => {
                for remark in written.remarks {
                    let remark = ConfigError::text(Path::new("/a"), remark).to_string();
                    assert!(!remark.contains("unter"), "{remark}");
                }
            }
            Err(complaint) => {
                refused += 1;
                let error = ConfigError::text(Path::new("/a"), complaint).to_string();
                assert!(!error.contains("unter"), "{error}");
            }
        }
    }
    assert!(refused > 500, "{refused}");
}
