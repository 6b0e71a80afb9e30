//! The mutants that may survive, each with its reason: `accepted.txt`.
//!
//! ```text
//! src/schedule.rs: replace < with <= in Schedule::rest
//!     if due < ended {
//!     why: at the same moment both give the same
//! ```
//!
//! No numbers of lines: they would have to be changed with every change above. The line of the source itself is in
//! it, because a function may have several operators of a kind.

use crate::list::Mutant;

/// One of them.
pub struct Accepted {
    mutant: String,
    line: String,
}

/// All of the file. A reason has to be there.
pub fn read(text: &str) -> Result<Vec<Accepted>, String> {
    let blocks = text.split("\n\n").map(|block| {
        let lines = block
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        lines.collect::<Vec<_>>()
    });
    let blocks = blocks.filter(|lines| !lines.is_empty());
    blocks
        .map(|lines| match &lines[..] {
            [mutant, line, why, ..] if why.trim().starts_with("why: ") => Ok(Accepted {
                mutant: mutant.trim().to_owned(),
                line: line.trim().to_owned(),
            }),
            _ => Err(format!(
                "accepted.txt: not mutant, line, and why: {}",
                lines.join(" / ")
            )),
        })
        .collect()
}

impl Accepted {
    /// Whether it speaks of this mutant.
    pub fn is(&self, mutant: &Mutant) -> bool {
        self.mutant == format!("{}: {}", mutant.file, mutant.deed) && self.line == mutant.line
    }

    /// The source that it speaks of.
    pub fn file(&self) -> &str {
        self.mutant.split(':').next().unwrap_or_default()
    }

    /// As the file names it.
    pub fn name(&self) -> String {
        format!("{}\n    {}", self.mutant, self.line)
    }
}
