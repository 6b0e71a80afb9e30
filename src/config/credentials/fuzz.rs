//! Fuzz target: the file of user name and password. It is an account that can be sent, none, or one of four errors,
//! which are the same whatever stands in it; an account that is written behind a byte-order mark and read again is the
//! same.

use super::{parse, CredentialsError, BYTE_ORDER_MARK};

pub(crate) fn credentials(text: &[u8]) {
    match parse(text) {
        Ok(None) => {
            let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            assert!(text.iter().all(u8::is_ascii_whitespace));
        }
        Ok(Some(account)) => {
            let password = account.password.reveal();
            for field in [&account.user[..], password] {
                assert!(!field.is_empty() && !field.iter().any(|byte| b"\0\r\n".contains(byte)));
            }
            let written = [&account.user, &b"\n"[..], password, b"\n"].concat();
            // A name of blanks alone, with such a password, is nobody.
            if !written.iter().all(u8::is_ascii_whitespace) {
                let again = parse(&[BYTE_ORDER_MARK, &written].concat()).ok().flatten();
                assert!(again.as_ref() == Some(&account));
            }
        }
        Err(problem) => {
            let error = CredentialsError {
                path: "/c".into(),
                problem,
            };
            let shown = error.to_string();
            let errors = [
                "/c:1: expected the user name",
                "/c:2: expected the password",
                "/c:1: expected the user name without NUL and carriage return",
                "/c:2: expected the password without NUL and carriage return",
            ];
            assert!(errors.contains(&&shown[..]), "{shown}");
        }
    }
}
