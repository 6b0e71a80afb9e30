//! The lines of a monitor's log that say that something is amiss, and those that say that it is over.

/// What a line holds that says that something is amiss, again or for more backends too, and what the line
/// holds that says that it is over.
pub const BEGINS_AND_ENDS: [(&str, &[&str]); 24] = [
    (
        "the director lists no backend",
        &["the director lists a backend again"],
    ),
    (
        "is up: users cannot log in",
        &["takes new users again", " is listed any more"],
    ),
    (
        "takes new users, so they cannot log in",
        &["takes new users again", " is listed any more"],
    ),
    (
        "takes new users in all its sections, so those of one section",
        &["takes new users again", " is listed any more"],
    ),
    (
        "so users would have nowhere to go",
        &["is kept up any more for lack of another one"],
    ),
    (
        "no backend is taken down for that, and ",
        &["the fault of several backends is over"],
    ),
    (
        " failed for longer than delayed_down_delay",
        &["is kept up any more by delayed_down_limit"],
    ),
    (
        "repair one, or allow more",
        &["is kept up any more by --max-down"],
    ),
    (
        ", this monitor did not take ",
        &["or another monitor took down is left down any more"],
    ),
    (
        "to keep a backend down: ",
        &["or another monitor took down waits any more"],
    ),
    // Another socket may be used before the director behind the one before answers.
    (
        "failover is off",
        &["failover is on again", "is no longer used"],
    ),
    (
        "the ring has not been synced",
        &["the ring is synced again"],
    ),
    (
        "the disk of the state file does not answer",
        &["the disk of the state file answers again"],
    ),
    ("no space left", &["the state file can be written again"]),
    (
        "malformed lines in the lists are skipped",
        &["no line of the lists is malformed any more"],
    ),
    (
        "listed before; the line before counts",
        &["no backend is listed more than once any more"],
    ),
    (
        "malformed line in the list of directors is skipped",
        &["no line of the list of directors is malformed any more"],
    ),
    (
        "whoever reads the file sees old news",
        &[" is written again"],
    ),
    ("make its folder writable, or name", &[" is written now"]),
    (
        "too few file descriptors",
        &["can be checked at once again"],
    ),
    (
        "cannot be checked from this machine",
        &["can be checked again from this machine"],
    ),
    (
        "backends are not checked",
        &["all backends are checked again"],
    ),
    (
        "no thread can be started to read",
        &["lists are read again"],
    ),
    (
        "no thread can be started to send",
        &["no command lacks a thread any more"],
    ),
];
