//! What each face says of HAProxy: nothing that only a director has.

use super::document::{
    sample, Answer, CheckResult, Document, Ring, RuleAnswer, State, Tag, Verdict,
};
use super::explain::{self, Trial};
use super::freshness::Freshness;
use super::*;
use chrono::NaiveDateTime;

/// Text for people, of each face that a document has.
fn faces(document: &Document) -> Vec<(&'static str, String)> {
    let now = document.poolmon.written;
    let mut first = View::plain(now, 200);
    first.explain = table::Explain::First;
    let table: Vec<String> = table::lines(document, &first);
    fn utc(time: Time) -> NaiveDateTime {
        chrono::Utc
            .timestamp_opt(time as i64, 0)
            .unwrap()
            .naive_utc()
    }
    let explained = document.backends.iter().map(|backend| {
        let view = explain::View {
            document,
            backend,
            now,
            stale: "",
            zone: utc,
            trial: Trial::PoolmonCheck,
        };
        view.text()
    });
    let limits = nagios::Limits::usual();
    let metrics = metrics::render(document);
    let helps = metrics.lines().filter(|line| line.starts_with("# HELP"));
    let helps = helps.map(|line| line.splitn(4, ' ').nth(3).unwrap());
    let helps: Vec<&str> = helps
        .filter(|help| !help.contains("stand behind"))
        .collect();
    vec![
        ("table", table.join("\n")),
        ("explain", explained.collect::<Vec<_>>().join("\n")),
        ("page", local_page(document, now, "")),
        (
            "nagios",
            nagios::judge(document, Freshness::Fresh, now, &limits).to_string(),
        ),
        ("metrics", helps.join("\n")),
    ]
}

fn silent(mut document: Document) -> Document {
    document.director.up = false;
    document.director.error = Some("connect: connection refused".to_string());
    document
}

fn empty(mut document: Document) -> Document {
    document.backends.clear();
    document
}

fn without_weight(mut document: Document) -> Document {
    for backend in &mut document.backends {
        backend.vhosts = 0;
        backend.owned = false;
        backend.wanted = None;
    }
    document
}

#[test]
fn no_face_speaks_of_directors_rings_or_their_tools() {
    let haproxy = sample::behind_haproxy;
    let documents = [
        haproxy(),
        silent(haproxy()),
        empty(haproxy()),
        without_weight(haproxy()),
    ];
    for document in &documents {
        for (face, text) in faces(document) {
            let text = text.to_lowercase();
            // The name of a rule is the same everywhere.
            let text = text
                .replace("ring  ", "")
                .replace("ring does not apply", "");
            // A mail server is Dovecot as ever.
            let text = text.replace("doveadm auth test", "");
            // Metrics have the same names for each kind of pool.
            let text = match face {
                "metrics" => text
                    .replace("the director or haproxy", "haproxy")
                    .replace("vhost count", "weight")
                    .replace("tag", "sections"),
                // A class of the style sheet.
                _ => text.replace("class=tag", "").replace(".tag", ""),
            };
            let foreign = |word: &&str| {
                [
                    "director",
                    "directors",
                    "ring",
                    "doveadm",
                    "vhost",
                    "vhosts",
                    "tag",
                    "tags",
                ]
                .contains(word)
            };
            let words = text.split(|c: char| !c.is_alphanumeric());
            let found: Vec<&str> = words.filter(foreign).collect();
            assert!(found.is_empty(), "{face}: {found:?}\n{text}");
        }
    }
    let of_director = faces(&sample::five_troubles());
    for (face, text) in of_director.iter().filter(|(face, _)| *face != "nagios") {
        assert!(text.to_lowercase().contains("director"), "{face}");
    }
}

/// It may be one section alone in which an operator holds it.
#[test]
fn of_a_backend_without_weight_no_face_says_that_it_gets_no_users_anywhere() {
    let mut document = without_weight(sample::behind_haproxy());
    for backend in &mut document.backends {
        backend.listed = State::Up;
        backend.verdict = Verdict::Healthy;
        for service in &mut backend.services {
            (service.result, service.unchecked) = (CheckResult::Pass, None);
        }
    }
    let all = faces(&document);
    let text = |face: &str| &all.iter().find(|(name, _)| *name == face).unwrap().1;
    let explained = text("explain");
    for expected in [
        " and healthy, with weight 0: HAProxy sends it no new users in one of its sections at least; this monitor \
         leaves that as it is.\n",
        "see in which section its server is held, down by HAProxy's own check or without weight: \"show servers \
         state\" on HAProxy's stats socket; to end that: \"set weight PROXY/SERVER WEIGHT\", and \"set server \
         PROXY/SERVER state ready\" where it is held, on HAProxy's stats socket, unless HAProxy's own check has it \
         down",
    ] {
        assert!(explained.contains(expected), "{explained}");
    }
    assert!(!explained.contains("nothing is to be done"), "{explained}");
    let page = text("page");
    assert!(page.contains("up, not in all sections"), "{page}");
    assert!(!page.contains("takes no users"), "{page}");
}

#[test]
fn the_rules_of_a_ring_do_not_apply() {
    let mut document = sample::behind_haproxy();
    assert_eq!(document.director.ring, Ring::None);
    let answer = |rule: &str, answer| RuleAnswer {
        rule: rule.to_string(),
        answer,
        reason: Some("HAProxy does not answer".to_string()),
        until: None,
        advice: None,
    };
    let held = document.backends.iter_mut();
    let mut held = held.filter_map(|backend| backend.wanted.as_mut());
    held.next().unwrap().rules = vec![
        answer("ring", Answer::Passes),
        answer("hold", Answer::Passes),
        answer("rank", Answer::NotAsked),
    ];
    let explained = |document: &Document| faces(document).swap_remove(1).1;
    let text = explained(&document);
    assert!(
        text.contains("ring  does not apply: HAProxy has no ring\n"),
        "{text}"
    );
    assert!(text.contains("hold  passes\n"), "{text}");
    assert!(
        text.contains("rank  does not apply: no other monitor moves first\n"),
        "{text}"
    );
    let mut held = document.backends.iter_mut();
    let wanted = held.find_map(|backend| backend.wanted.as_mut()).unwrap();
    wanted.rules = vec![answer("ring", Answer::Holds)];
    let text = explained(&document);
    assert!(
        text.contains("ring  HOLDS: HAProxy does not answer"),
        "{text}"
    );
}

#[test]
fn a_backend_that_serves_fewer_sections_is_told_who_can_take_its_users() {
    let document = sample::behind_haproxy();
    let all = faces(&document);
    let text = |face: &str| &all.iter().find(|(name, _)| *name == face).unwrap().1;
    // Of imap,imaps there are four, of imap alone there is one, which has failed.
    for (face, expected) in [
        ("table", "sections    up "),
        (
            "table",
            "imap,imaps  2 of 4      1 of 4      1              50 %  ",
        ),
        (
            "table",
            "imap        3 of 5      1 of 5      1              55 %  ",
        ),
        (
            "explain",
            "now 3 of 5 backends serving imap are up, 1 healthy, 1 can take over",
        ),
        (
            "explain",
            "now 2 of 4 backends serving imap,imaps are up, 1 healthy, 1 can take over",
        ),
        ("nagios", "only 1 of 4 backends serving imap,imaps stands"),
        ("nagios", "only 1 of 5 backends serving imap stands"),
        ("page", "<b>Serving imap,imaps</b>"),
    ] {
        assert!(
            text(face).contains(expected),
            "{face}: {expected}\n{}",
            text(face)
        );
    }
    let metrics = metrics::render(&document);
    let value = |name: &str, tag: &str| {
        let is_it = |line: &&str| {
            line.starts_with(&format!("{name}{{")) && line.contains(&format!("tag=\"{tag}\"}}"))
        };
        let line = metrics.lines().find(is_it).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    for (name, of_imap, of_both) in [
        ("poolmon_tag_backends", "5", "4"),
        ("poolmon_tag_backends_up", "3", "2"),
        ("poolmon_tag_refuges", "1", "1"),
        ("poolmon_tag_vhosts", "450", "400"),
    ] {
        assert_eq!(value(name, "imap"), of_imap, "{name}");
        assert_eq!(value(name, "imap,imaps"), of_both, "{name}");
    }
}

#[test]
fn many_well_groups_are_counted_as_groups_of_sections() {
    let mut document = sample::behind_haproxy();
    let well = Tag {
        up: 1,
        backends: 1,
        passing: 1,
        ..document.tags[1].clone()
    };
    document.tags = (0..12)
        .map(|number| Tag {
            tag: format!("section{number}"),
            ..well.clone()
        })
        .collect();
    let (_, table) = &faces(&document)[0];
    let expected = "\n12 groups of sections: all of their backends are up and healthy\n";
    assert!(table.contains(expected), "{table}");
}
