//! The flip matrix: every transcript with the server's bytes flipped, one way at a time, and with every front cut off.
//! `check_scene` cuts off the ends.
//!
//! Of the transcripts that pass, the first one that has a line after the same command has its beginning, where it says how
//! the command went, flipped in all ways of `bent`. The rest of it, and all other lines, are flipped in a few ways: they
//! are known, or of transcripts that fail anyway. All ways everywhere would be seven million attempts, and two minutes
//! of a processor. `make flips` has every pair of bits and of bytes of every line.
//!
//! The property: each attempt comes to an outcome, without the password in it; and none passes in which a byte was hit
//! that said that all is well. Every transcript that passes has such bytes, apart from those of a port of
//! unknown use, where any line will do. What an attempt holds of the server's bytes in memory is measured where
//! there are too many of them: in `probe/tests/matrix.rs`. A transcript has too few.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::play::{Notes, Scene, Step};
use super::*;
use crate::bent::{few_flips, flips, Flip, Pairs};

/// What is done to the server's bytes, counted over all that it says.
#[derive(Clone, Copy, Debug)]
enum Bend {
    Flip(Flip),
    /// All before this place is missing.
    Without {
        front: usize,
    },
}

impl Bend {
    fn apply(self, place: usize, byte: u8) -> Option<u8> {
        match self {
            Bend::Flip(flip) => Some(flip.apply(place, byte)),
            Bend::Without { front } => (place >= front).then_some(byte),
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
                let place = self.before + self.over;
                let missing = match self.bend {
                    Bend::Without { front } => front.saturating_sub(place),
                    Bend::Flip(_) => 0,
                };
                let given = &text[(self.over + missing).min(text.len())..];
                let count = given.len().min(buffer.len());
                buffer[..count].copy_from_slice(&given[..count]);
                if let Bend::Flip(flip) = self.bend {
                    for place in flip.places() {
                        if let Some(offset) = place.checked_sub(self.before + self.over) {
                            if offset < count {
                                buffer[offset] = flip.apply(place, text[self.over + offset]);
                            }
                        }
                    }
                }
                self.over = text.len() - (given.len() - count);
                if self.over == text.len() {
                    self.before += text.len();
                    self.over = 0;
                    self.steps = rest;
                }
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

/// A line of a server's, and what it answers: the protocol, the command and the line.
type Answer = (Protocol, Vec<u8>, Vec<u8>);

/// How many bytes of a line have the word that says how a command went, and what comes before it.
const BEGINNING: usize = 10;

/// Of a byte of the server's: how many of its line come before it, and, counted over all that the server says, where
/// the line ends.
struct InLine {
    before: usize,
    end: usize,
}

/// For each byte of the server's its place, if no scene before had its line.
fn places_in_new_lines(scene: &Scene, seen: &mut HashSet<Answer>) -> Vec<Option<InLine>> {
    let mut places = Vec::new();
    let mut asked: &[u8] = b"";
    for step in &scene.steps {
        match step {
            Step::Client(command) => asked = command,
            Step::Tls => asked = b"",
            Step::Server(text) => {
                for line in text.split_inclusive(|&byte| byte == b'\n') {
                    let is_new = seen.insert((scene.protocol, asked.to_owned(), line.to_owned()));
                    let end = places.len() + line.len();
                    let place = |before| is_new.then_some(InLine { before, end });
                    places.extend((0..line.len()).map(place));
                }
            }
        }
    }
    places
}

fn passes(scene: &Scene) -> bool {
    ["clean", "plaintext disabled"].contains(&&*scene.expect)
}

/// How often the scene was bent.
fn bend_all(scene: &Scene, seen: &mut HashSet<Answer>) -> usize {
    let mut bends = 0;
    let affirmations = affirmations(scene);
    let passes = passes(scene);
    let any_line_will_do = scene.protocol == Protocol::AnyLine;
    assert!(
        !passes || any_line_will_do || !affirmations.is_empty(),
        "{}: nothing is held of what lets it pass",
        scene.name
    );
    let repeats = Repeats::of(&scene.account);
    let length = scene.server_bytes();
    let mut last_told = String::new();
    let pairs = Pairs::all_or(Pairs::Near);
    for (at, place) in places_in_new_lines(scene, seen).into_iter().enumerate() {
        let flipped: Box<dyn Iterator<Item = Flip>> = match place {
            Some(place) if pairs == Pairs::All => Box::new(flips(at, place.end, pairs)),
            Some(place) if passes && place.before < BEGINNING => Box::new(flips(at, length, pairs)),
            _ => Box::new(few_flips(at)),
        };
        let cut = Bend::Without { front: at + 1 };
        for bend in flipped.map(Bend::Flip).chain([cut]) {
            let (result, bent) = scene.play_bent(bend, &repeats);
            let name = &scene.name;
            bends += 1;
            assert!(bent.taken <= 8192, "{name}, {bend:?}: {}", bent.taken);
            match result {
                Err(failure) => {
                    let told = failure.to_string();
                    // Most bends come to the same failure as the one before.
                    if told != last_told {
                        assert!(!shows_password(scene, &told), "{name}, {bend:?}: {told}");
                        last_told = told;
                    }
                }
                Ok(_) if passes => assert!(
                    !affirmations.iter().any(|word| is_hit(word, bend)),
                    "{name}, {bend:?}: {}",
                    shown(&result)
                ),
                Ok(_) => {}
            }
        }
    }
    bends
}

fn shows_password(scene: &Scene, told: &str) -> bool {
    scene.account.as_ref().map_or(false, |account| {
        let password = account.password.reveal();
        let is_word = password.len() >= 5;
        is_word && contains_ignoring_case(told.as_bytes(), password)
    })
}

fn is_hit((place, word): &(usize, Vec<u8>), bend: Bend) -> bool {
    let is_far = |hit: &usize| *hit < *place || *hit >= place + word.len();
    match bend {
        Bend::Flip(flip) if flip.places().iter().all(is_far) => return false,
        _ => {}
    }
    let now = word
        .iter()
        .enumerate()
        .map(|(offset, byte)| bend.apply(place + offset, *byte));
    let now: Option<Vec<u8>> = now.collect();
    now.map_or(true, |now| !now.eq_ignore_ascii_case(word))
}

impl Scene {
    fn play_bent(&self, bend: Bend, repeats: &Repeats) -> (Result<Pass, Failure>, Bent<'_>) {
        let mut stream = Bent {
            steps: &self.steps,
            over: 0,
            before: 0,
            bend,
            diverged: false,
            taken: 0,
            reads: 0,
        };
        let mut notes = Notes::default();
        let result = self.talk_over(&mut stream, repeats, &|_| {}, &mut notes, Bent::shake_hands);
        // A password is never shown to whoever looks on, whatever the server made of it.
        if let Some(account) = &self.account {
            let password = account.password.reveal();
            let shows = |said: &String| said.trim_end().as_bytes() == password;
            assert!(!notes.said.iter().any(shows), "{}, {bend:?}", self.name);
        }
        (result, stream)
    }
}

/// Bends all these transcripts. Returns how often.
fn bend_those(are_wanted: impl Fn(&Scene) -> bool) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dialogues");
    let mut scenes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        scenes.push(Scene::parse(&name, &text));
    }
    scenes.retain(are_wanted);
    // Which one is the first to have a line is the same on every machine, and one that passes.
    scenes.sort_by_key(|scene| (!passes(scene), scene.name.clone()));
    let mut seen = HashSet::new();
    scenes.iter().map(|scene| bend_all(scene, &mut seen)).sum()
}

fn is_imap(scene: &Scene) -> bool {
    scene.protocol == Protocol::Imap
}

#[test]
fn no_bent_byte_of_imap_makes_another_pass_of_what_passes() {
    let bends = bend_those(|scene| is_imap(scene) && passes(scene));
    assert!(bends > 350_000, "{bends}");
}

#[test]
fn no_bent_byte_of_imap_does_harm_in_what_fails() {
    let bends = bend_those(|scene| is_imap(scene) && !passes(scene));
    assert!(bends > 130_000, "{bends}");
}

#[test]
fn no_bent_byte_of_other_protocols_makes_another_pass_or_does_harm() {
    let bends = bend_those(|scene| !is_imap(scene));
    assert!(bends > 550_000, "{bends}");
}
