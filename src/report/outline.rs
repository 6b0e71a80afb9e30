//! The service manager's line: how many are up, which are not, for how long and why, and what is held.

use std::time::Duration;

use crate::backend::HostState;
use crate::monitor::{brief, Outline, Trouble};

/// Of a cause; a server's own words may be long.
const LONGEST_CAUSE: usize = 80;

/// In whole minutes, so that it is not told anew each second.
fn roughly(time: Duration) -> String {
    match time.as_secs() {
        0..=59 => String::new(),
        60..=119 => " 1 min".to_owned(),
        _ => format!(" {}", brief(time)),
    }
}

pub(crate) fn outline(outline: &Outline) -> String {
    let mut parts = vec![super::summary(&outline.summary)];
    parts.extend(outline.troubles.iter().map(trouble));
    if outline.more > 0 {
        parts.push(format!("{} more down or failed", outline.more));
    }
    let held = outline.held.iter();
    let all: usize = held.clone().map(|(_, times)| times).sum();
    if all > 0 {
        let rules: Vec<String> = held.map(|(rule, _)| rule.to_string()).collect();
        parts.push(format!("{all} held ({})", rules.join(", ")));
    }
    parts.join("; ")
}

fn trouble(trouble: &Trouble) -> String {
    let lasts = trouble.lasts.map_or(String::new(), roughly);
    let cause = trouble.cause.as_deref().map(shortened);
    match (trouble.listed, cause) {
        (HostState::Down, Some(cause)) => format!("{} down{lasts}: {cause}", trouble.address),
        (HostState::Down, None) => format!("{} down{lasts}", trouble.address),
        (HostState::Up, Some(cause)) => format!("{} up and failed: {cause}", trouble.address),
        (HostState::Up, None) => format!("{} up", trouble.address),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_CAUSE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Mode;
    use crate::monitor::policy::Rule;
    use crate::monitor::{AsOf, Summary};

    fn of(troubles: Vec<Trouble>, more: usize, held: &[(Rule, usize)]) -> String {
        outline(&Outline {
            summary: Summary {
                mode: Mode::Live,
                up: 2,
                all: 3,
                as_of: AsOf::Now,
            },
            troubles,
            more,
            held: held.to_vec(),
        })
    }

    fn down(seconds: u64, cause: Option<&str>) -> Trouble {
        Trouble {
            address: [192, 0, 2, 7].into(),
            listed: HostState::Down,
            lasts: Some(Duration::from_secs(seconds)),
            cause: cause.map(str::to_owned),
        }
    }

    #[test]
    fn it_says_which_are_down_why_and_what_is_held() {
        assert_eq!(of(vec![], 0, &[]), "2 of 3 backends are up");
        let refused = "imap:143 connect: connection refused";
        assert_eq!(
            of(vec![down(347, Some(refused))], 0, &[(Rule::Refuge, 1)]),
            "2 of 3 backends are up; 192.0.2.7 down 5 min: imap:143 connect: connection refused; \
             1 held (refuge)"
        );
        let stays = Trouble {
            listed: HostState::Up,
            ..down(9, Some(refused))
        };
        assert_eq!(
            of(
                vec![down(9, None), stays],
                4,
                &[(Rule::Ring, 2), (Rule::Brake, 1)]
            ),
            "2 of 3 backends are up; 192.0.2.7 down; 192.0.2.7 up and failed: imap:143 connect: \
             connection refused; 4 more down or failed; 3 held (ring, brake)"
        );
    }

    #[test]
    fn the_same_minute_is_the_same_line() {
        let at = |seconds| of(vec![down(seconds, None)], 0, &[]);
        assert_eq!(at(0), at(59));
        assert_eq!(at(60), at(119));
        assert_eq!(at(120), at(179));
        assert_ne!(at(59), at(60));
        assert_ne!(at(119), at(120));
    }

    #[test]
    fn a_server_s_long_words_are_cut() {
        let line = of(vec![down(9, Some(&"\u{e9}".repeat(900)))], 0, &[]);
        assert!(line.len() < 250 && line.ends_with("..."), "{line}");
    }
}
