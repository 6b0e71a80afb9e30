//! How often the checks log in.

use std::time::Duration;

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::patience::hold_for;

#[test]
fn checks_greet_at_each_interval_and_log_in_at_the_login_interval() {
    let world = World::start();
    let monitor = MonitorPlan::new(&world.place, &world.haproxy.socket())
        .flags("--pool=haproxy -i 1 --login-interval=5 -t 1 --retries=1 --retry-delay=0.5")
        .flags(&format!("-p IMAP:{IMAP}"))
        .credentials(USER, PASSWORD)
        .start();
    monitor.wait_for_line(&["is healthy"], REACTION);
    hold_for("time to pass", Duration::from_secs(12), || true);
    let visits = world.backends[1].visits();
    let lines = visits.iter().filter_map(|visit| visit.line.as_ref());
    let logins = lines.filter(|line| line.contains(" LOGIN ")).count();
    assert!((2..=5).contains(&logins), "{logins} logins in 12 s");
    let greetings = visits.iter().filter(|visit| visit.line.is_none()).count();
    assert!(greetings >= 3 * logins, "{greetings} connections");
    // A broken login is seen at the next one, and a login brings it back.
    world.fail(2, Mood::Unavailable);
    let becomes = |server, admin| world.haproxy.wait_for(&[server], admin, REACTION);
    becomes("imap/mail2", MAINT);
    hold_for("it to stay out", Duration::from_secs(3), || {
        world.haproxy.admin("imap/mail2") == Some(MAINT)
    });
    world.fail(2, Mood::Healthy);
    becomes("imap/mail2", READY);
    // Who does not greet is seen at once.
    world.fail(1, Mood::Refusing);
    becomes("imap/mail1", MAINT);
    world.fail(1, Mood::Healthy);
    becomes("imap/mail1", READY);
}
