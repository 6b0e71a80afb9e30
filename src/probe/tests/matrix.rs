//! The fault matrix: every fault at every step of every dialogue, over real connections.
//!
//! What is right stands in `tests/data/fault-matrix`, a table for each way to speak a protocol. A cell
//! holds the outcome by its stage and fault, its time (what is not answered ends at the time limit, and at
//! most a tenth later), and its memory (of a server that never ends, only a bounded part is taken).

mod server;
mod table;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use socket2::{Domain, Socket, Type};

use self::server::{Report, Script};
use self::table::{Happening, Table};
use super::*;
use crate::grid;
use crate::slowness::stretched;

/// The time limit where nobody answers.
const SHORT: Duration = Duration::from_millis(300);
/// What a client takes of a server that never ends: what an attempt reads at most, and what the system
/// takes on its behalf. One that reads on would take more than this in a moment.
const MOST_TAKEN: usize = 512 * 1024;

struct Route {
    table: Table,
    prober: Prober,
    account: Option<Arc<Account>>,
    acceptor: SslAcceptor,
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

    /// What is wrong with it, if anything is.
    fn try_once(&self, limit: Duration) -> Result<(), String> {
        let timeout = if self.waits() { limit } else { PATIENCE };
        let (outcome, report) = self.attempt(timeout);
        let shown = match &outcome.result {
            Ok(Pass::Clean) => "ok".to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(failure) => format!("{}/{}", table::stage(failure), table::fault(failure)),
        };
        let told = format!("{:?}", outcome.result);
        let most = timeout + timeout / 10;
        if shown != self.expected {
            Err(format!("{shown}, expected {}: {told}", self.expected))
        } else if shown.ends_with("/timed-out") && outcome.latency < timeout {
            Err(format!("timed out too soon, after {:?}", outcome.latency))
        } else if outcome.latency > most {
            Err(format!("took {:?} of {timeout:?}", outcome.latency))
        } else if report.taken > MOST_TAKEN {
            Err(format!("took {} bytes", report.taken))
        } else if told.contains("hunter2") || told.contains("AHByb2JlAGh1bnRlcjI") {
            Err(format!("tells the password: {told}"))
        } else {
            report.unexpected.map_or(Ok(()), Err)
        }
    }

    fn attempt(&self, timeout: Duration) -> (Outcome, Report) {
        let Route { table, prober, .. } = self.route;
        if self.step == 0 {
            return (self.attempt_without_server(timeout), Report::default());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script {
            table,
            acceptor: &self.route.acceptor,
            step: self.step,
            happening: self.happening,
            pace: timeout / 4,
        };
        thread::scope(|scope| {
            let server = scope.spawn(move || script.serve(&listener));
            let (target, service) = self.target(address);
            let outcome = prober.attempt(&target, &service, timeout);
            (outcome, server.join().unwrap())
        })
    }

    /// Nobody listens, or so slowly that the system answers no more.
    fn attempt_without_server(&self, timeout: Duration) -> Outcome {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&anywhere.into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut waiting = Vec::new();
        if self.happening == Happening::Silent {
            socket.listen(0).unwrap();
            // With the backlog full, Linux drops what would be one connection more.
            let glance = Duration::from_millis(50);
            while let Ok(connection) = TcpStream::connect_timeout(&address, glance) {
                waiting.push(connection);
            }
        }
        let (target, service) = self.target(address);
        self.route.prober.attempt(&target, &service, timeout)
    }

    fn target(&self, address: SocketAddr) -> (Target, Service) {
        let service = Service::Port(Port {
            protocol: self.route.table.protocol,
            security: self.route.table.security,
            number: address.port(),
        });
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

fn routes() -> Vec<Route> {
    let authority = Authority::new();
    let acceptor = authority.acceptor("IP:127.0.0.1", Validity::Current);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fault-matrix");
    let mut routes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let table = Table::parse(&name, &fs::read_to_string(&path).unwrap());
        let probing = Probing {
            envelope: table.envelope.clone(),
            auth: table.auth,
            steps: table.steps,
            ..probing(unchecked())
        };
        routes.push(Route {
            prober: Prober::new(&probing).unwrap(),
            account: account().map(Arc::new),
            acceptor: acceptor.clone(),
            table,
        });
    }
    routes
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

#[test]
fn every_fault_at_every_step_has_its_outcome_within_its_time_and_memory() {
    let routes = routes();
    let all: Vec<Cell<'_>> = routes.iter().flat_map(cells).collect();
    let count = all.len();
    assert!(count > 1400, "{count} cells");
    let wrong = grid::try_all(all, stretched(SHORT), |cell, limit| {
        let name = cell.name();
        cell.try_once(limit).map_err(|why| format!("{name}: {why}"))
    });
    let told = wrong.join("\n");
    assert!(wrong.is_empty(), "{} of {count}:\n{told}", wrong.len());
}
