//! YAML as dovemon's files use it: a map of scalars, or a map of such maps.
//!
//! serde_yaml parses; both its generations give a scalar's text as written when asked for a string,
//! so that `True`, `yes`, `0123` and `1e5` arrive as they are, whatever either takes them for. What a
//! key means, and which there are, is not known here. No error quotes a value: it may be a password.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A scalar's text, wiped when dropped.
pub type Scalar = Zeroizing<String>;

/// The place of a scalar among all scalars of a document; `line` finds where that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// A key with its value; None where it has none (`key:`, `key: ~`).
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<V> {
    /// As written, quotes and escapes resolved.
    pub key: Scalar,
    /// The key's, for the line in a message.
    pub place: Place,
    /// Also None where the reader does not know the key.
    pub value: Option<V>,
}

/// A map of maps, as the file of accounts has it.
pub type Section = Vec<Entry<Scalar>>;

/// Why a text is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// From 1; None where the parser does not say.
    pub line: Option<usize>,
    /// The key whose value is wrong.
    pub key: Option<String>,
    /// What is wrong, without any text of the file's.
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    NotUtf8,
    /// A NUL, at which one of the parsers stops without a word.
    Nul,
    /// The parser's words, which hold nothing of the text.
    Syntax(String),
    /// A tab where YAML wants spaces.
    Tab,
    SeveralDocuments,
    /// A line in brackets at the beginning, as other kinds of files have it.
    Heading,
    /// Something stands behind the end of the document.
    Behind,
    /// Indented so far that one of the parsers would run out of stack.
    Deep,
    /// A merge key. Taken for a field that nobody knows, it would leave a backend without its account.
    MergeKey,
    /// Another kind of value than this.
    Expected(&'static str),
}

/// What a person has to know whose value YAML takes for something else.
pub const NEEDS_QUOTES: &str =
    " that begins with a sign such as * or @, or has ': ' or ' #' in it, needs quotes: 'VALUE'";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotUtf8 => f.write_str("expected UTF-8"),
            Problem::Nul => f.write_str("expected text without NUL"),
            Problem::Syntax(words) => write!(f, "expected YAML: {words}; a value{NEEDS_QUOTES}"),
            Problem::Tab => f.write_str("expected spaces before the key, not a tab"),
            Problem::SeveralDocuments => f.write_str("expected one document, a second begins here"),
            Problem::Heading => {
                f.write_str("expected a key and its value, not a heading in brackets")
            }
            Problem::Behind => {
                f.write_str("expected one document, and this stands behind the end of the first")
            }
            Problem::Deep => write!(f, "expected an indentation of at most {DEEPEST} columns"),
            Problem::MergeKey => f.write_str(
                "merge keys (<<) are not supported, write `*a` alone, or the keys themselves",
            ),
            Problem::Expected(what) => write!(f, "expected {what}"),
        }
    }
}

impl Malformed {
    fn new(line: Option<usize>, problem: Problem) -> Malformed {
        Malformed {
            line,
            key: None,
            problem,
        }
    }
}

/// A text that may be one document of YAML.
pub struct Document {
    text: Zeroizing<String>,
    /// Whether every key of a flat document takes a scalar, or only these; others may have anything.
    known: fn(&str) -> bool,
}

/// Columns; nobody indents by more.
const DEEPEST: usize = 200;

const FLAT: &str = "a map of keys and values";
/// What is expected of a value.
pub const SCALAR: &str = "a single value";
const SECTION: &str = "a map of keys and values below this one";

impl Document {
    /// A byte-order mark is skipped. The values of keys that are not `known` may be of any kind.
    pub fn new(bytes: &[u8], known: fn(&str) -> bool) -> Result<Document, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            Malformed::new(Some(line_after(before)), Problem::NotUtf8)
        })?;
        if let Some(before) = text.find('\0') {
            let line = line_after(&bytes[..before]);
            return Err(Malformed::new(Some(line), Problem::Nul));
        }
        let document = Document {
            text: without_idle_tabs(text.strip_prefix('\u{feff}').unwrap_or(text)),
            known,
        };
        document.check_indentation()?;
        Ok(document)
    }

    fn check_indentation(&self) -> Result<(), Malformed> {
        if self.is_empty() {
            return Ok(());
        }
        // The parser calls itself for each level, which takes a column at least.
        if let Some(line) = self.line_where(|line| indentation(line) > DEEPEST) {
            return Err(Malformed::new(Some(line), Problem::Deep));
        }
        // One of the parsers takes such a tab for a part of the key.
        if let Some(line) = self.indented_by_tab() {
            return Err(Malformed::new(Some(line), Problem::Tab));
        }
        Ok(())
    }

    /// No keys at all: blanks, comments and the marks around a document.
    fn is_empty(&self) -> bool {
        self.text.lines().all(|line| {
            let line = line.trim();
            let content = line.strip_prefix("---").unwrap_or(line).trim_start();
            content.is_empty() || content.starts_with('#') || content == "..."
        })
    }

    /// Between braces a tab is as good as a blank.
    fn indented_by_tab(&self) -> Option<usize> {
        if self.text.trim_start().starts_with('{') {
            return None;
        }
        self.line_where(|line| {
            let content = line.trim_start();
            let indent = &line[..line.len() - content.len()];
            indent.contains('\t') && !content.is_empty() && !content.starts_with('#')
        })
    }

    fn several_documents(&self) -> Malformed {
        let mut has_content = false;
        let line = self.line_where(|line| {
            let begins = line == "---" || line.starts_with("--- ");
            let is_second = begins && has_content;
            has_content |= !line.trim().is_empty() && !line.starts_with('#');
            is_second
        });
        if line.is_some() {
            return Malformed::new(line, Problem::SeveralDocuments);
        }
        let second = self.parser().nth(1);
        let error = second.and_then(|second| IgnoredAny::deserialize(second).err());
        let location = error.and_then(|error| error.location());
        Malformed::new(location.map(|location| location.line()), Problem::Behind)
    }

    /// The line of a heading, as `[dovemon]`, that comes before all else.
    fn heading(&self) -> Option<usize> {
        let is_content =
            |line: &str| !line.trim().is_empty() && !line.starts_with(&['#', '-', '%'][..]);
        let mut contents = self.text.lines().filter(|line| is_content(line));
        let first = contents.next()?.trim_end();
        let is_alone = contents.next().is_none();
        match first.starts_with('[') && first.ends_with(']') && !is_alone {
            true => self.line_where(is_content),
            false => None,
        }
    }

    fn line_where(&self, is_it: impl FnMut(&str) -> bool) -> Option<usize> {
        self.text.lines().position(is_it).map(|place| place + 1)
    }

    /// The document as keys with scalars.
    pub fn flat(&self) -> Result<Vec<Entry<Scalar>>, Malformed> {
        self.map_of(|walk| Map {
            walk,
            value: ScalarSeed,
        })
    }

    /// The document as keys with maps of scalars. All keys are known on the first level.
    pub fn sections(&self) -> Result<Vec<Entry<Section>>, Malformed> {
        self.map_of(|walk| Map {
            walk,
            value: SectionSeed,
        })
    }

    fn map_of<S: Level>(
        &self,
        seed: impl for<'w> Fn(&'w Walk) -> Map<'w, S>,
    ) -> Result<Vec<Entry<S::Value>>, Malformed> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let walk = Walk::new(self.known, None);
        let mut documents = self.parser();
        let entries = match documents.next() {
            Some(document) => Nullable(seed(&walk)).deserialize(document),
            None => return Ok(Vec::new()),
        };
        match entries {
            Ok(_) if documents.next().is_some() => Err(self.several_documents()),
            Ok(entries) => Ok(entries.unwrap_or_default()),
            Err(error) => Err(self.fault(&walk, &error)),
        }
    }

    /// What the text is not: one document of YAML, or else what was expected at this place of it. The two
    /// have one type of error, so the text is read again, by a reader that takes anything.
    fn fault(&self, walk: &Walk, error: &serde_yaml::Error) -> Malformed {
        let line = |error: &serde_yaml::Error| error.location().map(|location| location.line());
        if let Some(heading) = self.heading() {
            return Malformed::new(Some(heading), Problem::Heading);
        }
        for (place, document) in self.parser().enumerate() {
            if place > 0 {
                return self.several_documents();
            }
            if let Err(error) = IgnoredAny::deserialize(document) {
                return Malformed::new(line(&error), Problem::Syntax(error.to_string()));
            }
        }
        Malformed {
            line: line(error),
            key: walk.key.borrow_mut().take(),
            problem: match walk.is_at_merge_key.get() {
                true => Problem::MergeKey,
                false => Problem::Expected(walk.expected.get()),
            },
        }
    }

    fn parser(&self) -> serde_yaml::Deserializer<'_> {
        serde_yaml::Deserializer::from_str(&self.text)
    }

    /// The line of a scalar of a flat document.
    pub fn line_in_flat(&self, place: Place) -> Option<usize> {
        let walk = Walk::new(self.known, Some(place));
        let map = Map {
            walk: &walk,
            value: ScalarSeed,
        };
        found(Nullable(map).deserialize(self.parser()))
    }

    /// The line of a scalar of a document of sections.
    pub fn line_in_sections(&self, place: Place) -> Option<usize> {
        let walk = Walk::new(self.known, Some(place));
        let map = Map {
            walk: &walk,
            value: SectionSeed,
        };
        found(Nullable(map).deserialize(self.parser()))
    }

    /// Whether a colon follows this key in its line, counted from 1. Between braces a part of a value may be a key,
    /// and has none.
    pub fn has_colon(&self, line: usize, key: &str) -> bool {
        let mut lines = self.text.lines().skip(line.saturating_sub(1));
        let is_followed = |behind: &str| behind.is_empty() || behind.starts_with(' ');
        lines.next().map_or(false, |line| {
            line.split(&format!("{key}:")).skip(1).any(is_followed)
        })
    }
}

/// The parser gives a place only with an error, so the walk ends with one at the scalar looked for.
fn found<T>(result: Result<T, serde_yaml::Error>) -> Option<usize> {
    let error = result.err()?;
    error.location().map(|location| location.line())
}

/// Tabs before a comment, or on a line of their own, indent nothing; the parsers differ on them.
fn without_idle_tabs(text: &str) -> Zeroizing<String> {
    // Of its full length from the start: a buffer that grows leaves copies behind.
    let mut tidy = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches(&[' ', '\t'][..]);
        let indent = line.len() - content.len();
        if content.trim_end().is_empty() || content.starts_with('#') {
            tidy.extend(std::iter::repeat(' ').take(indent));
        } else {
            tidy.push_str(&line[..indent]);
        }
        tidy.push_str(content);
    }
    tidy
}

/// How many columns of blanks and of signs that begin a level the line begins with.
fn indentation(line: &str) -> usize {
    let content = line.trim_start_matches(&[' ', '\t', '-', '?', ':'][..]);
    line.len() - content.len()
}

fn line_after(bytes: &[u8]) -> usize {
    1 + bytes.iter().filter(|&&byte| byte == b'\n').count()
}

/// One pass through a document.
struct Walk {
    known: fn(&str) -> bool,
    /// How many scalars have been read.
    scalars: Cell<usize>,
    /// Where to end with an error.
    stop: Option<Place>,
    /// What stands next, should it be something else.
    expected: Cell<&'static str>,
    /// The key that it belongs to.
    key: RefCell<Option<String>>,
    is_at_merge_key: Cell<bool>,
}

impl Walk {
    fn new(known: fn(&str) -> bool, stop: Option<Place>) -> Walk {
        Walk {
            known,
            scalars: Cell::new(0),
            stop,
            expected: Cell::new(FLAT),
            key: RefCell::new(None),
            is_at_merge_key: Cell::new(false),
        }
    }

    fn pass<E: de::Error>(&self) -> Result<Place, E> {
        let place = Place(self.scalars.get());
        self.scalars.set(place.0 + 1);
        if self.stop == Some(place) {
            return Err(E::custom("here"));
        }
        Ok(place)
    }
}

/// What the values of a map are.
trait Level: Copy {
    type Value;
    const EXPECTED: &'static str;

    fn read<'de, A: MapAccess<'de>>(
        self,
        walk: &Walk,
        map: &mut A,
    ) -> Result<Option<Self::Value>, A::Error>;

    /// Whether the value of this key is to be read at all.
    fn wants(self, walk: &Walk, key: &str) -> bool;
}

#[derive(Clone, Copy)]
struct ScalarSeed;

impl Level for ScalarSeed {
    type Value = Scalar;
    const EXPECTED: &'static str = SCALAR;

    fn read<'de, A: MapAccess<'de>>(
        self,
        walk: &Walk,
        map: &mut A,
    ) -> Result<Option<Scalar>, A::Error> {
        let value = map.next_value_seed(Nullable(Text {
            walk,
            role: Role::Value,
        }))?;
        Ok(value.map(|(_, text)| text))
    }

    fn wants(self, walk: &Walk, key: &str) -> bool {
        (walk.known)(key)
    }
}

#[derive(Clone, Copy)]
struct SectionSeed;

impl Level for SectionSeed {
    type Value = Section;
    const EXPECTED: &'static str = SECTION;

    fn read<'de, A: MapAccess<'de>>(
        self,
        walk: &Walk,
        map: &mut A,
    ) -> Result<Option<Section>, A::Error> {
        map.next_value_seed(Nullable(Map {
            walk,
            value: ScalarSeed,
        }))
    }

    fn wants(self, _: &Walk, _: &str) -> bool {
        true
    }
}

/// A map whose values are of one level.
struct Map<'w, S> {
    walk: &'w Walk,
    value: S,
}

impl<'de, S: Level> DeserializeSeed<'de> for Map<'_, S> {
    type Value = Vec<Entry<S::Value>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Level> Visitor<'de> for Map<'_, S> {
    type Value = Vec<Entry<S::Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FLAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let walk = self.walk;
        let outer = walk.key.borrow().clone();
        let mut entries = Vec::new();
        loop {
            walk.expected.set("a key of one word");
            *walk.key.borrow_mut() = outer.clone();
            let (place, key) = match map.next_key_seed(Text {
                walk,
                role: Role::Key,
            })? {
                Some(key) => key,
                None => break,
            };
            walk.expected.set(S::EXPECTED);
            *walk.key.borrow_mut() = Some(match &outer {
                Some(outer) => format!("{outer}: {}", *key),
                None => key.to_string(),
            });
            let value = if self.value.wants(walk, &key) {
                self.value.read(walk, &mut map)?
            } else {
                map.next_value::<IgnoredAny>()?;
                None
            };
            entries.push(Entry { key, place, value });
        }
        Ok(entries)
    }
}

/// What a scalar is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Key,
    Value,
}

/// A scalar's text as written. A merge key is an error here, where the parser still knows its line.
struct Text<'w> {
    walk: &'w Walk,
    role: Role,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = (Place, Scalar);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = (Place, Scalar);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCALAR)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if self.role == Role::Key && text == "<<" {
            self.walk.is_at_merge_key.set(true);
            return Err(E::custom("a merge key"));
        }
        Ok((self.walk.pass()?, Zeroizing::new(text.to_owned())))
    }
}

/// What may be null, on which the two generations differ for anything but an Option.
struct Nullable<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or none")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("not a list"))
    }
}

#[cfg(test)]
mod tests;
