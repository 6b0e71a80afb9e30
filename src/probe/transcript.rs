//! The dialogue of an attempt, written down as it happens: bounded, escaped, without passwords.
//!
//! What we say comes fit to be shown (`protocols::line`); what a server says is withheld here if it repeats
//! a part of the password. It has no clock. Of a long dialogue the beginning and the end are kept.

use crate::few::counted;
use crate::outcome::Dialogue;
use crate::probe::protocols::Repeats;
use crate::quote;

/// At most so many lines and bytes in all.
pub(super) const MOST_LINES: usize = 40;
pub(super) const MOST_BYTES: usize = 2048;

/// Characters of one line, escaped. A greeting with capabilities is not much longer.
const LONGEST_LINE: usize = 200;

/// Of most attempts, in bytes.
const ENOUGH: usize = 256;

/// What is kept of the beginning, and of the end; a line between them says how many are missing.
const FIRST: Room = Room {
    lines: 16,
    bytes: 880,
};
const LAST: Room = Room {
    lines: MOST_LINES - FIRST.lines - 1,
    bytes: MOST_BYTES - FIRST.bytes - 48,
};

struct Room {
    lines: usize,
    bytes: usize,
}

#[derive(Clone, Default)]
pub(super) struct Transcript {
    first: Part,
    last: Part,
    left_out: usize,
}

#[derive(Clone, Default)]
struct Part {
    text: String,
    lines: usize,
}

impl Transcript {
    pub(super) fn said(&mut self, text: &[u8]) {
        let text = without_end(text);
        let mut lines = text.split(|&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        self.add("C: ", without_end(first));
        match lines.count() {
            0 => {}
            more => self.add(
                "C: ",
                format!("({})", counted(more, "more line")).as_bytes(),
            ),
        }
    }

    pub(super) fn heard(&mut self, line: &[u8], repeats: &Repeats) {
        if repeats.are_in(line) {
            self.add("S: ", b"(withheld, it repeats a part of the password)");
        } else {
            self.add("S: ", line);
        }
    }

    /// Words of ours in place of what the server said.
    pub(super) fn heard_unshown(&mut self, what: &str) {
        self.add("S: ", what.as_bytes());
    }

    /// What happened beside the talk.
    pub(super) fn remark(&mut self, text: &str) {
        self.add("-- ", text.as_bytes());
    }

    fn add(&mut self, who: &str, text: &[u8]) {
        let is_first = self.left_out == 0 && self.last.lines == 0;
        if is_first && self.first.has_room(&FIRST) {
            self.first.add(who, text);
            return;
        }
        self.last.add(who, text);
        while !self.last.fits(&LAST) {
            self.last.drop_first();
            self.left_out += 1;
        }
    }

    pub(super) fn finish(self) -> Dialogue {
        let mut text = self.first.text;
        if self.left_out > 0 {
            text.push_str(&format!(
                "-- ({} left out)\n",
                counted(self.left_out, "line")
            ));
        }
        text.push_str(&self.last.text);
        Dialogue::new(text)
    }
}

impl Part {
    /// Whether the longest line fits, too.
    fn has_room(&self, room: &Room) -> bool {
        self.lines < room.lines && self.text.len() + LONGEST_LINE + "C: ...\n".len() <= room.bytes
    }

    fn fits(&self, room: &Room) -> bool {
        self.lines <= room.lines && self.text.len() <= room.bytes
    }

    fn add(&mut self, who: &str, text: &[u8]) {
        if self.lines == 0 {
            // Enough for a greeting and a farewell.
            self.text.reserve(ENOUGH);
        }
        self.text.push_str(who);
        quote::push_escaped(&mut self.text, text, LONGEST_LINE);
        self.text.push('\n');
        self.lines += 1;
    }

    fn drop_first(&mut self) {
        let end = self
            .text
            .find('\n')
            .map_or(self.text.len(), |feed| feed + 1);
        self.text.drain(..end);
        self.lines -= 1;
    }
}

/// A line end may be missing: a literal has none of its own.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Account, Secret};

    fn lines(transcript: &Transcript) -> Vec<String> {
        let dialogue = transcript.clone().finish();
        dialogue.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_said_and_heard_is_written_down_in_printable_ascii() {
        let mut transcript = Transcript::default();
        transcript.heard(b"* OK \"ready\" \\ \x1b[2J\xff\r", &Repeats::default());
        transcript.said(b"a1 CAPABILITY\r\n");
        transcript.remark("tls");
        transcript.said(b"From: <a@b>\r\n\r\nText\r\n.\r\n");
        transcript.said(b"one\r\ntwo\r\n");
        let expected = [
            r#"S: * OK "ready" \\ \x1b[2J\xff\r"#,
            "C: a1 CAPABILITY",
            "-- tls",
            "C: From: <a@b>",
            "C: (3 more lines)",
            "C: one",
            "C: (1 more line)",
        ];
        assert_eq!(lines(&transcript), expected);
    }

    #[test]
    fn whatever_is_said_the_beginning_and_the_end_are_kept_within_bounds() {
        for (length, number) in [(0, 30_000), (1, 41), (10, 100), (160, 1000), (8192, 8)] {
            for byte in [b'x', b'\xff', b'\n'] {
                let mut transcript = Transcript::default();
                transcript.heard(b"first", &Repeats::default());
                for _ in 0..number {
                    transcript.heard(&vec![byte; length], &Repeats::default());
                }
                transcript.heard(b"last", &Repeats::default());
                let all = lines(&transcript);
                let bytes: usize = all.iter().map(|line| line.len() + 1).sum();
                assert!(all.len() <= MOST_LINES, "{length}: {} lines", all.len());
                assert!(bytes <= MOST_BYTES, "{length}: {bytes} bytes");
                assert_eq!(all[0], "S: first");
                assert_eq!(all[all.len() - 1], "S: last");
                let out = all.iter().find_map(|line| {
                    let count = line.strip_prefix("-- (")?.strip_suffix(" left out)")?;
                    let number = count.split(' ').next()?.parse::<usize>().ok()?;
                    (count == counted(number, "line")).then_some(number)
                });
                let kept = all.len() - usize::from(out.is_some());
                assert_eq!(out.unwrap_or(0) + kept, number + 2, "{length}");
            }
        }
    }

    #[test]
    fn a_line_that_repeats_the_password_is_withheld() {
        let account = Account {
            user: b"probe".to_vec(),
            password: Secret::new(*b"hunter2"),
            master: None,
        };
        let repeats = Repeats::of([&account]);
        let mut transcript = Transcript::default();
        for line in ["NO: Hunter2?", "NO: hun", "* AHByb2JlAGh1bnRlcjI="] {
            transcript.heard(line.as_bytes(), &repeats);
        }
        let withheld = "S: (withheld, it repeats a part of the password)";
        assert_eq!(lines(&transcript), [withheld, "S: NO: hun", withheld]);
    }
}
