//! What stands above the table: whose it is, director and ring, tags, alarms, what happens next.

use super::View;
use crate::backend::Groups;
use crate::few::counted;
use crate::report::document::{
    Action, Backend, Director, Document, Event, NextEvent, Ring, State, Tag, Unanswered,
};
use crate::report::terminal::{columns, cut, paragraph, shown, Line, Paint};
use crate::report::words::lasting;

/// Where the text behind a label begins.
const LABEL: usize = 10;

/// What one alarm or note may take.
const MOST_LINES: usize = 4;

/// Of more tags only those with a trouble are listed.
const MANY_TAGS: usize = 10;

/// `whole` has those, too, that are not looked at.
pub(super) fn lines(document: &Document, whole: &Document, view: &View) -> Vec<Line> {
    let mut lines = Vec::new();
    let stale = view.freshness.to_string();
    if !stale.is_empty() {
        let head = Line::default();
        lines.extend(paragraph(&head, Paint::Bad, &stale, view.width, MOST_LINES));
    }
    lines.push(title(document, whole, view));
    let mut say = |label: (Paint, &str), paint: Paint, text: &str| {
        let mut head = Line::of(label.0, label.1);
        head.pad_to(LABEL);
        lines.extend(paragraph(&head, paint, text, view.width, MOST_LINES));
    };
    if document.poolmon.dry_run {
        let text = "nothing is changed; what is listed below is what would be";
        say((Paint::Doubtful, "dry run"), Paint::Doubtful, text);
    }
    let (paint, text) = director(&document.director, view);
    let noun = document.director.kind.words().noun;
    say((Paint::Dim, noun), paint, &text);
    if let Some((paint, text)) = ring(&document.director, view) {
        say((Paint::Dim, "ring"), paint, &text);
    }
    for one in &document.alarms {
        let text = format!("{} ({})", one.text, view.lasting(one.since));
        say((Paint::Bad, "ALARM"), Paint::Plain, &text);
    }
    for note in notes(document, view) {
        say((Paint::Doubtful, "note"), Paint::Plain, &note);
    }
    // What has stopped does nothing next.
    let awaited = document.next.as_ref().filter(|_| stale.is_empty());
    if let Some(text) = awaited.and_then(|event| next(event, document, view)) {
        say((Paint::Dim, "next"), Paint::Plain, &text);
    }
    if !document.tags.is_empty() {
        lines.push(Line::default());
        lines.extend(tags(&document.tags, whole));
    }
    lines
}

fn title(document: &Document, whole: &Document, view: &View) -> Line {
    let monitor = &document.poolmon;
    let tags = &document.tags;
    let sum = |of: fn(&Tag) -> usize| tags.iter().map(of).fold(0, usize::saturating_add);
    let (all, up) = (sum(|tag| tag.backends), sum(|tag| tag.up));
    let passing = sum(|tag| tag.passing);
    let paint = match (up == all, passing == all) {
        (true, true) if !whole.lists_none() => Paint::Good,
        _ => Paint::Bad,
    };
    // The name is another's text: what we say must not be pushed off by it.
    let name = cut(&shown(&monitor.name), (view.width / 3).max(8));
    let mut line = Line::of(Paint::Strong, &name);
    line.push(Paint::Plain, ": ");
    line.push(paint, &format!("{up} of {all} up, {passing} healthy"));
    let right = format!(
        "poolmon {}, {}",
        cut(&shown(&monitor.version), 16),
        view.clock(view.now)
    );
    let place = view.width.saturating_sub(columns(&right));
    if place > line.columns() + 1 {
        line.pad_to(place);
        line.push(Paint::Dim, &right);
    }
    line
}

fn director(director: &Director, view: &View) -> (Paint, String) {
    let list = match director.list_read {
        Some(time) => format!("last list {}", view.past(time)),
        None => "no list has been read yet".to_string(),
    };
    let socket = &director.socket;
    let lasting = view.lasting(director.since);
    match director.unanswered() {
        None => (Paint::Plain, format!("answers, {list}")),
        Some(Unanswered::NotYet) => (
            Paint::Plain,
            format!("asked at {socket} {lasting}, no answer yet; {list}"),
        ),
        Some(Unanswered::Reconnecting) => (
            Paint::Doubtful,
            format!("the connection to {socket} has ended and is being opened anew; {list}"),
        ),
        Some(Unanswered::Failed(cause)) => (
            Paint::Bad,
            format!(
                "DOES NOT ANSWER {lasting} at {socket}: {cause}; no backend is taken down or brought up; \
                 {list}"
            ),
        ),
    }
}

fn ring(director: &Director, view: &View) -> Option<(Paint, String)> {
    let place = match (director.position, director.members) {
        (_, Some(1)) => "; one director".to_string(),
        (Some(position), Some(members)) => format!("; director {position} of {members} is ours"),
        (None, Some(members)) => format!("; {members} directors"),
        (_, None) => String::new(),
    };
    let lasting = view.lasting(director.since);
    Some(match director.ring {
        Ring::None => return None,
        Ring::Synced => (Paint::Plain, format!("synced {lasting}{place}")),
        Ring::Unsynced => {
            let what = "no backend is taken down or brought up";
            let text = format!("NOT SYNCED {lasting}: {what}{place}");
            (Paint::Bad, text)
        }
        Ring::NotTold => {
            let text = format!("this director is too old to tell whether it is synced{place}");
            (Paint::Plain, text)
        }
        Ring::Unknown => (Paint::Doubtful, "unknown".to_string()),
    })
}

/// What is wrong with the monitor itself.
fn notes(document: &Document, view: &View) -> Vec<String> {
    let (monitor, counters) = (&document.poolmon, &document.counters);
    let mut notes = Vec::new();
    if !monitor.reload.good {
        notes.push(format!(
            "the settings that were read {} are not good: the settings before them are still used, see the log",
            view.past(monitor.reload.at)
        ));
    }
    if !counters.state_file_written {
        notes.push("the state file could not be written: see the log".to_string());
    }
    if counters.hook_failures > 0 {
        notes.push(format!(
            "{} of {} of the --on-change program failed",
            counters.hook_failures,
            counted(counters.hook_runs, "run")
        ));
    }
    if counters.log_lines_lost > 0 {
        notes.push(match counters.log_lines_lost {
            1 => "1 line of the log is lost: its target did not take it".to_string(),
            lost => format!("{lost} lines of the log are lost: its target did not take them"),
        });
    }
    notes
}

/// "192.0.2.9 is tried again in 0.4 s, then once more; it has 564 users".
fn next(next: &NextEvent, document: &Document, view: &View) -> Option<String> {
    let mut backends = document.backends.iter();
    let backend = backends.find(|one| one.address == next.address)?;
    let (address, when) = (next.address, view.future(next.at));
    Some(match next.event {
        Event::Retry => {
            let left = backend.schedule.retry.as_ref().map(|retry| retry.left);
            let tries = match left {
                None => String::new(),
                Some(0 | 1) => ", for the last time before it has failed".to_string(),
                Some(2) => ", then once more".to_string(),
                Some(3) => ", then twice more".to_string(),
                Some(left) => format!(", then {} times more", left - 1),
            };
            format!("{address} is tried again {when}{tries}{}", cost(backend))
        }
        Event::Round if document.poolmon.login_interval > 0.0 => format!(
            "{address} is checked with a login {when}, and as far as the greeting every {}",
            lasting(document.poolmon.interval)
        ),
        Event::Round => format!("{address} is checked {when}"),
        Event::HoldEnds => {
            let action = backend.wanted.as_ref().map(|wanted| wanted.action);
            let what = match action {
                Some(Action::Down) => "taken down",
                Some(Action::Up) => "brought up",
                Some(Action::Drain) => "freed of its users",
                None => "judged",
            };
            let rule = backend
                .held_by()
                .map_or(String::new(), |rule| format!(" (rule {})", rule.rule));
            format!("{address} may be {what} {when}{rule}{}", cost(backend))
        }
    })
}

fn cost(backend: &Backend) -> String {
    match (backend.listed, backend.users) {
        (State::Down, _) => String::new(),
        (State::Up, 0) => "; it has no users".to_string(),
        (State::Up, users) => format!("; it has {}", counted(users, "user")),
    }
}

/// What stands of each, those with a trouble first.
fn tags(tags: &[Tag], whole: &Document) -> Vec<Line> {
    let tags: Vec<Tag> = tags.iter().map(|tag| whole.serving(tag)).collect();
    let (noun, only) = match whole.groups() {
        Groups::One => ("", Some("all")),
        Groups::Several => (whole.group_noun(), None),
    };
    let is_well = |tag: &&Tag| tag.up == tag.backends && tag.passing == tag.backends;
    let mut shown_tags: Vec<&Tag> = tags.iter().filter(|tag| !is_well(tag)).collect();
    let mut well: Vec<&Tag> = tags.iter().filter(is_well).collect();
    if tags.len() <= MANY_TAGS {
        shown_tags.append(&mut well);
    }
    let name = |tag: &&Tag| only.map_or_else(|| name(&tag.tag), str::to_string);
    let names: Vec<String> = shown_tags.iter().map(name).collect();
    let widest = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    let place = widest.max(LABEL - 2) + 2;
    let mut lines = Vec::new();
    let rows: Vec<_> = shown_tags.iter().map(|tag| cells(tag)).collect();
    if !shown_tags.is_empty() {
        let mut head = Line::of(Paint::Dim, noun);
        let titles = TITLES.map(|title| (Paint::Dim, title.to_string()));
        put_cells(&mut head, place, &titles, &rows);
        lines.push(head);
    }
    for (row, name) in rows.iter().zip(&names) {
        let mut line = Line::of(Paint::Strong, name);
        put_cells(&mut line, place, row, &rows);
        lines.push(line);
    }
    if !well.is_empty() {
        let (one_more, are) = match lines.is_empty() {
            true => ("", ": all of their backends are up and healthy"),
            false => ("and ", " whose backends are all up and healthy"),
        };
        lines.push(Line::of(
            Paint::Dim,
            &format!("{one_more}{}{are}", whole.groups_counted(well.len())),
        ));
    }
    lines
}

type Cells = [(Paint, String); 5];

const TITLES: [&str; 5] = ["up", "healthy", "can take over", "capacity", "users"];

/// So wide is each column at least, so that the head stays as it is while some go down and come up.
const WIDTHS: [usize; 5] = [12, 12, 15, 13, 0];

fn cells(tag: &Tag) -> Cells {
    let of_all = |some: usize| {
        let paint = match some == tag.backends {
            true => Paint::Good,
            false => Paint::Bad,
        };
        (paint, format!("{some} of {}", tag.backends))
    };
    let refuges = match tag.refuges {
        0 => (Paint::Bad, "NOBODY".to_string()),
        some => (Paint::Plain, some.to_string()),
    };
    [
        of_all(tag.up),
        of_all(tag.passing),
        refuges,
        (Paint::Plain, share(tag)),
        (Paint::Plain, tag.users.to_string()),
    ]
}

/// The cells of a row, each in its column of all `rows`, from this place on.
fn put_cells(line: &mut Line, place: usize, cells: &Cells, rows: &[Cells]) {
    let mut place = place;
    for (number, (paint, text)) in cells.iter().enumerate() {
        line.pad_to(place);
        line.push(*paint, text);
        let widest = rows.iter().map(|row| columns(&row[number].1) + 2).max();
        place += widest.unwrap_or(0).max(WIDTHS[number]);
    }
}

pub(super) fn name(tag: &str) -> String {
    match tag {
        "" => "(no tag)".to_string(),
        tag => cut(&shown(tag), 20),
    }
}

/// By vhost counts (weights), as the pool spreads its users.
fn share(tag: &Tag) -> String {
    match u128::from(tag.vhosts) {
        0 => "-".to_string(),
        all => format!("{} %", u128::from(tag.vhosts_up) * 100 / all),
    }
}
