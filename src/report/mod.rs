//! How the engine's state and events are shown. This file writes events as lines of the log and for the service
//! manager; each further file is one face of the status file's `document`.
//!
//! Words, local times and levels are its business; what is said, and when, is the engine's.

mod advice;
pub mod document;
pub(crate) mod explain;
pub(crate) mod forecast;
pub(crate) mod freshness;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod groups;
pub(crate) mod judgement;
pub(crate) mod metrics;
pub(crate) mod nagios;
mod outline;
pub mod page;
mod status;
pub(crate) mod table;
pub(crate) mod terminal;
pub(crate) mod words;

use std::time::Duration;

use chrono::{DateTime, Datelike, Local, TimeZone, Timelike};
use log::{debug, error, warn};

use self::document::{Document, Time};
use self::page::{Options, Wall};
use crate::backend::Stamp;
use crate::logging::{always, ALWAYS};
use crate::monitor::{AsOf, BackendHistory, Event, Level, PollView, Snapshot, Summary};
use crate::target::Target;

pub(crate) use outline::outline;
use table::View;

/// Of the table in the log.
const TABLE_WIDTH: usize = 120;

/// Says it in the log.
pub(crate) fn say(event: &Event) {
    match event {
        Event::Line(Level::Error, line) => error!("{line}"),
        Event::Line(Level::Warning, line) => warn!(target: ALWAYS, "{line}"),
        Event::Line(Level::Always, line) => always!("{line}"),
        Event::Line(Level::Debug, line) => debug!("{line}"),
        Event::Attempt {
            address,
            target,
            service,
            outcome,
        } => {
            let services = target
                .as_ref()
                .map_or(&[][..], |target: &Target| &*target.services);
            let service = crate::monitor::at_place(services, *service);
            let latency = outcome.latency.as_millis();
            match &outcome.result {
                Ok(pass) => match outcome.delivery {
                    Some(delivery) => debug!(
                        "{address} {service}: {pass}, read {} ms after delivery ({latency} ms)",
                        delivery.as_millis()
                    ),
                    None => debug!("{address} {service}: {pass} ({latency} ms)"),
                },
                Err(failure) => debug!("{address} {service}: {failure} ({latency} ms)"),
            }
        }
        Event::FailoverOff {
            silent,
            cause,
            advice,
        } => error!(
            "failover is off since {}: {cause}; no backend is taken down or brought up; {advice} \
             (trying again every second)",
            day_and_time(*silent)
        ),
    }
}

/// Says it in the log: a line a backend, and then the table that `poolmon status` shows.
pub(crate) fn say_status(snapshot: &Snapshot, document: &Document) {
    let table = table::lines(
        document,
        &View::plain(document.poolmon.written, TABLE_WIDTH),
    );
    for line in status::lines(snapshot) {
        always!("{line}");
    }
    // A bar tells the table's lines from all others.
    for line in table.iter().filter(|line| !line.is_empty()) {
        always!("| {line}");
    }
}

/// Says the last polls of every backend in the log, a line each, the oldest first.
pub(crate) fn say_history(history: &[BackendHistory]) {
    for BackendHistory { address, polls } in history {
        let polls: Vec<String> = polls.iter().map(poll).collect();
        let polls = match polls.is_empty() {
            true => "none".to_owned(),
            false => polls.join("; "),
        };
        always!("{address} last polls: {polls}");
    }
}

fn poll(poll: &PollView) -> String {
    let delivery = poll.delivery.map_or(String::new(), |delivery| {
        format!(", read {} ms after delivery", delivery.as_millis())
    });
    format!(
        "{} {} {} {} ms{delivery}",
        time(poll.ago),
        poll.service,
        poll.result,
        poll.latency.as_millis()
    )
}

/// How many backends are up, and when that was so if it is not current.
pub(crate) fn summary(summary: &Summary) -> String {
    let Summary { up, all, .. } = summary;
    let dry_run = status::dry_run(summary.mode);
    match summary.as_of {
        AsOf::Now => format!("{dry_run}{up} of {all} backends are up"),
        AsOf::Never => format!("{dry_run}no list of backends yet"),
        AsOf::Before(ago) => format!(
            "{dry_run}{up} of {all} backends were up at {}, which is not current",
            time(ago)
        ),
    }
}

/// For the service manager.
pub(crate) fn failover_off(silent: Duration, cause: &str, of: &Summary) -> String {
    format!(
        "failover is off since {}: {cause}; {}",
        day_and_time(silent),
        summary(of)
    )
}

/// The page of a document with this machine's times, made at `now`. `stale` says that it is stale, in words;
/// it is empty if it is not.
pub(crate) fn local_page(document: &Document, now: Time, stale: &str) -> String {
    let options = Options {
        now,
        stale,
        wall: &wall,
    };
    page::render(document, &options)
}

/// What the clock on this machine's wall shows at that time; at times beyond all calendars, as at 1970.
fn wall(time: Time) -> Wall {
    let at = |seconds| Local.timestamp_opt(seconds, 0).single();
    let local = at(time.floor() as i64).or_else(|| at(0));
    let local = local.unwrap_or_else(Local::now);
    Wall {
        year: local.year(),
        month: local.month(),
        day: local.day(),
        hour: local.hour(),
        minute: local.minute(),
        second: local.second(),
        ahead: local.offset().local_minus_utc() / 60,
    }
}

fn local(ago: Duration) -> DateTime<Local> {
    let now = Local::now();
    chrono::Duration::from_std(ago).map_or(now, |ago| now - ago)
}

/// How a moment reads in a line that is written `now`: the time of day, and the day if that is another one.
pub(crate) fn moment(moment: Stamp, now: Stamp) -> String {
    let local = |stamp: Stamp| {
        let seconds = i64::try_from(stamp.0).ok()?;
        Local.timestamp_opt(seconds, 0).single()
    };
    match (local(moment), local(now)) {
        (Some(moment), Some(now)) if moment.date_naive() == now.date_naive() => {
            moment.format("%H:%M:%S").to_string()
        }
        (Some(moment), _) => moment.format("%Y-%m-%d %H:%M:%S").to_string(),
        (None, _) => format!("second {}", moment.0),
    }
}

fn time(ago: Duration) -> String {
    local(ago).format("%H:%M:%S").to_string()
}

fn day_and_time(ago: Duration) -> String {
    local(ago).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::sample;

    #[test]
    fn the_clock_on_the_wall_knows_every_time() {
        let wall = wall(sample::WRITTEN + 0.9);
        let utc = sample::WRITTEN as i64 + i64::from(wall.ahead) * 60;
        let of_day = utc.rem_euclid(86_400) as u32;
        assert_eq!(wall.hour * 3600 + wall.minute * 60 + wall.second, of_day);
        assert_eq!((wall.year, wall.month), (2025, 11));
        for time in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            let year = super::wall(time).year;
            assert!((1969..=1970).contains(&year), "{time}: {year}");
        }
    }

    #[test]
    fn a_moment_of_another_day_is_shown_with_its_day() {
        let now = Stamp(1_800_000_000);
        let time = moment(now, now);
        assert_eq!(time.len(), "08:00:00".len(), "{time}");
        let before = moment(Stamp(now.0 - 2 * 86_400), now);
        assert_eq!(before, format!("2027-01-13 {time}"));
        assert!(moment(Stamp(u64::MAX), now).starts_with("second "));
    }

    #[test]
    fn a_page_has_this_machines_times() {
        let document = sample::five_troubles();
        let page = local_page(&document, document.poolmon.written, "");
        let written = wall(document.poolmon.written);
        let time = format!(
            "{:02}:{:02}:{:02}</time>",
            written.hour, written.minute, written.second
        );
        assert!(page.contains(&time), "{time}");
    }
}

#[cfg(test)]
mod tests_of_haproxy;
