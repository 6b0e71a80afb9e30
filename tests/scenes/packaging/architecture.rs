//! ARCHITECTURE.md against the sources: the files that it names are there, and so are its limits and its tests.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use poolmon::probe::protocols::table::PartInDelivery;
use poolmon::service::Protocol;

use super::installation::{project, text_of};

const MAP: &str = "ARCHITECTURE.md";

pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    found.flatten().collect()
}

/// What stands between back-quotes, in each line.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// What `make check` runs: each function that is a test, and the simulator's properties. A function of such a name that
/// is none, or a comment, holds nothing.
pub fn tests() -> HashSet<String> {
    let folders = ["src", "tests/lab", "tests/scenes", "tests/simulate"];
    let files = folders.iter().flat_map(|folder| sources(&project(folder)));
    let is_source = |file: &PathBuf| file.extension().map_or(false, |end| end == "rs");
    let mut found = HashSet::new();
    for file in files.filter(is_source) {
        let text = fs::read_to_string(file).unwrap();
        found.extend(tests_of(&text));
    }
    found.extend(properties_of(&text_of("tests/simulate/properties.rs")));
    found
}

fn tests_of(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = source.lines().map(str::trim);
    while lines.any(|line| line == "#[test]") {
        let of_it = |line: &&str| line.starts_with("#[") || line.starts_with("//");
        let mut attributes = lines.clone().take_while(of_it);
        let is_ignored = attributes.any(|line| line.starts_with("#[ignore"));
        let function = lines.find(|line| !of_it(line));
        let name = function.and_then(|line| line.strip_prefix("fn ")?.split('(').next());
        match name {
            Some(name) if !is_ignored => found.push(name.to_owned()),
            _ => {}
        }
    }
    found
}

/// Those that each random day is judged by.
fn properties_of(source: &str) -> Vec<String> {
    let list = source.split("properties![\n").nth(1).expect("a list");
    let list = list.split("];").next().unwrap_or(list);
    let names = list.lines().filter_map(|line| {
        let (_, name) = line.trim().split_once("::")?;
        name.strip_suffix(',').map(str::to_owned)
    });
    names.collect()
}

#[test]
fn only_what_is_run_counts_as_a_test() {
    let source = "
        // #[test]
        // fn a_comment() {}
        #[test]
        /// With a word on it.
        #[allow(clippy::all)]
        fn a_test() {}
        fn a_helper() {}
        #[test]
        #[ignore = \"too long\"]
        fn an_ignored_one() {}
        #[test]
        fn another(
        ) {}";
    assert_eq!(tests_of(source), ["a_test", "another"]);
    let properties = properties_of(&text_of("tests/simulate/properties.rs"));
    assert!(properties.len() > 20, "{properties:?}");
}

#[test]
fn every_source_that_the_map_names_exists() {
    let mut files = sources(&project("src"));
    files.extend(sources(&project("tests")));
    let text = text_of(MAP);
    let named: Vec<&str> = quoted(&text)
        .filter(|word| word.ends_with(".rs") && !word.contains(' '))
        .collect();
    assert!(named.len() > 60, "{} sources are named", named.len());
    for name in named {
        let is_there = files.iter().any(|file| file.ends_with(name));
        assert!(is_there || project(name).is_file(), "{name}");
    }
}

#[test]
fn every_test_that_the_map_names_exists() {
    let tests = tests();
    let text = text_of(MAP);
    let is_test = |word: &&str| {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        word.matches('_').count() >= 3 && word.chars().all(is_name)
    };
    let named: Vec<&str> = quoted(&text).filter(is_test).collect();
    assert!(named.len() >= 9, "{named:?}");
    for name in named {
        assert!(tests.contains(name), "{name}");
    }
}

/// The limits of the map: the file in src/, and the constant's name.
fn limits_of_the_map() -> BTreeSet<(String, String)> {
    let text = text_of(MAP);
    let table = text.split("\n## Limits\n").nth(1).expect("a section");
    let table = table.split("\n## ").next().unwrap_or(table);
    let mut limits = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let place = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let mut file = "";
        for word in quoted(place) {
            if word.ends_with(".rs") {
                file = word;
            } else {
                let limit = (file.to_owned(), word.to_owned());
                assert!(limits.insert(limit), "{row}: {word} stands there twice");
            }
        }
    }
    limits
}

#[test]
fn every_limit_of_the_map_is_a_constant_of_its_file() {
    let limits = limits_of_the_map();
    assert!(limits.len() > 140, "{} limits", limits.len());
    for (file, name) in limits {
        let source = text_of(Path::new("src").join(&file).to_str().unwrap());
        let constant = format!("const {name}: ");
        assert!(source.contains(&constant), "{file}: no {name}");
    }
}

/// Constants of these types are limits, but for those of `NO_LIMITS`.
const OF_LIMITS: [&str; 4] = ["usize", "u32", "u64", "Duration"];

/// What limits nothing that others can make the program hold, do or wait for.
const NO_LIMITS: [(&str, &str); 8] = [
    (
        "a unit, a bit, or a part of a format",
        "beside.rs OTHERS_WRITE, beside.rs GROUP_WRITES, config/file.rs OPEN_TO_OTHERS, config/number.rs SECOND, monitor/day.rs SLOTS, \
         monitor/list_changes.rs DAY, monitor/policy/hold.rs HOUR, monitor/snapshot/backend.rs SLOT, \
         monitor/snapshot/counters.rs LATENCIES, monitor/snapshot/counters.rs COMMANDS, monitor/unwell.rs DAY, \
         daemon/lock.rs MODE, daemon/lock/folder.rs STICKY, daemon/lock/holder.rs WRITES, logging/file.rs MODE, \
         pool/haproxy/wire.rs FORCED_MAINT, pool/haproxy/wire.rs DISABLED_AT_FIRST, pool/haproxy/wire.rs OUT_OF_SERVICE, pool/haproxy/wire.rs PARTS, \
         recording/line.rs FORMAT, report/document.rs FORMAT, \
         runtime/publisher/file.rs MODE, runtime/publisher/file.rs FOLDER_MODE, \
         state_file/file.rs VERSION",
    ),
    (
        "how a text or an image is laid out",
        "app/status.rs USUAL_WIDTH, config/help.rs COLUMNS, config/help.rs NAMES, config/help.rs INDENT, \
         report/mod.rs TABLE_WIDTH, report/nagios.rs HEAD, report/page.rs FEW, report/page/cells.rs SHORT_LABEL, \
         report/page/table.rs AROUND, report/table/sentences.rs INDENT, report/table/columns.rs FEWEST_ATTEMPTS, \
         report/table/columns.rs ATTEMPTS, report/table/columns.rs TAG, report/table/columns.rs WEIGHTS, \
         report/table/columns.rs GAP, report/table/head.rs LABEL",
    ),
    (
        "a default",
        "config/build.rs HAPROXYS_INTERVAL, config/build.rs HAPROXYS_LOGIN_INTERVAL, \
         monitor/policy/member.rs DEFAULT_VHOSTS",
    ),
    (
        "when a rule acts, and what counts as one thing",
        "monitor/lists.rs LONG_STANDING, monitor/policy/drain.rs GRACE, monitor/policy/hold.rs UNSTEADY_FROM, \
         monitor/policy/hold.rs UNSTEADY_HOLD, monitor/policy/hold.rs PART_FOR_SERVICE, \
         monitor/policy/hold.rs PROBE_AWAITED, monitor/policy/hold.rs LIST_AGE, \
         monitor/policy/member.rs MEMORY_RETURNS, monitor/policy/rank.rs STEP, \
         monitor/policy/settle.rs UNDONE_TOGETHER, monitor/unwell.rs NEAR, \
         probe/protocols/repeats.rs PASSWORD_PART, probe/protocols/repeats.rs RESPONSE_PART, \
         probe/protocols/token.rs LEFTOVER_AFTER, \
         recording/compare.rs NEARLY, runtime/start_time.rs SET_ANEW, schedule/local.rs PATIENCE, \
         schedule/login.rs PENALTY_LASTS",
    ),
    (
        "when something is said, and when again",
        "app/check.rs PROGRESS, monitor/lists.rs BACK_FOR_GOOD, monitor/lists.rs OTHER_CAUSE_FOR_GOOD, \
         monitor/policy/drain.rs AGAIN_AND_AGAIN, monitor/policy/settle.rs AGAIN_AND_AGAIN, \
         monitor/readings.rs CLOCKS_SAID_AGAIN, monitor/readings.rs UNSYNCED_TOO_LONG, monitor/local_faults.rs SETTLE, \
         monitor/local_faults.rs QUIET, monitor/local_faults.rs GROWN_AFTER, monitor/moments.rs CLOCKS_DIFFER, \
         monitor/notices.rs AGAIN_AFTER, monitor/standing_alarms.rs BEGINS_AFTER, \
         monitor/standing_alarms.rs ENDS_AFTER, monitor/standing_alarms.rs IN_WHOLE_AGAIN_AFTER, \
         monitor/status.rs CURRENT, monitor/commands.rs NO_THREAD_IS_OVER",
    ),
    (
        "the pace of what the program does by itself",
        "app/check.rs NAME_PAUSE, hook/script.rs GLANCE, logging/syslog.rs REST, monitor/lists.rs TRY_INTERVAL, \
         monitor/policy/settle.rs FIRST_PAUSE, monitor/publishing.rs PAUSE_FOR_A_BACKEND, \
         monitor/publishing.rs REFRESH, monitor/restarts.rs FIRST_PAUSE, monitor/restarts.rs FORGOTTEN_AFTER, \
         monitor/workers.rs NO_THREAD_PAUSE, net/names.rs RETRY, net/names.rs NAME_FRESH, \
         net/names.rs NAMELESS_FRESH, notify.rs SHORTEST_KEEP_ALIVE, pool/watch.rs READING_INTERVAL, \
         probe.rs FIRST_PAUSE, probe/certificates.rs PAUSE, recording/replay.rs AGAIN, recording/files.rs PAUSE, \
         recording/files.rs FLUSH, schedule/local.rs PAUSE, state_file/writer.rs RETRY, worker/timer_slack.rs PERIOD",
    ),
    (
        "memory that is set aside at first, or counted with a line",
        "config/file.rs BUFFER, logging/queue.rs USUAL_BACKLOG, logging/queue.rs OVERHEAD, monitor/mod.rs FEW_OUTPUTS, \
         pool/director/client.rs BUFFER, probe/protocols/line.rs BUFFER, probe/transcript.rs ENOUGH, \
         recording/files.rs BUFFER, runtime/publisher/file.rs BUFFER",
    ),
    (
        "the least time that can be waited for, and one that stands for ever",
        "net/stream.rs SHORTEST, net/stream.rs EXACT, pool/unix.rs SHORTEST, runtime/mod.rs FAR",
    ),
];

/// The files of src/ that are not there for tests alone, by their path in it, with their code.
fn code_beside_tests() -> Vec<(String, String)> {
    let folder = project("src");
    let texts: Vec<(String, String)> = sources(&folder)
        .iter()
        .filter(|file| file.extension().map_or(false, |end| end == "rs"))
        .map(|file| {
            let path = file.strip_prefix(&folder).unwrap().to_str().unwrap();
            (path.to_owned(), code_of(file))
        })
        .collect();
    let mut for_tests = BTreeSet::new();
    for (path, text) in &texts {
        let of_modules = ["/mod.rs", ".rs"];
        let folder = of_modules.iter().find_map(|end| path.strip_suffix(end));
        let folder = match path.as_str() {
            "lib.rs" => String::new(),
            _ => format!("{}/", folder.unwrap()),
        };
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            let is_for_tests = pair[0].starts_with("#[cfg(") && pair[0].contains("test");
            let declared = pair[1]
                .strip_suffix(';')
                .and_then(|line| line.split("mod ").nth(1));
            if let (true, Some(module)) = (is_for_tests, declared) {
                for_tests.insert(format!("{folder}{module}"));
            }
        }
    }
    let is_for_tests = |path: &str| {
        for_tests.iter().any(|module| {
            let rest = path.strip_prefix(module.as_str());
            rest.map_or(false, |rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    let texts = texts.into_iter();
    texts.filter(|(path, _)| !is_for_tests(path)).collect()
}

/// The name of the constant that begins in this line, if it is of a type that a limit has.
fn number_or_time(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("const ")?;
    let before = before.trim();
    if !(before.is_empty() || before.starts_with("pub")) {
        return None;
    }
    let (name, after) = after.split_once(": ")?;
    let (of_type, _) = after.split_once(" =")?;
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (OF_LIMITS.contains(&of_type) && name.chars().all(is_name)).then_some(name)
}

#[test]
fn every_number_and_time_of_the_source_is_a_limit_of_the_map_or_limits_nothing() {
    let limits = limits_of_the_map();
    let mut no_limits: BTreeSet<(String, String)> = BTreeSet::new();
    for (reason, constants) in NO_LIMITS {
        for constant in constants.split(", ") {
            let (file, name) = constant.split_once(' ').expect(constant);
            let constant = (file.to_owned(), name.to_owned());
            assert!(
                !limits.contains(&constant),
                "{constant:?} is in the table, and {reason}"
            );
            assert!(
                no_limits.insert(constant),
                "{file} {name} stands there twice"
            );
        }
    }
    let mut found = 0;
    for (file, code) in code_beside_tests() {
        for name in code.lines().filter_map(number_or_time) {
            found += 1;
            let constant = (file.clone(), name.to_owned());
            assert!(
                limits.contains(&constant) || no_limits.remove(&constant),
                "src/{file}: {name} is neither in the table of limits of {MAP} nor among those that limit nothing"
            );
        }
    }
    assert!(found > 200, "{found} constants");
    assert!(no_limits.is_empty(), "no such constants: {no_limits:?}");
}

/// The code of a source, without its tests.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    // Tests in a file of their own are only named there, in the midst of other modules.
    match text[end..].lines().nth(1) {
        Some(line) if line.ends_with('{') => text[..end].to_owned(),
        _ => text,
    }
}

/// Steps after the login and a part in a deep probe have settings of their own; a protocol without them is known
/// nowhere else.
#[test]
fn a_new_protocol_is_one_file_and_a_line_in_the_two_lists_of_protocols() {
    const LISTS: [&str; 2] = ["probe/protocols/mod.rs", "probe/protocols/table.rs"];
    let sources = code_beside_tests();
    let protocols = Protocol::ALL
        .iter()
        .map(|protocol| (protocol, protocol.row()));
    let mut found = 0;
    for (protocol, row) in protocols {
        if row.ports.is_none() || row.part != PartInDelivery::None {
            continue;
        }
        found += 1;
        let own = format!("probe/protocols/{}.rs", row.name);
        assert!(sources.iter().any(|(file, _)| *file == own), "no {own}");
        let names = [
            row.name.to_owned(),
            row.name.to_ascii_uppercase(),
            format!("Protocol::{protocol:?}"),
        ];
        let others = sources
            .iter()
            .filter(|(file, _)| *file != own && !LISTS.contains(&file.as_str()));
        for (file, code) in others {
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            for line in code.lines().filter(is_code) {
                let named = names.iter().find(|name| line.contains(name.as_str()));
                assert_eq!(named, None, "src/{file}: {line}");
            }
        }
    }
    assert!(found >= 2, "{found} protocols");
}

/// Which rooms a room's code uses: what stands behind `crate::`.
fn used_by(room: &str) -> BTreeSet<String> {
    let is_test = |file: &Path| {
        let name = file.to_str().unwrap();
        name.contains("test") || name.ends_with("/fuzz.rs")
    };
    let mut files = match project(&format!("src/{room}")) {
        folder if folder.is_dir() => sources(&folder),
        _ => Vec::new(),
    };
    files.push(project(&format!("src/{room}.rs")));
    files.retain(|file| file.is_file() && !is_test(file));
    assert!(!files.is_empty(), "no source of {room}");
    let mut used = BTreeSet::new();
    for file in files {
        for place in code_of(&file).split("crate::").skip(1) {
            let name = |text: &str| -> String {
                let is_name = |c: &char| c.is_ascii_lowercase() || *c == '_';
                text.chars().take_while(is_name).collect()
            };
            match place.strip_prefix('{') {
                Some(list) => {
                    let list = list.split('}').next().unwrap();
                    used.extend(list.split(',').map(|item| name(item.trim())));
                }
                None => {
                    used.insert(name(place));
                }
            }
        }
    }
    used.remove(room);
    used
}

#[test]
fn every_arrow_between_rooms_is_in_the_map_and_no_other() {
    const FOR_TESTS: [&str; 7] = [
        "fuzzing", "grid", "in_time", "peak", "scratch", "slowness", "bent",
    ];
    let text = text_of(MAP);
    let words = text.split("\n### Shared words\n").nth(1).unwrap();
    let words: BTreeSet<&str> = quoted(words.trim_start().lines().next().unwrap()).collect();
    assert!(words.contains("outcome"), "{words:?}");
    let table = text.split("\n## Dependencies\n").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut rooms = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let mut columns = row.trim_matches(['|', ' '].as_slice()).split(" | ");
        let room = quoted(columns.next().unwrap()).next().unwrap();
        let drawn: BTreeSet<String> = quoted(columns.next().unwrap()).map(str::to_owned).collect();
        let mut used = used_by(room);
        used.retain(|room| !room.is_empty() && !words.contains(room.as_str()));
        used.retain(|room| !FOR_TESTS.contains(&room.as_str()));
        assert_eq!(used, drawn, "{room}");
        rooms.insert(room.to_owned());
    }
    let lib = text_of("src/lib.rs");
    let declared = lib
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    for room in declared.map(|line| line.trim_end_matches(';')) {
        let is_word = words.contains(room);
        let is_for_tests = FOR_TESTS.contains(&room);
        assert!(
            is_word || is_for_tests || rooms.contains(room),
            "no arrows of {room}"
        );
    }
}
