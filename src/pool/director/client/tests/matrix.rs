//! The director's fault matrix: every fault at every step of a changing command and of a reading, and every
//! answer bent.
//!
//! What is right stands in `tests/data/director-faults.table`. A cell holds the outcome by its stage and
//! fault, its time (where the director is silent at most a tenth beyond the limit, else at once), how many
//! bytes of an endless answer are taken off the socket, and that a list which is not whole is never a shorter one.
//! What the process holds of an endless answer in memory is measured in a process of its own.

use std::io::Read;
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use socket2::SockRef;

use super::*;
use crate::bent::bent;
use crate::grid::{self, part, Row, Wrong};
use crate::peak;
use crate::slowness::stretched;

/// The time limit where nobody answers.
const SHORT: Duration = Duration::from_millis(200);
/// Where somebody does: much longer than any of it takes.
const LONG: Duration = Duration::from_secs(10);
/// What it takes at most where nobody has to be waited for.
const AT_ONCE: Duration = Duration::from_millis(200);
/// The same where all that a list may have, megabytes, is read.
const MUCH_READ: Duration = Duration::from_secs(1);
/// What is taken of a director that never ends and is asked for no list: a buffer of ours, the system's, which is
/// small here, and a piece of text.
const MOST_TAKEN: usize = 32 * 1024;

/// How many cells there are: a row or a column that is lost would be missed by nobody else.
const CELLS: usize = 219;

const CHANGE_FAULTS: [&str; 13] = [
    "refused", "silent", "closed", "reset", "cut", "drip", "line", "lines", "fat", "garbage",
    "nuls", "extra", "early",
];
const READING_FAULTS: [&str; 15] = [
    "refused", "silent", "closed", "reset", "cut", "drip", "line", "lines", "fat", "garbage",
    "nuls", "extra", "early", "junk", "many",
];

fn table() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/director-faults.table");
    fs::read_to_string(path).unwrap()
}

fn changes() -> Vec<Change> {
    let address = "192.0.2.7".parse().unwrap();
    let reset = |limit| Change::HostResetUsers { address, limit };
    vec![
        Change::HostDown(address),
        Change::HostUp(address),
        reset(NonZeroU32::new(100)),
        reset(None),
        Change::HostFlush(address),
        Change::HostSet { address, vhosts: 0 },
    ]
}

/// What a cell does.
#[derive(Clone)]
enum Talk {
    Change(Change),
    /// Twice over one connection.
    Reading,
}

struct Cell {
    talk: Talk,
    /// What the client says at each step, and the answer.
    turns: Vec<(String, String)>,
    step: usize,
    fault: &'static str,
    expected: String,
}

impl Cell {
    fn name(&self) -> String {
        let talk = match &self.talk {
            Talk::Change(change) => change.to_string(),
            Talk::Reading => "reading".to_owned(),
        };
        if self.step > self.turns.len() {
            return format!("{talk}, answered {:?}", self.turns.last());
        }
        format!("{talk}, step {}, {}", self.step, self.fault)
    }

    fn is_endless(&self) -> bool {
        ["line", "lines", "fat", "many"].contains(&self.fault)
    }

    /// What is wrong with it, if anything is, with so many times the usual time.
    fn try_once(&self, factor: u32) -> Result<(), Wrong> {
        let is_silent = self.expected.ends_with("/timed-out");
        let short = stretched(SHORT) * factor;
        let (timeout, most) = if is_silent {
            (short, short + short / 10)
        } else if self.expected.ends_with("/too-much") {
            (LONG, stretched(MUCH_READ) * factor)
        } else {
            (LONG, stretched(AT_ONCE) * factor)
        };
        let folder = Folder::new();
        let attempt = || {
            let began = Instant::now();
            let shown = self.outcome(&folder, began + timeout);
            (shown, began.elapsed())
        };
        let ((shown, took), report) = if self.step == 0 {
            let _held = self.keep_out(&folder);
            (attempt(), Report::default())
        } else {
            let listener = UnixListener::bind(folder.socket()).unwrap();
            thread::scope(|scope| {
                let server = scope.spawn(move || self.serve(&listener, timeout));
                (attempt(), server.join().unwrap())
            })
        };
        let most_taken = match self.talk {
            // Of what may be a list.
            Talk::Reading if self.step > 1 => wire::MOST_TEXT + MOST_TAKEN,
            _ => MOST_TAKEN,
        };
        let surely = |why| Err(Wrong::Surely(why));
        if shown != self.expected {
            let why = format!("{shown}, expected {}", self.expected);
            // The short time limit was over before the director came to the step: the machine was busy.
            let was_cut_short = is_silent && shown.ends_with("/timed-out") && !report.came_to_step;
            return match was_cut_short {
                true => Err(Wrong::Late(why)),
                false => surely(why),
            };
        }
        if is_silent && took < timeout {
            return surely(format!("timed out too soon, after {took:?}"));
        }
        if report.taken > most_taken {
            return surely(format!("took {} bytes", report.taken));
        }
        if let Some(what) = report.unexpected {
            return surely(what);
        }
        if took > most {
            return Err(Wrong::Late(format!("took {took:?} of {most:?}")));
        }
        Ok(())
    }

    /// A socket that lets nobody in.
    fn keep_out(&self, folder: &Folder) -> Option<(Socket, UnixStream)> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        let address = SockAddr::unix(folder.socket()).unwrap();
        socket.bind(&address).unwrap();
        if self.fault == "refused" {
            return None;
        }
        socket.listen(0).unwrap();
        // Linux lets one more wait than asked for.
        let waiting = UnixStream::connect(folder.socket()).unwrap();
        Some((socket, waiting))
    }

    fn outcome(&self, folder: &Folder, deadline: Instant) -> String {
        let result = match &self.talk {
            Talk::Change(command) => change(&folder.socket(), command, deadline).map(said),
            Talk::Reading => self.read_twice(&folder.socket(), deadline),
        };
        match result {
            Ok(shown) => shown,
            Err(error) => {
                let (stage, fault) = (error.stage, word(&error.fault));
                let is_sent = matches!(stage, DirectorStage::Command | DirectorStage::Reply);
                assert_eq!(
                    PoolError::from(error).leaves_doubt(),
                    is_sent,
                    "{}",
                    self.name()
                );
                format!("{}/{fault}", format!("{stage:?}").to_lowercase())
            }
        }
    }

    fn read_twice(&self, socket: &Path, deadline: Instant) -> Result<String, DirectorError> {
        let mut standing = Standing::open(socket, deadline)?;
        let mut malformed = 0;
        for _ in 0..2 {
            match standing.read(deadline) {
                Ok(lists) => {
                    malformed += lists.hosts.malformed.count + lists.ring.malformed.count;
                    assert_eq!(lists.hosts.backends.len(), 2, "{}", self.name());
                    assert_eq!(lists.ring.directors.len(), 1, "{}", self.name());
                }
                Err(error) => {
                    let again = standing.read(Instant::now() + LONG).unwrap_err();
                    assert!(
                        matches!(again.fault, Closed),
                        "a connection that goes on after an error"
                    );
                    return Err(error);
                }
            }
        }
        assert_eq!(
            malformed,
            usize::from(self.fault == "junk"),
            "{}",
            self.name()
        );
        Ok("ok".to_owned())
    }

    fn serve(&self, listener: &UnixListener, timeout: Duration) -> Report {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG * 2)).unwrap();
        stream.set_write_timeout(Some(LONG * 2)).unwrap();
        // So that what is taken is the client's doing, and no buffer's of the system.
        SockRef::from(&stream).set_send_buffer_size(4096).unwrap();
        let mut server = Server {
            writer: stream.try_clone().unwrap(),
            reader: BufReader::new(stream),
            pace: timeout * 3 / 5,
            taken: 0,
            came_to_step: false,
        };
        let end = self.play(&mut server);
        Report {
            taken: server.taken,
            came_to_step: server.came_to_step,
            unexpected: match end {
                Err(End::Unexpected(what)) => Some(what),
                _ => None,
            },
        }
    }

    fn play(&self, server: &mut Server) -> Result<(), End> {
        for (number, (asked, answer)) in (1..).zip(&self.turns) {
            let is_here = number == self.step;
            if is_here && self.fault == "reset" {
                return server.reset();
            }
            server.hear(asked)?;
            server.came_to_step |= is_here;
            let is_next = number + 1 == self.step;
            match self.fault {
                "early" if is_here => {}
                "early" if is_next => server.say(&format!("{answer}{}", self.turns[number].1))?,
                "extra" if is_here => server.say(&format!("{answer}one more\n"))?,
                "junk" if is_here => server.say(&format!("what is this\n{answer}"))?,
                "many" if is_here => return server.list_for_ever(asked),
                fault if is_here => return server.spoil(fault, answer),
                _ => server.say(answer)?,
            }
        }
        server.hear_nothing()
    }
}

fn said(reply: Reply) -> String {
    let word = match reply {
        Reply::Ok => return "ok".to_owned(),
        Reply::NotFound => "not-found",
        Reply::Busy => "busy",
        Reply::RingSyncTimedOut => "ring-timed-out",
        Reply::TryAgain => "try-again",
        Reply::Refused(_) => "no",
    };
    format!("reply/{word}")
}

fn word(fault: &DirectorFault) -> String {
    let word = match fault {
        Connect(Unconnected::Refused) => "refused",
        Connect(Unconnected::TimedOut) | TimedOut => "timed-out",
        Closed => "closed",
        CutList => "cut-list",
        List(_) => "too-much",
        WrongGreeting(_) => "wrong-greeting",
        LineTooLong(_) => "too-long",
        Unasked(_) => "unasked",
        other => return format!("({other})"),
    };
    word.to_owned()
}

/// What became of a connection, seen from the director.
#[derive(Default)]
struct Report {
    /// How many bytes were taken of what has no end.
    taken: usize,
    /// The client was as far as the step at which the fault is.
    came_to_step: bool,
    unexpected: Option<String>,
}

/// Why the director has no more to say.
enum End {
    Over,
    Unexpected(String),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> End {
        End::Over
    }
}

struct Server {
    writer: UnixStream,
    reader: BufReader<UnixStream>,
    /// Between two bytes of what drips.
    pace: Duration,
    taken: usize,
    came_to_step: bool,
}

impl Server {
    fn hear(&mut self, asked: &str) -> Result<(), End> {
        let mut line = String::new();
        match self.reader.read_line(&mut line)? {
            0 => Err(End::Over),
            _ if line == format!("{asked}\n") => Ok(()),
            _ => Err(End::Unexpected(format!("{line:?} for {asked:?}"))),
        }
    }

    /// Until the client leaves.
    fn hear_nothing(&mut self) -> Result<(), End> {
        let mut line = String::new();
        match self.reader.read_line(&mut line)? {
            0 => Err(End::Over),
            _ => Err(End::Unexpected(format!("{line:?} for nothing"))),
        }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())
    }

    /// An end with something unread is a reset.
    fn reset(&mut self) -> Result<(), End> {
        let mut byte = [MaybeUninit::uninit()];
        SockRef::from(&self.writer).peek(&mut byte)?;
        Err(End::Over)
    }

    fn drip(&mut self, text: &str) -> Result<(), End> {
        self.writer.set_read_timeout(Some(self.pace))?;
        for byte in text.as_bytes() {
            self.writer.write_all(&[*byte])?;
            // A wait that ends when the client leaves.
            match self.reader.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => break,
            }
        }
        Err(End::Over)
    }

    fn say_for_ever(&mut self, text: &str) -> Result<(), End> {
        let text = text.repeat(4096 / text.len() + 1);
        self.say_all(std::iter::repeat(text))
    }

    /// A new member in each line, which is as long as so many may be.
    fn list_for_ever(&mut self, asked: &str) -> Result<(), End> {
        let long = "x".repeat(120);
        let lines = (0_u32..).map(|number| {
            let address = Ipv4Addr::from(0x0a00_0000 + number);
            match asked {
                // Without a state, as directors before 2.2.19 give it: such a line is kept until the list is whole.
                wire::HOST_LIST => format!("{address}\t100\t3\t{long}\n"),
                _ => format!("{address}\t9090\tleft\t0\t{long}\t0\n"),
            }
        });
        self.say_all(lines)
    }

    fn say_all(&mut self, texts: impl Iterator<Item = String>) -> Result<(), End> {
        for text in texts {
            self.say(&text)?;
            self.taken += text.len();
            // A client that has taken so much is wrong, and need not fill the machine's memory.
            if self.taken > 2 * wire::MOST_TEXT {
                break;
            }
        }
        Err(End::Over)
    }

    fn spoil(&mut self, fault: &str, answer: &str) -> Result<(), End> {
        match fault {
            "silent" => {}
            "closed" => return Err(End::Over),
            "cut" => {
                self.say(&answer[..answer.len() / 2])?;
                return Err(End::Over);
            }
            "drip" => return self.drip(answer),
            "line" => return self.say_for_ever("x"),
            "lines" => {
                let line = answer.split_inclusive('\n').next().unwrap_or_default();
                return self.say_for_ever(line);
            }
            "fat" => return self.say_for_ever(&format!("{}\n", "x".repeat(wire::LONGEST_LINE))),
            "garbage" => self
                .writer
                .write_all(b"\x16\x03\x01 \xff\xfe\x1b[2J garbage\n")?,
            "nuls" => self.writer.write_all(&[&[0; 64][..], b"\n"].concat())?,
            other => panic!("{other} is done elsewhere"),
        }
        self.hear_nothing()
    }
}

fn cells(talk: &Talk, columns: &[&'static str], rows: &[Row]) -> Vec<Cell> {
    let own = |(asked, answer): (&str, &str)| (asked.to_owned(), answer.to_owned());
    let mut turns = vec![own((wire::GREETING, GREETED))];
    match talk {
        Talk::Change(change) => turns.push(own((&change.to_string(), "OK\n"))),
        Talk::Reading => {
            let lists = [(wire::HOST_LIST, HOSTS), (wire::DIRECTOR_LIST, RING)];
            turns.extend([lists, lists].concat().into_iter().map(own));
        }
    }
    assert_eq!(rows.len(), turns.len() + 1);
    let mut cells = Vec::new();
    for (step, row) in rows.iter().enumerate() {
        for (fault, expected) in columns.iter().zip(&row.outcomes) {
            if let Some(expected) = expected {
                cells.push(Cell {
                    talk: talk.clone(),
                    turns: turns.clone(),
                    step,
                    fault,
                    expected: expected.clone(),
                });
            }
        }
    }
    cells
}

fn all_cells() -> Vec<Cell> {
    let text = table();
    let rows = grid::grid(&CHANGE_FAULTS, &part(&text, "change"));
    grid::check_reasons(&CHANGE_FAULTS, &rows, &part(&text, "cannot be"));
    let mut all: Vec<Cell> = changes()
        .into_iter()
        .flat_map(|change| cells(&Talk::Change(change), &CHANGE_FAULTS, &rows))
        .collect();
    let rows = grid::grid(&READING_FAULTS, &part(&text, "reading"));
    grid::check_reasons(&READING_FAULTS, &rows, &part(&text, "cannot be read"));
    all.extend(cells(&Talk::Reading, &READING_FAULTS, &rows));
    all
}

#[test]
fn every_fault_at_every_step_has_its_outcome_in_its_time_and_takes_a_bounded_part() {
    let all = all_cells();
    assert_eq!(all.len(), CELLS);
    check_all(all);
}

/// How much more than before the process holds where nothing is listed: buffers, and those of the director,
/// which runs in it too.
const MOST_HELD: usize = 128 * 1024;
/// The same where the ring has the same director again and again, which is kept each time.
const MOST_HELD_OF_RING: usize = wire::MOST_TEXT / 2;
/// The same where each line is a new member. A line without a state is kept beside what it says, until the list is whole.
const MOST_HELD_OF_LIST: usize = 3 * wire::MOST_TEXT;

#[test]
fn what_a_director_that_never_ends_says_is_held_up_to_the_limits_of_a_list() {
    const TEST: &str = "pool::director::client::tests::matrix::\
                        what_a_director_that_never_ends_says_is_held_up_to_the_limits_of_a_list";
    peak::alone(TEST, || {
        let (endless, others): (Vec<_>, Vec<_>) =
            all_cells().into_iter().partition(Cell::is_endless);
        // What stays from the first ones on is not theirs: stacks of threads.
        for cell in others.iter().filter(|cell| cell.fault == "closed") {
            assert!(cell.try_once(4).is_ok(), "{}", cell.name());
        }
        let mut wrong = Vec::new();
        for cell in endless {
            let is_of_ring = cell.expected == "directorlist/too-much";
            let most = match cell.fault {
                "many" => MOST_HELD_OF_LIST,
                "lines" if is_of_ring => MOST_HELD_OF_RING,
                _ => MOST_HELD,
            };
            if let Err(what) = grid::try_within(most, || cell.try_once(1)) {
                wrong.push(format!("{}: {what}", cell.name()));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// Holds that nothing is wrong with any of them.
fn check_all(cells: Vec<Cell>) {
    let count = cells.len();
    let wrong = grid::try_all(cells, |cell, factor| {
        let result = cell.try_once(factor);
        result.map_err(|wrong| wrong.of(&cell.name()))
    });
    let told = wrong.join("\n");
    assert!(wrong.is_empty(), "{} of {count}:\n{told}", wrong.len());
}

#[test]
fn every_answer_to_every_change_means_what_the_table_says() {
    let text = table();
    let answers = part(&text, "answers");
    assert!(answers.len() > 10);
    let mut cells = Vec::new();
    for change in changes() {
        for line in &answers {
            let (word, answer) = line.split_once('|').unwrap();
            let answer = answer.strip_suffix('|').unwrap();
            let answer = answer
                .replace("\\r", "\r")
                .replace("\\t", "\t")
                .replace("\\0", "\0");
            let expected = match word.trim() {
                "ok" => "ok".to_owned(),
                word => format!("reply/{word}"),
            };
            // The last step is one behind all of them: nothing is spoilt.
            cells.push(Cell {
                talk: Talk::Change(change),
                turns: vec![
                    (wire::GREETING.to_owned(), GREETED.to_owned()),
                    (change.to_string(), format!("{answer}\n")),
                ],
                step: 3,
                fault: "silent",
                expected,
            });
        }
    }
    check_all(cells);
}

/// A director that answers so, bent or not.
fn with_bent<T>(
    turns: &[(&str, &[u8])],
    talk: impl FnOnce(&Path) -> Result<T, DirectorError>,
) -> Result<T, DirectorError> {
    let folder = Folder::new();
    let listener = UnixListener::bind(folder.socket()).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            for (asked, answer) in turns {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                assert_eq!(line, format!("{asked}\n"));
                let has = |end: &[u8]| answer.windows(end.len()).any(|text| text == end);
                let is_whole = match asked.ends_with("-LIST") {
                    true => answer.starts_with(b"\n") || has(b"\n\n"),
                    false => has(b"\n"),
                };
                // Where the end is missing, nothing more comes.
                if stream.write_all(answer).is_err() || !is_whole {
                    return;
                }
            }
        });
        talk(&folder.socket())
    })
}

fn deadline() -> Instant {
    Instant::now() + LONG
}

#[test]
fn a_bent_ok_is_never_ok() {
    let command = down().to_string();
    for answer in bent(b"OK\n") {
        let turns = [
            (wire::GREETING, GREETED.as_bytes()),
            (&*command, &answer[..]),
        ];
        let result = with_bent(&turns, |socket| change(socket, &down(), deadline()));
        let is_ok = matches!(result, Ok(Reply::Ok));
        assert_eq!(
            is_ok,
            answer == b"OK\n",
            "{}: {result:?}",
            Quote::new(&answer)
        );
    }
}

#[test]
fn a_bent_greeting_is_none_unless_only_what_may_differ_was_hit() {
    let command = down().to_string();
    let fixed = GREETED.trim_end_matches("0\n").as_bytes();
    let mut greeted = 0;
    for greeting in bent(GREETED.as_bytes()) {
        let turns = [(wire::GREETING, &greeting[..]), (&*command, b"OK\n")];
        let result = with_bent(&turns, |socket| change(socket, &down(), deadline()));
        if result.is_ok() {
            greeted += 1;
            assert!(greeting.starts_with(fixed), "{}", Quote::new(&greeting));
        }
    }
    assert!(greeted > 2, "the minor version may differ");
}

#[test]
fn a_bent_host_list_is_an_error_or_has_every_line_as_member_or_malformed() {
    let mut whole = 0;
    for hosts in bent(HOSTS.as_bytes()) {
        let turns = [
            (wire::GREETING, GREETED.as_bytes()),
            (wire::HOST_LIST, &hosts[..]),
            (wire::DIRECTOR_LIST, RING.as_bytes()),
        ];
        let result = with_bent(&turns, |socket| {
            Standing::open(socket, deadline())?.read(deadline())
        });
        if let Ok(lists) = result {
            whole += 1;
            let hosts_list = &lists.hosts;
            let skipped = hosts_list.malformed.count + hosts_list.repeated.count;
            let (listed, malformed) = (hosts_list.backends.len(), skipped);
            check_lines(&hosts, listed, malformed);
            // What is missing at the front without a trace, nobody can know.
            let is_end = HOSTS.as_bytes().ends_with(&hosts);
            let is_shorter = listed < 2 && malformed == 0;
            assert!(is_end || !is_shorter, "{}", Quote::new(&hosts));
        }
    }
    assert!(whole > 500, "{whole} lists had their end");
}

#[test]
fn a_bent_director_list_is_an_error_or_has_every_line_as_director_or_malformed() {
    let mut whole = 0;
    let sample = "192.0.2.9\t9090\tself\t0\tring synced\t0\n\
                  192.0.2.8\t9090\tright\t0\tsynced\t0\t92\t421\t0\t163\t1795314579\t1795314579\n\n";
    for ring in bent(sample.as_bytes()) {
        let turns = [
            (wire::GREETING, GREETED.as_bytes()),
            (wire::HOST_LIST, HOSTS.as_bytes()),
            (wire::DIRECTOR_LIST, &ring[..]),
        ];
        let result = with_bent(&turns, |socket| {
            Standing::open(socket, deadline())?.read(deadline())
        });
        if let Ok(lists) = result {
            whole += 1;
            let malformed = lists.ring.malformed.count;
            // What is left of a torn line may look like that of a connection without a name.
            let lines = ring.split(|&byte| byte == b'\n');
            let nameless = lines.filter(|line| line.starts_with(b"synced")).count();
            let listed = lists.ring.directors.len() + nameless;
            check_lines(&ring, listed, malformed);
        }
    }
    assert!(whole > 300, "{whole} lists had their end");
}

/// Each line that was said is a member, or is skipped and counted.
fn check_lines(said: &[u8], listed: usize, malformed: usize) {
    let lines = said.split(|&byte| byte == b'\n');
    let lines = lines.take_while(|line| !line.is_empty()).count();
    assert_eq!(listed + malformed, lines, "{}", Quote::new(said));
}
