//! How the demo looks on a terminal. It prints what it is given and knows nothing of the pool.

use std::env;
use std::time::Instant;

pub struct Terminal {
    started: Instant,
    colours: Colours,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const DIM: &str = "2";

impl Terminal {
    /// Colours are for terminals: whoever starts the demo knows and says so in POOLMON_DEMO_COLOURS.
    pub fn new(started: Instant) -> Terminal {
        let colours = match env::var_os("POOLMON_DEMO_COLOURS") {
            Some(word) if word == "1" => Colours::On,
            _ => Colours::Off,
        };
        Terminal { started, colours }
    }

    pub fn title(&self, text: &str) {
        println!("\n{}", self.paint(BOLD, text));
    }

    pub fn text(&self, text: &str) {
        println!("{text}");
    }

    pub fn demo(&self, text: &str) {
        self.line("demo", &self.paint(BOLD, text));
    }

    pub fn log(&self, text: &str) {
        let code = if text.contains(" disabled: ") {
            RED
        } else if text.contains(" enabled: ") {
            GREEN
        } else if text.contains(" ERR ") {
            YELLOW
        } else {
            DIM
        };
        self.line("log ", &self.paint(code, text));
    }

    pub fn list(&self, text: &str) {
        self.line("list", &text.replace("DOWN", &self.paint(RED, "DOWN")));
    }

    fn line(&self, who: &str, text: &str) {
        println!(
            "{:5.1}  {who}  {text}",
            self.started.elapsed().as_secs_f64()
        );
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colours {
            Colours::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Colours::Off => text.to_string(),
        }
    }
}
