//! The engine's counters, as the document has them.

use super::*;

pub(super) fn counters(view: &snapshot::CountersView, of: &Writer) -> Counters {
    Counters {
        attempts: view
            .attempts
            .iter()
            .map(|count| AttemptCount {
                service: count.service.clone(),
                passes: count.passes,
                failures: count.failures,
                latency: histogram(&count.latency),
            })
            .collect(),
        failures: view
            .failures
            .iter()
            .map(|count| FailureCount {
                service: count.service.clone(),
                stage: count.stage.word().to_owned(),
                fault: count.fault.to_owned(),
                blame: count.blame.into(),
                count: count.count,
            })
            .collect(),
        changes: view
            .changes
            .iter()
            .map(|count| ChangeCount {
                address: count.address,
                tag: count.tag.name().to_owned(),
                to: count.to.into(),
                by: count.by.into(),
                count: count.count,
            })
            .collect(),
        commands: view
            .commands
            .iter()
            .map(|count| CommandCount {
                action: count.action.into(),
                reply: count.reply.into(),
                count: count.count,
                duration: histogram(&count.duration),
            })
            .collect(),
        hook_runs: view.scripts,
        hook_failures: of.hook_failures,
        log_lines_lost: of.log_lines_lost,
        state_file_written: match view.state_file {
            StateFileView::Written => true,
            StateFileView::Unwritten => false,
        },
    }
}

/// Each bucket holds those before it, too.
fn histogram<const MANY: usize>(buckets: &Buckets<MANY>) -> Histogram {
    let mut sum = 0;
    let cumulative = buckets.counts.iter().map(|count| {
        sum += count;
        sum
    });
    Histogram {
        buckets: cumulative.collect(),
        count: buckets.all,
        sum: span(buckets.sum),
    }
}

impl From<ReplyKind> for Reply {
    fn from(reply: ReplyKind) -> Reply {
        match reply {
            ReplyKind::Ok => Reply::Ok,
            ReplyKind::NotFound => Reply::NotFound,
            ReplyKind::Busy => Reply::Busy,
            ReplyKind::SyncTimedOut => Reply::SyncTimedOut,
            ReplyKind::TryAgain => Reply::TryAgain,
            ReplyKind::Refused => Reply::Refused,
            ReplyKind::Lost => Reply::Lost,
        }
    }
}
