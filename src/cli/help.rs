//! What `--help` and `--version` say, and the option table as getopts wants it.

use super::options::{ValueKind, OPTIONS};
use crate::program::Program;

/// Every option of the table, declared to getopts. All may be repeated.
pub(super) fn declared() -> getopts::Options {
    let mut declared = getopts::Options::new();
    for row in OPTIONS {
        let short: String = row.short.chars().take(1).collect();
        let text = match row.default {
            "" => row.help.to_string(),
            default => format!("{} (default: {default})", row.help),
        };
        match row.value {
            ValueKind::Flag => declared.optflagmulti(&short, row.long, &text),
            ValueKind::Integer { hint } | ValueKind::Text { hint } => {
                declared.optmulti(&short, row.long, &text, hint)
            }
        };
    }
    declared
}

/// The text of `--help`, with a line feed at its end.
pub fn help(called: Program) -> String {
    declared().usage(&format!(
        "Usage: {called} [options]\n\n\
         Watches the backends of a Dovecot director, takes those that fail out of service and \
         brings\nthem back when they work again. With --config, or called as dovemon, the defaults are \
         dovemon's.",
    ))
}

/// The text of `--version`, with a line feed at its end.
pub fn version() -> String {
    format!("poolmon {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Protocol;

    #[test]
    fn the_help_names_every_option_with_its_default() {
        let help = help(Program::Poolmon);
        let words: Vec<&str> = help.split_whitespace().collect();
        let text = words.join(" ");
        for row in OPTIONS {
            assert!(words.contains(&format!("--{}", row.long).as_str()));
            assert!(text.contains(row.help), "{}", row.long);
            if !row.default.is_empty() {
                assert!(
                    text.contains(&format!("(default: {})", row.default)),
                    "{}",
                    row.long
                );
            }
        }
        assert!(text.contains(&format!("PROTO is {}", Protocol::names())));
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        assert!(help.ends_with('\n'));
    }
}
