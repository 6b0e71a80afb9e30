//! `src/logging/queue.rs`, which all who log and the thread that writes share: nothing lost uncounted,
//! nothing twice, in order, and an end that waits for all of it.

#[path = "../../../src/logging/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "../../../src/logging/queue.rs"]
#[allow(dead_code)]
mod queue;

/// `src/logging/lost.rs` counts in a static that lives as long as the process, for the status file; shuttle
/// runs a check thousands of times in one process.
mod lost {
    pub fn count() {}
}

use shuttled_std::choice::{self, TimeOuts};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use log::Level;

use line::Line;
use queue::{Order, Queue};

const LONG: Duration = Duration::from_secs(60);
/// What the queue holds at most.
const LIMIT: usize = 4 * 1024 * 1024;

/// What has been written, as texts.
type Written = Arc<Mutex<Vec<String>>>;

/// The thread that writes, until a line says `end`.
fn start_writer(queue: &Arc<Queue>) -> (thread::JoinHandle<()>, Written) {
    let written = Written::default();
    let (queue, paper) = (queue.clone(), written.clone());
    let writer = thread::spawn(move || loop {
        let order = queue.next();
        // Writing takes time.
        thread::yield_now();
        match order {
            Order::Line(line) if line.text == "end" => {
                paper.lock().unwrap().push(line.text);
                return;
            }
            Order::Line(line) => paper.lock().unwrap().push(line.text),
            Order::Aside(text) => paper.lock().unwrap().push(text),
            Order::Reopen => paper.lock().unwrap().push("reopen".to_owned()),
            Order::Switch(target) => paper.lock().unwrap().push(format!("{target:?}")),
        }
    });
    (writer, written)
}

fn line(text: &str) -> Order {
    Order::Line(Line::now(Level::Info, text))
}

/// Two threads log, and SIGHUP comes: all lines are written, those of each thread in their order, and the
/// log is opened anew at least once and no more often than asked for.
pub fn all_lines_once_and_in_order() {
    choice::begin(TimeOuts::Never);
    let queue = Arc::new(Queue::new());
    let (writer, written) = start_writer(&queue);
    let loggers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let queue = queue.clone();
            thread::spawn(move || {
                for number in 1..=3 {
                    queue.push(line(&format!("{name}{number}")));
                    if number == 2 {
                        queue.push_reopen();
                    }
                }
            })
        })
        .collect();
    for logger in loggers {
        logger.join().unwrap();
    }
    queue.push(line("end"));
    writer.join().unwrap();
    let written = written.lock().unwrap();
    for name in ["a", "b"] {
        let of = |text: &&String| text.starts_with(name);
        let lines: Vec<&String> = written.iter().filter(of).collect();
        assert_eq!(
            lines,
            [
                &format!("{name}1"),
                &format!("{name}2"),
                &format!("{name}3")
            ]
        );
    }
    let reopened = written.iter().filter(|text| *text == "reopen").count();
    assert!((1..=2).contains(&reopened), "{written:?}");
    assert_eq!(written.len(), 6 + reopened + 1);
}

/// In a queue that is all but full two threads log: what is written and what the notices of loss count are
/// together what was logged, and each notice stands where the lines are missing.
pub fn lines_counted_are_the_lines_lost() {
    choice::begin(TimeOuts::Never);
    let queue = Arc::new(Queue::new());
    // Room for one line or two beside it.
    queue.push(Order::Aside("x".repeat(LIMIT - 64 - 140)));
    let (writer, written) = start_writer(&queue);
    let loggers: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let queue = queue.clone();
            thread::spawn(move || {
                for number in 1..=3 {
                    queue.push(line(&format!("{name}{number}")));
                }
            })
        })
        .collect();
    for logger in loggers {
        logger.join().unwrap();
    }
    queue.wait_until_written(LONG);
    queue.push(line("end"));
    writer.join().unwrap();
    let written = written.lock().unwrap();
    let lost: usize = written
        .iter()
        .filter_map(|text| text.split_once(" log line").map(|(count, _)| count))
        .map(|count| count.parse::<usize>().expect("a number"))
        .sum();
    let mut last = BTreeMap::new();
    let mut lines = 0;
    for text in written.iter().filter(|text| text.len() == 2) {
        let (name, number) = text.split_at(1);
        let before = last.insert(name.to_owned(), number.to_owned());
        assert!(before.map_or(true, |before| before.as_str() < number));
        lines += 1;
    }
    assert_eq!(lines + lost, 6, "{:?}", &written[1..]);
    assert_eq!(written.last().map(String::as_str), Some("end"));
}

/// `wait_until_written` returns when the last line has been written, and not before.
pub fn the_end_waits_for_the_last_line() {
    choice::begin(TimeOuts::Never);
    let queue = Arc::new(Queue::new());
    let (writer, written) = start_writer(&queue);
    for number in 1..=3 {
        queue.push(line(&number.to_string()));
    }
    queue.wait_until_written(LONG);
    assert_eq!(*written.lock().unwrap(), ["1", "2", "3"]);
    queue.push(line("end"));
    writer.join().unwrap();
}

/// With a writer that hangs it returns when its time is over, and not before.
pub fn the_end_is_bounded() {
    choice::begin(TimeOuts::AtAnyMoment);
    let queue = Arc::new(Queue::new());
    queue.push(line("1"));
    let taken = queue.clone();
    let writer = thread::spawn(move || matches!(taken.next(), Order::Line(_)));
    let began = Instant::now();
    queue.wait_until_written(LONG);
    assert_eq!(began.elapsed(), LONG);
    assert!(writer.join().unwrap());
}
