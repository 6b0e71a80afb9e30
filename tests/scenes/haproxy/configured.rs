//! Sections in which HAProxy has its own ways with a server: agent-check, use-server.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::*;
use crate::lab::fake_pool::USER;
use crate::lab::mail_client::Session;
use crate::lab::patience::{hold_for, pause, promised};

const AGENT: u16 = 1777;

/// What HAProxy's agent-check asks: it answers each connection with the same word until it is told another.
struct Agent(Arc<Mutex<&'static str>>);

impl Agent {
    fn start(address: Ipv4Addr, word: &'static str) -> Agent {
        let word = Arc::new(Mutex::new(word));
        let listener = TcpListener::bind(SocketAddr::from((address, AGENT))).unwrap();
        let said = Arc::clone(&word);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = writeln!(stream, "{}", said.lock().unwrap());
            }
        });
        Agent(word)
    }

    fn say(&self, word: &'static str) {
        *self.0.lock().unwrap() = word;
    }
}

/// The usual sections; each server of IMAP asks an agent on its address.
fn with_agents(place: &Place) -> Vec<Section> {
    with_agents_asked_each(place, "200ms")
}

fn with_agents_asked_each(place: &Place, interval: &str) -> Vec<Section> {
    let mut all = sections(place, "");
    for server in &mut all[0].servers {
        server.push_str(&format!(
            " agent-check agent-port {AGENT} agent-inter {interval}"
        ));
    }
    all
}

#[test]
fn a_failed_server_that_an_agent_sets_ready_again_and_again_is_one_error_and_goes_down_less_often()
{
    let world = World::with(|place| with_agents_asked_each(place, "2s"));
    let agent = Agent::start(world.backends[0].address, "up ready");
    let monitor = world.watch();
    world.fail(1, Mood::Refusing);
    let alarm = "has failed and is brought up again and again, not by this monitor";
    monitor.wait_for_line(&[alarm], Duration::from_secs(40));
    let downs = || monitor.lines_with(&["disabled: "]).len();
    let before = downs();
    let time = Duration::from_secs(12);
    // Pause: for so long it is taken down again and again.
    pause(time);
    assert_eq!(monitor.lines_with(&[alarm]).len(), 1);
    // Not each time that the agent is asked, which would be six.
    let more = downs() - before;
    let most = promised(time).as_secs() as usize / 4;
    assert!((1..=most).contains(&more), "{more}");
    agent.say("up");
    // The pause is over, and it stays out.
    world.wait_for(1, MAINT);
}

#[test]
fn an_agent_that_says_up_does_not_bring_a_failed_server_back() {
    let world = World::with(with_agents);
    let agent = Agent::start(world.backends[0].address, "up");
    let _monitor = world.watch();
    world.fail(1, Mood::Refusing);
    world.wait_for(1, MAINT);
    hold_for("it to stay out", Duration::from_secs(2), || {
        world.admin(1) == [Some(MAINT); 2]
    });
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
    drop(agent);
}

#[test]
fn what_an_agent_puts_into_maintenance_is_left_so_and_is_no_refuge_while_it_says_down() {
    let world = World::with(with_agents);
    let agent = Agent::start(world.backends[1].address, "down");
    wait_until("HAProxy to hear the agent", REACTION, || {
        !world.haproxy.server("imap/mail2").unwrap().is_running
    });
    world.haproxy.tell("set server imap/mail3 state maint");
    world.haproxy.tell("set server pop3/mail3 state maint");
    let monitor = world.watch();
    world.fail_and_stay_up(&monitor);
    agent.say("up");
    world.wait_for(1, MAINT);
    // The agent's maintenance is somebody else's.
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
    agent.say("maint");
    world.haproxy.wait_for(&["imap/mail2"], MAINT, REACTION);
    hold_for("it to stay out", Duration::from_secs(2), || {
        world.admin(2) == [Some(MAINT), Some(READY)]
    });
}

#[test]
fn users_that_use_server_sends_to_a_failed_server_go_to_another() {
    let world = World::with(|place| {
        let mut all = sections(place, "");
        all[0].options = &["use-server mail1 if TRUE"];
        all
    });
    let door = world.haproxy.door(2143);
    let log_in = || Session::log_in(door, USER, PASSWORD);
    let before = world.backends[0].connections();
    log_in().unwrap();
    assert!(world.backends[0].connections() > before);
    let _monitor = world.plan().credentials(USER, PASSWORD).start();
    world.wait_for_visits();
    world.fail(1, Mood::Unavailable);
    world.wait_for(1, MAINT);
    for _ in 0..3 {
        log_in().unwrap();
    }
    world.fail(1, Mood::Healthy);
    world.wait_for(1, READY);
}
