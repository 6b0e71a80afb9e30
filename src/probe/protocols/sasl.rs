//! SASL PLAIN (RFC 4616): what is said, in base64 (RFC 4648).
//!
//! It makes the one response and wipes what it was made from, and says whether a server that lists its
//! mechanisms takes it. How it is sent is the dialogues' business.

use zeroize::Zeroizing;

use crate::account::Account;
use crate::outcome::Fault;
use crate::probe::protocols::line::Piece;
use crate::probe::protocols::Channel;
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

/// Whether a password may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    Given,
    /// The server takes no password in plain text, and nothing is wrong with that.
    NotInClear,
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

    /// Some servers offer PLAIN, or any mechanism, only with TLS.
    pub(super) fn consent(self, channel: Channel, offers_tls: bool) -> Result<Consent, Fault> {
        match (self, channel) {
            (Mechanisms::WithPlain, _) => Ok(Consent::Given),
            (Mechanisms::None, Channel::Clear) => Ok(Consent::NotInClear),
            (Mechanisms::Others, Channel::Clear) if offers_tls => Ok(Consent::NotInClear),
            (Mechanisms::None | Mechanisms::Others, _) => Err(Fault::SaslPlainMissing),
        }
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
        return Err(Fault::CredentialsRefused(Quote::new(
            "user name or password has a NUL, which SASL PLAIN cannot carry",
        )));
    }
    // Made at its full size: growing would leave unwiped copies of the password behind.
    let length = for_whom.len() + who.len() + password.len() + 2;
    let mut response = Zeroizing::new(Vec::with_capacity(length));
    for part in [for_whom, b"\0", who, b"\0", password] {
        response.extend_from_slice(part);
    }
    Ok(Response(base64(&response)))
}

fn base64(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity((bytes.len() + 2) / 3 * 4));
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
