use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn known(name: &str) -> Name {
    Name::Known(name.to_owned())
}

fn named(name: &str) -> Answer {
    Answer::Name(name.to_owned())
}

enum Step {
    /// At this second somebody asks, gets this, and a lookup starts or not.
    Asked(u64, Name, Lookup),
    /// At this second the lookup under way ends.
    Answered(u64, Answer),
}

use Lookup::{NotNow, Start};
use Step::{Answered, Asked};

fn check(steps: &[Step]) {
    let start = Instant::now();
    let mut memory = Memory::default();
    for (index, step) in steps.iter().enumerate() {
        match step {
            Asked(second, name, lookup) => {
                let now = start + Duration::from_secs(*second);
                let expected = (name.clone(), *lookup);
                assert_eq!(memory.consult(ADDRESS, now), expected, "step {index}");
            }
            Answered(second, answer) => {
                let now = start + Duration::from_secs(*second);
                memory.on_answer(ADDRESS, answer.clone(), now);
            }
        }
    }
}

#[test]
fn the_first_lookup_is_waited_for_five_seconds() {
    check(&[
        Asked(0, Name::Pending, Start),
        Asked(4, Name::Pending, NotNow),
        Asked(5, Name::Unknown, NotNow),
        Asked(500, Name::Unknown, NotNow),
        Answered(501, named("mail.example")),
        Asked(501, known("mail.example"), NotNow),
    ]);
}

#[test]
fn a_failed_lookup_is_repeated_after_a_minute_without_pending_again() {
    check(&[
        Asked(0, Name::Pending, Start),
        Answered(1, Answer::Failed),
        Asked(2, Name::Unknown, NotNow),
        Asked(60, Name::Unknown, NotNow),
        Asked(61, Name::Unknown, Start),
        Asked(62, Name::Unknown, NotNow),
        Answered(63, named("mail.example.")),
        Asked(64, known("mail.example"), NotNow),
    ]);
}

#[test]
fn a_known_name_is_refreshed_each_hour_and_outlives_failures() {
    check(&[
        Asked(0, Name::Pending, Start),
        Answered(0, named("mail.example")),
        Asked(3599, known("mail.example"), NotNow),
        Asked(3600, known("mail.example"), Start),
        Asked(3700, known("mail.example"), NotNow),
        Answered(3701, Answer::Failed),
        Asked(3702, known("mail.example"), NotNow),
        Asked(3761, known("mail.example"), Start),
        Answered(3762, named("new.example")),
        Asked(3763, known("new.example"), NotNow),
        Asked(7362, known("new.example"), Start),
        Answered(7363, Answer::Nameless),
        Asked(7364, Name::Nameless, NotNow),
    ]);
}

#[test]
fn a_missing_name_is_asked_for_again_sooner() {
    check(&[
        Asked(0, Name::Pending, Start),
        Answered(0, Answer::Nameless),
        Asked(299, Name::Nameless, NotNow),
        Asked(300, Name::Nameless, Start),
        Answered(301, Answer::Failed),
        Asked(302, Name::Nameless, NotNow),
    ]);
}

#[test]
fn a_name_that_could_mislead_the_check_is_none() {
    for name in [
        "",
        ".",
        ".example",
        "*.example",
        "192.0.2.7",
        "a\0b",
        "a b",
        "::1",
    ] {
        check(&[
            Asked(0, Name::Pending, Start),
            Answered(0, named(name)),
            Asked(0, Name::Nameless, NotNow),
        ]);
    }
}

/// Asks until the name is no longer pending.
fn settled(names: &Names, address: IpAddr) -> Name {
    let limit = Instant::now() + Duration::from_secs(5);
    loop {
        let now = Instant::now();
        let name = names.name_of(address, now);
        if name != Name::Pending || now > limit {
            return name;
        }
        // Pause: between two looks.
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn asking_never_waits_and_the_answer_arrives() {
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    let names = Names::new(move |_| {
        held.lock().unwrap().recv().unwrap();
        Answer::Name("mail.example".to_owned())
    });
    assert_eq!(names.name_of(ADDRESS, Instant::now()), Name::Pending);
    assert_eq!(names.name_of(ADDRESS, Instant::now()), Name::Pending);
    release.send(()).unwrap();
    assert_eq!(settled(&names, ADDRESS), known("mail.example"));
}

#[test]
fn many_lookups_share_a_few_threads() {
    let (busy, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let names = Names::new({
        let (busy, most) = (busy.clone(), most.clone());
        move |_| {
            most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Pause: the lookup takes a while, so that others come meanwhile.
            thread::sleep(Duration::from_millis(5));
            busy.fetch_sub(1, Ordering::SeqCst);
            Answer::Nameless
        }
    });
    let addresses: Vec<IpAddr> = (1..=40).map(|last| [192, 0, 2, last].into()).collect();
    for &address in &addresses {
        assert_eq!(names.name_of(address, Instant::now()), Name::Pending);
    }
    for &address in &addresses {
        assert_eq!(settled(&names, address), Name::Nameless);
    }
    assert!(most.load(Ordering::SeqCst) <= MOST_THREADS);
}

#[test]
fn a_resolver_that_panics_is_a_failure_and_the_next_lookup_works() {
    let names = Names::new(|address| {
        assert_ne!(address, ADDRESS, "the panic that this test is about");
        Answer::Nameless
    });
    assert_eq!(settled(&names, ADDRESS), Name::Unknown);
    assert_eq!(settled(&names, [192, 0, 2, 2].into()), Name::Nameless);
}

#[test]
fn the_system_gives_loopback_a_name_or_none_but_never_the_number() {
    if let Answer::Name(name) = ask_system([127, 0, 0, 1].into()) {
        assert!(name.parse::<IpAddr>().is_err(), "{name}");
    }
}
