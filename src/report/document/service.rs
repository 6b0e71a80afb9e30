//! What the status file says of one service of a backend: its attempts, and what the last day of them came to.

use serde::{Deserialize, Serialize};

use super::{Span, Time};

/// One service of one backend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// As in messages: `imap:143`.
    pub service: String,
    /// Of the latest attempt, whatever the verdict is by now.
    pub result: CheckResult,
    /// Why it cannot be checked from this machine, if so.
    pub unchecked: Option<String>,
    /// When the last attempt that passed began; null if none has since `tried_since`.
    pub last_pass: Option<Time>,
    /// Of the last attempt that passed; null if none has.
    pub latency: Option<Span>,
    /// Of the recent attempts that passed: the middle one's duration, and below it the longest.
    pub median: Option<Span>,
    /// Null, as the median, if none of the recent attempts passed.
    pub worst: Option<Span>,
    /// When the first attempt began that is told of here: after the start, or after a reload with another port, name or
    /// account for the backend. Null before it.
    #[serde(default)]
    pub tried_since: Option<Time>,
    /// Attempts since then.
    pub passes: u64,
    /// Failed attempts in the same time, whosever fault they were.
    pub failures: u64,
    /// A letter an attempt, the oldest first, at most 60: `.` passed, `x` the backend's fault, `s` a
    /// shared fault, `l` this machine's fault.
    pub recent: String,
    /// The last failure and the last pass, whole.
    pub failure: Option<Dialogue>,
    /// Null if none has passed in that time.
    pub pass: Option<Dialogue>,
    /// Of the later of `failure` and `pass` that showed one; null without TLS, or if none could be read.
    pub certificate: Option<Certificate>,
}

/// What the latest attempt on a service came to, also where the fault is this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It passed, perhaps with a remark.
    Pass,
    /// It failed, whosever fault that was.
    Fail,
    /// Not checked yet.
    None,
}

/// Whose fault a failure is: the backend's own; that of something shared, such as an account or a
/// certificate, which other backends would meet, too; or this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The backend's own.
    Service,
    /// Of something that other backends depend on, too.
    Shared,
    /// Of the machine that the monitor runs on.
    Local,
}

/// One attempt, with what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dialogue {
    /// When the attempt began, before the connection was opened.
    pub at: Time,
    /// Of the whole attempt, with the good-bye.
    pub latency: Span,
    /// What went wrong; null if it passed.
    pub failure: Option<Failure>,
    /// In the order reached; the time from the end of the one before to its own end.
    pub stages: Vec<StageTime>,
    /// A line each, `C: ` what we said, `S: ` what the server said; passwords are blotted out.
    pub lines: Vec<String>,
}

/// Why an attempt failed: how far it got, what went wrong there, and whose fault that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Words of closed lists: see `outcome`.
    pub stage: String,
    /// What went wrong at that stage.
    pub fault: String,
    /// How the failure counts: a shared fault takes a backend down only where most others get further, one of this
    /// machine never.
    pub blame: Blame,
    /// In full, for people.
    pub text: String,
}

/// How long an attempt was in one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// A word of the closed list of `outcome::Stage`.
    pub stage: String,
    /// From the end of the stage before, or the beginning of the attempt.
    pub took: Span,
}

/// One attempt, in a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began, before the connection was opened.
    pub at: Time,
    /// As in messages: `imap:143`.
    pub service: String,
    /// "ok", or why not, cut to a few words.
    pub result: String,
    /// Of the whole attempt, with the good-bye, whether it passed or failed.
    pub latency: Span,
    /// As in `Dialogue::stages`; empty if no file was published when the attempt was made.
    pub stages: Vec<StageTime>,
    /// How long a message that was delivered took to appear.
    pub delivery: Option<Span>,
}

/// What the certificate of a service says, also where it was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// When it was read.
    pub read: Time,
    /// When the server's own certificate expires.
    pub not_after: Time,
    /// When the first of all certificates expires that the server sent. poolmon sees the others only if it refused
    /// the certificate and read it in another handshake; otherwise this is `not_after`.
    pub chain_not_after: Time,
    /// The first 4 of those that count (RFC 6125, 6.4.4: the common name only where no alternative name is given),
    /// each cut to 100 bytes and escaped.
    pub names: Vec<String>,
    /// Whether the last handshake took it.
    pub accepted: bool,
}

/// What the attempts of the last day came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// When the first slot begins.
    pub from: Time,
    /// How long each of them lasts.
    pub every: Span,
    /// At most 48, the oldest first, without gaps; the last one is not over.
    pub slots: Vec<Slot>,
}

/// In the file an array of five numbers, in this order. The latencies are whole microseconds, of the attempts
/// that passed; 0 where none did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32, u32, u32)", into = "(u32, u32, u32, u32, u32)")]
pub struct Slot {
    /// How many attempts on all services of the backend passed; at most 65,535 are counted.
    pub passes: u32,
    /// How many failed, whosever fault it was; at most 65,535 are counted.
    pub failures: u32,
    /// The shortest latency.
    pub best: u32,
    /// The average; after 65,534 passes it stays as it is.
    pub mean: u32,
    /// The longest latency.
    pub worst: u32,
}

impl From<(u32, u32, u32, u32, u32)> for Slot {
    fn from((passes, failures, best, mean, worst): (u32, u32, u32, u32, u32)) -> Slot {
        Slot {
            passes,
            failures,
            best,
            mean,
            worst,
        }
    }
}

impl From<Slot> for (u32, u32, u32, u32, u32) {
    fn from(slot: Slot) -> (u32, u32, u32, u32, u32) {
        (slot.passes, slot.failures, slot.best, slot.mean, slot.worst)
    }
}
