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

pub(super) const IN_TOO_EARLY: &str = "logged in before the password was sent";
pub(super) const ASKS_FOR_MORE: &str = "asks for more after the password";

pub(super) const NO_WAY_TO_READ: &str = "plaintext login disabled, so the message cannot be read";
pub(super) const NOT_AN_ADDRESS: &str = "not an address, and not sent";
pub(super) const MORE_THAN_A_MESSAGE: &str = "asks for more than a message";
pub(super) const WITHOUT_EXISTS: &str = "INBOX without EXISTS";
pub(super) const NOT_OFFERED: &str = "asks for what no one offered";

const ALL: [&str; 12] = [
    WITHHELD,
    MASTER_NEEDS_SASL,
    NOT_FOR_IMAP,
    NOT_FOR_POP3,
    NOT_FOR_SASL,
    IN_TOO_EARLY,
    ASKS_FOR_MORE,
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
                        let code = text.split("#[cfg(test)]").next().unwrap();
                        let code: String = code.split_whitespace().collect();
                        assert!(!code.contains("Quote::new(\""), "{}", path.display());
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
}
