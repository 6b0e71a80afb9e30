//! dovemon's file of accounts: for each backend the account to log in with, and what else is its own.
//!
//! A map from a backend's address to its fields. Passwords never get into an error, and what this
//! file holds is wiped; the YAML parser makes copies of its own that are not.

use std::collections::btree_map::Entry as Slot;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::choice::Origin;
use super::error::{Complaint, ConfigError};
use super::file::{self, Owners, Stranger};
use super::kind::Kind;
use super::nearest::{distance, nearest};
use super::table::keys;
use super::values;
use super::yaml::{
    Document, Entry, Malformed, Place, Problem, Scalar, Section, NEEDS_QUOTES, SCALAR,
};
use serde::{Deserialize, Serialize};

use crate::account::{Account, Secret};
use crate::quote::Quote;
use crate::service::{Port, WhichPort};

/// The name of an unknown field is shown if at most so many of its letters are not those of a known field: three letters
/// tell nobody a password.
const MOST_FOREIGN_LETTERS: usize = 3;

/// Room for ten thousand backends.
const LONGEST: usize = 2 * 1024 * 1024;

const MOST_REMARKS: usize = 20;

/// What one backend has in place of what all have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// None: whoever all log in as (`--credfile`), if anybody.
    pub account: Option<Arc<Account>>,
    /// The name that its certificate has to bear in place of what all have.
    pub tls_name: Option<Arc<str>>,
    ports: Vec<OwnPort>,
}

/// Where a backend has a protocol in place of the port that all have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OwnPort {
    replaces: WhichPort,
    number: u16,
}

/// The same without the account, which has a number in its place, and without the name of a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NumberedParticulars {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ports: Vec<OwnPort>,
}

impl Particulars {
    pub(super) fn numbered(
        &self,
        number: &mut dyn FnMut(&Arc<Account>) -> usize,
    ) -> NumberedParticulars {
        NumberedParticulars {
            account: self.account.as_ref().map(number),
            ports: self.ports.clone(),
        }
    }

    pub(super) fn from_numbered(
        numbered: &NumberedParticulars,
        account: &mut dyn FnMut(usize) -> Arc<Account>,
    ) -> Particulars {
        Particulars {
            account: numbered.account.map(account),
            tls_name: None,
            ports: numbered.ports.clone(),
        }
    }

    /// The port of this backend in place of what all have.
    pub fn port(&self, usual: Port) -> Port {
        let mut own_ports = self.ports.iter().rev();
        let own = own_ports.find(|own| {
            own.replaces.protocol() == usual.protocol && own.replaces.is_about(usual.security)
        });
        Port {
            number: own.map_or(usual.number, |own| own.number),
            ..usual
        }
    }
}

/// The accounts file's entries, by the address that the director lists.
pub type Backends = BTreeMap<IpAddr, Particulars>;

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Only backends that the file names; nothing says that the director lists them.
    pub backends: Backends,
    /// What is odd about it, and no reason to refuse it.
    pub remarks: Vec<Complaint>,
}

/// What a backend's field is.
#[derive(Clone, Copy)]
enum Field {
    User,
    Password,
    Master,
    TlsName,
    Port(WhichPort),
}

/// A field that an entry of the accounts file may have: its name, its help for man page and example, and
/// whether dovemon knows it too.
#[derive(Clone, Copy)]
pub struct FieldRow {
    /// As it stands in the file.
    pub name: &'static str,
    help: &'static str,
    /// `Predecessor` for dovemon's own.
    pub origin: Origin,
    field: Field,
}

const fn field(name: &'static str, field: Field, help: &'static str) -> FieldRow {
    FieldRow {
        name,
        help,
        origin: Origin::Predecessor,
        field,
    }
}

const fn added(name: &'static str, field: Field, help: &'static str) -> FieldRow {
    FieldRow {
        name,
        help,
        origin: Origin::Added,
        field,
    }
}

impl FieldRow {
    /// A few words, without a capital and a full stop.
    pub fn help(&self) -> String {
        match self.field {
            Field::Port(_) => format!("{} {}", self.help, self.name),
            Field::User | Field::Password | Field::Master | Field::TlsName => self.help.to_owned(),
        }
    }
}

const ACCOUNT: [FieldRow; 3] = [
    field("username", Field::User, "whose mail is looked at"),
    field(
        "password",
        Field::Password,
        "the user's password, or the master user's where there is one",
    ),
    field(
        "masteruser",
        Field::Master,
        "who logs in in the user's place; takes auth: sasl",
    ),
];

const TLS_NAME: FieldRow = added(
    "tls_name",
    Field::TlsName,
    "the name this backend's certificate has to bear",
);

/// All fields; the man page and the example have them too. A port has the name of its key in the configuration.
pub fn fields() -> impl Iterator<Item = FieldRow> {
    let own_ports = keys().filter_map(|(choice, key)| match choice.kind {
        Kind::Port(which) => Some(added(key.name, Field::Port(which), "this backend's")),
        _ => None,
    });
    ACCOUNT.into_iter().chain(own_ports).chain([TLS_NAME])
}

fn find(name: &str) -> Option<FieldRow> {
    fields().find(|row| row.name == name)
}

/// Reads and parses the file, and says whose it is, if that is worth a remark. It holds passwords, so it is
/// refused if its mode lets group or others in.
pub fn read(path: &Path, owners: Owners) -> Result<(Written, Option<Stranger>), ConfigError> {
    let passwords = file::read_passwords(path, owners, LONGEST)
        .map_err(|problem| ConfigError::file(path, problem))?;
    let written = parse(&passwords.text).map_err(|complaint| ConfigError::text(path, complaint))?;
    Ok((written, passwords.stranger))
}

/// Parses the file's text: YAML with one mapping an address, as dovemon's `test.accounts.yml` has it. An
/// unknown field is a remark; a field with a bad value is an error, and its text does not show the value.
pub fn parse(bytes: &[u8]) -> Result<Written, Complaint> {
    let document = Document::new(bytes, |name| find(name).is_some()).map_err(nameless)?;
    let sections = document.sections().map_err(nameless)?;
    let mut reading = Reading {
        document,
        backends: BTreeMap::new(),
        remarks: Vec::new(),
    };
    for entry in sections {
        reading.on_backend(entry)?;
    }
    Ok(Written {
        backends: reading.backends,
        remarks: reading.remarks,
    })
}

/// In a file that is not what it should be, even what looks like a key may be a password.
fn nameless(malformed: Malformed) -> Complaint {
    let key = malformed.key.as_deref().and_then(|key| {
        let (backend, field) = match key.split_once(": ") {
            Some((backend, field)) => (backend, Some(field)),
            None => (key, None),
        };
        let address = address(backend)?;
        Some(match field.and_then(find) {
            Some(row) => format!("{address}: {}", row.name),
            None => address.to_string(),
        })
    });
    let hint = match malformed.problem {
        Problem::Expected(SCALAR) => format!("; one{NEEDS_QUOTES}"),
        _ => String::new(),
    };
    let complaint = Complaint::from(malformed);
    Complaint {
        key,
        text: complaint.text + &hint,
        ..complaint
    }
}

/// In whatever spelling.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse().ok()
}

struct Reading {
    document: Document,
    backends: Backends,
    remarks: Vec<Complaint>,
}

impl Reading {
    fn on_backend(&mut self, entry: Entry<Section>) -> Result<(), Complaint> {
        let line = |place| self.document.line_in_sections(place);
        let address = address(&entry.key).ok_or_else(|| {
            let text = "expected the address of a backend, as doveadm director status prints it";
            Complaint::keyless(line(entry.place), text)
        })?;
        let fields = entry.value.unwrap_or_default();
        let backend = self.particulars(address, entry.place, fields)?;
        match self.backends.entry(address) {
            Slot::Vacant(slot) => {
                slot.insert(backend);
                Ok(())
            }
            Slot::Occupied(_) => {
                let line = self.document.line_in_sections(entry.place);
                Err(Complaint::new(
                    line,
                    address.to_string(),
                    "expected once, this backend is already above",
                ))
            }
        }
    }

    fn particulars(
        &mut self,
        address: IpAddr,
        place: Place,
        fields: Section,
    ) -> Result<Particulars, Complaint> {
        let mut backend = Particulars::default();
        let (mut user, mut password, mut master) = (None, None, None);
        let no_fields = fields.is_empty();
        let mut without_value = None;
        for Entry { key, place, value } in fields {
            let row = match find(&key) {
                Some(row) => row,
                None => {
                    self.remark_unknown(address, place, &key);
                    continue;
                }
            };
            let value = match value {
                Some(value) => value,
                None => {
                    if let Field::User | Field::Password = row.field {
                        without_value = Some((row.name, place));
                    }
                    continue;
                }
            };
            let expected = |what: &str| {
                let key = format!("{address}: {}", row.name);
                let line = self.document.line_in_sections(place);
                Complaint::new(line, key, format!("expected {what}"))
            };
            let credential = match row.field {
                Field::User => &mut user,
                Field::Password => &mut password,
                Field::Master => &mut master,
                Field::TlsName => {
                    let name = values::host_name(&value);
                    backend.tls_name =
                        Some(name.ok_or_else(|| expected(values::HOST_NAME))?.into());
                    continue;
                }
                Field::Port(replaces) => {
                    let number = values::port(&value).ok_or_else(|| expected(values::PORT))?;
                    backend.ports.push(OwnPort { replaces, number });
                    continue;
                }
            };
            // None of these can be sent in any dialogue; CR and LF would end the line.
            if value.is_empty() {
                return Err(expected(&format!("a value; one{NEEDS_QUOTES}")));
            }
            if value.contains(&['\0', '\r', '\n'][..]) {
                return Err(expected("one line of text without NUL"));
            }
            if credential.replace(value).is_some() {
                return Err(expected("once"));
            }
        }
        let missing = |name: &str, why: &str| match without_value {
            // YAML takes what stands there for a comment, an anchor or nothing.
            Some((written, place)) if written == name => {
                let line = self.document.line_in_sections(place);
                let text = format!("expected a {name}{why}; one{NEEDS_QUOTES}");
                Complaint::new(line, format!("{address}: {name}"), text)
            }
            _ => {
                let line = self.document.line_in_sections(place);
                Complaint::new(line, address.to_string(), format!("expected a {name}{why}"))
            }
        };
        let bytes = |text: Scalar| text.as_bytes().to_vec();
        backend.account = match (user, password) {
            (Some(user), Some(password)) => Some(Arc::new(Account {
                user: bytes(user),
                password: Secret::new(password.as_bytes()),
                master: master.map(bytes),
            })),
            (Some(_), None) => return Err(missing("password", " beside the username")),
            (None, Some(_)) => return Err(missing("username", " beside the password")),
            (None, None) if master.is_some() => {
                return Err(missing("username", " beside the masteruser"))
            }
            (None, None) if no_fields => return Err(missing("username", " and a password")),
            (None, None) => None,
        };
        Ok(backend)
    }

    fn remark_unknown(&mut self, address: IpAddr, place: Place, name: &str) {
        if self.remarks.len() >= MOST_REMARKS {
            return;
        }
        let line = self.document.line_in_sections(place);
        let has_colon = line.map_or(false, |line| self.document.has_colon(line, name));
        let near = nearest(name, fields().map(|row| row.name)).filter(|_| has_colon);
        let text = match near {
            Some(near) if distance(name, near) <= MOST_FOREIGN_LETTERS => {
                let name = Quote::new(name);
                format!("unknown field {name}, ignored; is {near} meant?")
            }
            // In a file gone wrong any other one may be a password, or have a part of one in it.
            Some(near) => format!("unknown field, ignored; is {near} meant?"),
            None => "unknown field, ignored; its name is not shown, as it may be a password; the fields are in \
                     dovemon.testaccounts.yml(5)"
                .to_owned(),
        };
        self.remarks
            .push(Complaint::new(line, address.to_string(), text));
    }
}

#[cfg(test)]
mod tests;
