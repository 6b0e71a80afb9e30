//! The table: a row a backend, and what is wrong below it in words. Columns that have no room are left out,
//! those first that tell least.

use super::changes::by;
use super::words::milliseconds;
use super::{Explain, Services, View, Which, MANY};
use crate::backend::Groups;
use crate::report::document::{
    Action, Answer, Backend, Blame, By, CheckResult, Document, Drain, Service, State, Verdict,
    Wanted,
};
use crate::report::judgement::{certificate_trouble, Trouble};
use crate::report::terminal::{columns, cut, paragraph, shown, Line, Paint};

/// How far right words below a row begin.
const INDENT: usize = 4;

/// What one sentence may take.
const MOST_LINES: usize = 3;

/// The last attempts: where there is room for fewer than these, they are left out.
const FEWEST_ATTEMPTS: usize = 10;
const MOST_ATTEMPTS: usize = 60;

/// `whole` has those, too, that are not looked at.
pub(super) fn lines(document: &Document, whole: &Document, view: &View) -> Vec<Line> {
    if document.backends.is_empty() {
        let text = match document.director.list_read {
            Some(_) => "no backends are listed, or none that was asked for",
            None => "no list of backends has been read yet",
        };
        return vec![Line::of(Paint::Doubtful, text)];
    }
    let mut backends: Vec<&Backend> = document.backends.iter().collect();
    view.sort.order(&mut backends, view.now);
    let all = backends.len();
    if all > MANY && view.which == Which::Telling && !view.filter.is_narrow() {
        backends.retain(|backend| Trouble::of(backend, view.now) != Trouble::None);
    }
    let groups = whole.groups();
    let cells = |backend: &&Backend| cells(backend, groups, view);
    let rows: Vec<Vec<Cell>> = backends.iter().map(cells).collect();
    let table = Table::new(&rows, titles(document), view.width);
    let mut lines = Vec::new();
    if !backends.is_empty() {
        lines.push(table.head());
    }
    for (place, (backend, row)) in backends.iter().zip(&rows).enumerate() {
        lines.push(table.row(row));
        lines.extend(below(backend, view));
        if place == 0 && view.explain == Explain::First {
            lines.extend(rules(backend, document, view));
        }
    }
    if table.has(ATTEMPTS) {
        lines.extend(legend(&backends));
    }
    let left_out = all - backends.len();
    if left_out > 0 {
        let text = match left_out {
            1 => "1 more is up and healthy; --all lists it".to_string(),
            _ => format!("{left_out} more are up and healthy; --all lists them"),
        };
        lines.push(Line::of(Paint::Dim, &text));
    }
    lines
}

/// Something that is told of each backend.
struct Column {
    title: &'static str,
    side: Side,
    /// Those with the smallest number are shown, as far as there is room.
    rank: u8,
    /// No entry is wider.
    most: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

const fn column(title: &'static str, side: Side, rank: u8, most: usize) -> Column {
    Column {
        title,
        side,
        rank,
        most,
    }
}

/// In the order of the table. `ATTEMPTS` is the place of the one that takes what room is left.
const COLUMNS: [Column; 14] = [
    column("backend", Side::Left, 0, 39),
    column("tag", Side::Left, 5, 16),
    column("vhosts", Side::Right, 7, 10),
    column("users", Side::Right, 4, 10),
    column("listed", Side::Left, 1, 6),
    column("for", Side::Left, 2, 16),
    column("by", Side::Left, 8, 5),
    column("verdict", Side::Left, 1, 11),
    column("for", Side::Left, 3, 16),
    column("ms now", Side::Right, 6, 7),
    column("median", Side::Right, 9, 7),
    column("worst", Side::Right, 9, 7),
    column("last attempts", Side::Left, 5, MOST_ATTEMPTS),
    column("name", Side::Left, 10, 40),
];
const ATTEMPTS: usize = 12;
/// The places of what not each kind of pool calls tag and vhosts.
const TAG: usize = 1;
const WEIGHTS: usize = 2;

/// In the words of this kind of pool.
fn titles(document: &Document) -> Vec<&'static str> {
    let mut titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    titles[TAG] = document.group_noun();
    titles[WEIGHTS] = document.director.kind.words().weights;
    titles
}

type Cell = (Paint, String);

fn cells(backend: &Backend, groups: Groups, view: &View) -> Vec<Cell> {
    let service = telling(backend);
    let of_service = |value: fn(&Service) -> Option<f64>| {
        let value = service.and_then(value);
        (Paint::Plain, value.map_or("-".to_string(), milliseconds))
    };
    let listed = match backend.listed {
        State::Up => (Paint::Good, "up".to_string()),
        State::Down => (Paint::Bad, "DOWN".to_string()),
    };
    let who = match (backend.listed, backend.by) {
        (State::Up, _) | (_, By::Unknown) => "-",
        (State::Down, By::Us) => "us",
        (State::Down, By::Other) => "other",
    };
    let (paint, verdict) = match backend.verdict {
        Verdict::Healthy => (Paint::Good, "healthy"),
        Verdict::Doubtful => (Paint::Doubtful, "doubtful"),
        Verdict::Failed => (Paint::Bad, "FAILED"),
        Verdict::Unknown => (Paint::Doubtful, "unknown"),
        Verdict::NotChecked => (Paint::Dim, "not checked"),
    };
    let plain = |text: String| (Paint::Plain, text);
    let tag = match groups {
        Groups::One => "",
        Groups::Several => &backend.tag,
    };
    vec![
        (Paint::Strong, backend.address.to_string()),
        // A long one takes no room from what tells more.
        plain(cut(&shown(tag), (view.width / 10).max(4))),
        plain(backend.vhosts.to_string()),
        plain(backend.users.to_string()),
        listed,
        plain(view.since_short(backend.listed_since)),
        plain(who.to_string()),
        (paint, verdict.to_string()),
        plain(view.since_short(backend.verdict_since)),
        of_service(|service| match service.result {
            CheckResult::Fail => None,
            _ => service.latency,
        }),
        of_service(|service| service.median),
        of_service(|service| service.worst),
        plain(service.map_or(String::new(), |service| shown(&service.recent))),
        (Paint::Dim, shown(backend.name.as_deref().unwrap_or(""))),
    ]
}

/// The service that tells most: the first that fails, else the slowest.
fn telling(backend: &Backend) -> Option<&Service> {
    let services = &backend.services;
    let failing = services.iter().find(|one| one.result == CheckResult::Fail);
    let latency = |service: &Service| service.latency.unwrap_or(0.0);
    failing.or_else(|| {
        services
            .iter()
            .rev()
            .max_by(|a, b| latency(a).total_cmp(&latency(b)))
    })
}

/// Which columns are shown, and how wide each is.
struct Table {
    columns: Vec<(usize, usize)>,
    titles: Vec<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Titles,
    Backend,
}

/// Between two columns.
const GAP: usize = 2;

impl Table {
    fn new(rows: &[Vec<Cell>], titles: Vec<&'static str>, width: usize) -> Table {
        let mut wanted: Vec<(usize, usize)> = COLUMNS
            .iter()
            .enumerate()
            .filter_map(|(place, column)| {
                let cells = rows.iter().map(|row| columns(&row[place].1));
                let widest = cells.max().unwrap_or(0).min(column.most);
                // What nobody has is no column.
                (widest > 0).then(|| (place, widest.max(titles[place].len())))
            })
            .collect();
        wanted.sort_by_key(|(place, _)| COLUMNS[*place].rank);
        let mut left = width;
        let mut chosen = Vec::new();
        for (place, widest) in wanted {
            let gap = if chosen.is_empty() { 0 } else { GAP };
            let least = match place == ATTEMPTS {
                true => widest.min(FEWEST_ATTEMPTS.max(titles[ATTEMPTS].len())),
                false => widest,
            };
            if gap + least <= left {
                left -= gap + least;
                chosen.push((place, least, widest));
            }
        }
        for (place, least, widest) in &mut chosen {
            if *place == ATTEMPTS {
                *least = (*least + left).min(*widest);
            }
        }
        chosen.sort_unstable();
        let columns = chosen.iter().map(|(place, width, _)| (*place, *width));
        Table {
            columns: columns.collect(),
            titles,
        }
    }

    fn has(&self, place: usize) -> bool {
        self.columns.iter().any(|(column, _)| *column == place)
    }

    fn head(&self) -> Line {
        let titles = self.titles.iter();
        let titles: Vec<Cell> = titles
            .map(|title| (Paint::Dim, title.to_string()))
            .collect();
        self.print(&titles, Row::Titles)
    }

    fn row(&self, cells: &[Cell]) -> Line {
        self.print(cells, Row::Backend)
    }

    fn print(&self, cells: &[Cell], row: Row) -> Line {
        let mut line = Line::default();
        let mut start = 0;
        for &(place, width) in &self.columns {
            let (paint, text) = &cells[place];
            let is_attempts = place == ATTEMPTS && row == Row::Backend;
            let text = match is_attempts {
                true => last(text, width),
                false => cut(text, width),
            };
            let indent = match COLUMNS[place].side {
                Side::Left => 0,
                Side::Right => width - columns(&text),
            };
            line.pad_to(start + indent);
            match is_attempts {
                true => attempts(&mut line, &text),
                false => line.push(*paint, &text),
            }
            start += width + GAP;
        }
        line
    }
}

/// The latest attempts, as many as there is room for.
fn last(text: &str, width: usize) -> String {
    let letters = text.chars().rev().take(width.min(MOST_ATTEMPTS));
    let text: String = letters.collect::<Vec<char>>().into_iter().rev().collect();
    cut(&text, width)
}

/// Passes pale, failures in the colour of whose fault they are.
fn attempts(line: &mut Line, text: &str) {
    let paint_of = |letter: char| match letter {
        '.' => Paint::Dim,
        'x' => Paint::Bad,
        _ => Paint::Doubtful,
    };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let paint = paint_of(first);
        let end = rest
            .find(|letter| paint_of(letter) != paint)
            .unwrap_or(rest.len());
        line.push(paint, &rest[..end]);
        rest = &rest[end..];
    }
}

/// What the letters mean, of those that somebody who sees them for the first time has to guess.
fn legend(backends: &[&Backend]) -> Option<Line> {
    let has = |letter: char| {
        let mut told = backends.iter().filter_map(|backend| telling(backend));
        told.any(|service| service.recent.contains(letter))
    };
    let meanings: Vec<&str> = [
        ('x', "x failed"),
        ('s', "s failed, perhaps not by this backend's fault"),
        ('l', "l failed by this machine's fault"),
    ]
    .iter()
    .filter(|(letter, _)| has(*letter))
    .map(|(_, meaning)| *meaning)
    .collect();
    let text = format!("last attempts: . passed, {}", meanings.join(", "));
    (!meanings.is_empty()).then(|| Line::of(Paint::Dim, &text))
}

/// What is to be said of it below its row.
fn below(backend: &Backend, view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut say = |paint: Paint, text: &str| {
        let mut head = Line::default();
        head.pad_to(INDENT);
        lines.extend(paragraph(&head, paint, text, view.width, MOST_LINES));
    };
    if Trouble::of(backend, view.now).needs_words() {
        for (paint, sentence) in sentences(backend, view) {
            say(paint, &sentence);
        }
    }
    if view.services == Services::All {
        for service in &backend.services {
            say(Paint::Dim, &in_full(backend, service, view));
        }
    }
    lines
}

fn sentences(backend: &Backend, view: &View) -> Vec<(Paint, String)> {
    let mut sentences = Vec::new();
    if !backend.cause.is_empty() {
        sentences.push((Paint::Plain, cause(backend, view)));
    }
    if backend.listed == State::Down {
        sentences.push((Paint::Plain, down(backend, view)));
    }
    if let Some(wanted) = &backend.wanted {
        sentences.push((Paint::Doubtful, held(backend, wanted, view)));
    }
    for service in &backend.services {
        if let Some(cause) = &service.unchecked {
            let text = format!(
                "{} cannot be checked from this machine: {cause}",
                service.service
            );
            sentences.push((Paint::Doubtful, text));
        }
        if certificate_trouble(service, view.now) {
            if let Some(text) = certificate(service, view) {
                sentences.push((Paint::Doubtful, text));
            }
        }
    }
    sentences
}

/// "imap:143 greeting: timed out; 3 tries failed, 2 left, the next in 0.4 s; last pass 6 min ago".
fn cause(backend: &Backend, view: &View) -> String {
    let failing = backend
        .services
        .iter()
        .find(|service| service.result == CheckResult::Fail);
    // The cause can be thousands of characters of a server's, and what follows is to be seen too.
    let mut text = cut(&shown(&backend.cause), view.width.max(80));
    if let Some(retry) = &backend.schedule.retry {
        let next = match backend.schedule.next {
            Some(next) => format!("the next {}", view.future(next)),
            None => "the next is under way".to_string(),
        };
        let failed = match retry.failed {
            1 => "once".to_string(),
            2 => "twice".to_string(),
            failed => format!("{failed} times"),
        };
        text += &match (backend.verdict, retry.left) {
            (Verdict::Failed, _) | (_, 0) => format!("; tried {failed}, {next}"),
            (_, left) => format!("; tried {failed}, {left} left before it has failed, {next}"),
        };
    }
    if let Some(service) = failing {
        text += &match service.last_pass {
            Some(time) => format!("; last pass {}", view.past(time)),
            None => "; has not passed since the monitor started".to_string(),
        };
        let blame = service
            .failure
            .as_ref()
            .and_then(|dialogue| dialogue.failure.as_ref())
            .map(|failure| failure.blame);
        text += match blame {
            Some(Blame::Shared) => {
                "; this may be no fault of this backend (account, certificate or address)"
            }
            Some(Blame::Local) => "; this is a fault of this machine",
            Some(Blame::Service) | None => "",
        };
    }
    text
}

/// "taken down by this monitor 5 min ago; users moved".
fn down(backend: &Backend, view: &View) -> String {
    let since = backend
        .listed_since
        .map_or(String::new(), |time| format!(" {}", view.past(time)));
    let mut text = match backend.by {
        By::Unknown => format!("taken down{since}, before this monitor started"),
        who => format!("taken down {}{since}", by(who)),
    };
    let last = backend
        .changes
        .iter()
        .rev()
        .find(|one| one.to == State::Down);
    match last.and_then(|change| change.reason.as_ref()) {
        Some(reason) if *reason != backend.cause => text += &format!(": {reason}"),
        _ => {}
    }
    text += &match (backend.drain, backend.users) {
        (Drain::Owed, 1) => "; 1 USER IS STILL TO BE MOVED AWAY".to_string(),
        (Drain::Owed, users) => format!("; {users} USERS ARE STILL TO BE MOVED AWAY"),
        (_, 0) => "; no users are left on it".to_string(),
        (_, users) => format!("; users on it: {users}"),
    };
    if backend.verdict == Verdict::Failed && backend.wanted.is_none() {
        text += "; comes up when it passes again";
    }
    text
}

fn gerund(action: Action) -> &'static str {
    match action {
        Action::Down => "taking it down",
        Action::Drain => "moving its users away",
        Action::Up => "bringing it up",
    }
}

/// "HELD: taking it down, by rule ring: the ring is not synced (until that changes); see doveadm".
fn held(backend: &Backend, wanted: &Wanted, view: &View) -> String {
    let action = gerund(wanted.action);
    let rule = match backend.held_by() {
        Some(rule) => rule,
        None => return format!("{action} now"),
    };
    let reason = rule.reason.as_deref().unwrap_or("it gives no reason");
    let until = match rule.until {
        Some(time) if time <= view.now => "for a moment".to_string(),
        Some(time) => format!("until {}", view.clock(time)),
        None => "until that changes".to_string(),
    };
    let advice = rule.advice.as_ref();
    format!(
        "HELD BACK {until}: {action}, by rule {}: {reason}{}",
        rule.rule,
        advice.map_or(String::new(), |advice| format!("; {advice}"))
    )
}

fn certificate(service: &Service, view: &View) -> Option<String> {
    let certificate = service.certificate.as_ref()?;
    let end = certificate.not_after.min(certificate.chain_not_after);
    let whose = match certificate.not_after <= certificate.chain_not_after {
        true => "its certificate",
        false => "a certificate of its chain",
    };
    let ends = match end <= view.now {
        true => format!("ended {}", view.past(end)),
        false => format!("ends {}", view.future(end)),
    };
    let refused = match certificate.accepted {
        true => "",
        false => " and was refused",
    };
    Some(format!("{}: {whose} {ends}{refused}", service.service))
}

/// "imaps:993 passes; 2.1 ms, median 2.2, worst 31; last pass 2 s ago; 2880 passed, 4 failed".
fn in_full(backend: &Backend, service: &Service, view: &View) -> String {
    let result = match service.result {
        CheckResult::Pass => "passes",
        CheckResult::Fail => "FAILS",
        CheckResult::None => "not checked yet",
    };
    let mut text = match backend.ended_before(service) {
        Some(other) => format!(
            "{} passed, not tried since {} fails",
            service.service, other.service
        ),
        None => format!("{} {result}", service.service),
    };
    if let Some(time) = service.last_pass {
        text += &format!("; last pass {}", view.past(time));
    }
    for (name, value) in [
        ("latency", service.latency),
        ("median", service.median),
        ("worst", service.worst),
    ] {
        if let Some(value) = value {
            text += &format!("; {name} {} ms", milliseconds(value));
        }
    }
    text += &format!("; {} passed, {} failed", service.passes, service.failures);
    if let Some(text_of_certificate) = certificate(service, view) {
        let text_of_certificate = text_of_certificate
            .split_once(": ")
            .map(|(_, text)| text.to_string());
        text += &format!("; {}", text_of_certificate.unwrap_or_default());
    }
    text
}

/// All rules in the order asked, the last command and what a person can read next.
fn rules(backend: &Backend, document: &Document, view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let kind = document.director.kind;
    let mut say = |label: &str, text: &str| {
        let mut head = Line::default();
        head.pad_to(INDENT);
        head.push(Paint::Dim, label);
        lines.extend(paragraph(&head, Paint::Plain, text, view.width, MOST_LINES));
    };
    match &backend.wanted {
        None => say("rules: ", "nothing is to be done about it"),
        Some(wanted) => {
            let answers: Vec<String> = wanted
                .rules
                .iter()
                .map(|rule| match rule.answer {
                    Answer::Holds => format!("{} HOLDS", rule.rule),
                    _ if kind.without_rule(&rule.rule).is_some() => {
                        format!("{} does not apply", rule.rule)
                    }
                    Answer::Passes => format!("{} passes", rule.rule),
                    Answer::NotAsked => format!("{} not asked", rule.rule),
                })
                .collect();
            let text = format!("{}: {}", gerund(wanted.action), answers.join(", "));
            say("rules: ", &text);
        }
    }
    let mut commands = document.commands.iter().rev();
    if let Some(command) = commands.find(|command| command.address == backend.address) {
        let answer = command.answer.as_deref().unwrap_or("no answer yet");
        let text = format!("{} {}: {answer}", command.command, view.past(command.at));
        say("sent: ", &text);
    }
    say("more: ", &format!("poolmon explain {}", backend.address));
    lines
}
