//! When the files for whoever looks are written, and what is said where they cannot be.

use super::*;
use crate::config::settings::Publication;
use crate::monitor::NOT_A_FILE;

const STATUS: &str = "/run/poolmon/status.json";

fn refused() -> Failure {
    Failure::new(Stage::Connect, Fault::Refused)
}

impl Bench {
    /// Goes on until then, as the runtime does: told the time whenever the engine wants to be, and the lists
    /// each second.
    fn go_on_until(&mut self, end: Duration) {
        loop {
            let now = self.now().instant;
            let next_list = self.start + Duration::from_secs(self.second + 1);
            let timer = self.engine.next_timeout().unwrap_or(next_list);
            assert!(timer > now, "a time that has passed would spin");
            let next = timer.min(next_list).min(self.start + end);
            let since = next - self.start;
            self.second = since.as_secs();
            self.beyond = Duration::from_nanos(since.subsec_nanos().into());
            match next == next_list {
                true => self.lists(&[HostState::Up, HostState::Up]),
                false => self.tell(Input::Time),
            }
            if since >= end {
                return;
            }
        }
    }

    /// The times of the writings since the last question, in milliseconds.
    fn written(&mut self) -> Vec<u128> {
        let published = std::mem::take(&mut self.published);
        let times = published.iter().map(|(time, _)| time.as_millis());
        times.collect()
    }

    fn at(&mut self, second: u64, milliseconds: u64) {
        self.go_on_until(Duration::from_millis(1000 * second + milliseconds));
    }

    fn published_as(&mut self, result: Result<(), &str>) {
        self.tell(Input::Published {
            publication: Publication::Status,
            path: STATUS.into(),
            result: result.map_err(str::to_owned),
        });
    }

    /// Two backends, both healthy, since 2 s; the writing of all that is over.
    fn at_rest(choices: Chosen) -> Bench {
        let mut bench = Bench::with(choices);
        bench.tell(Input::Time);
        bench.lists(&[HostState::Up, HostState::Up]);
        bench.at(2, 0);
        bench.finds(1, Ok(Pass::Clean));
        bench.finds(2, Ok(Pass::Clean));
        bench.at(4, 0);
        bench.written();
        bench
    }
}

#[test]
fn the_start_is_written_at_once_and_what_follows_it_a_second_later() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    assert_eq!(bench.written(), [0]);
    bench.lists(&[HostState::Up, HostState::Up]);
    bench.at(3, 0);
    assert_eq!(bench.written(), [1000]);
}

#[test]
fn where_nothing_happens_it_is_written_every_five_seconds_or_each_interval() {
    for (interval, expected) in [
        (30, &[6000, 11_000, 16_000][..]),
        (5, &[6000, 11_000, 16_000]),
        (
            2,
            &[5000, 7000, 9000, 11_000, 13_000, 15_000, 17_000, 19_000],
        ),
    ] {
        let mut bench = Bench::at_rest(Chosen {
            interval: Duration::from_secs(interval).into(),
            ..Chosen::default()
        });
        bench.at(19, 500);
        assert_eq!(bench.written(), expected, "{interval}");
    }
}

#[test]
fn news_is_written_at_once_but_at_most_once_a_second() {
    let mut bench = Bench::at_rest(Chosen::default());
    // The last writing was at 1 s.
    bench.at(4, 300);
    bench.finds(1, Err(refused()));
    assert_eq!(bench.written(), [4300]);
    for tenth in 4..9 {
        bench.at(4, 100 * tenth);
        bench.finds(1, Err(refused()));
        bench.finds(2, Ok(Pass::Clean));
    }
    assert_eq!(bench.written(), [0; 0]);
    bench.at(5, 299);
    assert_eq!(bench.written(), [0; 0]);
    bench.at(5, 300);
    assert_eq!(bench.written(), [5300]);
}

/// Nothing follows from it yet.
#[test]
fn a_first_failure_is_news() {
    let mut bench = Bench::at_rest(Chosen::default());
    bench.at(4, 300);
    bench.falters(1, refused());
    assert_eq!(bench.written(), [4300]);
}

#[test]
fn a_pass_as_ever_and_a_list_as_before_are_no_news() {
    let mut bench = Bench::at_rest(Chosen::default());
    bench.finds(1, Ok(Pass::Clean));
    bench.lists(&[HostState::Up, HostState::Up]);
    assert_eq!(bench.written(), [0; 0]);
    bench.lists(&[HostState::Up, HostState::Down]);
    assert_eq!(bench.written(), [4000]);
}

#[test]
fn the_end_is_written_whenever_the_last_writing_was() {
    let mut bench = Bench::at_rest(Chosen::default());
    bench.at(6, 1);
    assert_eq!(bench.written(), [6000]);
    assert!(!bench.engine.snapshot().monitor.has_ended);
    bench.tell(Input::Asked(Request::Stop));
    assert_eq!(bench.written(), [6001]);
    assert!(bench.engine.snapshot().monitor.has_ended);
    bench.finds(1, Err(refused()));
    bench.at(9, 0);
    assert_eq!(bench.written(), [0; 0]);
}

#[test]
fn nothing_is_written_where_nothing_is_wanted() {
    let mut bench = Bench::at_rest(Chosen {
        status_file: None.into(),
        ..Chosen::default()
    });
    bench.finds(1, Err(refused()));
    bench.at(20, 0);
    bench.tell(Input::Asked(Request::Stop));
    assert_eq!(bench.written(), [0; 0]);
}

#[test]
fn with_many_backends_it_is_written_more_rarely() {
    let mut bench = Bench::new();
    bench.tell(Input::Time);
    let lists = |bench: &mut Bench| {
        let backends = (0..3000u32).map(|number| Listed {
            address: IpAddr::from((0x0a00_0000 + number).to_be_bytes()),
            ..listed(1, HostState::Up)
        });
        bench.lists_of(backends.collect());
    };
    for second in 0..10 {
        bench.second = second;
        lists(&mut bench);
    }
    // All that was news was written 3 s after the start.
    assert_eq!(bench.written(), [0, 3000, 8000]);
}

#[test]
fn other_files_hold_from_a_reload_on_and_the_former_are_no_longer_wanted() {
    let mut bench = Bench::at_rest(Chosen::default());
    let reload = |bench: &mut Bench, path: Option<&str>| {
        let choices = Chosen {
            status_file: path.map(PathBuf::from).into(),
            ..Chosen::default()
        };
        bench.tell(Input::Settings(Ok(Box::new(terms(choices)))));
        let published = std::mem::take(&mut bench.published);
        let files = published.into_iter().map(|(_, files)| files.status);
        files.collect::<Vec<_>>()
    };
    assert_eq!(
        reload(&mut bench, Some("/srv/status")),
        [Some(PathBuf::from("/srv/status"))]
    );
    // Once, so that the former one is removed.
    assert_eq!(reload(&mut bench, None), [None]);
    bench.at(20, 0);
    assert_eq!(bench.written(), [0; 0]);
    assert_eq!(reload(&mut bench, None), []);
}

#[test]
fn what_is_known_of_a_file_outlives_a_reload_that_names_another_file_of_another_kind() {
    let mut bench = Bench::at_rest(Chosen::default());
    let reload = |bench: &mut Bench, status: &str| {
        let mut terms = terms(Chosen::default());
        let published = &mut terms.settings.files.published;
        published.status = Some(status.into());
        published.metrics = Some("/srv/metrics".into());
        bench.tell(Input::Settings(Ok(Box::new(terms))));
        bench.said.clear();
    };
    let comes_to = |bench: &mut Bench, publication, path: &str, result: Result<(), &str>| {
        bench.tell(Input::Published {
            publication,
            path: path.into(),
            result: result.map_err(str::to_owned),
        });
    };
    reload(&mut bench, "/srv/a");
    for publication in [Publication::Status, Publication::Metrics] {
        let path = match publication {
            Publication::Status => "/srv/a",
            _ => "/srv/metrics",
        };
        comes_to(&mut bench, publication, path, Ok(()));
        comes_to(&mut bench, publication, path, Err("no space left"));
    }
    let unwritten = |publication| Notice::Unpublished(publication);
    let both = [Publication::Status, Publication::Metrics].map(unwritten);
    assert_eq!(bench.notices(), both);
    reload(&mut bench, "/srv/b");
    // The metrics file cannot be written still, and of the other status file nothing is known.
    assert_eq!(bench.notices(), both[1..]);
    comes_to(
        &mut bench,
        Publication::Status,
        "/srv/b",
        Err("permission denied"),
    );
    comes_to(&mut bench, Publication::Metrics, "/srv/metrics", Ok(()));
    assert_eq!(
        bench.said,
        [
            "status file /srv/b cannot be written: permission denied; make its folder writable, or \
             name another file or none: --status-file=PATH|no",
            "metrics file /srv/metrics is written again"
        ]
    );
}

#[test]
fn a_file_that_cannot_be_written_is_one_line_when_that_begins_and_one_when_it_is_over() {
    let mut bench = Bench::at_rest(Chosen::default());
    bench.said.clear();
    bench.published_as(Ok(()));
    assert_eq!(bench.said, [""; 0]);
    for _ in 0..3 {
        bench.published_as(Err("/run: no space left on device"));
    }
    bench.published_as(Ok(()));
    bench.published_as(Ok(()));
    assert_eq!(
        bench.said,
        [
            "status file /run/poolmon/status.json cannot be written: /run: no space left on \
             device; whoever reads the file sees old news; make room on its disk, or its folder \
             writable",
            "status file /run/poolmon/status.json is written again"
        ]
    );
    // An hour later it is said again.
    bench.said.clear();
    bench.published_as(Err("x"));
    bench.second += 3600;
    bench.published_as(Err("x"));
    assert_eq!(bench.said.len(), 2);
}

#[test]
fn what_has_the_name_of_a_file_and_is_none_has_to_be_removed_and_its_folder_is_well() {
    for was_written in [false, true] {
        let mut bench = Bench::at_rest(Chosen::default());
        if was_written {
            bench.published_as(Ok(()));
        }
        bench.said.clear();
        bench.published_as(Err(NOT_A_FILE));
        let told = bench.said.concat();
        assert!(told.contains("remove it"), "{told}");
        assert!(!told.contains("folder writable"), "{told}");
    }
}

#[test]
fn a_file_that_could_never_be_written_is_one_error_line_alone() {
    let mut bench = Bench::at_rest(Chosen::default());
    bench.said.clear();
    bench.errors = 0;
    for hours in [0, 1, 2] {
        bench.second += 3600 * hours;
        bench.published_as(Err("/run/poolmon: permission denied"));
    }
    assert_eq!(bench.errors, 1);
    assert_eq!(
        bench.said,
        [
            "status file /run/poolmon/status.json cannot be written: /run/poolmon: permission \
             denied; make its folder writable, or name another file or none: --status-file=PATH|no"
        ]
    );
    // What an older name came to is nobody's concern any more.
    bench.said.clear();
    bench.tell(Input::Published {
        publication: Publication::Status,
        path: "/elsewhere".into(),
        result: Ok(()),
    });
    assert_eq!(bench.said, [""; 0]);
    bench.published_as(Ok(()));
    assert_eq!(
        bench.said,
        ["status file /run/poolmon/status.json is written now"]
    );
}

/// So `replay` can show all of it, whatever was published when it was recorded.
#[test]
fn a_snapshot_shows_the_services_where_nothing_is_published_only_if_all_is_to_be_kept() {
    for keeps in [false, true] {
        let mut bench = Bench::without_files();
        if keeps {
            bench.engine.keep_everything();
        }
        bench.tell(Input::Time);
        bench.lists(&[HostState::Up]);
        bench.finds(1, Ok(Pass::Clean));
        let snapshot = bench.engine.snapshot();
        assert_eq!(snapshot.backends[0].services.len(), usize::from(keeps));
    }
}
