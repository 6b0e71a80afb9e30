//! Golden tables: each shows what a person is to see, whole.

use super::*;
use crate::report::document::fields::{self, Face};
use crate::report::document::sample::{self, WRITTEN};
use crate::report::document::{By, Restore, State, Verdict};
use crate::report::freshness::Age;
use crate::report::terminal::columns;

fn view(width: usize) -> View {
    View {
        zone: Zone::Utc,
        ..View::plain(WRITTEN, width)
    }
}

#[test]
fn the_table_shows_the_fields_that_it_is_said_to_show() {
    let say = |document: &Document| {
        let everything = View {
            services: Services::All,
            since: Some(86_400.0),
            explain: Explain::First,
            ..view(250)
        };
        let clock = View {
            times: Times::Clock,
            ..everything.clone()
        };
        [everything, clock]
            .iter()
            .flat_map(|view| lines(document, view))
            .collect::<Vec<String>>()
            .join("\n")
    };
    assert_eq!(fields::faults(Face::Table, &say), [""; 0]);
}

#[test]
fn a_list_without_a_backend_is_painted_bad() {
    let view = View {
        colours: crate::report::terminal::Colours::On,
        ..view(80)
    };
    let mut empty = sample::five_troubles();
    empty.backends.clear();
    empty.tags.clear();
    for (list_read, paint) in [(empty.director.list_read, "1;31"), (None, "32")] {
        empty.director.list_read = list_read;
        let head = lines(&empty, &view).remove(0);
        let up = format!("\x1b[{paint}m0 of 0 up");
        assert!(head.contains(&up), "{head:?}");
    }
}

#[test]
fn a_filter_that_no_backend_meets_is_no_pool_without_backends() {
    let mut document = sample::five_troubles();
    let filter = Filter {
        text: "nosuch".to_owned(),
        ..Filter::default()
    };
    for _ in 0..2 {
        filter.apply(&mut document);
        assert!(document.backends.is_empty() && !document.lists_none());
    }
    let mut empty = sample::five_troubles();
    empty.backends.clear();
    filter.apply(&mut empty);
    assert!(empty.lists_none());
}

/// `tests/data/table/NAME`; with POOLMON_WRITE_GOLDEN set it is written, to be looked at.
fn check(name: &str, document: &Document, view: &View) {
    let text = lines(document, view).join("\n") + "\n";
    for line in text.lines() {
        assert!(columns(line) <= view.width, "{name}: {line}");
        assert!(!line.ends_with(' '), "{name}: {line:?}");
    }
    let path = format!("{}/tests/data/table/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("POOLMON_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(text == golden, "{name}:\n{text}");
}

#[test]
fn five_troubles_in_80_columns() {
    check("five_troubles.80", &sample::five_troubles(), &view(80));
}

#[test]
fn five_troubles_in_160_columns_explained_and_with_changes() {
    let view = View {
        explain: Explain::First,
        since: Some(3600.0),
        ..view(160)
    };
    check("five_troubles.160", &sample::five_troubles(), &view);
}

#[test]
fn five_troubles_with_times_and_services() {
    let view = View {
        times: Times::Clock,
        services: Services::All,
        ..view(120)
    };
    check("five_troubles.times", &sample::five_troubles(), &view);
}

#[test]
fn five_troubles_in_colours() {
    let document = sample::five_troubles();
    let coloured = View {
        colours: Colours::On,
        ..view(100)
    };
    let mut text = lines(&document, &coloured).join("\n");
    assert!(text.contains("\u{1b}[1;31mDOWN\u{1b}[0m"), "{text}");
    assert!(text.contains("\u{1b}[32mhealthy\u{1b}[0m"), "{text}");
    // Colours add nothing that can be seen without them.
    for code in ["0", "1", "2", "32", "33", "1;31"] {
        text = text.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(text, lines(&document, &view(100)).join("\n"));
}

#[test]
fn what_is_stale_says_so_first() {
    let mut document = sample::five_troubles();
    document.backends.truncate(1);
    let view = View {
        freshness: Freshness::Ended(Age::Old(125.0)),
        now: WRITTEN + 125.0,
        ..view(80)
    };
    check("stale.80", &document, &view);
    assert!(lines(&document, &view)[0].starts_with("STALE: "));
}

#[test]
fn a_monitor_that_has_stopped_does_nothing_next() {
    let document = sample::five_troubles();
    let says_next = |view: &View| {
        let lines = lines(&document, view);
        lines.iter().any(|line| line.starts_with("next "))
    };
    assert!(says_next(&view(80)));
    let stale = View {
        freshness: Freshness::Old(Age::Old(125.0), 4711),
        ..view(80)
    };
    assert!(!says_next(&stale));
}

#[test]
fn all_of_the_capacity_but_a_little_is_not_all_as_on_the_page() {
    let mut document = sample::five_troubles();
    document.tags[0].vhosts_up = 1999;
    document.tags[0].vhosts = 2000;
    let text = lines(&document, &view(80)).join("\n");
    assert!(text.contains(" 99 % "), "{text}");
}

#[test]
fn of_many_only_those_that_are_not_well_are_listed() {
    let document = sample::many(250);
    check("many.140", &document, &view(140));
    let all = View {
        which: Which::All,
        ..view(140)
    };
    let rows = |view: &View| {
        let lines = lines(&document, view);
        lines
            .iter()
            .filter(|line| line.starts_with("10.0."))
            .count()
    };
    assert_eq!(rows(&all), 250);
    assert_eq!(rows(&view(140)), 83 + 1);
}

#[test]
fn hostile_text_stays_text_and_in_its_place() {
    let mut document = sample::hostile();
    check("hostile.80", &document, &view(80));
    document.backends[0].address = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
    document.backends[0].users = u64::MAX;
    document.backends[0].listed_since = Some(f64::MIN);
    document.backends[0].services[0].recent = "\u{202e}邮".repeat(5000);
    document.tags[0].vhosts_up = u64::MAX;
    document.poolmon.version = "v".repeat(5000);
    document.director.error = Some("\u{1b}[2J".repeat(5000));
    document.director.up = false;
    for width in [1, 2, 7, 20, 40, 79, 80, 300] {
        let view = View {
            explain: Explain::First,
            services: Services::All,
            since: Some(f64::MAX),
            ..view(width)
        };
        let all = lines(&document, &view);
        assert!(all.len() < 200 || width < 40, "{width}: {}", all.len());
        for line in all {
            assert!(columns(&line) <= width, "{width}: {line}");
            assert!(!line.chars().any(char::is_control), "{width}: {line:?}");
            assert!(!line.contains('\u{202e}'), "{width}: {line:?}");
        }
    }
}

#[test]
fn a_filter_leaves_what_was_asked_for() {
    let addresses = |filter: Filter| {
        let mut document = sample::five_troubles();
        filter.apply(&mut document);
        let addresses: Vec<String> = document
            .backends
            .iter()
            .map(|backend| backend.address.to_string())
            .collect();
        (addresses.join(" "), document.tags.len())
    };
    let only = |address: &str| Filter {
        addresses: vec![address.parse().unwrap()],
        ..Filter::default()
    };
    assert_eq!(addresses(only("192.0.2.7")), ("192.0.2.7".to_string(), 1));
    assert_eq!(addresses(only("192.0.2.99")), (String::new(), 0));
    let tag = |tag: &str| Filter {
        tags: vec![tag.to_string()],
        ..Filter::default()
    };
    assert_eq!(addresses(tag("archive")), ("192.0.2.10".to_string(), 1));
    assert_eq!(addresses(tag("")).1, 1);
    let text = |text: &str| Filter {
        text: text.to_string(),
        ..Filter::default()
    };
    assert_eq!(addresses(text("TIMED out")).0, "192.0.2.8");
    assert_eq!(addresses(text("mail11")).0, "192.0.2.11");
    assert_eq!(addresses(Filter::default()).1, 2);
}

#[test]
fn of_a_tag_the_alarms_about_others_are_left_out() {
    let alarms = |tag: &str, texts: &[&str]| {
        let mut document = sample::five_troubles();
        let model = document.alarms[0].clone();
        let with = texts.iter().map(|text| crate::report::document::Alarm {
            text: text.to_string(),
            ..model.clone()
        });
        document.alarms = with.collect();
        let filter = Filter {
            tags: vec![tag.to_string()],
            ..Filter::default()
        };
        filter.apply(&mut document);
        let left = document.alarms.into_iter().map(|alarm| alarm.text);
        left.collect::<Vec<String>>()
    };
    let all = "the ring has not been synced for 60 s";
    let of_archive = "imap:143 login: user or password refused at 192.0.2.10";
    let of_both = "192.0.2.7 and 192.0.2.10 have failed; see the log";
    let of_many = "192.0.2.7, 192.0.2.8 and 12 more have failed; see the log";
    let texts = [all, of_archive, of_both, of_many];
    assert_eq!(alarms("archive", &texts), texts);
    assert_eq!(alarms("", &texts), [all, of_both, of_many]);
    let of_others = "192.0.2.7 and 192.0.2.9 are down; no more may be";
    assert_eq!(alarms("archive", &[of_others]), [""; 0]);
}

#[test]
fn the_picture_in_readme_is_what_is_printed() {
    let lines = lines(&sample::one_down(), &view(100));
    let picture: String = lines
        .iter()
        .map(|line| format!("{}\n", format!("    {line}").trim_end()))
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    assert!(readme.contains(&picture), "README.md is to have\n{picture}");
}

#[test]
fn the_order_can_be_chosen() {
    let order = |sort: Sort| {
        let document = sample::five_troubles();
        let mut backends: Vec<&Backend> = document.backends.iter().collect();
        sort.order(&mut backends, WRITTEN);
        let last = backends.iter().map(|one| match one.address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(_) => 0,
        });
        last.collect::<Vec<u8>>()
    };
    assert_eq!(order(Sort::Worst), [8, 10, 9, 7, 11]);
    assert_eq!(order(Sort::Address), [7, 8, 9, 10, 11]);
    assert_eq!(order(Sort::Tag), [7, 8, 9, 11, 10]);
    assert_eq!(order(Sort::Users), [11, 8, 9, 10, 7]);
    assert_eq!(order(Sort::Latency), [7, 8, 9, 10, 11]);
    let mut sort = Sort::Worst;
    for expected in [
        Sort::Address,
        Sort::Tag,
        Sort::Users,
        Sort::Latency,
        Sort::Worst,
    ] {
        sort = sort.next();
        assert_eq!(sort, expected);
    }
}

#[test]
fn what_happens_next_is_a_sentence() {
    use crate::report::document::{Event, NextEvent, Retry};
    let next = |event: Event, left: u32, users: u64| {
        let mut document = sample::five_troubles();
        document.backends[1].users = users;
        document.backends[1].schedule.retry = Some(Retry {
            service: "imap:143".to_string(),
            failed: 1,
            left,
        });
        let address = document.backends[1].address;
        document.next = Some(NextEvent {
            at: WRITTEN + 0.4,
            address,
            event,
        });
        let lines = lines(&document, &view(200));
        let line = lines
            .iter()
            .find_map(|line| line.strip_prefix("next      "));
        line.unwrap().to_string()
    };
    for (event, left, users, expected) in [
        (
            Event::Retry,
            3,
            564,
            "192.0.2.8 is tried again in 0.4 s, then twice more; it has 564 users",
        ),
        (
            Event::Retry,
            1,
            1,
            "192.0.2.8 is tried again in 0.4 s, for the last time before it has failed; it has \
             1 user",
        ),
        (
            Event::Retry,
            6,
            0,
            "192.0.2.8 is tried again in 0.4 s, then 5 times more; it has no users",
        ),
        (Event::Round, 0, 5, "192.0.2.8 is checked in 0.4 s"),
        (
            Event::HoldEnds,
            0,
            5,
            "192.0.2.8 may be taken down in 0.4 s (rule ring); it has 5 users",
        ),
    ] {
        assert_eq!(next(event, left, users), expected);
    }
}

#[test]
fn what_is_wrong_with_the_director_or_the_monitor_is_said() {
    let mut document = sample::five_troubles();
    document.poolmon.dry_run = true;
    document.poolmon.reload.good = false;
    document.director.up = false;
    document.director.ring = crate::report::document::Ring::Unknown;
    document.director.error = Some("connect: connection refused".to_string());
    document.director.list_read = None;
    document.counters.hook_failures = 1;
    document.counters.log_lines_lost = 3;
    document.counters.state_file_written = false;
    document.backends.clear();
    check("silent.100", &document, &view(100));
}

/// The line of the director.
fn said_of_director(document: &Document) -> String {
    let lines = lines(document, &view(250));
    let of_director = lines.iter().find(|line| line.starts_with("director "));
    of_director.unwrap().to_string()
}

#[test]
fn a_director_that_is_asked_for_the_first_time_is_not_said_to_be_silent() {
    let mut document = sample::five_troubles();
    document.director.up = false;
    document.director.error = None;
    document.director.list_read = None;
    document.director.since = WRITTEN;
    document.director.socket = "/admin".to_string();
    assert_eq!(
        said_of_director(&document),
        "director  asked at /admin for 0 s, no answer yet; no list has been read yet"
    );
}

#[test]
fn a_connection_that_is_opened_anew_is_not_yet_a_silent_director() {
    let mut document = sample::five_troubles();
    document.director.up = false;
    document.director.error = None;
    document.director.list_read = Some(WRITTEN - 2.0);
    document.director.socket = "/admin".to_string();
    assert_eq!(
        said_of_director(&document),
        "director  the connection to /admin has ended and is being opened anew; last list 2 s ago"
    );
}

/// 2,000 backends are the stated size.
#[test]
fn columns_of_thousands_of_backends_do_not_run_together() {
    let mut document = sample::five_troubles();
    for (place, tag) in document.tags.iter_mut().enumerate() {
        *tag = crate::report::document::Tag {
            backends: 10_000,
            up: 9_999,
            passing: 1_000 * place,
            ..tag.clone()
        };
    }
    let lines = lines(&document, &view(100));
    let from = lines
        .iter()
        .position(|line| line.starts_with("tag "))
        .unwrap();
    assert_eq!(
        lines[from..from + 3],
        [
            "tag       up             healthy        can take over  capacity     users",
            "(no tag)  9999 of 10000  0 of 10000     1              50 %         1290",
            "archive   9999 of 10000  1000 of 10000  NOBODY         100 %        12",
        ]
    );
}

/// With a login interval the rounds between end at the greeting, and are told to nobody.
#[test]
fn with_a_login_interval_the_next_check_is_said_to_be_the_next_whole_one() {
    use crate::report::document::{Event, NextEvent};
    let mut document = sample::five_troubles();
    document.poolmon.login_interval = 3600.0;
    document.next = Some(NextEvent {
        at: WRITTEN + 3590.0,
        address: document.backends[4].address,
        event: Event::Round,
    });
    let lines = lines(&document, &view(200));
    let next = lines.iter().find(|line| line.starts_with("next ")).unwrap();
    assert_eq!(
        next,
        "next      192.0.2.11 is checked with a login in 59 min 50 s, and as far as the greeting every 30 s"
    );
}

#[test]
fn of_a_backend_that_goes_down_again_and_again_the_time_before_which_it_stays_down_is_told() {
    let quiet = ", not before 00:44:05 as it has gone down again and again";
    for (unsteady_until, is_told) in [(None, false), (Some(-1.0), false), (Some(245.0), true)] {
        let mut document = sample::five_troubles();
        let mut only = document.backends[0].clone();
        only.unsteady_until = unsteady_until.map(|ahead: f64| WRITTEN + ahead);
        document.backends = vec![only];
        let text = lines(&document, &view(300)).join("\n");
        assert!(text.contains("; comes up when it passes again"), "{text}");
        assert_eq!(text.contains(quiet), is_told, "{unsteady_until:?}: {text}");
        assert_eq!(text.contains("not before"), is_told, "{text}");
    }
}

/// An administrator's, while a backend fails: an up that never comes is not promised.
#[test]
fn of_a_down_that_this_monitor_does_not_undo_no_up_is_promised() {
    for (restore, owned, by, rise, expected) in [
        (
            Restore::Own,
            false,
            By::Other,
            1,
            "; stays down until somebody brings it up",
        ),
        (
            Restore::Own,
            true,
            By::Us,
            1,
            "; comes up when it passes again",
        ),
        (
            Restore::Any,
            false,
            By::Unknown,
            3,
            "; comes up after 3 healthy rounds in a row",
        ),
        (
            Restore::Any,
            false,
            By::Other,
            1,
            "; comes up when it passes again, as soon as the rules let it",
        ),
    ] {
        let mut document = sample::five_troubles();
        document.poolmon.restore = restore;
        document.poolmon.rise = rise;
        let is_failed_and_down =
            |one: &&mut Backend| one.listed == State::Down && one.verdict == Verdict::Failed;
        let mut backends = document.backends.iter_mut();
        let backend = backends.find(is_failed_and_down).expect("one");
        backend.wanted = None;
        backend.owned = owned;
        backend.by = by;
        let only = backend.clone();
        document.backends = vec![only];
        let text = lines(&document, &view(300)).join("\n");
        let mut rows = text.lines().map(str::trim_end);
        assert!(
            rows.any(|row| row.ends_with(expected)),
            "{expected}: {text}"
        );
    }
}

/// After a reload with another account what was passed with the former one counts no more.
#[test]
fn of_what_has_not_passed_it_is_told_since_when_it_is_checked_so() {
    for (tried_since, expected) in [
        (
            Some(WRITTEN - 65.0),
            "; has not passed since its present checks began at 00:38:55",
        ),
        (None, "; has not passed yet"),
    ] {
        let mut document = sample::five_troubles();
        let service = &mut document.backends[0].services[0];
        service.last_pass = None;
        service.tried_since = tried_since;
        document.backends.truncate(1);
        let text = lines(&document, &view(300)).join("\n");
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(!text.contains("monitor started"), "{text}");
    }
}

#[test]
fn before_this_monitor_started_is_said_only_of_what_was() {
    for (since, expected) in [
        (Some(-10.0), ", before this monitor started"),
        (Some(10.0), "; this monitor does not know by whom"),
        (None, "; this monitor does not know by whom"),
    ] {
        let mut document = sample::five_troubles();
        let started = document.poolmon.started;
        let mut backends = document.backends.iter_mut();
        let backend = backends.find(|one| one.listed == State::Down).expect("one");
        backend.by = By::Unknown;
        backend.listed_since = since.map(|since: f64| started + since);
        let only = backend.clone();
        document.backends = vec![only];
        let text = lines(&document, &view(300)).join("\n");
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn what_a_failed_backend_waits_for_is_said_of_no_other_one_and_not_beside_a_hold() {
    let held = sample::five_troubles().backends[1].wanted.clone();
    for (verdict, wanted, is_said) in [
        (Verdict::Failed, None, true),
        (Verdict::Healthy, None, false),
        (Verdict::Failed, held, false),
    ] {
        let mut document = sample::five_troubles();
        document.backends.truncate(1);
        document.backends[0].verdict = verdict;
        document.backends[0].wanted = wanted;
        let text = lines(&document, &view(300)).join("\n");
        assert!(text.contains("taken down by this monitor"), "{text}");
        assert_eq!(
            text.contains("comes up when it passes again"),
            is_said,
            "{text}"
        );
    }
}

#[test]
fn where_there_is_no_row_it_is_said_why() {
    let text = |document: &Document, view: &View| lines(document, view).join("\n");
    let mut document = sample::five_troubles();
    let mut of_nobody = view(100);
    of_nobody.filter.addresses = vec!["192.0.2.99".parse().unwrap()];
    let said = text(&document, &of_nobody);
    assert!(
        said.contains("none of the 5 backends is asked for"),
        "{said}"
    );
    document.backends.clear();
    let said = text(&document, &view(100));
    assert!(said.contains("no backends are listed"), "{said}");
    document.alarms[0].alarm = "malformed_lines".to_owned();
    let said = text(&document, &view(100));
    assert!(
        said.contains("no backend of the list can be read"),
        "{said}"
    );
    document.director.list_read = None;
    let said = text(&document, &view(100));
    assert!(
        said.contains("no list of backends has been read yet"),
        "{said}"
    );
}
