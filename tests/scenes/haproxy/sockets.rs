//! The stats socket: of another level, missing, another program's; and what is said of the choices.

use std::fs;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::*;
use crate::lab::fake_director::{FakeDirector, FakeHost};
use crate::lab::patience::hold_for;

#[test]
fn a_socket_of_another_level_is_said_and_nothing_is_sent() {
    let world = World::start();
    for level in ["operator", "user"] {
        let monitor = MonitorPlan::new(&world.place, &world.haproxy.socket_of(level))
            .flags("--pool=haproxy -i 1 -t 1 --retries=0")
            .flags(&format!("-p IMAP:{IMAP}"))
            .start();
        let line = monitor.wait_for_line(&[" ERR ", "failover is off"], REACTION);
        let said =
            format!("this socket is of level \\\"{level}\\\": nothing can be changed over it");
        assert!(
            line.contains(&said) || line.contains(&said.replace('\\', "")),
            "{line}"
        );
        assert!(line.contains("level admin"), "{line}");
        world.fail(1, Mood::Refusing);
        hold_for("the first to stay", Duration::from_secs(1), || {
            world.admin(1) == [Some(READY); 2]
        });
        assert_eq!(monitor.lines_with(&["failover is off"]).len(), 1);
        world.fail(1, Mood::Healthy);
    }
}

#[test]
fn a_directors_socket_is_no_haproxys() {
    let place = Place::new();
    let hosts = vec![FakeHost::new(place.address(1))];
    let director = FakeDirector::start(&place.path("admin"), hosts);
    let monitor = MonitorPlan::new(&place, &director.socket())
        .flags("--pool=haproxy -i 1 -p 143")
        .start();
    let line = monitor.wait_for_line(&[" ERR ", "failover is off"], REACTION);
    assert!(line.contains("HAProxy"), "{line}");
    monitor.wait_for_line(&["does -S name HAProxy's stats socket"], REACTION);
    director.take_violations();
}

#[test]
fn a_section_that_is_not_there_is_said() {
    let world = World::start();
    let plan = world.plan().flags("--haproxy-proxies=imap,smtp");
    let monitor = plan.start();
    let line = monitor.wait_for_line(&[" ERR ", "failover is off"], REACTION);
    assert!(line.contains("it has no proxy smtp"), "{line}");
}

#[test]
fn only_the_sections_that_are_named_are_watched() {
    let world = World::start();
    let _monitor = world.plan().flags("--haproxy-proxies=pop3").start();
    world.wait_for_visits();
    world.fail(1, Mood::Refusing);
    world.haproxy.wait_for(&["pop3/mail1"], MAINT, REACTION);
    assert_eq!(world.haproxy.admin("imap/mail1"), Some(READY));
}

impl World {
    /// The servers are at 143 and 995, where nobody is.
    fn take_usual_ports(&self) {
        let mut usual = sections(&self.place, "");
        for (section, port) in usual.iter_mut().zip([143, 995]) {
            for server in &mut section.servers {
                *server = server
                    .replace(":1143", ":143")
                    .replace(":1110", &format!(":{port}"));
            }
        }
        self.haproxy.write(&usual);
        self.haproxy.reload();
    }
}

/// Without ports a reload asks for them.
#[test]
fn a_haproxy_that_does_not_answer_a_reload_holds_up_nothing_else() {
    let world = World::start();
    world.take_usual_ports();
    let monitor = world.bare_plan().start();
    monitor.wait_for_line(&["imap:143", "refused"], REACTION);
    // From here on its socket is another's, who takes connections and says nothing.
    let socket = world.haproxy.socket();
    fs::rename(&socket, socket.with_extension("aside")).unwrap();
    let _silent = UnixListener::bind(&socket).unwrap();

    monitor.signal(Signal::SIGHUP);
    monitor.wait_for_line(&["last polls"], REACTION);
    monitor.signal(Signal::SIGUSR1);
    let refused = "reload refused: which ports to check is not known";
    monitor.wait_for_line(&[" ERR ", refused], REACTION);
    let lines = monitor.lines();
    let place = |text: &str| lines.iter().position(|line| line.contains(text));
    let (asked, answered) = (place("last polls").unwrap(), place("and not observed"));
    let refused = place(refused).unwrap();
    assert!(
        answered.map_or(false, |answered| answered < refused),
        "{lines:#?}"
    );
    let checks = lines[asked..refused].iter();
    let checks = checks.filter(|line| line.contains(" imap:143: "));
    assert!(checks.count() >= 3, "{lines:#?}");
}

#[test]
fn without_ports_haproxy_says_which_and_has_to_answer() {
    let mut world = World::start();
    let ended = world.bare_plan().run("--check-config", REACTION);
    assert!(
        ended.text.contains("no port of a mail protocol"),
        "{}",
        ended.text
    );
    world.take_usual_ports();
    let ended = world.bare_plan().run("--check-config", REACTION);
    for line in [
        "proxies: all with a server at port 143 or 995",
        "imap:143: ",
        "pop3+tls:995: ",
        "left alone: servers that somebody else puts into maint or drain",
    ] {
        assert!(ended.text.contains(line), "{line}\n{}", ended.text);
    }
    world.haproxy.stop();
    let ended = world.bare_plan().run("--check-config", REACTION);
    // The unit tries again after this code.
    assert_eq!(ended.status.code(), Some(75), "{}", ended.text);
    assert!(
        ended
            .text
            .contains("which ports to check is not known: HAProxy")
            && ended.text.contains("name them with -p and -s"),
        "{}",
        ended.text
    );
}

#[test]
fn what_an_operator_took_out_is_never_to_be_restored() {
    let world = World::start();
    let ended = world.plan().run("--restore=any --check-config", REACTION);
    assert!(!ended.status.success());
    assert!(
        ended.text.contains("restore: any is not for HAProxy"),
        "{}",
        ended.text
    );
}

#[test]
fn a_dry_run_sends_nothing() {
    let world = World::start();
    let monitor = world.plan().flags("-n").start();
    world.wait_for_visits();
    world.fail(1, Mood::Refusing);
    monitor.wait_for_line(&["DRY-RUN", "disabled"], REACTION);
    hold_for("the first to stay", Duration::from_secs(2), || {
        world.admin(1) == [Some(READY); 2]
    });
    assert_eq!(monitor.lines_with(&["DRY-RUN", "disabled"]).len(), 1);
    world.fail(1, Mood::Healthy);
    monitor.wait_for_line(&["DRY-RUN", "enabled"], REACTION);
}
