//! The page as text: what no browser is needed for. `tests/scenes/page` shows it to one.

use std::collections::BTreeMap;

use super::*;
use crate::report::document::fields::{faults, Face};
use crate::report::document::{sample, By, Change, Slot, State, Verdict};

/// The samples are of November 2025 and of the months around it.
fn utc(time: Time) -> Wall {
    let seconds = time as i64;
    let of_day = seconds.rem_euclid(86_400) as u32;
    // From 2025-09-01.
    let mut day = seconds.div_euclid(86_400) - 20_332;
    let months = [
        (9, 30),
        (10, 31),
        (11, 30),
        (12, 31),
        (1, 31),
        (2, 28),
        (3, 31),
    ];
    let mut at = (0, 0);
    for (month, days) in months {
        at = (month, day + 1);
        if day < days {
            break;
        }
        day -= days;
    }
    Wall {
        year: if at.0 < 9 { 2026 } else { 2025 },
        month: at.0,
        day: at.1 as u32,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        ahead: 0,
    }
}

fn page(document: &Document) -> String {
    let options = Options {
        now: document.poolmon.written,
        stale: "",
        wall: &utc,
    };
    render(document, &options)
}

/// The text alone, as a person reads it.
fn text(page: &str) -> String {
    let body = page.split("<body>").nth(1).unwrap();
    let body = body.split("<script>").next().unwrap();
    let mut text = String::new();
    let mut is_tag = false;
    for character in body.chars() {
        match character {
            '<' => is_tag = true,
            '>' => is_tag = false,
            _ if !is_tag => text.push(character),
            _ => {}
        }
    }
    text.replace("&quot;", "\"").replace("&#39;", "'")
}

fn hash(of: &str) -> String {
    let hash = openssl::sha::sha256(of.as_bytes());
    format!("'sha256-{}'", openssl::base64::encode_block(&hash))
}

#[test]
fn the_policy_names_the_style_and_the_script_that_are_there() {
    assert!(
        POLICY.contains(&format!("style-src {};", hash(STYLE))),
        "style-src {};",
        hash(STYLE)
    );
    assert!(
        POLICY.contains(&format!("script-src {};", hash(SCRIPT))),
        "script-src {};",
        hash(SCRIPT)
    );
    let page = page(&sample::five_troubles());
    assert!(page.contains(&format!("<style>{STYLE}</style>")));
    assert!(page.contains(&format!("<script>{SCRIPT}</script>")));
    assert!(page.contains(&format!("content=\"{POLICY}\"")));
}

#[test]
fn a_list_without_a_backend_is_bad() {
    let mut empty = sample::five_troubles();
    empty.backends.clear();
    empty.tags.clear();
    // The icon's one pixel is red.
    let red = "base64,R0lGODdhAQABAIAAALMmHg";
    let read = empty.director.list_read;
    for (list_read, tone, capacity) in [(read, "x", "x"), (None, "u", "n")] {
        empty.director.list_read = list_read;
        assert_eq!(tones(&empty)[2], capacity);
        let page = page(&empty);
        let up = format!("<div class={tone}><dt>Up</dt><dd>0 of 0 ");
        assert!(page.contains(&up), "{up}: {page}");
        assert_eq!(page.contains(red), tone == "x", "{page}");
    }
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    for document in [sample::five_troubles(), sample::hostile()] {
        let page = page(&document);
        let outside = [
            "http:", "https:", "//", "@import", "url(", " src=", "style=",
        ];
        for outside in outside {
            // A comment of the script.
            let page = page.replace("// Without storage", "");
            let found = page.find(outside);
            assert_eq!(
                found,
                None,
                "{outside}: {:?}",
                found.map(|at| &page[at - 40..at + 40])
            );
        }
    }
}

#[test]
fn each_trouble_is_told_with_its_cause_and_what_comes_next() {
    let text = text(&page(&sample::five_troubles()));
    for expected in [
        "Written 2025-11-25 00:40:00 UTC",
        "running since 2025-11-24 00:40",
        "Next: 192.0.2.8 is tried again at 00:40:00",
        "imap:143 connect: connection refused; last pass 00:33:40",
        "imap:143 greeting: timed out",
        "Held back taking it down, by rule ring: the ring is not synced, until that changes",
        "To do see doveadm director ring status",
        // A password that is refused, and users who are still on a backend that is down.
        "To do on the backend, try the user of the checks; if the password is refused there, correct it in \
         the file that this monitor reads: doveadm auth test USER",
        "imap:143 is tried again at 00:40:00: 3 tries failed, 2 left; it has 564 users",
        "36 users still to be moved to other backends",
        "imap:143 login: user name or password refused \"NO [AUTHENTICATIONFAILED]\" (may be this \
         monitor's own account, certificate or address)",
        "NOT synced for 1 min 15 s, director 1 of 3, list 0 s old",
        "50 % of the capacity: 2 of 4 up, 1 healthy, 1290 users. Only 1 backend can take the users of another.",
        "192.0.2.7 00:34:13 down by us: imap:143 connect: connection refused",
        "00:34:13 down: HOST-DOWN 192.0.2.7, ok after 1.2 ms",
        "the ring has not been synced for 60 s: no backend is taken down or brought up; see doveadm \
         director ring status",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn the_worst_comes_first() {
    let page = page(&sample::five_troubles());
    let table = page.split("<tbody>").nth(1).unwrap();
    let order: Vec<&str> = table
        .split("<th scope=row><b>")
        .skip(1)
        .map(|row| {
            row[..]
                .split("</b>")
                .nth(1)
                .unwrap()
                .split('<')
                .next()
                .unwrap()
                .trim()
        })
        .collect();
    assert_eq!(
        order,
        [
            "192.0.2.8",
            "192.0.2.10",
            "192.0.2.9",
            "192.0.2.7",
            "192.0.2.11"
        ]
    );
}

#[test]
fn a_stale_document_says_so_without_a_script() {
    let document = sample::five_troubles();
    let options = Options {
        now: document.poolmon.written + 600.0,
        stale: "STALE: the monitor has ended",
        wall: &utc,
    };
    let page = render(&document, &options);
    assert!(page.contains("<p id=stale role=alert>STALE: the monitor has ended</p>"));
    assert!(page.contains(">10 min ago<"));
}

fn all_failed(number: u32) -> Document {
    let mut document = sample::many(number);
    let failed = document.backends[0].clone();
    for backend in &mut document.backends {
        *backend = Backend {
            address: backend.address,
            name: backend.name.take(),
            ..failed.clone()
        };
    }
    document
}

/// 250 that go up and down all day, for reasons as long as there can be.
fn all_up_and_down() -> Document {
    let mut document = all_failed(250);
    let written = document.poolmon.written;
    for backend in &mut document.backends {
        backend.cause = "x".repeat(300);
        let change = |place: u32| Change {
            at: written - 50_000.0 + f64::from(place) * 1000.0,
            to: [State::Down, State::Up][place as usize % 2],
            by: By::Us,
            reason: Some("y".repeat(250)),
        };
        backend.changes = (0..50).map(change).collect();
    }
    document
}

#[test]
fn two_hundred_and_fifty_backends_are_less_than_150_kilobytes() {
    for (what, document) in [
        ("some failed", sample::many(250)),
        ("all failed", all_failed(250)),
        ("all up and down", all_up_and_down()),
    ] {
        let size = page(&document).len();
        assert!(size < 150_000, "{what}: {size}");
        // What there is room for is there.
        assert!(size > 140_000, "{what}: {size}");
    }
}

/// What stands in each row and below it.
fn rows(page: &str) -> Vec<String> {
    let rows = page.split("<tbody>").skip(1).flat_map(|table| {
        let table = table.split("</table>").next().unwrap();
        table.split("<th scope=row>").skip(1)
    });
    rows.map(|row| text(&format!("<body>{row}"))).collect()
}

#[test]
fn each_of_250_that_was_changed_says_by_whom_and_why() {
    let change = "00:34:13 down by us: imap:143 connect: connection refused";
    for (document, expected) in [(sample::many(250), 42), (all_failed(250), 250)] {
        let page = page(&document);
        let with = rows(&page)
            .iter()
            .filter(|row| row.contains(change))
            .count();
        assert_eq!(with, expected);
        assert!(!page.contains("24 hours are left out"));
    }
}

#[test]
fn changes_that_have_no_room_are_counted() {
    let page = page(&all_up_and_down());
    let rows = rows(&page);
    let with: Vec<bool> = rows.iter().map(|row| row.contains("; 49 before")).collect();
    let number = with.iter().filter(|has| **has).count();
    // The worst have theirs.
    assert!(with[..number].iter().all(|has| *has) && number > 0 && number < 250);
    let expected = format!(
        "Changes of the last 24 hours are left out for {}: poolmon status --since 24h",
        250 - number
    );
    assert!(text(&page).contains(&expected), "{number}");
}

#[test]
fn a_row_has_the_latest_of_its_changes_first() {
    let mut document = all_failed(70);
    let written = document.poolmon.written;
    let change = |ago: f64, to, by| Change {
        at: written - ago,
        to,
        by,
        reason: None,
    };
    let changes = [
        change(50_000.0, State::Down, By::Other),
        change(3600.0, State::Down, By::Other),
        change(1800.0, State::Up, By::Unknown),
        change(60.0, State::Down, By::Us),
    ];
    document.backends[69].changes = changes.to_vec();
    let rows = rows(&page(&document));
    let expected = "Changes 00:39:00 down by us; 00:10:00 up; 2025-11-24 23:40 down by somebody else; 1 before";
    assert!(rows[69].contains(expected), "{}", rows[69]);
}

#[test]
fn of_many_the_rows_that_are_not_well_come_before_the_cells() {
    let places = |page: &str, texts: [&str; 4]| {
        let places = texts.map(|text| page.find(text));
        let sorted = places.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(sorted && places[0].is_some(), "{places:?}");
    };
    // Backend 1 is well, and 0 is not.
    let many = page(&sample::many(250));
    places(
        &many,
        [
            "Not well, the worst first",
            "id=\"10.0.0.1\"",
            "<h2 id=glance>",
            "</b>10.0.0.2<",
        ],
    );
    places(
        &page(&sample::many(FEW as u32)),
        [
            "At a glance",
            "<ul class=\"cells big\">",
            "Backends, the worst first",
            "<tbody>",
        ],
    );
}

#[test]
fn each_of_250_has_its_row_and_the_worst_have_details() {
    let page = page(&sample::many(250));
    assert_eq!(page.matches("<th scope=row>").count(), 250);
    let details = page.matches("24 hours, services, changes").count();
    // They have what rows and changes leave.
    assert!(details >= 3, "{details}");
    assert!(page.contains("to keep the page small: details of "));
    let rows = page.split("<th scope=row>").skip(1);
    let with_steps: Vec<bool> = rows.map(|row| row.contains("<b>To do</b>")).collect();
    assert!(with_steps[..table::MOST_WITH_STEPS].iter().all(|has| *has));
    assert!(!with_steps[table::MOST_WITH_STEPS..].contains(&true));
    let without = format!("to keep the page small: details of {} (", 250 - details);
    assert!(text(&page).contains(&without), "{details}");
}

#[test]
fn of_thousands_the_well_ones_are_counted() {
    let page = page(&sample::many(3000));
    // Every third is not well.
    assert_eq!(page.matches("<th scope=row>").count(), 1000 + MOST_WELL);
    assert!(text(&page).contains("Up and healthy, and not shown: 1000."));
}

#[test]
fn an_empty_pool_is_a_page() {
    let mut document = sample::five_troubles();
    document.backends.clear();
    document.tags.clear();
    document.alarms.clear();
    document.commands.clear();
    document.next = None;
    let text = text(&page(&document));
    assert!(text.contains("0 of 0"));
}

#[test]
fn text_of_others_stays_text_and_short() {
    let hostile = page(&sample::hostile());
    assert_eq!(hostile.matches("<script>").count(), 1, "ours");
    assert_eq!(hostile.matches("<svg onload").count(), 0);
    assert!(!hostile.contains('\u{202e}') && !hostile.contains('\u{1b}'));
    assert!(!hostile.contains(&"x".repeat(301)));
    assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn a_file_that_somebody_else_wrote_is_shown_somehow() {
    let wild = [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0];
    for time in wild {
        let mut document = sample::many(70);
        document.poolmon.written = time;
        document.poolmon.interval = time;
        document.director.since = -time;
        document.tags[0].vhosts_up = u64::MAX;
        document.tags[0].vhosts = 1;
        for backend in &mut document.backends {
            backend.users = u64::MAX;
            backend.day.every = time;
            backend.day.slots = vec![Slot::from((u32::MAX, u32::MAX, 7, u32::MAX, 0)); 3];
            backend.verdict_since = Some(time);
            for change in &mut backend.changes {
                change.at = time;
            }
        }
        let options = Options {
            now: -time,
            stale: "",
            wall: &|_| utc(sample::WRITTEN),
        };
        let page = render(&document, &options);
        assert!(page.ends_with("</html>\n"), "{time}");
        let refresh = page.split("refresh content=").nth(1).unwrap();
        let refresh: u32 = refresh.split('>').next().unwrap().parse().unwrap();
        assert!((5..=60).contains(&refresh), "{time}");
    }
}

#[test]
fn it_knows_no_clock_no_file_and_no_socket() {
    let report = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report");
    let mut files = vec![report.join("page.rs")];
    for entry in std::fs::read_dir(report.join("page")).unwrap() {
        files.push(entry.unwrap().path());
    }
    files.retain(|file| file.extension().map_or(false, |end| end == "rs"));
    files.retain(|file| !file.ends_with("tests.rs"));
    assert_eq!(files.len(), 12, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for foreign in [
            "chrono",
            "Local::",
            "SystemTime",
            "Instant",
            "std::fs",
            "Socket",
            "log::",
            "monitor::",
        ] {
            assert!(!text.contains(foreign), "{foreign} in {}", file.display());
        }
    }
}

#[test]
fn it_shows_what_the_table_of_fields_says() {
    let faults = faults(Face::Page, &page);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The style's colours by name: the light ones, then the dark ones.
fn colours() -> Vec<BTreeMap<&'static str, [u8; 3]>> {
    let blocks = STYLE.split(":root{").skip(1).take(2);
    let channel = |hex: &str, place: usize| match hex.len() {
        3 => u8::from_str_radix(&hex[place..=place].repeat(2), 16).unwrap(),
        _ => u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap(),
    };
    blocks
        .map(|block| {
            let block = block.split('}').next().unwrap();
            let colours = block.split(';').filter_map(|line| line.split_once(":#"));
            colours
                .map(|(name, hex)| (name, [0, 1, 2].map(|place| channel(hex, place))))
                .collect()
        })
        .collect()
}

/// By WCAG 2.
fn luminance(colour: [u8; 3]) -> f64 {
    let linear = colour.map(|channel| {
        let share = f64::from(channel) / 255.0;
        match share <= 0.03928 {
            true => share / 12.92,
            false => ((share + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_can_be_read_in_light_and_dark() {
    assert!((contrast([0, 0, 0], [255, 255, 255]) - 21.0).abs() < 0.01);
    let themes = colours();
    assert_eq!(themes.len(), 2);
    for (theme, colours) in themes.iter().enumerate() {
        let on = |ground: &'static str, inks: &[&'static str]| {
            for ink in inks {
                let ink_name = format!("--{ink}");
                let found = contrast(
                    colours[ink_name.as_str()],
                    colours[format!("--{ground}").as_str()],
                );
                assert!(found >= 4.5, "theme {theme}: {ink} on {ground}: {found:.2}");
            }
        };
        on("bg", &["ink", "dim", "bad", "warn", "good", "line"]);
        on("card", &["ink", "dim", "line", "bad"]);
        on("bad", &["on"]);
        on("warn", &["on"]);
        on("note", &["on"]);
        on("tint", &["good"]);
    }
}

/// By their classes: x is bad, n is neither, u is well.
fn tones(document: &Document) -> [String; 5] {
    let page = page(document);
    ["Up", "Healthy", "Capacity", "Users", "Alarms"].map(|tile| {
        let before = page.split(&format!("><dt>{tile}</dt>")).next().unwrap();
        before.rsplit("<div class=").next().unwrap().to_owned()
    })
}

#[test]
fn each_number_of_the_overview_is_painted_bad_or_well_or_neither_as_it_is() {
    let mut document = sample::five_troubles();
    assert_eq!(tones(&document), ["x"; 5]);
    assert!(page(&document).contains("<dt>Up</dt><dd>3 of 5 "));
    for backend in &mut document.backends {
        (backend.listed, backend.verdict) = (State::Up, Verdict::Healthy);
    }
    for tag in &mut document.tags {
        tag.vhosts_up = tag.vhosts;
    }
    document.alarms.clear();
    assert_eq!(tones(&document), ["u"; 5]);
    assert!(page(&document).contains("nothing to do"));
    document.backends[0].verdict = Verdict::Unknown;
    for tag in &mut document.tags {
        (tag.vhosts, tag.vhosts_up) = (0, 0);
    }
    assert_eq!(tones(&document), ["u", "n", "x", "u", "u"]);
}
