//! The table of families: every metric there is, with its labels, its meaning, and what it is for. The text,
//! the manual's list and the tests of alert rules and dashboard are made of it.
//!
//! A label's value is an address, a tag, a service, or a word of a closed list: never text of a server,
//! which would make a new series of each message.

use super::samples::{
    alarms, changes, command_durations, commands, deliveries, down, each_backend, each_service,
    each_tag, failures, held, truth, verdicts,
};
use super::text::Samples;
use crate::report::document::{
    CheckResult, Document, Drain, Ring, Span, State, COMMAND_BOUNDS, LATENCY_BOUNDS,
};

/// A row of the table.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    /// One line, a sentence or several: what a sample is.
    pub(super) help: &'static str,
    /// For the manual, which a test holds against it: what somebody does with it.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) purpose: &'static str,
    /// Adds its samples.
    pub(super) samples: fn(&Document, &mut Samples),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Gauge,
    /// Counts from the monitor's start.
    Counter,
    /// With the upper bounds of its buckets.
    Histogram(&'static [Span]),
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram(_) => "histogram",
        }
    }
}

/// In the order of the text.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "poolmon_build_info",
        kind: Kind::Gauge,
        labels: &["version", "pool"],
        help: "Always 1; the labels are the version of the monitor that runs, and what the backends stand \
               behind: director or haproxy.",
        purpose: "Shows which host still runs another version. With haproxy, what the names call director is \
                  HAProxy, and vhosts are its weights.",
        samples: |document, samples| {
            let pool = document.director.kind.word();
            samples.add(&[&document.poolmon.version, pool], 1.0);
        },
    },
    Family {
        name: "poolmon_start_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the monitor started. All counters began at 0 then.",
        purpose: "Marks restarts in a graph. It moves with the clock if that is set anew by more than 2 seconds.",
        samples: |document, samples| samples.add(&[], document.poolmon.started),
    },
    Family {
        name: "poolmon_snapshot_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the monitor wrote these values.",
        purpose: "Tells old values from current ones: a file outlives the monitor that wrote it.",
        samples: |document, samples| samples.add(&[], document.poolmon.written),
    },
    Family {
        name: "poolmon_probe_interval_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "The configured interval between two rounds of probes of a backend.",
        purpose: "The measure of how old values may be: they are written at least once an interval.",
        samples: |document, samples| samples.add(&[], document.poolmon.interval),
    },
    Family {
        name: "poolmon_login_interval_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "The configured interval between two rounds of a backend that go beyond the greeting, while all is \
               well; 0 if each does.",
        purpose: "With poolmon_probe_interval_seconds the measure of how old poolmon_backend_probe_timestamp_seconds \
                  may be.",
        samples: |document, samples| samples.add(&[], document.poolmon.login_interval),
    },
    Family {
        name: "poolmon_config_last_reload_successful",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if the settings could be used when they were last read, 0 if the monitor went on with the \
               former ones.",
        purpose: "Finds a mistake in a file before the next restart does.",
        samples: |document, samples| samples.add(&[], truth(document.poolmon.reload.good)),
    },
    Family {
        name: "poolmon_director_up",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if the director answers, 0 if not.",
        purpose: "While it is 0, no backend is taken down or brought up.",
        samples: |document, samples| samples.add(&[], truth(document.director.up)),
    },
    Family {
        name: "poolmon_director_ring_synced",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if the director says that its ring is synced, 0 if it says that it is not. Absent where it \
               says neither.",
        purpose: "While it is 0, no backend is taken down or brought up.",
        samples: |document, samples| match document.director.ring {
            Ring::Synced => samples.add(&[], 1.0),
            Ring::Unsynced => samples.add(&[], 0.0),
            Ring::NotTold | Ring::Unknown | Ring::None => {}
        },
    },
    Family {
        name: "poolmon_director_list_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the director's last complete list of backends was asked for.",
        purpose: "Shows how old the list is that decisions are made on, also over a short silence.",
        samples: |document, samples| {
            if let Some(read) = document.director.list_read {
                samples.add(&[], read);
            }
        },
    },
    Family {
        name: "poolmon_director_commands_total",
        kind: Kind::Counter,
        labels: &["action", "reply"],
        help: "Commands that this monitor sent to the director, by what was answered; not a drain whose backend has passed again meanwhile.",
        purpose: "Shows a director that refuses commands or answers them late.",
        samples: commands,
    },
    Family {
        name: "poolmon_director_command_duration_seconds",
        kind: Kind::Histogram(&COMMAND_BOUNDS),
        labels: &["action"],
        help: "How long the director took to answer a command.",
        purpose: "Shows a slow ring: a down is answered once all directors know of it.",
        samples: command_durations,
    },
    Family {
        name: "poolmon_tag_backends",
        kind: Kind::Gauge,
        labels: &["tag"],
        help: "Backends with this tag that the director lists.",
        purpose: "The total for the numbers that follow. With haproxy a tag names sections, and a server that has \
                  more of them counts for each such tag: the sum over all tags is no number of backends.",
        samples: |document, samples| each_tag(document, samples, |tag| tag.backends as f64),
    },
    Family {
        name: "poolmon_tag_backends_up",
        kind: Kind::Gauge,
        labels: &["tag"],
        help: "Backends with this tag that are listed up.",
        purpose: "At 0, no user of the tag can log in.",
        samples: |document, samples| each_tag(document, samples, |tag| tag.up as f64),
    },
    Family {
        name: "poolmon_tag_backends_passing",
        kind: Kind::Gauge,
        labels: &["tag"],
        help: "Backends with this tag that are healthy by their last verdict and can still be checked, listed up or down.",
        purpose: "If it is smaller than poolmon_tag_backends_up, users are sent to backends that do not work, or of which nothing is known.",
        samples: |document, samples| each_tag(document, samples, |tag| tag.passing as f64),
    },
    Family {
        name: "poolmon_tag_refuges",
        kind: Kind::Gauge,
        labels: &["tag"],
        help: "Backends with this tag that are up and work well enough to take the users of another one.",
        purpose: "At 1 or less, the next backend that fails stays up for want of another one.",
        samples: |document, samples| each_tag(document, samples, |tag| tag.refuges as f64),
    },
    Family {
        name: "poolmon_tag_vhosts",
        kind: Kind::Gauge,
        labels: &["tag"],
        help: "The sum of the vhost counts (weights) of the backends with this tag.",
        purpose: "The capacity that there would be with all backends up.",
        samples: |document, samples| each_tag(document, samples, |tag| tag.vhosts as f64),
    },
    Family {
        name: "poolmon_tag_vhosts_up",
        kind: Kind::Gauge,
        labels: &["tag"],
        help: "The sum of the vhost counts (weights) of the backends with this tag that are up.",
        purpose: "Divided by poolmon_tag_vhosts: the share of the capacity that is left.",
        samples: |document, samples| each_tag(document, samples, |tag| tag.vhosts_up as f64),
    },
    Family {
        name: "poolmon_backend_up",
        kind: Kind::Gauge,
        labels: &["backend", "tag"],
        help: "1 if the director lists the backend up, 0 if down.",
        purpose: "The state over time.",
        samples: |document, samples| {
            each_backend(document, samples, |backend| {
                Some(truth(backend.listed == State::Up))
            });
        },
    },
    Family {
        name: "poolmon_backend_down",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "by"],
        help: "1 while the director lists the backend down, with who took it down: us (this monitor), other \
               (an administrator or another monitor), or unknown. Absent while it is up.",
        purpose: "Tells a failure from somebody's maintenance.",
        samples: down,
    },
    Family {
        name: "poolmon_backend_verdict",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "verdict"],
        help: "What the probes say of the backend: 1 for the verdict that holds, 0 for the others. While it \
               is doubtful, it is tried again before it has failed.",
        purpose: "Beside poolmon_backend_up: a backend that failed and stays up, or works and stays down.",
        samples: verdicts,
    },
    Family {
        name: "poolmon_backend_users",
        kind: Kind::Gauge,
        labels: &["backend", "tag"],
        help: "Users that the director has assigned to the backend.",
        purpose: "Shows how users are spread over the backends, and how many a failure concerns.",
        samples: |document, samples| {
            each_backend(document, samples, |backend| Some(backend.users as f64));
        },
    },
    Family {
        name: "poolmon_backend_vhosts",
        kind: Kind::Gauge,
        labels: &["backend", "tag"],
        help: "The backend's vhost count (weight) in the director's list.",
        purpose: "At 0, an administrator has taken it out without taking it down.",
        samples: |document, samples| {
            each_backend(document, samples, |backend| Some(f64::from(backend.vhosts)));
        },
    },
    Family {
        name: "poolmon_backend_change_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["backend", "tag"],
        help: "When the backend was last taken down or brought up, by the director's time stamp. Absent if \
               never.",
        purpose: "Since when it is up or down.",
        samples: |document, samples| {
            each_backend(document, samples, |backend| backend.listed_since);
        },
    },
    Family {
        name: "poolmon_backend_changes_total",
        kind: Kind::Counter,
        labels: &["backend", "tag", "to"],
        help: "How often the director's list showed that the backend was taken down or brought up, whoever \
               did it.",
        purpose: "Finds a backend that comes and goes.",
        samples: changes,
    },
    Family {
        name: "poolmon_backend_held",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "action", "rule"],
        help: "1 while the monitor wants to take this action and this rule holds it back. Absent while \
               nothing is held back.",
        purpose: "Finds a backend that failed and still gets users, with the rule to look up in poolmon(8).",
        samples: held,
    },
    Family {
        name: "poolmon_backend_drain_owed",
        kind: Kind::Gauge,
        labels: &["backend", "tag"],
        help: "1 while the backend is down and its users are still to be moved to others, 0 otherwise.",
        purpose: "Finds users who hang on a dead backend.",
        samples: |document, samples| {
            each_backend(document, samples, |backend| {
                Some(truth(
                    backend.drain == Drain::Owed,
                ))
            });
        },
    },
    Family {
        name: "poolmon_backend_probe_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["backend", "tag"],
        help: "When the last attempt to probe the backend began. One that passed and went only as far as the \
               greeting (--login-interval) does not count. Absent before the first.",
        purpose: "Finds a backend that is not probed any more.",
        samples: |document, samples| {
            each_backend(document, samples, |backend| backend.schedule.last);
        },
    },
    Family {
        name: "poolmon_backend_service_passing",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "service"],
        help: "1 if the last attempt at this service of the backend passed, 0 if it failed. Absent before \
               the first.",
        purpose: "Shows which service of which backend fails.",
        samples: |document, samples| {
            each_service(document, samples, |service| match service.result {
                CheckResult::Pass => Some(1.0),
                CheckResult::Fail => Some(0.0),
                CheckResult::None => None,
            });
        },
    },
    Family {
        name: "poolmon_backend_probe_duration_seconds",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "service"],
        help: "How long the last attempt at this service of the backend took that passed. Absent until one has \
               passed.",
        purpose: "Finds the backend that is slower than the others.",
        samples: |document, samples| each_service(document, samples, |service| service.latency),
    },
    Family {
        name: "poolmon_backend_delivery_duration_seconds",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "service"],
        help: "How long the last test message took from its acceptance until it could be read.",
        purpose: "Shows mail that arrives late although all servers answer.",
        samples: deliveries,
    },
    Family {
        name: "poolmon_backend_certificate_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "service"],
        help: "When the server's own certificate expires or expired, also where it is refused.",
        purpose: "A warning before clients refuse it, and still the date afterwards.",
        samples: |document, samples| {
            each_service(document, samples, |service| {
                Some(service.certificate.as_ref()?.not_after)
            });
        },
    },
    Family {
        name: "poolmon_backend_certificate_chain_expiry_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["backend", "tag", "service"],
        help: "When the first of the certificates expires that the server sends, authorities included.",
        purpose: "Finds an old intermediate certificate. Not every client needs all that a server sends, so \
                  no alert depends on it.",
        samples: |document, samples| {
            each_service(document, samples, |service| {
                Some(service.certificate.as_ref()?.chain_not_after)
            });
        },
    },
    Family {
        name: "poolmon_probes_total",
        kind: Kind::Counter,
        labels: &["service", "result"],
        help: "Attempts at this service of all backends that passed or failed.",
        purpose: "The share of failures. Each attempt is a connection in the servers' logs.",
        samples: |document, samples| {
            for row in &document.counters.attempts {
                samples.add(&[&row.service, "pass"], row.passes as f64);
                samples.add(&[&row.service, "fail"], row.failures as f64);
            }
        },
    },
    Family {
        name: "poolmon_probe_failures_total",
        kind: Kind::Counter,
        labels: &["service", "stage", "fault", "blame"],
        help: "Failed attempts at this service of all backends: at which stage, with which fault, and whose \
               it is: service (the backend's), shared (an account, certificate or address that all have in \
               common) or local (this machine's). Only those that occurred.",
        purpose: "Shows at a glance whether backends, passwords, certificates or this machine fail.",
        samples: failures,
    },
    Family {
        name: "poolmon_probe_duration_seconds",
        kind: Kind::Histogram(&LATENCY_BOUNDS),
        labels: &["service"],
        help: "How long the attempts at this service of all backends took that passed.",
        purpose: "Medians and 99th percentiles over the pool.",
        samples: |document, samples| {
            for row in &document.counters.attempts {
                samples.add_histogram(&[&row.service], &row.latency);
            }
        },
    },
    Family {
        name: "poolmon_alarms",
        kind: Kind::Gauge,
        labels: &["alarm"],
        help: "How many alarms of this kind hold, as the log tells them. Absent where there is none.",
        purpose: "What a person has to look at; poolmon status has it in words.",
        samples: alarms,
    },
    Family {
        name: "poolmon_state_file_written",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 if the state file could be written the last time, 0 if not.",
        purpose: "At 0, a restarted monitor would not know which downs are its own.",
        samples: |document, samples| {
            samples.add(&[], truth(document.counters.state_file_written));
        },
    },
    Family {
        name: "poolmon_hook_runs_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Runs of the --on-change program.",
        purpose: "Shows whether it is run.",
        samples: |document, samples| samples.add(&[], document.counters.hook_runs as f64),
    },
    Family {
        name: "poolmon_hook_failures_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Runs of the --on-change program that failed.",
        purpose: "Finds a program that does not do its work.",
        samples: |document, samples| samples.add(&[], document.counters.hook_failures as f64),
    },
    Family {
        name: "poolmon_log_lines_lost_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Lines of the log that its target did not take.",
        purpose: "Finds a full disk or a log service that hangs.",
        samples: |document, samples| samples.add(&[], document.counters.log_lines_lost as f64),
    },
];
