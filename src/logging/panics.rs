//! A panic anywhere, in any thread, becomes a line of the log: standard error may be /dev/null.

use std::any::Any;
use std::fmt::Display;
use std::panic;
use std::thread;

use log::error;

use super::ALWAYS;
use crate::quote::Quote;

/// From now on panics are logged, and not printed.
pub fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        let place = panic.location().map(ToString::to_string);
        let place = place.as_deref().unwrap_or("an unknown place");
        let text = line(thread.name(), place, panic.payload());
        error!(target: ALWAYS, "{text}");
    }));
}

fn line(thread: Option<&str>, place: impl Display, payload: &(dyn Any + Send)) -> String {
    let message = match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        (None, None) => "no message",
    };
    let thread = Quote::new(thread.unwrap_or("without a name"));
    let message = Quote::new(message);
    format!("defect: thread {thread} panicked at {place}: {message}; please report it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_thread_and_place_and_its_message_is_quoted_and_bounded() {
        for (payload, expected) in [
            (
                Box::new("two\nlines") as Box<dyn Any + Send>,
                r#"defect: thread "names" panicked at src/x.rs:1:2: "two\nlines"; please report it"#,
            ),
            (
                Box::new("formatted".to_owned()),
                r#"defect: thread "names" panicked at src/x.rs:1:2: "formatted"; please report it"#,
            ),
            (
                Box::new(7),
                r#"defect: thread "names" panicked at src/x.rs:1:2: "no message"; please report it"#,
            ),
        ] {
            assert_eq!(line(Some("names"), "src/x.rs:1:2", &*payload), expected);
        }
        let long = line(None, "src/x.rs:1:2", &"x".repeat(100_000));
        assert!(
            long.contains("\"without a name\"") && long.len() < 400,
            "{long}"
        );
    }
}
