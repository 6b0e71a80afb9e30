//! Fuzz target: the state file. What is read of it is written and read again as the same; and of what is written
//! no front part passes for the whole.

use super::file::{format, parse, Unread};
use crate::monitor::Memory;

pub(crate) fn state_file(text: &[u8]) {
    let remembered = match parse(text) {
        Ok(remembered) => remembered,
        Err(Unread::Damaged(damage)) => {
            let shown = damage.to_string();
            assert!(
                shown.bytes().all(|byte| matches!(byte, b' '..=b'~')),
                "{shown:?}"
            );
            assert!(shown.len() < 1000);
            return;
        }
        Err(Unread::Newer(version)) => return assert!(version > 1),
        Err(_) => panic!("no file was opened"),
    };
    assert!(text.ends_with(b"\n...\n"), "without its end");
    assert!(remembered.values().all(|entry| *entry != Memory::default()));
    let written = format(&remembered);
    match parse(written.as_bytes()) {
        Ok(again) => assert_eq!(again, remembered),
        Err(_) => panic!("cannot be read: {written}"),
    }
    for end in [
        written.len() - 1,
        written.len() - 2,
        written.len() - 4,
        written.len() / 2,
    ] {
        assert!(parse(&written.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}
