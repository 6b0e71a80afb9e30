//! The demo: a mail service loses a backend, then another one freezes, and poolmon deals with both.
//!
//! It tells the story and decides whether all of it was really seen. What it prints of the pool
//! comes from HOST-LIST as the directors give it, and what it prints of poolmon from poolmon's log.

mod daemon;
#[path = "../lab/mod.rs"]
mod lab;
mod lists;
mod offer;
mod pool;
mod telling;
mod terminal;
mod users;
mod watch;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lists::short;
use offer::Offer;
use pool::Pool;
use telling::{tell, NotSeen};
use terminal::Terminal;
use users::Users;
use watch::Watch;

/// The demo ends by then even if something hangs.
const END: Duration = Duration::from_secs(85);
/// Lets the reader follow.
const BREATH: Duration = Duration::from_millis(1500);

/// How a backend fails.
#[derive(Clone, Copy)]
enum Trouble {
    Death,
    Freeze,
}

/// How long after the failure, or the return, each thing was seen.
struct Times {
    down: Duration,
    moved: Duration,
    up: Duration,
    /// Of `poolmon status` while it was down.
    table: String,
    /// Where the page of that moment is, if somebody wants it.
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    tell(END, show)
}

fn show(terminal: &Terminal) -> Result<(), NotSeen> {
    let offer = Offer::of_this_machine();
    terminal.title("poolmon demo: one backend dies, another one freezes, and users stay served");
    terminal.text(&pool::describe(&offer));
    terminal.text("");
    terminal.text("Left the seconds since the start, then who speaks:");
    terminal.text("  demo   what is done to the pool, and how its users fare");
    terminal.text("  log    poolmon's log");
    terminal.text("  list   a director's HOST-LIST, whenever it changes");

    terminal.title("The pool starts");
    let mut watch = Watch::new(terminal, Pool::start(&offer));
    watch.until_listed("all backends up", |lists| lists.say_all_up())?;
    let mut users = Users::log_in(&watch.pool);
    if users.count() > 0 {
        let count = users.count();
        terminal.demo(&format!("{count} users log in through director 1 and stay"));
    }
    watch.start_monitor();
    for backend in 0..3 {
        let address = watch.pool.address(backend);
        watch.until_logged(&format!("{address} is healthy"))?;
    }
    watch.pause(BREATH);

    let dead = scene(terminal, &mut watch, &mut users, 1, Trouble::Death)?;
    let frozen = scene(terminal, &mut watch, &mut users, 2, Trouble::Freeze)?;
    watch.stop_monitor()?;

    terminal.title("What poolmon status said when it was down");
    terminal.text(&frozen.table);
    if let Some(page) = &frozen.page {
        terminal.text(&format!(
            "The page of that moment, for a browser (which says that it is old): file://{}",
            page.display()
        ));
    }

    terminal.title("All of this was seen");
    tell_times(terminal, "the dead backend:  ", &dead);
    tell_times(terminal, "the frozen backend:", &frozen);
    terminal.text(
        "(poolmon's defaults are calmer: every 30 s, and five tries before a backend is down)",
    );
    Ok(())
}

fn scene(
    terminal: &Terminal,
    watch: &mut Watch,
    users: &mut Users,
    backend: usize,
    trouble: Trouble,
) -> Result<Times, NotSeen> {
    let address = watch.pool.address(backend);
    let name = short(&address);
    terminal.title(match trouble {
        Trouble::Death => "A backend dies",
        Trouble::Freeze => "A backend freezes: it accepts connections and never answers",
    });

    watch.forget_log();
    let failed_at = Instant::now();
    let done = match trouble {
        Trouble::Death => watch.pool.kill(backend),
        Trouble::Freeze => watch.pool.freeze(backend),
    };
    terminal.demo(&format!("{name}: {done}"));
    tell_users(terminal, users);
    watch.until_logged(&format!("{address} disabled"))?;
    watch.until_listed("the backend down in every list", |lists| {
        lists.say_down(&address)
    })?;
    let down = failed_at.elapsed();
    watch.until_listed("no user left on it", |lists| lists.say_empty(&address))?;
    let moved = failed_at.elapsed();
    let table = watch.until_status_says("2 of 3 up")?;
    watch.pause(BREATH);
    let page = env::var_os("POOLMON_DEMO_PAGE").map(PathBuf::from);
    if let Some(page) = &page {
        watch.keep_page(page)?;
    }
    tell_users(terminal, users);
    if let Some(told) = users.come_back(&watch.pool)? {
        terminal.demo(&told);
    }
    tell_users(terminal, users);
    watch.pause(BREATH);

    watch.forget_log();
    let back_at = Instant::now();
    let done = match trouble {
        Trouble::Death => watch.pool.revive(backend),
        Trouble::Freeze => watch.pool.thaw(backend),
    };
    terminal.demo(&format!("{name}: {done}"));
    watch.until_logged(&format!("{address} enabled"))?;
    watch.until_listed("all backends up", |lists| lists.say_all_up())?;
    let up = back_at.elapsed();
    watch.pause(BREATH);
    Ok(Times {
        down,
        moved,
        up,
        table,
        page,
    })
}

fn tell_users(terminal: &Terminal, users: &mut Users) {
    if let Some(told) = users.try_all() {
        terminal.demo(&told);
    }
}

fn tell_times(terminal: &Terminal, what: &str, times: &Times) {
    terminal.text(&format!(
        "{what} down after {:.1} s, without users after {:.1} s, up {:.1} s after its return",
        times.down.as_secs_f64(),
        times.moved.as_secs_f64(),
        times.up.as_secs_f64()
    ));
}
