//! A copy of the project whose source has mutants in it, and how it is compiled. Nothing of the project is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::list::Mutant;
use crate::weave::{can_be_switched, weave};

/// How often what does not compile is taken out.
const MOST_PASSES: usize = 25;

/// Errors that the mutant has wherever it stands: no such trait, no such function, no such operator, other types, or
/// a type that is not known.
const OWN_ERRORS: [&str; 10] = [
    "E0277", "E0599", "E0369", "E0600", "E0308", "E0061", "E0368", "E0614", "E0271", "E0283",
];

/// A `match` that does not cover all values.
const NOT_EXHAUSTIVE: &str = "E0004";

/// The copy.
pub struct Tree {
    folder: PathBuf,
    library: String,
}

/// What has become of the mutants while they were woven in.
pub struct Sorted {
    /// In the binary.
    pub woven: BTreeSet<u32>,
    /// They do not compile.
    pub unviable: BTreeSet<u32>,
    /// They cannot be switched, or not beside the others: each needs a build of its own.
    pub single: BTreeSet<u32>,
}

impl Tree {
    /// Everything but `src` and `target` is the project's own.
    pub fn new(project: &Path, folder: &Path) -> Tree {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("the folder can be made");
        for entry in fs::read_dir(project).expect("the project can be read") {
            let entry = entry.expect("an entry");
            let name = entry.file_name();
            if !["src", "target", ".git"].iter().any(|other| name == *other) {
                symlink(entry.path(), folder.join(name)).expect("a link");
            }
        }
        let copied = Command::new("cp")
            .arg("-r")
            .args([project.join("src"), folder.join("src")])
            .status();
        assert!(
            copied.expect("cp runs").success(),
            "the source can be copied"
        );
        Tree {
            folder: folder.to_owned(),
            library: fs::read_to_string(project.join("src/lib.rs")).expect("there is a lib.rs"),
        }
    }

    /// A file of the copy becomes this.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).expect("the copy can be written");
    }

    /// The source of the copy becomes what it was.
    pub fn restore(&self, sources: &BTreeMap<String, String>) {
        self.write("src/lib.rs", &self.library);
        for (file, source) in sources {
            self.write(file, source);
        }
    }

    /// Weaves in all of these that compile side by side.
    pub fn weave(&self, sources: &BTreeMap<String, String>, mutants: &[Mutant]) -> Sorted {
        self.write(
            "src/lib.rs",
            &format!("{}\n{}", self.library, include_str!("switch.rs")),
        );
        // What a function returns that says only a trait cannot be another type in one of its branches.
        let is_opaque =
            |mutant: &&Mutant| mutant.return_type.contains("impl ") && !can_be_switched(mutant);
        let mut sorted = Sorted {
            woven: BTreeSet::new(),
            unviable: BTreeSet::new(),
            single: mutants
                .iter()
                .filter(is_opaque)
                .map(|mutant| mutant.number)
                .collect(),
        };
        for pass in 0..MOST_PASSES {
            let mut files = BTreeMap::new();
            sorted.woven.clear();
            for (file, source) in sources {
                let here = mutants.iter().filter(|mutant| {
                    let out = [&sorted.unviable, &sorted.single];
                    mutant.file == *file && !out.iter().any(|set| set.contains(&mutant.number))
                });
                let woven = weave(source, &here.collect::<Vec<_>>());
                self.write(file, &woven.text);
                sorted.woven.extend(&woven.numbers);
                files.insert(file.clone(), woven);
            }
            if pass == 0 {
                let left_over = mutants.iter().map(|mutant| mutant.number);
                sorted
                    .single
                    .extend(left_over.filter(|number| !sorted.woven.contains(number)));
            }
            let errors = self.errors();
            if errors.is_empty() {
                return sorted;
            }
            let before = sorted.unviable.len() + sorted.single.len();
            for error in &errors {
                let mut numbers = files
                    .get(&error.file)
                    .map_or(Vec::new(), |woven| woven.at(error.place));
                if error.code == NOT_EXHAUSTIVE {
                    // An arm that can be left out covers nothing any more. Others after it may.
                    numbers = numbers.split_off(numbers.len().saturating_sub(1));
                }
                let is_own = numbers.len() == 1 && OWN_ERRORS.contains(&error.code.as_str());
                let set = if is_own {
                    &mut sorted.unviable
                } else {
                    &mut sorted.single
                };
                set.extend(numbers);
            }
            let after = sorted.unviable.len() + sorted.single.len();
            eprintln!("   pass {}: {} mutants taken out", pass + 1, after - before);
            if after == before {
                let said: Vec<&str> = errors.iter().map(|error| error.said.as_str()).collect();
                panic!("errors outside of all mutants:\n{}", said.join("\n"));
            }
        }
        panic!("still errors after {MOST_PASSES} passes");
    }

    fn errors(&self) -> Vec<CompileError> {
        let mut check = self.cargo("check");
        let output = check
            .args(["--profile", "test", "--lib", "--message-format", "json"])
            .output();
        let output = output.expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let messages = messages.filter(|message| message["reason"] == "compiler-message");
        let errors: Vec<_> = messages
            .flat_map(|message| CompileError::of(&message["message"]))
            .collect();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || !errors.is_empty(),
            "cargo check fails: {said}"
        );
        errors
    }

    /// The path of the test binary; nothing if it does not compile.
    pub fn build(&self, arguments: &[&str]) -> Option<PathBuf> {
        let mut build = self.cargo("test");
        build
            .args(["--no-run", "--message-format", "json"])
            .args(arguments);
        let output = build.stderr(Stdio::null()).output().expect("cargo runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut binaries = messages.filter(|message| message["profile"]["test"] == true);
        let binary = binaries.find_map(|message| message["executable"].as_str().map(PathBuf::from));
        binary.filter(|_| output.status.success())
    }

    fn cargo(&self, word: &str) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.env("CARGO_TARGET_DIR", self.folder.with_file_name("target"));
        cargo
            .args([word, "--quiet", "--locked"])
            .current_dir(&self.folder);
        cargo
            .env("CARGO_PROFILE_TEST_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("CARGO_INCREMENTAL", "1");
        cargo
    }

    /// Where tests are run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

struct CompileError {
    file: String,
    /// In bytes.
    place: usize,
    code: String,
    said: String,
}

impl CompileError {
    fn of(message: &Value) -> Option<CompileError> {
        let spans = message["spans"].as_array()?;
        let span = spans.iter().find(|span| span["is_primary"] == true)?;
        Some(CompileError {
            file: span["file_name"].as_str()?.to_owned(),
            place: span["byte_start"].as_u64()? as usize,
            code: message["code"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            said: message["rendered"].as_str().unwrap_or_default().to_owned(),
        })
        .filter(|_| message["level"] == "error")
    }
}
