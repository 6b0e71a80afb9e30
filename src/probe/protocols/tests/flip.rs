//! The flip matrix: every transcript with every bit, pair of neighbouring bits within a byte, byte and pair of
//! bytes of the server's flipped, one at a time, and with every front cut off. `check_scene` cuts off the ends.
//!
//! The property: each attempt comes to an outcome, within the bytes that a dialogue may take, without the
//! password in it; and none passes in which a byte was hit that said that all is well. Every transcript that
//! passes has such bytes, apart from those of a port of unknown use, where any line will do.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::play::{Notes, Scene, Step};
use super::*;
use crate::bent::flips;

/// What is done to the server's bytes, counted over all that it says.
#[derive(Clone, Copy, Debug)]
enum Bend {
    /// These bits of the byte at this place, and these of the next one.
    Flip { at: usize, bits: [u8; 2] },
    /// All before this place is missing.
    Without { front: usize },
}

impl Bend {
    fn apply(self, place: usize, byte: u8) -> Option<u8> {
        match self {
            Bend::Flip { at, bits } if place == at => Some(byte ^ bits[0]),
            Bend::Flip { at, bits } if place == at + 1 => Some(byte ^ bits[1]),
            Bend::Without { front } if place < front => None,
            _ => Some(byte),
        }
    }
}

/// The server of a transcript, bent. Once the client says something else than in the transcript it stays
/// silent, as it does where the client reads and the transcript has nothing to say.
struct Bent<'a> {
    steps: &'a [Step],
    /// Of the first step: how much of it is over.
    over: usize,
    /// Bytes of the server's before that step.
    before: usize,
    bend: Bend,
    diverged: bool,
    given: usize,
    taken: usize,
    reads: usize,
}

impl Bent<'_> {
    fn shake_hands(&mut self) {
        match self.steps {
            [Step::Tls, rest @ ..] => self.steps = rest,
            _ => self.diverged = true,
        }
    }
}

impl Duplex for Bent<'_> {}

impl Read for Bent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        assert!(self.reads < 10_000, "reads for ever");
        if self.diverged {
            return Err(ErrorKind::TimedOut.into());
        }
        match self.steps {
            [] => Ok(0),
            [Step::Server(text), rest @ ..] => {
                let mut count = 0;
                while count < buffer.len() && self.over < text.len() {
                    let place = self.before + self.over;
                    if let Some(byte) = self.bend.apply(place, text[self.over]) {
                        buffer[count] = byte;
                        count += 1;
                    }
                    self.over += 1;
                }
                if self.over == text.len() {
                    self.before += text.len();
                    self.over = 0;
                    self.steps = rest;
                }
                self.given += count;
                match count {
                    0 => self.read(buffer),
                    _ => Ok(count),
                }
            }
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Bent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken += bytes.len();
        match self.steps {
            [Step::Client(expected), rest @ ..] if expected == bytes => self.steps = rest,
            _ => self.diverged = true,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where in the server's bytes stands that all is well: the word itself, of each reply that a pass needs.
/// Of a number only the first digit counts: any other that begins with it says the same.
fn affirmations(scene: &Scene) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    let mut place = 0;
    let mut asked: Vec<u8> = Vec::new();
    // Of an IMAP literal: so much is mail, whatever it looks like.
    let mut literal = 0usize;
    for step in &scene.steps {
        match step {
            // The rest of an IMAP command has no tag.
            Step::Client(command) if is_tagged(command) || !is_tagged(&asked) => {
                asked = command.to_ascii_uppercase();
            }
            Step::Client(_) => {}
            Step::Tls => {}
            Step::Server(text) => {
                for line in text.split_inclusive(|&byte| byte == b'\n') {
                    match literal.checked_sub(line.len()) {
                        Some(left) => literal = left,
                        None => {
                            let word = affirmation(scene.protocol, &asked, &line[literal..]);
                            found.extend(word.map(|word| (place + literal, word)));
                            literal = length_of_literal(line);
                        }
                    }
                    place += line.len();
                }
            }
        }
    }
    let needed = scene.needed_bytes();
    found.retain(|(place, _)| *place < needed);
    found
}

/// As IMAP's commands of ours begin: a letter and a number.
fn is_tagged(command: &[u8]) -> bool {
    command.len() > 1 && command[0].is_ascii_alphabetic() && command[1].is_ascii_digit()
}

/// What follows a line that ends with `{number}`.
fn length_of_literal(line: &[u8]) -> usize {
    let text = String::from_utf8_lossy(line);
    let number = text.trim_end().strip_suffix('}');
    let number = number.and_then(|text| text.rsplit_once('{'));
    number.map_or(0, |(_, number)| number.parse().unwrap_or(0))
}

/// The beginning of a line that says that the command was carried out.
fn affirmation(protocol: Protocol, asked: &[u8], line: &[u8]) -> Option<Vec<u8>> {
    let says =
        |word: &[u8]| line.len() >= word.len() && line[..word.len()].eq_ignore_ascii_case(word);
    let asked_for = |word: &[u8]| asked.windows(word.len()).any(|window| window == word);
    // Without capabilities an attempt goes on as far as it can.
    if asked_for(b"CAPA") {
        return None;
    }
    if protocol == Protocol::Sieve {
        return says(b"OK").then(|| line[..2].to_vec());
    }
    if asked.is_empty() && protocol == Protocol::Imap {
        let words: [&[u8]; 2] = [b"* OK", b"* PREAUTH"];
        let word = words.iter().find(|word| says(word))?;
        return Some(line[..word.len()].to_vec());
    }
    // A question for more, where the command needs one: without it nothing more is said.
    let asks_for_more = says(b"+ ") || says(b"+\r") || says(b"3");
    if asks_for_more {
        return Some(line[..1].to_vec());
    }
    let tag = asked.iter().position(|&byte| byte == b' ');
    if let Some(tag) = tag.filter(|_| is_tagged(asked)) {
        let word = [&asked[..tag], b" OK"].concat();
        return says(&word).then(|| line[..word.len()].to_vec());
    }
    if says(b"+OK") {
        return Some(line[..3].to_vec());
    }
    let is_last_of_reply = matches!(line.get(3), Some(b' ' | b'\r'));
    (is_last_of_reply && says(b"2")).then(|| line[..1].to_vec())
}

/// How often the scene was bent.
fn bend_all(scene: &Scene) -> usize {
    let mut bends = 0;
    let affirmations = affirmations(scene);
    let passes = ["clean", "plaintext disabled"].contains(&&*scene.expect);
    let any_line_will_do = scene.protocol == Protocol::AnyLine;
    assert!(
        !passes || any_line_will_do || !affirmations.is_empty(),
        "{}: nothing is held of what lets it pass",
        scene.name
    );
    for at in 0..scene.server_bytes() {
        let flipped = flips().map(|bits| Bend::Flip { at, bits });
        for bend in flipped.chain([Bend::Without { front: at + 1 }]) {
            let (result, bent) = scene.play_bent(bend);
            let name = &scene.name;
            bends += 1;
            assert!(bent.given <= MOST_TEXT, "{name}, {bend:?}: {}", bent.given);
            assert!(bent.taken <= 8192, "{name}, {bend:?}: {}", bent.taken);
            if let (Some(account), Err(failure)) = (&scene.account, &result) {
                let told = failure.to_string().into_bytes();
                let password = account.password.reveal();
                let is_word = password.len() >= 5;
                assert!(
                    !is_word || !contains_ignoring_case(&told, password),
                    "{name}, {bend:?}: {failure}"
                );
            }
            let hit = affirmations.iter().any(|(place, word)| {
                let now = word
                    .iter()
                    .enumerate()
                    .map(|(offset, byte)| bend.apply(place + offset, *byte));
                let now: Option<Vec<u8>> = now.collect();
                now.map_or(true, |now| !now.eq_ignore_ascii_case(word))
            });
            if passes && hit {
                assert!(result.is_err(), "{name}, {bend:?}: {}", shown(&result));
            }
        }
    }
    bends
}

impl Scene {
    fn play_bent(&self, bend: Bend) -> (Result<Pass, Failure>, Bent<'_>) {
        let mut stream = Bent {
            steps: &self.steps,
            over: 0,
            before: 0,
            bend,
            diverged: false,
            given: 0,
            taken: 0,
            reads: 0,
        };
        let mut notes = Notes::default();
        let result = self.talk_over(&mut stream, &|_| {}, &mut notes, Bent::shake_hands);
        // A password is never shown to whoever looks on, whatever the server made of it.
        if let Some(account) = &self.account {
            let password = account.password.reveal();
            let shows = |said: &String| said.trim_end().as_bytes() == password;
            assert!(!notes.said.iter().any(shows), "{}, {bend:?}", self.name);
        }
        (result, stream)
    }
}

#[test]
fn no_flipped_or_missing_byte_makes_a_pass_of_what_says_something_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    let mut bends = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        bends += bend_all(&Scene::parse(&name, &text));
    }
    assert!(bends > 100_000, "{bends}");
}
