//! A HAProxy that says what the script has, on a socket of its own.

use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::in_time::check_in_time;
use crate::pool::haproxy::acts::Meant;
use crate::pool::haproxy::wire::Told;
use crate::pool::{Loss, PoolError};
use crate::quote::Quote;

const ANSWER: &str = include_str!("../../../../tests/data/haproxy/2.6.answer");
const OPERATOR: &str = include_str!("../../../../tests/data/haproxy/2.6-operator.answer");

struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("poolmon-haproxy-{}-{count}", std::process::id());
        Place(std::env::temp_dir().join(name))
    }

    /// Answers so many connections so; gives what was asked.
    fn answers(&self, answers: &[&str]) -> JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(&self.0).unwrap();
        let answers: Vec<String> = answers.iter().map(|text| text.to_string()).collect();
        thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut line = Vec::new();
                let mut byte = [0];
                while !line.ends_with(b"\n") && stream.read(&mut byte).unwrap() > 0 {
                    line.push(byte[0]);
                }
                asked.push(String::from_utf8(line).unwrap());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            asked
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn watched() -> Watched {
    Watched::Ports(vec![143, 993])
}

fn told(place: &Place, told: Told) -> Result<Reply, PoolError> {
    let to_send = Change {
        address: "127.77.0.7".parse().unwrap(),
        told,
        meant: Meant::AllBut(Arc::from([])),
    };
    Ok(change(&place.0, &watched(), &to_send, soon())?)
}

#[test]
fn a_change_looks_first_and_then_tells_all_servers_in_one_line() {
    let place = Place::new();
    let haproxy = place.answers(&[ANSWER, "\n\n"]);
    assert_eq!(told(&place, Told::Maint), Ok(Reply::Ok));
    assert_eq!(
        haproxy.join().unwrap(),
        [
            wire::QUESTION,
            "set server imap/mail1 state maint;set server imaps/mail1 state maint\n"
        ]
    );
}

#[test]
fn nothing_is_told_where_there_is_nothing_to_tell() {
    let place = Place::new();
    let haproxy = place.answers(&[ANSWER]);
    assert_eq!(told(&place, Told::Ready), Ok(Reply::Ok));
    assert_eq!(haproxy.join().unwrap().len(), 1);
}

#[test]
fn only_the_reply_of_all_says_done() {
    for (reply, expected) in [
        (
            "No such server.\n\nNo such server.\n\n",
            Ok(Reply::Refused(Quote::new("No such server."))),
        ),
        (
            "\nNo such server.\n\n",
            Err("refused for 1 of 2 servers: \"No such server.\""),
        ),
        (
            "Permission denied\n\nPermission denied\n\n",
            Ok(Reply::Refused(Quote::new("Permission denied"))),
        ),
        (
            "\n\n\nNo such server.\n",
            Err("text behind the end of the answer \"\\nNo such server.\\n\""),
        ),
        ("\n", Err("connection closed within the answer")),
        ("", Err("connection closed without an answer")),
    ] {
        let place = Place::new();
        let haproxy = place.answers(&[ANSWER, reply]);
        match (told(&place, Told::Maint), expected) {
            (Err(error), Err(cause)) => {
                assert_eq!(error.cause, cause);
                assert!(error.leaves_doubt());
            }
            (said, expected) => assert_eq!(said.map_err(|_| ""), expected),
        }
        assert_eq!(haproxy.join().unwrap().len(), 2);
    }
}

#[test]
fn what_goes_wrong_before_the_command_leaves_no_doubt() {
    let cut = &ANSWER[..ANSWER.len() - 1];
    for (answer, cause) in [
        (
            OPERATOR,
            "this socket is of level \"operator\": nothing can be changed over it",
        ),
        (cut, "connection closed within the answer"),
        ("", "connection closed without an answer"),
        (
            "nonsense\n\n",
            "not the answer of a stats socket \"nonsense\"",
        ),
    ] {
        let place = Place::new();
        let haproxy = place.answers(&[answer]);
        let error = told(&place, Told::Maint).unwrap_err();
        assert_eq!(error.cause, cause);
        assert!(!error.leaves_doubt());
        assert_eq!(haproxy.join().unwrap(), [wire::QUESTION]);
    }
}

#[test]
fn a_socket_that_was_there_a_moment_ago_is_worth_another_try() {
    let place = Place::new();
    let mut standing = Standing::new(&place.0, &watched());
    let error = PoolError::from(standing.read(soon()).unwrap_err());
    assert_eq!(error.cause, "connect: the socket is missing");
    assert_eq!(error.loss, Loss::Other);
    assert_eq!(
        error.to_string(),
        format!(
            "HAProxy {}: connect: the socket is missing",
            place.0.display()
        )
    );
    let haproxy = place.answers(&[ANSWER]);
    assert_eq!(standing.read(soon()).unwrap().members.len(), 5);
    haproxy.join().unwrap();
    let error = PoolError::from(standing.read(soon()).unwrap_err());
    assert_eq!(error.cause, "connect: nobody listens any more");
    assert_eq!(error.loss, Loss::Moved);
}

#[test]
fn a_proxy_that_is_not_there_is_an_error_and_not_an_empty_pool() {
    let place = Place::new();
    let haproxy = place.answers(&[ANSWER]);
    let watched = Watched::Proxies(vec!["imap".to_owned(), "pop3".to_owned()]);
    let mut standing = Standing::new(&place.0, &watched);
    let error = PoolError::from(standing.read(soon()).unwrap_err());
    assert_eq!(
        error.cause,
        "it has no proxy pop3 with a server that has an address"
    );
    haproxy.join().unwrap();
}

#[test]
fn an_answer_is_read_up_to_the_most_bytes_and_no_further() {
    for (length, cause) in [
        (wire::MOST_BYTES, "not the answer of a stats socket"),
        (wire::MOST_BYTES + 1, "the answer is too long"),
    ] {
        let place = Place::new();
        let haproxy = place.answers(&[&"x".repeat(length)]);
        let mut standing = Standing::new(&place.0, &watched());
        let error = PoolError::from(standing.read(soon()).unwrap_err());
        assert!(error.cause.starts_with(cause), "{length}: {}", error.cause);
        drop(haproxy);
    }
}

#[test]
fn a_haproxy_that_says_nothing_is_waited_for_until_the_deadline() {
    let place = Place::new();
    let _listener = UnixListener::bind(&place.0).unwrap();
    check_in_time(Duration::from_millis(300), |deadline| {
        let mut standing = Standing::new(&place.0, &watched());
        let error = PoolError::from(standing.read(deadline).unwrap_err());
        assert!(Instant::now() >= deadline, "too soon");
        assert_eq!(error.cause, "timed out");
    });
}
