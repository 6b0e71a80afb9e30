//! What each rule says of what is wanted. That it is what decides, every other test here asserts.

use super::*;

/// The rules before the one that holds, that one with its reason, and those that are not asked.
fn answers(bench: &Bench, number: u8) -> Option<(Action, String)> {
    let explanation = explain(&bench.backends.compared(), address(number), bench.now)?;
    let mut text = String::new();
    for (rule, answer) in &explanation.answers {
        text += &match answer {
            RuleAnswer::Passes => format!("{rule} "),
            RuleAnswer::Holds(hold) => {
                let reason = hold.reason.in_words(Words::OF_DIRECTOR, Groups::Several);
                format!("| {rule}: {reason} | ")
            }
            RuleAnswer::NotAsked => format!("({rule}) "),
        };
    }
    Some((explanation.action, text.trim_end().to_owned()))
}

fn check(bench: &Bench, number: u8, action: Action, expected: &str) {
    assert_eq!(answers(bench, number), Some((action, expected.to_owned())));
}

#[test]
fn every_rule_has_an_answer_in_the_order_asked() {
    let mut bench = Bench::new(2);
    assert_eq!(answers(&bench, 0), None);
    bench.fails_while_passes(0, 1);
    bench.check_acts(0, Action::MarkDown);
    check(
        &bench,
        0,
        Action::MarkDown,
        "settle fresh ring ownership hold bar refuge brake drain rank",
    );
    bench.backends.on_sync(Sync::Unsynced);
    check(
        &bench,
        0,
        Action::MarkDown,
        "settle fresh | ring: the ring is not synced | (ownership) (hold) (bar) (refuge) (brake) \
         (drain) (rank)",
    );
    assert_eq!(answers(&bench, 9), None, "it is not listed");
}

#[test]
fn the_bar_passes_what_the_refuge_holds() {
    let mut bench = Bench::new(2);
    bench.fails_while_passes(0, 1);
    bench.listed(1).vhosts = 0;
    bench.read_list();
    check(
        &bench,
        0,
        Action::MarkDown,
        "settle fresh ring ownership hold bar | refuge: no other backend without a tag takes new \
         users and passes | (brake) (drain) (rank)",
    );
}

#[test]
fn asking_changes_nothing_and_a_turn_counts_from_when_it_was_decided() {
    let mut bench = Bench::new(2);
    bench.backends.on_turn_delay(Duration::from_millis(600));
    bench.fails_while_passes(0, 1);
    let held =
        "settle fresh ring ownership hold bar refuge brake drain | rank: monitors of directors \
                before ours move first |";
    check(&bench, 0, Action::MarkDown, held);
    bench.pass_time(700);
    check(&bench, 0, Action::MarkDown, held);
    bench.check_held(0, &Reason::Turn, None);
    bench.pass_time(600);
    bench.read_list();
    check(
        &bench,
        0,
        Action::MarkDown,
        "settle fresh ring ownership hold bar refuge brake drain rank",
    );
}
