//! What is wrong, or odd, with a file of the configuration: `file:line: key: what was expected`.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::file::FileProblem;
use super::yaml::Malformed;
use crate::quote::Quote;

/// Why a file of the configuration cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    File(FileProblem),
    Text(Complaint),
}

/// About one place of a file. Its text holds nothing that may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// From 1; None where it is about the whole file or the line is not known.
    pub line: Option<usize>,
    /// What stands before the last colon, made of known names only.
    pub key: Option<String>,
    /// What is wrong and what was expected, in our own words.
    pub text: String,
}

impl Complaint {
    /// `line` counts from 1. `key` is a name of ours, never text from the file.
    pub fn new(line: Option<usize>, key: impl Into<String>, text: impl Into<String>) -> Complaint {
        Complaint {
            line,
            key: Some(key.into()),
            text: text.into(),
        }
    }

    /// The same about a line, or the whole file, and no key.
    pub fn keyless(line: Option<usize>, text: impl Into<String>) -> Complaint {
        Complaint {
            line,
            key: None,
            text: text.into(),
        }
    }

    /// With the file's name before it.
    pub fn about(&self, path: &Path) -> String {
        format!("{}{self}", Quoted(path))
    }
}

/// Only the place and the text; a file's name comes before it.
impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Whose key is one of ours.
impl From<Malformed> for Complaint {
    fn from(malformed: Malformed) -> Complaint {
        Complaint {
            line: malformed.line,
            text: malformed.problem.to_string(),
            key: malformed.key,
        }
    }
}

impl ConfigError {
    /// The file cannot be read as a whole.
    pub fn file(path: &Path, problem: FileProblem) -> ConfigError {
        ConfigError {
            path: path.to_owned(),
            problem: Problem::File(problem),
        }
    }

    /// The file can be read; a place in it is wrong.
    pub fn text(path: &Path, complaint: Complaint) -> ConfigError {
        ConfigError {
            path: path.to_owned(),
            problem: Problem::Text(complaint),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::File(problem) => write!(f, "{}: {problem}", Quoted(&self.path)),
            Problem::Text(complaint) => f.write_str(&complaint.about(&self.path)),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::File(FileProblem::System(cause)) => Some(cause),
            _ => None,
        }
    }
}

/// A path as it is, so that `file:line` can be clicked on, unless it holds what a terminal obeys.
struct Quoted<'a>(&'a Path);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_str() {
            Some(path) if !path.contains(char::is_control) => f.write_str(path),
            _ => Quote::new(self.0.to_string_lossy().as_bytes()).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn file_line_key_and_expectation_stand_in_this_order() {
        let complaint = Complaint::new(Some(7), "interval", "expected seconds");
        let error = ConfigError::text(Path::new("/etc/x.yml"), complaint);
        assert_eq!(
            error.to_string(),
            "/etc/x.yml:7: interval: expected seconds"
        );
        let whole = ConfigError::file(Path::new("x.yml"), FileProblem::NoFile);
        assert_eq!(whole.to_string(), "x.yml: expected a regular file");
        let odd = Path::new(OsStr::from_bytes(b"x\x1b\xff"));
        let text = Complaint::keyless(None, "empty").about(odd);
        assert!(text.starts_with("\"x\\x1b"), "{text}");
    }
}
