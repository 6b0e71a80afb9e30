//! The demo for HAProxy: the login of a mail server breaks while its port still answers, then a server dies and
//! one freezes; each first beside HAProxy's own check alone, and then with poolmon. While it fails, HAProxy is reloaded.
//!
//! It tells the story, counts the logins of users that fail, and decides whether all of it was really seen. What
//! it prints of HAProxy comes from HAProxy's list, and what it prints of poolmon from poolmon's log.

#[path = "../demo/daemon.rs"]
mod daemon;
#[path = "../lab/mod.rs"]
mod lab;
#[path = "../demo/offer.rs"]
mod offer;
mod sessions;
mod site;
#[path = "../demo/telling.rs"]
mod telling;
#[path = "../demo/terminal.rs"]
mod terminal;
mod watch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use lab::logins::{self, Logins, Measured};
use offer::Offer;
use sessions::Sessions;
use site::{Site, Trouble};
use telling::{tell, NotSeen};
use terminal::Terminal;
use watch::Watch;

/// The demo ends by then even if something hangs.
const END: Duration = Duration::from_secs(210);
/// For how long the logins are counted after each failure and each reload.
const WATCHED: Duration = Duration::from_secs(6);
/// Lets the reader follow.
const BREATH: Duration = Duration::from_millis(1500);

const TROUBLES: [Trouble; 3] = [Trouble::BrokenLogin, Trouble::Death, Trouble::Freeze];

/// Who watches the servers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    HaProxyAlone,
    WithPoolmon,
}

fn main() -> ExitCode {
    tell(END, show)
}

fn show(terminal: &Terminal) -> Result<(), NotSeen> {
    let offer = Offer::of_this_machine();
    terminal.title(
        "poolmon demo: mail servers behind HAProxy, first with HAProxy alone, then with poolmon",
    );
    terminal.text(&site::describe(&offer));
    terminal.text("");
    terminal.text("Left the seconds since the start, then who speaks:");
    terminal.text("  demo   what is done to the servers, and how users fare");
    terminal.text("  log    poolmon's log");
    terminal.text("  list   HAProxy's list of servers, whenever it changes");

    terminal.title("The site starts");
    let mut site = Site::start(&offer);
    terminal.demo("HAProxy checks by itself that each server greets:");
    for option in lab::haproxy::GREETING_CHECK {
        terminal.demo(&format!("  {option}"));
    }
    terminal.demo(&format!("  {}", site.server_line(0)));
    let mut watch = Watch::new(terminal);
    for index in 0..usize::from(site::SERVERS) {
        watch.until_listed(&site, index, "up", |line| line.takes_users())?;
    }
    let (name, password) = site.user();
    let logins = Logins::start(site.door(), name, password);
    terminal.demo(&format!(
        "users log in and out through HAProxy, {} a second, and are counted",
        1000 / logins::PAUSE.as_millis()
    ));
    watch.pause(&site, BREATH);

    let mut alone = Vec::new();
    for trouble in TROUBLES {
        terminal.title(&format!("{}, HAProxy alone", title(trouble)));
        alone.push(scene(
            terminal,
            &mut watch,
            &mut site,
            &logins,
            (trouble, Guard::HaProxyAlone),
        )?);
    }

    terminal.title("poolmon starts: it logs in on each server every second");
    watch.start_monitor(&site);
    for index in 0..usize::from(site::SERVERS) {
        watch.until_logged(&site, &format!("{} is healthy", site.address(index)))?;
    }
    watch.pause(&site, BREATH);
    let mut with = Vec::new();
    for trouble in TROUBLES {
        terminal.title(&format!("{}, with poolmon", title(trouble)));
        with.push(scene(
            terminal,
            &mut watch,
            &mut site,
            &logins,
            (trouble, Guard::WithPoolmon),
        )?);
    }
    watch.stop_monitor()?;
    tell_all(terminal, &alone, &with);
    Ok(())
}

fn title(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::BrokenLogin => "A server's login breaks, and its port still answers",
        Trouble::Death => "A server dies",
        Trouble::Freeze => "A server freezes: it accepts connections and never answers",
    }
}

/// What was seen of one failure.
struct Seen {
    trouble: Trouble,
    measured: Measured,
    /// After a reload of HAProxy, which forgets, while the server still failed.
    reloaded: Measured,
    /// From its repair until HAProxy sent users there.
    back: Duration,
}

fn scene(
    terminal: &Terminal,
    watch: &mut Watch,
    site: &mut Site,
    logins: &Logins,
    (trouble, guard): (Trouble, Guard),
) -> Result<Seen, NotSeen> {
    watch.forget_log();
    let index = trouble.server();
    let name = site.name(index);
    let mut sessions = Sessions::open(site.door(), site.user())?;
    terminal.demo(&format!("{} users log in and stay", sessions.count()));
    let done = site.fail(trouble);
    terminal.demo(&format!("{name}: {done}"));
    let failing: &Site = site;
    let measured = logins::measure(
        &failing.haproxy,
        &name,
        logins,
        WATCHED,
        || {},
        || watch.look(failing),
    );
    terminal.demo(&in_words(&measured));
    let state = sessions.state();
    terminal.demo(&state.in_words());
    judge(trouble, guard, &measured)?;
    if state.ended > 0 {
        sessions.come_back()?;
        terminal.demo("those whose session ended log in again and are served");
    }
    if guard == Guard::WithPoolmon {
        if state.hanging > 0 {
            return Err(NotSeen("the end of the sessions on it".to_string()));
        }
        if trouble == Trouble::BrokenLogin {
            if state.ended == 0 {
                return Err(NotSeen("a session that ended".to_string()));
            }
            let table = watch.until_status_says(site, "2 of 3 up")?;
            terminal.text(table.trim_end());
        }
    }
    terminal
        .demo("HAProxy is reloaded, which makes it forget what it was told and what it found out");
    let failing: &Site = site;
    let reloaded = logins::measure(
        &failing.haproxy,
        &name,
        logins,
        WATCHED,
        || failing.haproxy.reload(),
        || watch.look(failing),
    );
    terminal.demo(&in_words(&reloaded));
    judge(trouble, guard, &reloaded)?;
    let done = site.repair(trouble);
    let repaired_at = Instant::now();
    terminal.demo(&format!("{name}: {done}"));
    watch.until_listed(site, index, "up", |line| line.takes_users())?;
    let back = repaired_at.elapsed();
    watch.until_all_get_in(site, logins)?;
    Ok(Seen {
        trouble,
        measured,
        reloaded,
        back,
    })
}

/// Whether it was as this demo claims.
fn judge(trouble: Trouble, guard: Guard, measured: &Measured) -> Result<(), NotSeen> {
    let Measured {
        noticed,
        logins,
        afterwards,
    } = measured;
    match (guard, trouble, noticed) {
        (Guard::HaProxyAlone, Trouble::BrokenLogin, Some(_)) => Err(NotSeen(
            "HAProxy's own check to pass all the time".to_string(),
        )),
        (Guard::HaProxyAlone, Trouble::BrokenLogin, None) if logins.failed * 5 < logins.tried => {
            let failed = logins.failed;
            Err(NotSeen(format!(
                "a third of the logins to fail, but {failed}"
            )))
        }
        (Guard::HaProxyAlone, Trouble::BrokenLogin, None) => Ok(()),
        (_, _, None) => Err(NotSeen("the server taken out".to_string())),
        (_, _, Some(_)) if afterwards.failed > 0 => {
            let failed = afterwards.failed;
            Err(NotSeen(format!(
                "no login to fail afterwards, but {failed}"
            )))
        }
        (_, _, Some(_)) => Ok(()),
    }
}

fn in_words(measured: &Measured) -> String {
    let Measured {
        noticed,
        logins,
        afterwards,
    } = measured;
    match noticed {
        None => format!(
            "after {} s HAProxy still sends users there: {} of {} logins failed",
            WATCHED.as_secs(),
            logins.failed,
            logins.tried
        ),
        Some(noticed) => format!(
            "after {:.1} s HAProxy sends nobody there: {} of {} logins failed, and none of the last {}",
            noticed.as_secs_f64(),
            logins.failed,
            logins.tried,
            afterwards.tried
        ),
    }
}

fn tell_all(terminal: &Terminal, alone: &[Seen], with: &[Seen]) {
    terminal.title("All of this was seen");
    let row = |what: &str, alone: &str, with: &str| {
        terminal.text(&format!("{what:<24} {alone:<47} {with}"));
    };
    row("", "HAProxy alone", "with poolmon");
    let cell = |again: &str, measured: &Measured| {
        let Measured {
            noticed, logins, ..
        } = measured;
        let noticed = match noticed {
            None => "never out".to_string(),
            Some(after) => format!("out{again} after {:.1} s", after.as_secs_f64()),
        };
        format!(
            "{noticed}, {} of {} logins fail",
            logins.failed, logins.tried
        )
    };
    for (alone, with) in alone.iter().zip(with) {
        let what = match alone.trouble {
            Trouble::BrokenLogin => "its login is broken",
            Trouble::Death => "it is dead",
            Trouble::Freeze => "it is frozen",
        };
        row(what, &cell("", &alone.measured), &cell("", &with.measured));
        let again = |seen: &Seen| cell(" again", &seen.reloaded);
        row("  HAProxy is reloaded", &again(alone), &again(with));
    }
    let slowest = with.iter().map(|seen| seen.back).max().unwrap_or_default();
    terminal.text(&format!(
        "in service {:.1} s after the repair, at the latest",
        slowest.as_secs_f64()
    ));
    terminal.text(&format!(
        "(logins were counted for {} s after each failure and each reload; of three servers one failed)",
        WATCHED.as_secs()
    ));
}
