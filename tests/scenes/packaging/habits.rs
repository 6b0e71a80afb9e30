//! What the tests themselves keep to.

use std::fs;

use super::architecture::sources;
use super::installation::project;

#[test]
fn no_scene_sleeps_without_a_reason() {
    let mut files = sources(&project("tests/scenes"));
    files.extend(sources(&project("tests/lab")));
    // The one does the waiting for all others, and this file has the word alone.
    files.retain(|file| !file.ends_with("patience.rs") && !file.ends_with("habits.rs"));
    let mut sleeps = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let is_sleep = |line: &&str| line.starts_with("sleep(") || line.contains("thread::sleep(");
        for (number, _) in lines.iter().enumerate().filter(|(_, line)| is_sleep(line)) {
            sleeps += 1;
            let before = lines[number.saturating_sub(1)];
            let place = format!("{}:{}", file.display(), number + 1);
            assert!(before.starts_with("//"), "{place}: {before}");
        }
    }
    assert!(sleeps > 10, "{sleeps} sleeps");
}
