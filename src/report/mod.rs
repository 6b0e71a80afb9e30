//! What the engine says, as lines: for the log and for the service manager.
//!
//! Words, local times and levels are its business; what is said, and when, is the engine's.

pub mod document;
pub(crate) mod judgement;
pub mod page;
mod status;
pub(crate) mod table;
pub(crate) mod terminal;

use std::time::Duration;

use chrono::{DateTime, Local};
use log::{debug, error, warn};

use crate::logging::{always, ALWAYS};
use crate::monitor::{AsOf, BackendHistory, Event, Level, PollView, Snapshot, Summary};
use crate::target::Target;

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

/// Says it in the log, a line a backend.
pub(crate) fn say_status(snapshot: &Snapshot) {
    for line in status::lines(snapshot) {
        always!("{line}");
    }
}

/// Says the last polls of every backend in the log, a line each, the oldest first.
pub(crate) fn say_history(history: &[BackendHistory]) {
    for BackendHistory { address, polls } in history {
        let polls: Vec<String> = polls.iter().map(poll).collect();
        match polls.is_empty() {
            true => always!("{address} last polls: none"),
            false => always!("{address} last polls: {}", polls.join("; ")),
        }
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
    let dry_run = status::dry_run(summary.deeds);
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

fn local(ago: Duration) -> DateTime<Local> {
    let now = Local::now();
    chrono::Duration::from_std(ago).map_or(now, |ago| now - ago)
}

fn time(ago: Duration) -> String {
    local(ago).format("%H:%M:%S").to_string()
}

fn day_and_time(ago: Duration) -> String {
    local(ago).format("%Y-%m-%d %H:%M:%S").to_string()
}
