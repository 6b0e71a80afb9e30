//! What a mutant is, and those that cargo-mutants lists (`--list --json`). How they get into the binary is not known
//! here.

use std::collections::BTreeMap;

use serde_json::Value;

/// What is done to the source: all but the last three by cargo-mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Genre {
    /// A function returns a value at once.
    Body,
    BinaryOperator,
    /// A `!` or `-` is left out.
    UnaryOperator,
    /// An arm of a match is left out.
    Arm,
    /// The condition of an arm is always true or always false.
    Guard,
    /// A field is left to `..Default::default()`.
    Field,
    Statement,
    /// What is asked has always the same answer.
    Answer,
    /// The call of `min` or `max` is left out.
    Bound,
}

/// One mutant.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// By which the binary knows it.
    pub number: u32,
    pub file: String,
    pub genre: Genre,
    /// In bytes of the file.
    pub from: usize,
    pub to: usize,
    pub replacement: String,
    pub return_type: String,
    /// What is done, and in which function.
    pub deed: String,
    /// The line of the source, trimmed.
    pub line: String,
    pub line_number: usize,
    pub column: usize,
}

impl Mutant {
    /// As a person finds it.
    pub fn place(&self) -> String {
        format!(
            "{}:{}:{}: {}",
            self.file, self.line_number, self.column, self.deed
        )
    }
}

/// All of the list, with places in bytes of these sources.
pub fn read(json: &str, sources: &BTreeMap<String, String>) -> Vec<Mutant> {
    let list: Value = serde_json::from_str(json).expect("cargo-mutants lists JSON");
    let list = list.as_array().expect("a list");
    let mutants = list.iter().enumerate().map(|(number, entry)| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let file = text("file");
        let source = &sources[&file];
        let at = |end: &str, of: &str| entry["span"][end][of].as_u64().expect("a place") as usize;
        let line_number = at("start", "line");
        let name = text("name");
        let prefix = format!("{file}:{line_number}:{}: ", at("start", "column"));
        Mutant {
            number: number as u32,
            genre: genre(&text("genre")),
            from: offset(source, line_number, at("start", "column")),
            to: offset(source, at("end", "line"), at("end", "column")),
            replacement: text("replacement"),
            return_type: entry["function"]["return_type"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            deed: name
                .strip_prefix(&prefix)
                .expect("the name begins with the place")
                .to_owned(),
            line: source
                .lines()
                .nth(line_number - 1)
                .expect("a line")
                .trim()
                .to_owned(),
            line_number,
            column: at("start", "column"),
            file,
        }
    });
    mutants.collect()
}

fn genre(word: &str) -> Genre {
    match word {
        "FnValue" => Genre::Body,
        "BinaryOperator" => Genre::BinaryOperator,
        "UnaryOperator" => Genre::UnaryOperator,
        "MatchArm" => Genre::Arm,
        "MatchArmGuard" => Genre::Guard,
        "StructField" => Genre::Field,
        other => panic!("cargo-mutants has a genre that is not known here: {other}"),
    }
}

/// Lines and columns count from one, columns in characters.
pub fn offset(source: &str, line: usize, column: usize) -> usize {
    let start: usize = source
        .split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum();
    let in_line = source[start..].char_indices().nth(column - 1);
    start + in_line.map_or(source.len() - start, |(at, _)| at)
}
