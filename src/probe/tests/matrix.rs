//! The fault matrix: every fault at every step of every dialogue, over real connections.
//!
//! What is right stands in `tests/data/fault-matrix`, a table for each way to speak a protocol. A cell
//! holds the outcome by its stage and fault, its time (what is not answered ends at the time limit, and at
//! most a tenth later; all else at once), and how many bytes of a server that never ends are taken off its
//! socket. What the process holds of them in memory is measured in a process of its own.

mod server;
mod table;

use std::any::Any;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use self::server::{Report, Script};
use self::table::{Asked, Happening, Probe, Table};
use super::*;
use crate::peak;
use crate::probe::protocols::line::MOST_TEXT;
use crate::probe::protocols::table::PartInDelivery;

/// The time limit where nobody answers.
const SHORT: Duration = Duration::from_millis(300);
/// What an attempt takes at most that need not wait for anybody. Its time limit is much longer: so one that
/// waits for it all the same is noticed.
const AT_ONCE: Duration = Duration::from_millis(200);
/// What a client takes of a server that never ends: what an attempt reads at most, and a few pieces more. The server
/// gives the client time to read each piece, since all that it does not read, its system would take on its behalf.
/// Where the machine was busy, that was too little.
const MOST_TAKEN: usize = MOST_TEXT + 16 * 1024;
/// The time for a piece.
const BREATH: Duration = Duration::from_millis(1);

struct Route {
    table: Table,
    prober: Prober,
    account: Option<Arc<Account>>,
    acceptor: SslAcceptor,
}

/// The other port of a deep probe.
struct Partner {
    port: Port,
    /// The marks of the messages that were delivered there.
    marks: Option<mpsc::Receiver<String>>,
    /// What is at that port as long as this is kept.
    _kept: Box<dyn Any>,
}

impl Partner {
    fn of(probe: Probe) -> Partner {
        let port = |protocol, number| Port {
            protocol,
            security: Security::Plain,
            number,
        };
        match probe {
            Probe::Poll | Probe::Deliver => {
                let (socket, address) = stage::unheard();
                Partner {
                    port: port(Protocol::Imap, address.port()),
                    marks: None,
                    _kept: Box::new(socket),
                }
            }
            Probe::Collect => {
                let (server, marks) = delivery::lmtp_that_takes_all();
                Partner {
                    port: port(Protocol::Lmtp, server.address.port()),
                    marks: Some(marks),
                    _kept: Box::new(server),
                }
            }
        }
    }
}

/// One cell that can be.
struct Cell<'r> {
    route: &'r Route,
    step: usize,
    happening: Happening,
    expected: String,
}

impl Cell<'_> {
    fn name(&self) -> String {
        let Table { name, rows, .. } = &self.route.table;
        format!("{name}, {}, {:?}", rows[self.step].step, self.happening)
    }

    /// Whether the attempt may have to wait for its time limit.
    fn waits(&self) -> bool {
        let is_last = self.step + 1 == self.route.table.rows.len();
        is_last || matches!(self.happening, Happening::Silent | Happening::Drip)
    }

    fn is_endless(&self) -> bool {
        matches!(self.happening, Happening::Line | Happening::Lines)
    }

    /// What is wrong with it, if anything is, with so many times the usual time.
    fn try_once(&self, factor: u32) -> Result<(), Wrong> {
        let short = stretched(SHORT) * factor;
        let (timeout, most) = match self.waits() {
            true => (short, short + short / 10),
            false => (PATIENCE, stretched(AT_ONCE) * factor),
        };
        let (outcome, report) = self.attempt(timeout, BREATH * factor);
        let shown = match &outcome.result {
            Ok(Pass::Clean) => "ok".to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(failure) => format!("{}/{}", table::stage(failure), table::fault(failure)),
        };
        let told = format!("{:?}", outcome.result);
        let surely = |why| Err(Wrong::Surely(why));
        if shown != self.expected {
            let why = format!("{shown}, expected {}: {told}", self.expected);
            return match outcome.result {
                Err(failure) if self.was_cut_short(&failure, &report) => Err(Wrong::Late(why)),
                _ => surely(why),
            };
        }
        if shown.ends_with("/timed-out") && outcome.latency < timeout {
            return surely(format!("timed out too soon, after {:?}", outcome.latency));
        }
        if told.contains("hunter2") || told.contains("AHByb2JlAGh1bnRlcjI") {
            return surely(format!("tells the password: {told}"));
        }
        if let Some(what) = report.unexpected {
            return surely(what);
        }
        if report.taken > MOST_TAKEN {
            return Err(Wrong::Late(format!("took {} bytes", report.taken)));
        }
        if outcome.latency > most {
            let why = format!("took {:?} of {most:?}", outcome.latency);
            return Err(Wrong::Late(why));
        }
        Ok(())
    }

    /// The short time limit was over before both sides came to the step: the machine was busy. Where the server
    /// speaks unasked, it cannot know how far the client is.
    fn was_cut_short(&self, failure: &Failure, report: &Report) -> bool {
        let is_unasked = self.route.table.turns[self.step].asked == Asked::Nothing;
        let stage = self.expected.split('/').next();
        self.waits()
            && failure.fault == Fault::TimedOut
            && stage != Some(&*table::stage(failure))
            && (is_unasked || !report.came_to_step)
    }

    fn attempt(&self, timeout: Duration, breath: Duration) -> (Outcome, Report) {
        let Route { table, prober, .. } = self.route;
        let mut partner = Partner::of(table.probe);
        if self.step == 0 {
            let outcome = self.attempt_without_server(partner.port, timeout);
            return (outcome, Report::default());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script {
            table,
            acceptor: &self.route.acceptor,
            step: self.step,
            happening: self.happening,
            pace: timeout / 4,
            breath,
            marks: partner.marks.take(),
        };
        thread::scope(|scope| {
            let server = scope.spawn(move || script.serve(&listener));
            let (target, service) = self.target(address, partner.port);
            let outcome = prober.attempt(&target, &service, timeout);
            // An attempt whose time was over before it came to this port leaves the server waiting.
            drop(TcpStream::connect(address));
            (outcome, server.join().unwrap())
        })
    }

    /// Nobody listens, or so slowly that the system answers no more.
    fn attempt_without_server(&self, partner: Port, timeout: Duration) -> Outcome {
        let (socket, address) = stage::unheard();
        let mut waiting = Vec::new();
        if self.happening == Happening::Silent {
            socket.listen(0).unwrap();
            // With the backlog full, Linux drops what would be one connection more.
            let glance = Duration::from_millis(50);
            while let Ok(connection) = TcpStream::connect_timeout(&address, glance) {
                waiting.push(connection);
            }
        }
        let (target, service) = self.target(address, partner);
        self.route.prober.attempt(&target, &service, timeout)
    }

    fn target(&self, address: SocketAddr, partner: Port) -> (Target, Service) {
        let port = Port {
            protocol: self.route.table.protocol,
            security: self.route.table.security,
            number: address.port(),
        };
        let service = match self.route.table.probe {
            Probe::Poll => Service::Port(port),
            Probe::Deliver => Service::Delivery {
                deliver: port,
                read: partner,
            },
            Probe::Collect => Service::Delivery {
                deliver: partner,
                read: port,
            },
        };
        let target = Target {
            address: address.ip(),
            services: vec![service].into(),
            account: self.route.account.clone(),
            former_accounts: Vec::new(),
            tls_name: None,
        };
        (target, service)
    }
}

fn tables() -> Vec<Table> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fault-matrix");
    let files = fs::read_dir(folder).unwrap();
    let table = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Table::parse(&name, &fs::read_to_string(&path).unwrap())
    };
    files.map(|entry| table(entry.unwrap().path())).collect()
}

fn routes() -> Vec<Route> {
    let authority = Authority::new();
    let acceptor = authority.acceptor("IP:127.0.0.1", Validity::Current);
    let mut routes = Vec::new();
    for table in tables() {
        let probing = Probing {
            envelope: table.envelope.clone(),
            auth: table.auth,
            steps: table.steps,
            proxy_protocol: table.proxy_protocol,
            ..probing(unchecked())
        };
        routes.push(Route {
            prober: Prober::new(&probing).unwrap(),
            account: Some(Arc::new(account_of(&table))),
            acceptor: acceptor.clone(),
            table,
        });
    }
    routes
}

fn account_of(table: &Table) -> Account {
    let account = account().unwrap();
    match table.has_long_password {
        false => account,
        // Longer than fits into a quoted string of SIEVE, which has the most room.
        true => Account {
            password: Secret::new(b"hunter2".repeat(120)),
            ..account
        },
    }
}

fn cells(route: &Route) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    for (step, row) in route.table.rows.iter().enumerate() {
        let happenings = Happening::ALL.iter().map(|(_, happening)| *happening);
        for (happening, expected) in happenings.zip(&row.outcomes) {
            if let Some(expected) = expected {
                cells.push(Cell {
                    route,
                    step,
                    happening,
                    expected: expected.clone(),
                });
            }
        }
    }
    cells
}

/// How many cells there are. A table, a row or a column that is lost would be missed by nobody else.
const CELLS: usize = 2574;

/// By the table of protocols, which has each new one.
#[test]
fn every_protocol_is_in_the_matrix_in_each_way_that_it_is_spoken() {
    let tables = tables();
    for &protocol in Protocol::ALL {
        let row = protocol.row();
        let own: Vec<&Table> = tables
            .iter()
            .filter(|table| table.protocol == protocol)
            .collect();
        let polled = |security, changes_to_tls| {
            own.iter().any(|table| {
                let is_way = table.security == security && table.changes_to_tls() == changes_to_tls;
                is_way && table.probe == Probe::Poll
            })
        };
        assert!(polled(Security::Plain, false), "{protocol} in plain text");
        assert!(polled(Security::Tls, false), "{protocol} over TLS");
        let uses_starttls = row.starttls != UseOfStartTls::NEVER;
        let is_there = polled(Security::Plain, true);
        assert_eq!(is_there, uses_starttls, "{protocol} with STARTTLS");
        let part = match row.part {
            PartInDelivery::None => continue,
            PartInDelivery::Delivers => Probe::Deliver,
            PartInDelivery::Collects => Probe::Collect,
        };
        let is_there = own.iter().any(|table| table.probe == part);
        assert!(is_there, "{protocol} in a deep probe");
    }
}

#[test]
fn every_fault_at_every_step_has_its_outcome_in_its_time_and_takes_a_bounded_part() {
    let routes = routes();
    let all: Vec<Cell<'_>> = routes.iter().flat_map(cells).collect();
    let count = all.len();
    assert_eq!(count, CELLS);
    let wrong = grid::try_all(all, |cell, factor| {
        let result = cell.try_once(factor);
        result.map_err(|wrong| wrong.of(&cell.name()))
    });
    let told = wrong.join("\n");
    assert!(wrong.is_empty(), "{} of {count}:\n{told}", wrong.len());
}

/// How much more than before the process holds during an attempt: what one may read, and as much again for TLS,
/// buffers and the server, which runs in it too.
const MOST_HELD: usize = 2 * MOST_TEXT;

#[test]
fn an_attempt_at_a_server_that_never_ends_holds_no_more_than_it_may_read() {
    const TEST: &str =
        "probe::tests::matrix::an_attempt_at_a_server_that_never_ends_holds_no_more_than_it_may_read";
    peak::alone(TEST, || {
        let mut wrong = Vec::new();
        for route in &routes() {
            let (endless, others): (Vec<_>, Vec<_>) =
                cells(route).into_iter().partition(Cell::is_endless);
            // What stays from the first attempts on is not theirs: stacks of threads, what OpenSSL keeps.
            for cell in others {
                if cell.happening == Happening::Closed {
                    cell.attempt(PATIENCE, BREATH);
                }
            }
            for cell in endless {
                if let Err(what) = grid::try_within(MOST_HELD, || cell.try_once(1)) {
                    wrong.push(format!("{}: {what}", cell.name()));
                }
                assert!(wrong.len() < 10, "{}", wrong.join("\n"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
