//! `--watch`: the table kept on the screen, with keys.
//!
//! One thread waits for keys and one for signals; the main thread draws when one of them says something, or
//! at the pace that was asked for. The file is read again when another one stands in its place.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{after, never, select, unbounded, Receiver};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::screen::{Screen, ScreenError, Size};
use crate::app::reading;
use crate::few::counted;
use crate::report::document::Document;
use crate::report::freshness::Freshness;
use crate::report::table::{self, Explain, View};
use crate::report::terminal::{Line, Paint};

/// Ends with the key q, or by the signal that asks for the end. Every way out leaves the terminal as it was.
pub(super) fn watch(path: &Path, view: View, pace: Duration) -> Result<(), ScreenError> {
    let screen = Screen::open()?;
    // Before the first setting is changed.
    let signals = signals().map_err(ScreenError::NoTerminal)?;
    screen.enter()?;
    let keys = keys(screen.keys().map_err(ScreenError::NoTerminal)?);
    let mut watch = Watch {
        path: path.to_path_buf(),
        seen: None,
        document: Err(String::new()),
        size: screen.size(),
        typed: None,
        pause: Pause::Off,
        above: 0,
        view,
    };
    watch.look();
    let end = watch.run(&screen, &signals, &keys, pace);
    drop(screen);
    if let End::Signal(signal) = end? {
        // Whoever started it sees by which signal it ended.
        let _ = emulate_default_handler(signal);
    }
    Ok(())
}

fn signals() -> std::io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH])?;
    let (sender, receiver) = unbounded();
    thread::Builder::new()
        .name("signals".to_string())
        .spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

/// What one read gave: a key, or the sequence that a key sends.
fn keys(mut terminal: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = unbounded();
    let spawned = thread::Builder::new()
        .name("keys".to_string())
        .spawn(move || loop {
            let mut buffer = [0; 64];
            match terminal.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) if sender.send(buffer[..length].to_vec()).is_err() => return,
                Ok(_) => {}
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        });
    match spawned {
        Ok(_) => receiver,
        // Without keys it is still a table, and Ctrl-C ends it.
        Err(_) => never(),
    }
}

enum End {
    Key,
    Signal(i32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    Off,
    On,
}

struct Watch {
    path: PathBuf,
    /// Which file was read last.
    seen: Option<FileMark>,
    /// Or why there is none.
    document: Result<Document, String>,
    view: View,
    size: Size,
    /// The filter that is being typed.
    typed: Option<Vec<u8>>,
    pause: Pause,
    /// How many lines have been scrolled away; the first one never is.
    above: usize,
}

/// Another file in the same place has another mark.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileMark {
    inode: u64,
    modified: (i64, i64),
    length: u64,
}

impl FileMark {
    fn of(path: &Path) -> Option<FileMark> {
        let metadata = fs::metadata(path).ok()?;
        Some(FileMark {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            length: metadata.len(),
        })
    }
}

impl Watch {
    fn run(
        &mut self,
        screen: &Screen,
        signals: &Receiver<i32>,
        keys: &Receiver<Vec<u8>>,
        pace: Duration,
    ) -> Result<End, ScreenError> {
        let mut keys = keys.clone();
        let mut due = Instant::now();
        loop {
            let wait = match self.pause {
                Pause::Off => {
                    let now = Instant::now();
                    if now >= due {
                        self.look();
                        screen.put(&self.picture())?;
                        due = now + pace;
                    }
                    after(due.saturating_duration_since(Instant::now()))
                }
                Pause::On => never(),
            };
            select! {
                recv(signals) -> signal => match signal {
                    Ok(SIGTSTP) => {
                        screen.leave();
                        // Returns when somebody lets it go on; then SIGCONT is the next signal.
                        let _ = emulate_default_handler(SIGTSTP);
                        continue;
                    }
                    Ok(SIGCONT) => {
                        screen.enter()?;
                        self.size = screen.size();
                    }
                    Ok(SIGWINCH) => self.size = screen.size(),
                    Ok(signal) => return Ok(End::Signal(signal)),
                    // The thread has ended by a defect: nobody could end this any more.
                    Err(_) => return Ok(End::Key),
                },
                recv(keys) -> key => match key {
                    Ok(key) => if self.press(&key) {
                        return Ok(End::Key);
                    },
                    // The terminal says no more. A signal ends this.
                    Err(_) => {
                        keys = never();
                        continue;
                    }
                },
                recv(wait) -> _ => continue,
            }
            screen.put(&self.picture())?;
        }
    }

    /// Reads the file again if another stands there, and the clock.
    fn look(&mut self) {
        let mark = FileMark::of(&self.path);
        if mark.is_none() || mark != self.seen {
            self.document = reading::read(&self.path).map_err(|cause| cause.to_string());
            self.seen = mark;
        }
        self.view.now = reading::now();
        self.view.freshness = match &self.document {
            Ok(document) => reading::freshness(document, self.view.now),
            Err(_) => Freshness::Fresh,
        };
    }

    /// Whether that was the end.
    fn press(&mut self, key: &[u8]) -> bool {
        if let Some(typed) = self.typed.take() {
            self.type_on(typed, key);
            return false;
        }
        match key {
            b"q" | b"Q" => return true,
            b"/" => self.typed = Some(Vec::new()),
            b"s" => self.view.sort = self.view.sort.next(),
            b"e" => {
                self.view.explain = match self.view.explain {
                    Explain::Nobody => Explain::First,
                    Explain::First => Explain::Nobody,
                }
            }
            b"p" => {
                self.pause = match self.pause {
                    Pause::Off => Pause::On,
                    Pause::On => Pause::Off,
                };
                if self.pause == Pause::Off {
                    self.look();
                }
            }
            b"\x1b[B" | b"\x1bOB" | b"j" => self.above += 1,
            b"\x1b[A" | b"\x1bOA" | b"k" => self.above = self.above.saturating_sub(1),
            b" " | b"\x1b[6~" => self.above += self.page(),
            b"b" | b"\x1b[5~" => self.above = self.above.saturating_sub(self.page()),
            _ => {}
        }
        false
    }

    fn page(&self) -> usize {
        self.size.rows.saturating_sub(4).max(1)
    }

    /// Enter ends the filter, Escape takes it away, backspace its last character.
    fn type_on(&mut self, mut typed: Vec<u8>, key: &[u8]) {
        match key {
            b"\r" | b"\n" => return,
            b"\x1b" => {
                self.view.filter.text.clear();
                return;
            }
            b"\x7f" | b"\x08" => {
                let mut text = String::from_utf8_lossy(&typed).into_owned();
                text.pop();
                typed = text.into_bytes();
            }
            // An arrow or the like.
            [0x1b, ..] => {}
            _ => {
                // Typed fast, or pasted: it may end with Enter.
                let end = key.iter().position(|byte| *byte == b'\r' || *byte == b'\n');
                typed.extend_from_slice(&key[..end.unwrap_or(key.len())]);
                self.view.filter.text = String::from_utf8_lossy(&typed).into_owned();
                if end.is_some() {
                    return;
                }
            }
        }
        self.view.filter.text = String::from_utf8_lossy(&typed).into_owned();
        self.typed = Some(typed);
    }

    /// All that the screen is to show, drawn over what it shows.
    fn picture(&mut self) -> String {
        // Most terminals lose the last character of a full line when the rest of it is cleared.
        self.view.width = self.size.columns.saturating_sub(1).max(1);
        let mut lines = match &self.document {
            Ok(document) => table::lines(document, &self.view),
            Err(cause) => {
                vec![Line::of(Paint::Bad, cause).print(self.view.width, self.view.colours)]
            }
        };
        let room = self.size.rows.saturating_sub(1);
        // Scrolled no further than the last line.
        self.above = self.above.min(lines.len().saturating_sub(room.max(1)));
        lines.drain(1..1 + self.above);
        if lines.len() > room {
            let left_out = lines.len() - room.saturating_sub(1);
            lines.truncate(room.saturating_sub(1));
            let text = counted(left_out, "more line") + ": space and b, or the arrow keys";
            lines.push(Line::of(Paint::Doubtful, &text).print(self.view.width, self.view.colours));
        }
        let mut picture = "\x1b[H".to_string();
        for line in lines.iter().take(room) {
            picture += line;
            picture += "\x1b[K\r\n";
        }
        picture + &self.bar() + "\x1b[K\x1b[J"
    }

    /// The last line: what can be done, and what has been chosen.
    fn bar(&self) -> String {
        let filter = &self.view.filter.text;
        let mut line = Line::default();
        match &self.typed {
            Some(_) => line.push(
                Paint::Strong,
                &format!("filter: {filter}_  (Enter, Escape)"),
            ),
            None => {
                if self.pause == Pause::On {
                    line.push(Paint::Doubtful, "PAUSED  ");
                }
                let filter = match filter.is_empty() {
                    true => String::new(),
                    false => format!(": {filter}"),
                };
                let sort = self.view.sort.name();
                let text = format!("q quit  / filter{filter}  s sort: {sort}  e explain  p pause");
                line.push(Paint::Dim, &text);
            }
        }
        line.print(self.view.width, self.view.colours)
    }
}

#[cfg(test)]
mod tests;
