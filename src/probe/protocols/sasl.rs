//! SASL PLAIN (RFC 4616): what is said, in base64 (RFC 4648), and the way in that protocols share.
//!
//! It makes the one response and wipes what it was made from, and must never have it sent where a server
//! that lists its mechanisms does not offer PLAIN. What a reply means is the dialogues' business.

use zeroize::Zeroizing;

use crate::account::Account;
use crate::outcome::{Failure, Fault, Pass, Stage};
use crate::probe::protocols::line::{Lines, Piece, SecretLine};
use crate::probe::protocols::remarks;
use crate::probe::protocols::{Channel, Check, Entry};
use crate::quote::Quote;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a server offers of SASL on the channel as it is. One that tells nothing offers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mechanisms {
    #[default]
    None,
    /// Not PLAIN.
    Others,
    WithPlain,
}

impl Mechanisms {
    /// From names between spaces.
    pub(super) fn listed(list: &[u8]) -> Mechanisms {
        let mut names = list
            .split(|&byte| byte == b' ')
            .filter(|name| !name.is_empty())
            .peekable();
        if names.peek().is_none() {
            Mechanisms::None
        } else if names.any(|name| name.eq_ignore_ascii_case(b"PLAIN")) {
            Mechanisms::WithPlain
        } else {
            Mechanisms::Others
        }
    }
}

/// The capabilities that matter where there is no login but SASL.
#[derive(Clone, Copy, Default)]
pub(super) struct Capabilities {
    pub(super) starttls: bool,
    pub(super) mechanisms: Mechanisms,
}

/// Logs in, where the server takes the password. Some servers offer PLAIN, or any mechanism, only with TLS;
/// nothing is wrong with that.
pub(super) fn enter(
    lines: &mut Lines<'_>,
    check: &Check<'_>,
    account: &Account,
    capabilities: Capabilities,
    log_in: fn(&mut Lines<'_>, &Account) -> Result<Entry, Fault>,
) -> Result<Pass, Failure> {
    lines.stage(Stage::Login, |lines| {
        let entry = match (capabilities.mechanisms, check.channel) {
            (Mechanisms::WithPlain, _) => log_in(lines, account)?,
            (Mechanisms::None, Channel::Clear) => Entry::PlaintextDisabled(None),
            (Mechanisms::Others, Channel::Clear) if capabilities.starttls => {
                Entry::PlaintextDisabled(None)
            }
            (Mechanisms::None | Mechanisms::Others, _) => return Err(Fault::SaslPlainMissing),
        };
        entry.without_work(check)
    })
}

/// What a server says to a part of a login.
pub(super) enum Answer {
    Over(Entry),
    /// It asks for the next part; with its words, in case that there is none.
    GoOn(Quote),
}

/// AUTH PLAIN. The response goes with the command if they fit into a line of `longest` bytes, its end
/// counted, else when the server asks (RFC 4954 4, RFC 5034 4).
pub(super) fn auth_plain(
    lines: &mut Lines<'_>,
    account: &Account,
    longest: usize,
    answer: fn(&mut Lines<'_>) -> Result<Answer, Fault>,
) -> Result<Entry, Fault> {
    let response = plain(account)?;
    let at_once = SecretLine::new(&[Piece::Open(b"AUTH PLAIN "), response.piece()]);
    if at_once.length() <= longest {
        lines.send_secret(&at_once)?;
    } else {
        lines.send(b"AUTH PLAIN\r\n")?;
        match answer(lines)? {
            Answer::GoOn(_) => {}
            // An OK to half a command is none.
            Answer::Over(Entry::In) => {
                return Err(Fault::Malformed(Quote::new(remarks::IN_TOO_EARLY)));
            }
            Answer::Over(entry) => return Ok(entry),
        }
        lines.send_secret(&SecretLine::new(&[response.piece()]))?;
    }
    match answer(lines)? {
        Answer::Over(entry) => Ok(entry),
        Answer::GoOn(_) => Err(Fault::Malformed(Quote::new(remarks::ASKS_FOR_MORE))),
    }
}

/// A response: a password for whoever can read base64.
pub(super) struct Response(Zeroizing<Vec<u8>>);

impl Response {
    pub(super) fn length(&self) -> usize {
        self.0.len()
    }

    pub(super) fn piece(&self) -> Piece<'_> {
        Piece::Secret(&self.0)
    }

    /// For those who find out whether somebody repeats it.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

/// The response in base64: for whom, NUL, who logs in, NUL, password. A master user logs in for the
/// user; without one the user does, and the first part stays empty, for the server derives it then.
pub(super) fn plain(account: &Account) -> Result<Response, Fault> {
    let password = account.password.reveal();
    let (for_whom, who) = match &account.master {
        Some(master) => (&account.user[..], &master[..]),
        None => (&[][..], &account.user[..]),
    };
    if [for_whom, who, password]
        .iter()
        .any(|part| part.contains(&0))
    {
        return Err(Fault::CredentialsRefused(Quote::new(remarks::NOT_FOR_SASL)));
    }
    // Made at its full size: growing would leave unwiped copies of the password behind.
    let length = for_whom.len() + who.len() + password.len() + 2;
    let mut response = Zeroizing::new(Vec::with_capacity(length));
    for part in [for_whom, b"\0", who, b"\0", password] {
        response.extend_from_slice(part);
    }
    debug_assert_eq!(response.len(), length);
    Ok(Response(base64(&response)))
}

fn base64(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = (bytes.len() + 2) / 3 * 4;
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for group in bytes.chunks(3) {
        let byte = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        // A group of n bytes is n + 1 digits, filled up with `=`.
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 0x3f;
            text.push(match digit <= group.len() {
                true => ALPHABET[value as usize],
                false => b'=',
            });
        }
    }
    debug_assert_eq!(text.len(), length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Secret;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(*base64(plain.as_bytes()), encoded.as_bytes());
        }
        assert_eq!(*base64(b"\xfb\xff\xbf\x00"), b"+/+/AA==".to_vec());
    }

    #[test]
    fn a_master_user_logs_in_for_the_user() {
        let mut account = Account {
            user: b"tim".to_vec(),
            password: Secret::new(*b"tanstaaftanstaaf"),
            master: None,
        };
        // The first two examples of RFC 4616.
        assert_eq!(
            plain(&account).unwrap().reveal(),
            &**base64(b"\0tim\0tanstaaftanstaaf")
        );
        account.user = b"Ursel".to_vec();
        account.password = Secret::new(*b"xipj3plmq");
        account.master = Some(b"Kurt".to_vec());
        assert_eq!(
            plain(&account).unwrap().reveal(),
            &**base64(b"Ursel\0Kurt\0xipj3plmq")
        );
    }

    #[test]
    fn a_nul_is_never_sent() {
        let account = |user: &[u8], password: &[u8], master: Option<&[u8]>| Account {
            user: user.to_vec(),
            password: Secret::new(password),
            master: master.map(<[u8]>::to_vec),
        };
        for account in [
            account(b"a\0b", b"c", None),
            account(b"a", b"b\0c", None),
            account(b"a", b"b", Some(b"\0")),
        ] {
            assert!(matches!(plain(&account), Err(Fault::CredentialsRefused(_))));
        }
    }
}
