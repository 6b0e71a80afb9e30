//! What an attempt says in its own words where others quote the server. None of it can hold the password, whatever it
//! has in common with one, so it is never withheld.

pub(super) const WITHHELD: &str = "(reply withheld, it repeats a part of the password)";

/// How others than SASL take two names is each site's own business (Dovecot's `auth_master_user_separator`).
pub(super) const MASTER_NEEDS_SASL: &str = "a master user can log in by SASL alone";

pub(super) const NOT_FOR_IMAP: &str = "user name or password has a NUL, which IMAP cannot carry";
pub(super) const NOT_FOR_POP3: &str =
    "user name or password has a NUL or a line end, which POP3 cannot carry";
pub(super) const NOT_FOR_SASL: &str =
    "user name or password has a NUL, which SASL PLAIN cannot carry";

pub(super) const TOO_EARLY: &str = "an answer that came before the command";
pub(super) const IN_TOO_EARLY: &str = "logged in before the password was sent";
pub(super) const ASKS_FOR_MORE: &str = "asks for more after the password";

pub(super) const DISABLED_OVER_TLS: &str =
    "LOGINDISABLED although the connection is encrypted, so no password was sent";
pub(super) const NO_WAY_TO_READ: &str = "plaintext login disabled, so the message cannot be read";
pub(super) const NOT_AN_ADDRESS: &str = "not an address, and not sent";
pub(super) const MORE_THAN_A_MESSAGE: &str = "asks for more than a message";
pub(super) const WITHOUT_EXISTS: &str = "INBOX without EXISTS";
pub(super) const NOT_OFFERED: &str = "asks for what no one offered";

const ALL: [&str; 14] = [
    WITHHELD,
    MASTER_NEEDS_SASL,
    NOT_FOR_IMAP,
    NOT_FOR_POP3,
    NOT_FOR_SASL,
    TOO_EARLY,
    IN_TOO_EARLY,
    ASKS_FOR_MORE,
    DISABLED_OVER_TLS,
    NO_WAY_TO_READ,
    NOT_AN_ADDRESS,
    MORE_THAN_A_MESSAGE,
    WITHOUT_EXISTS,
    NOT_OFFERED,
];

/// Whether these are words of ours.
pub(super) fn are(text: &str) -> bool {
    ALL.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// The sources of the dialogues quote no text of their own but these, and each of these is one of all.
    #[test]
    fn no_dialogue_has_words_of_its_own_beside_these() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/probe/protocols");
        let mut folders = vec![folder.clone()];
        let mut looked_at = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                match path.is_dir() {
                    true if name != "tests" => folders.push(path),
                    false if name.ends_with(".rs") && !name.starts_with("tests") => {
                        let text = fs::read_to_string(&path).unwrap();
                        let ours = own_words(&text);
                        assert!(ours.is_empty(), "{}: {ours:?}", path.display());
                        looked_at += 1;
                    }
                    _ => {}
                }
            }
        }
        assert!(looked_at > 10, "{looked_at}");
        let here = fs::read_to_string(folder.join("remarks.rs")).unwrap();
        let here = here.split("#[cfg(test)]").next().unwrap();
        assert_eq!(here.matches("pub(super) const").count(), ALL.len());
    }

    #[test]
    fn own_words_are_found_in_a_source_however_they_are_passed() {
        for source in [
            "Quote::new(\"asks for more\")",
            "Quote::new(\n    b\"asks for more\",\n)",
            "let text = \"asks for more\";\nreturn Err(Fault::Malformed(Quote::new(text)));",
            "let text = match more {\n true => \"asks for more\",\n _ => other };\nquote(text.as_bytes())",
            "let text: &[u8] = b\"more\";\nquote(&text)",
            "fn malformed(text: &str) -> Fault {\n    Fault::Malformed(Quote::new(text))\n}",
            "fn malformed(text: &'static str) -> Fault { Fault::Malformed(Quote::new(text)) }",
            "const MORE: &str = \"asks for more\";\nFault::Malformed(Quote::new(MORE))",
            "Quote::new(format!(\"asks for {count}\"))",
            "#[cfg(test)]\nmod tests;\nQuote::new(\"asks for more\")",
        ] {
            assert_eq!(own_words(source).len(), 1, "{source}");
        }
        for source in [
            "Quote::new(remarks::ASKS_FOR_MORE)",
            "let line = line.strip_prefix(b\".\").unwrap_or(line);\nQuote::new(line)",
            "let text = self.run(\"SELECT INBOX\", |_| ())?;\nQuote::new(text)",
            "let context = \"of no quote\";\nQuote::new(text)",
            "Quote::new(unquoted(&text[2..]))",
            "// Quote::new(\"asks for more\")",
            "#[cfg(test)]\nmod tests {\nQuote::new(\"asks for more\")",
        ] {
            assert_eq!(own_words(source), Vec::<String>::new(), "{source}");
        }
    }

    /// What a source makes a quote of and has written itself, not counting remarks.
    fn own_words(source: &str) -> Vec<String> {
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().map(str::trim);
        let lines: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
        let code = lines.join(" ");
        let quoted = ["Quote::new(", "Quote::from(", "quote("];
        let passed = quoted.iter().flat_map(|call| {
            let ends = code.match_indices(call).map(move |(at, _)| at + call.len());
            ends.map(|at| in_brackets(&code[at..]))
        });
        let is_own = |passed: &&str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            let mut names = passed
                .split(|c| !is_part(c))
                .filter(|name| !name.is_empty());
            passed.contains('"') || names.any(|name| is_constant(name) || is_written(&code, name))
        };
        passed.filter(is_own).map(str::to_owned).collect()
    }

    /// Up to the bracket that ends it.
    fn in_brackets(text: &str) -> &str {
        let mut open = 1;
        let end = text.find(|c| {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            open == 0
        });
        &text[..end.unwrap_or(text.len())]
    }

    fn is_constant(name: &str) -> bool {
        let last = name.rsplit("::").next().unwrap();
        let has = |is_it: fn(&char) -> bool| last.chars().any(|c| is_it(&c));
        let is_upper = has(char::is_ascii_uppercase) && !has(char::is_ascii_lowercase);
        is_upper && !name.starts_with("remarks::")
    }

    /// Whether a variable of this name is a literal or may be one: words of a server are bytes that were read.
    fn is_written(code: &str, name: &str) -> bool {
        let begins_word =
            |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_text = [": &str", ": &'static"].iter().any(|of_type| {
            let parameter = format!("{name}{of_type}");
            let mut places = code.match_indices(&parameter).map(|(at, _)| at);
            places.any(begins_word)
        });
        let variable = format!("let {name}");
        let mut values = code
            .split(&variable)
            .skip(1)
            .filter(|rest| rest.starts_with(&[' ', ':'][..]))
            .filter_map(|rest| rest.split(';').next()?.split_once("= "))
            .map(|(_, value)| value.trim_start_matches('b'));
        is_text || values.any(|value| value.starts_with('"') || has_sentence(value))
    }

    /// A literal with a space between two words that are no command.
    fn has_sentence(value: &str) -> bool {
        let mut literals = value.split('"').skip(1).step_by(2);
        let is_command = |literal: &str| !literal.contains(|c: char| c.is_ascii_lowercase());
        literals.any(|literal| literal.trim().contains(' ') && !is_command(literal))
    }
}
