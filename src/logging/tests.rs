//! What is logged at which level.

use std::fs;
use std::path::{Path, PathBuf};

use log::Level;

use super::*;

#[test]
fn the_level_holds_for_all_but_what_is_always_logged() {
    for (level, logged) in [
        (LevelFilter::Off, 0),
        (LevelFilter::Error, 1),
        (LevelFilter::Warn, 2),
        (LevelFilter::Info, 3),
        (LevelFilter::Debug, 4),
    ] {
        let logger = Logger(Arc::new(Shared {
            queue: Queue::new(),
            level: AtomicUsize::new(level as usize),
        }));
        let is_logged = |target: &str, level| {
            let metadata = Metadata::builder().target(target).level(level).build();
            logger.enabled(&metadata)
        };
        let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug];
        for (number, each) in levels.into_iter().enumerate() {
            assert_eq!(is_logged("poolmon::x", each), number < logged, "{level}");
            assert!(is_logged(ALWAYS, each), "{level}");
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    });
    files.flatten().collect()
}

/// Of the engine's lines each is an error, a debug line, a change, or an answer to a signal.
#[test]
fn the_report_says_no_change_that_a_level_could_hide() {
    let files = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report"));
    assert!(files.len() > 1);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for hidden in ["info!(", "warn!(\"", "warn!(\n"] {
            assert!(!text.contains(hidden), "{}: {hidden}", file.display());
        }
    }
}
