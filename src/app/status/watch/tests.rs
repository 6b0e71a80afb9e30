//! Keys and pictures of `--watch`. That the terminal is left as it was is a scene's business, and of a
//! panic the test here, which is its own child on a terminal of its own.

use std::process::{Command, Stdio};

use super::*;
use crate::report::document::sample::{self, WRITTEN};
use crate::report::table::Sort;

fn watching() -> Watch {
    Watch {
        path: PathBuf::from("/nonexistent/status.json"),
        seen: None,
        document: Ok(sample::five_troubles()),
        view: View::plain(WRITTEN, 80),
        size: Size {
            rows: 50,
            columns: 80,
        },
        typed: None,
        pause: Pause::Off,
        above: 0,
    }
}

/// Its lines, without what clears the rest of each.
fn seen(watch: &mut Watch) -> Vec<String> {
    let picture = watch.picture();
    let picture = picture.strip_prefix("\x1b[H").unwrap();
    let picture = picture.strip_suffix("\x1b[K\x1b[J").unwrap();
    picture.split("\x1b[K\r\n").map(str::to_string).collect()
}

fn rows(watch: &mut Watch) -> Vec<String> {
    let lines = seen(watch);
    let rows = lines.iter().filter(|line| line.starts_with("192.0.2."));
    let addresses = rows.map(|row| row.split(' ').next().unwrap().to_string());
    addresses.collect()
}

fn press(watch: &mut Watch, keys: &[&str]) {
    for key in keys {
        assert!(!watch.press(key.as_bytes()), "{key}");
    }
}

#[test]
fn a_picture_fills_no_more_than_the_screen() {
    let mut watch = watching();
    for (rows, columns) in [(50, 80), (24, 80), (10, 40), (2, 10), (1, 1)] {
        watch.size = Size { rows, columns };
        let lines = seen(&mut watch);
        assert!(lines.len() <= rows, "{rows}: {lines:?}");
        for line in &lines {
            assert!(line.len() < columns.max(2), "{columns}: {line}");
        }
    }
    watch.size = Size {
        rows: 24,
        columns: 80,
    };
    let lines = seen(&mut watch);
    assert!(lines[22].contains("more lines"), "{lines:?}");
    assert!(lines[23].starts_with("q quit"), "{lines:?}");
}

#[test]
fn a_screen_of_one_row_can_be_scrolled_like_any_other() {
    let mut without_file = watching();
    without_file.document = Err("no such file".to_owned());
    for mut watch in [watching(), without_file] {
        for rows in [1, 2, 3] {
            watch.size.rows = rows;
            press(&mut watch, &["j"; 200]);
            assert!(seen(&mut watch).len() <= rows);
            press(&mut watch, &["k"; 200]);
            assert!(seen(&mut watch).len() <= rows);
        }
    }
}

#[test]
fn the_keys_do_what_the_last_line_says() {
    let mut watch = watching();
    assert!(watch.press(b"q"));
    press(&mut watch, &["s"]);
    assert_eq!(watch.view.sort, Sort::Address);
    assert_eq!(rows(&mut watch)[0], "192.0.2.7");
    assert!(seen(&mut watch).last().unwrap().contains("sort: address"));
    press(&mut watch, &["e"]);
    let text = seen(&mut watch).join("\n");
    assert!(text.contains("more: poolmon explain 192.0.2.7"), "{text}");
    press(&mut watch, &["e", "p"]);
    assert!(!seen(&mut watch).join("\n").contains("poolmon explain"));
    assert!(seen(&mut watch).last().unwrap().starts_with("PAUSED"));
    press(&mut watch, &["\x1b[C", "x", "\x00"]);
    assert_eq!(watch.view.sort, Sort::Address);
}

#[test]
fn what_does_not_fit_is_scrolled_to_and_no_further() {
    let mut watch = watching();
    let whole = seen(&mut watch);
    watch.size.rows = 12;
    press(&mut watch, &["\x1b[B", "j"]);
    let lines = seen(&mut watch);
    assert_eq!(lines[0], whole[0]);
    assert_eq!(lines[1..10], whole[3..12]);
    press(&mut watch, &["k"]);
    assert_eq!(seen(&mut watch)[1..10], whole[2..11]);
    for _ in 0..20 {
        press(&mut watch, &[" "]);
        seen(&mut watch);
    }
    let lines = seen(&mut watch);
    let bar = whole.len() - 1;
    assert_eq!(lines[1..11], whole[bar - 10..bar]);
    for _ in 0..20 {
        press(&mut watch, &["b"]);
        seen(&mut watch);
    }
    assert_eq!(seen(&mut watch)[..10], whole[..10]);
}

#[test]
fn a_filter_is_typed_and_taken_away() {
    let mut watch = watching();
    press(&mut watch, &["/", "r", "e", "f", "q"]);
    assert_eq!(
        seen(&mut watch).last().unwrap(),
        "filter: refq_  (Enter, Escape)"
    );
    press(&mut watch, &["\x7f", "\x1b[A"]);
    assert_eq!(rows(&mut watch), ["192.0.2.10", "192.0.2.9", "192.0.2.7"]);
    press(&mut watch, &["\n"]);
    assert!(seen(&mut watch).last().unwrap().contains("filter: ref "));
    press(&mut watch, &["/", "ü", "\x7f", "timed out\r"]);
    assert_eq!(rows(&mut watch), ["192.0.2.8"]);
    press(&mut watch, &["/", "\x1b"]);
    assert_eq!(rows(&mut watch).len(), 5);
    assert!(watch.press(b"q"), "no more typing");
}

#[test]
fn without_a_file_it_says_so_and_looks_again() {
    let mut watch = watching();
    watch.look();
    let text = seen(&mut watch).join("\n");
    assert!(text.contains("there is no status file"), "{text}");
    let path = std::env::temp_dir().join(format!("poolmon-watch-{}", std::process::id()));
    let mut document = sample::five_troubles();
    document.poolmon.pid = std::process::id();
    fs::write(&path, serde_json::to_vec(&document).unwrap()).unwrap();
    watch.path = path.clone();
    watch.look();
    let text = seen(&mut watch).join("\n");
    assert!(
        text.starts_with("STALE: the monitor has written nothing"),
        "{text}"
    );
    document.poolmon.written = reading::now();
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(&document).unwrap()).unwrap();
    fs::rename(&new, &path).unwrap();
    watch.look();
    let text = seen(&mut watch).join("\n");
    assert!(text.starts_with("director1: 3 of 5 up"), "{text}");
    fs::remove_file(path).unwrap();
}

/// In the child that the test below starts on a terminal of its own.
const INSIDE: &str = "POOLMON_TEST_PANIC_ON_SCREEN";

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    if std::env::var_os(INSIDE).is_some() {
        let screen = Screen::open().unwrap();
        screen.enter().unwrap();
        let keys = Command::new("stty")
            .arg("-a")
            .stdin(screen.keys().unwrap())
            .output();
        let text = String::from_utf8(keys.unwrap().stdout).unwrap();
        assert!(
            text.contains("-icanon") && text.contains("-echo "),
            "{text}"
        );
        panic!("as a defect would, in cbreak mode");
    }
    let program = std::env::current_exe().unwrap();
    let test = "app::status::watch::tests::a_panic_leaves_the_terminal_as_it_was";
    let script = format!(
        "stty -g; {INSIDE}=1 '{}' --exact {test} --nocapture; stty -g",
        program.display()
    );
    let ended = Command::new("timeout")
        .args(["60", "script", "-qec", &script, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ended.stdout).replace('\r', "");
    assert!(text.contains("in cbreak mode"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.first(), lines.last(), "{text}");
    assert!(lines[0].contains(':'), "{text}");
    assert!(
        text.contains("\x1b[?25h"),
        "the cursor is seen again: {text:?}"
    );
}
