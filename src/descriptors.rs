//! How many files and connections the process may have open, and how many of them probes may take.

use nix::sys::resource::{getrlimit, setrlimit, Resource};

/// Raises the limit as far as this user may, and says for how many probes at once it is enough.
///
/// What cannot be found out or raised is left; then a probe without a descriptor says so, and is
/// made again.
pub fn for_probes() -> usize {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(_) => return usize::MAX,
    };
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    share(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// The rest is for the director's connections, of which each command has one, for log, state file and
/// lock, and for the lookups of names.
fn share(limit: usize) -> usize {
    limit.saturating_sub((limit / 4).clamp(16, 256)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_get_three_quarters_and_of_many_all_but_a_few() {
        for (limit, expected) in [
            (0, 1),
            (20, 4),
            (64, 48),
            (256, 192),
            (1024, 768),
            (10_000, 9744),
            (usize::MAX, usize::MAX - 256),
        ] {
            assert_eq!(share(limit), expected);
        }
    }
}
