//! The lines of the log as the manual page lists them: its section DIAGNOSTICS is the table. Every line that a
//! scene's monitor logs has to be one of them; `Place` looks at the files of its folder by itself.
//!
//! A word in capitals stands for what changes from line to line. What several backends make of a verb is read as
//! what one makes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

use super::passwords::files;

/// What a word in capitals stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// An address, of either family.
    Address,
    /// Several of them.
    Addresses,
    Number,
    /// With its unit.
    Span,
    /// A name of a file, as it is or quoted.
    Path,
    /// One or more ports.
    Service,
    /// Which group of backends, with a space before it; nothing where there is one group alone.
    Group,
    /// One word or more.
    Text,
}

const HOLES: [(&str, Hole); 19] = [
    ("ADDRESS", Hole::Address),
    ("NAMES", Hole::Addresses),
    ("N", Hole::Number),
    ("SPAN", Hole::Span),
    ("PATH", Hole::Path),
    ("SERVICE", Hole::Service),
    ("TEXT", Hole::Text),
    ("FAULT", Hole::Text),
    ("CAUSE", Hole::Text),
    ("TAG", Hole::Group),
    ("TIME", Hole::Text),
    ("STATE", Hole::Text),
    ("STAGE", Hole::Text),
    ("POOL", Hole::Text),
    ("COMMAND", Hole::Text),
    ("ACTION", Hole::Text),
    ("RULE", Hole::Text),
    ("PROGRAM", Hole::Text),
    ("VERSION", Hole::Text),
];

/// As a line says it of one thing, and of several.
const NUMBERS: [(&str, &str); 11] = [
    (" has ", " have "),
    (" is ", " are "),
    (" was ", " were "),
    (" stays ", " stay "),
    (" it", " them"),
    (" its backend ", " their backends "),
    (" change:", " changes:"),
    (" command ", " commands "),
    (" line ", " lines "),
    (" time ", " times "),
    (" user", " users"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Fixed(String),
    Hole(&'static str),
}

/// One line of the manual page's list.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub text: String,
    pub pieces: Vec<Piece>,
}

impl Pattern {
    pub fn parse(text: &str) -> Pattern {
        let mut pieces = Vec::new();
        let mut fixed = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let word: usize = rest
                .find(|c: char| !c.is_ascii_uppercase())
                .unwrap_or(rest.len());
            let is_start = !fixed.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
            let goes_on = rest[word..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
            let hole = HOLES.iter().find(|(name, _)| *name == &rest[..word]);
            match hole {
                Some((name, kind)) if is_start && !goes_on => {
                    if *kind == Hole::Group {
                        assert_eq!(fixed.pop(), Some(' '), "{text}");
                    }
                    if !fixed.is_empty() {
                        pieces.push(Piece::Fixed(std::mem::take(&mut fixed)));
                    }
                    pieces.push(Piece::Hole(name));
                    rest = &rest[word..];
                }
                _ => {
                    let next = word.max(rest.chars().next().map_or(1, char::len_utf8));
                    fixed.push_str(&rest[..next]);
                    rest = &rest[next..];
                }
            }
        }
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(fixed));
        }
        Pattern {
            text: text.to_owned(),
            pieces,
        }
    }

    /// Whether the whole line is one of these.
    pub fn fits(&self, line: &str) -> bool {
        fits(&self.pieces, line)
    }
}

fn fits(pieces: &[Piece], line: &str) -> bool {
    match pieces {
        [] => line.is_empty(),
        [Piece::Fixed(text), rest @ ..] => match line.strip_prefix(text.as_str()) {
            Some(line) => fits(rest, line),
            None => false,
        },
        [Piece::Hole(name), rest @ ..] => {
            let (_, hole) = HOLES.iter().find(|(other, _)| other == name).unwrap();
            let ends = line.char_indices().map(|(at, c)| at + c.len_utf8());
            let nothing = (*hole == Hole::Group).then_some(0);
            let mut ends = nothing.into_iter().chain(ends).filter(|end| match rest {
                [] => *end == line.len(),
                [Piece::Fixed(text), ..] => line[*end..].starts_with(text.as_str()),
                [Piece::Hole(_), ..] => true,
            });
            ends.any(|end| is_one(*hole, &line[..end]) && fits(rest, &line[end..]))
        }
    }
}

fn is_one(hole: Hole, text: &str) -> bool {
    let all = |also: &str| {
        text.chars()
            .all(|c| c.is_ascii_digit() || c.is_ascii_lowercase() || also.contains(c))
    };
    match hole {
        Hole::Address => text.contains(['.', ':']) && all(".:") && !text.ends_with(':'),
        Hole::Addresses => text.contains(['.', ':']) && all(".:, ") && !text.ends_with(':'),
        Hole::Number => text.chars().all(|c| c.is_ascii_digit()),
        Hole::Span => text.starts_with(|c: char| c.is_ascii_digit()) && all(". "),
        Hole::Path => text.starts_with(['/', '"']),
        Hole::Service => text.contains(':') && all(":+, ->()") && !text.starts_with(':'),
        Hole::Group => {
            let beginnings = [" with tag \"", " serving \""];
            let is_named = beginnings.iter().any(|words| text.starts_with(words));
            text.is_empty() || text == " without a tag" || is_named
        }
        Hole::Text => true,
    }
}

/// As it is said of one backend.
fn of_one(text: &str) -> String {
    let mut text = text.to_owned();
    for (one, several) in NUMBERS {
        text = text.replace(several, one);
    }
    text
}

/// The lines that section DIAGNOSTICS of the manual page lists.
pub struct Diagnostics {
    pub patterns: Vec<Pattern>,
    /// The same as they are read where a line is about several backends.
    of_one: Vec<Pattern>,
}

impl Diagnostics {
    pub fn of_the_manual() -> Diagnostics {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/man/poolmon.8");
        let page = fs::read_to_string(page).expect("the manual page");
        let start = page.find("\n.Sh DIAGNOSTICS\n").expect("the section");
        let section = &page[start + 1..];
        let end = section[1..].find("\n.Sh ").map_or(section.len(), |end| end);
        let heads = section[..end].lines();
        let heads = heads.filter_map(|line| line.strip_prefix(".It Li \""));
        let heads = heads.map(|head| head.strip_suffix('"').expect("a quoted line"));
        let heads: Vec<String> = heads.map(|head| head.replace("\"\"", "\"")).collect();
        Diagnostics {
            patterns: heads.iter().map(|head| Pattern::parse(head)).collect(),
            of_one: heads
                .iter()
                .map(|head| Pattern::parse(&of_one(head)))
                .collect(),
        }
    }

    /// Whether the manual page lists this line, without its time and level.
    pub fn has(&self, line: &str) -> bool {
        // Said again after an hour.
        let line = match line.rfind(" (for ") {
            Some(at) if line.ends_with(" now)") => &line[..at],
            _ => line,
        };
        let of_one = of_one(line);
        let mut as_it_is = self.patterns.iter();
        let mut of_several = self.of_one.iter();
        as_it_is.any(|pattern| pattern.fits(line))
            || of_several.any(|pattern| pattern.fits(&of_one))
    }
}

/// What the monitor logged in this line of a file, if it did: `Nov 22 00:34:13 LOG text`.
fn logged(line: &str) -> Option<&str> {
    let stamp = line.get(..16)?.as_bytes();
    let is_stamp = stamp[0].is_ascii_uppercase()
        && [3, 6, 15].iter().all(|at| stamp[*at] == b' ')
        && [9, 12].iter().all(|at| stamp[*at] == b':')
        && [5, 7, 8, 10, 11, 13, 14]
            .iter()
            .all(|at| stamp[*at].is_ascii_digit());
    let rest = &line[16..];
    let text = rest
        .strip_prefix("LOG ")
        .or_else(|| rest.strip_prefix("ERR "));
    text.filter(|_| is_stamp)
}

/// A line in there that no manual page explains fails the scene.
#[track_caller]
pub fn assert_all_known_in_folder(folder: &Path) {
    if thread::panicking() {
        return;
    }
    let diagnostics = Diagnostics::of_the_manual();
    let mut seen = BTreeSet::new();
    for path in files(folder) {
        let bytes = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        // Nor does a line end where a full disk took only a part of it.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = whole.lines().filter_map(logged).peekable();
        while let Some(line) = lines.next() {
            // A long line is cut, and so is one before lines that a full disk did not take.
            let is_lost = |line: &&str| line.contains(" lost: ") && line.contains("log line");
            let is_cut = line.ends_with("...") || lines.peek().map_or(false, is_lost);
            // But for their numbers most lines of a scene are the same.
            let shape: String = line.replace(|c: char| c.is_ascii_digit(), "0");
            if is_cut || !seen.insert(shape) {
                continue;
            }
            assert!(
                diagnostics.has(line),
                "{}: etc/man/poolmon.8, DIAGNOSTICS, does not list the line: {line}",
                path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_whole_lines() {
        for (pattern, line, fits) in [
            ("ADDRESS is listed", "192.0.2.1 is listed", true),
            ("ADDRESS is listed", "192.0.2.1 is listed twice", false),
            ("ADDRESS is listed", "who is listed", false),
            ("N log TEXT lost: CAUSE", "12 log lines lost: full", true),
            ("N log TEXT lost: CAUSE", "some log lines lost: full", false),
            ("DRY-RUN: ADDRESS up", "DRY-RUN: 2001:db8::1 up", true),
            ("reload (SIGHUP) N", "reload (SIGHUP) 7", true),
            ("N backends TAG pass", "3 backends pass", true),
            ("N backends TAG pass", "3 backends without a tag pass", true),
            (
                "N backends TAG pass",
                "3 backends with tag \"a\" pass",
                true,
            ),
            (
                "N backends TAG pass",
                "3 backends serving \"imap\" pass",
                true,
            ),
            ("N backends TAG pass", "3 backends of any kind pass", false),
        ] {
            assert_eq!(
                Pattern::parse(pattern).fits(line),
                fits,
                "{pattern}: {line}"
            );
        }
    }

    #[test]
    fn a_line_that_the_page_does_not_list_is_found_in_a_file() {
        let known = "Nov 22 00:34:13 LOG 192.0.2.1 is listed";
        assert_eq!(logged(known), Some("192.0.2.1 is listed"));
        assert_eq!(logged("Nov  2 00:34:13 ERR text"), Some("text"));
        assert_eq!(logged("Nov 22 00:34:13 imap-login: Info: text"), None);
        assert_eq!(logged("text"), None);
        assert!(Diagnostics::of_the_manual().has("192.0.2.1 is listed"));
        assert!(!Diagnostics::of_the_manual().has("nobody knows this line"));
        let place = super::super::place::Place::new();
        let file = place.path("monitor.log");
        fs::write(&file, "Nov 22 00:34:13 LOG nobody knows this line\n").unwrap();
        let found = std::panic::catch_unwind(|| assert_all_known_in_folder(place.folder()));
        fs::remove_file(&file).unwrap();
        assert!(found.is_err());
    }

    #[test]
    fn a_line_of_which_a_full_disk_took_a_part_need_not_be_known() {
        let place = super::super::place::Place::new();
        let stamp = "Nov 22 00:34:13";
        let torn = format!("{stamp} LOG 192.0.2.1 is lis");
        let lost = format!("{stamp} ERR 3 log lines lost: No space left on device (os error 28)");
        fs::write(place.path("monitor.log"), format!("{torn}\n{lost}\n{torn}")).unwrap();
        assert_all_known_in_folder(place.folder());
    }

    #[test]
    fn what_lasts_and_what_is_said_of_several_is_known() {
        let of_one = "the ring has not been synced since 08:00:00 (60 s): no backend is taken down or \
                      brought up until it is; which director is missing or hangs? see doveadm director ring \
                      status";
        assert!(Diagnostics::of_the_manual().has(of_one));
        assert!(Diagnostics::of_the_manual().has(&format!("{of_one} (for 60 min now)")));
        // As two were taken down one after the other.
        assert!(Diagnostics::of_the_manual().has(
            "192.0.2.1 and 192.0.2.2 are healthy here and stay down: an administrator or another monitor took \
             them down from 08:00:01 to 08:00:02, this monitor did not take them down, and --restore=own leaves \
             that so; to bring one up: doveadm director up 192.0.2.1"
        ));
        assert!(Diagnostics::of_the_manual().has(
            "192.0.2.1 and 192.0.2.2 have failed since 08:00:00 and stay up: --max-down=1 allows no more \
             backends without a tag down (192.0.2.3 is down); repair one, or allow more"
        ));
    }
}
