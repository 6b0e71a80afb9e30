//! What `--help` and `--version` say, and the option table as getopts wants it.

use super::choice::{Takes, Usual};
use super::table::options;
use crate::program::Program;

/// Every option of the table, declared to getopts. All may be repeated.
fn declared() -> getopts::Options {
    let mut declared = getopts::Options::new();
    for (choice, option) in options() {
        let short: String = option.short.chars().take(1).collect();
        let text = match option.default {
            Usual::Nothing => choice.help.to_string(),
            default => format!("{} (default: {})", choice.help, default.shown()),
        };
        match option.takes {
            Takes::Nothing => declared.optflagmulti(&short, option.long, &text),
            Takes::Integer(hint) | Takes::Text(hint) => {
                declared.optmulti(&short, option.long, &text, hint)
            }
        };
    }
    declared
}

/// The text of `--help`, with a line feed at its end.
pub fn help(called: Program) -> String {
    declared().usage(&format!(
        "Usage: {called} [options]\n\n\
         Watches the backends of a Dovecot director or behind HAProxy, takes those that fail out of \
         service\nand brings them back when they work again. With --config, or called as dovemon, the \
         defaults are\ndovemon's.",
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
        for (choice, option) in options() {
            let name = option.long;
            assert!(words.contains(&format!("--{name}").as_str()));
            assert!(text.contains(choice.help), "{name}");
            let default = option.default.shown();
            if !default.is_empty() {
                assert!(text.contains(&format!("(default: {default})")), "{name}");
            }
        }
        assert!(text.contains(&format!("PROTO is {}", Protocol::names())));
        assert!(help.lines().all(|line| line.len() <= 100), "{help}");
        assert!(help.ends_with('\n'));
    }
}
