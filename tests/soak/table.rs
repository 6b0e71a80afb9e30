//! What a soak prints at the end: how often each act was done, and what became of each property.

use std::collections::BTreeMap;

use super::history::History;
use super::judge::{self, clock};
use super::plan::MONITORS;
use super::terms::{self, Terms};

pub fn print_acts(history: &History) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for act in &history.acts {
        *counts.entry(&act.word).or_default() += 1;
    }
    println!(
        "\n{} acts in {}:",
        history.acts.len(),
        clock(history.healing)
    );
    for (word, count) in counts {
        println!("{count:>6}  {word}");
    }
    let sum = |word| -> usize {
        (0..MONITORS)
            .map(|monitor| terms::changes(history, monitor, word).count())
            .sum()
    };
    println!(
        "the monitors took backends down {} times and up {} times",
        sum("disabled:"),
        sum("enabled:")
    );
    println!(
        "all was well again {} after the last act",
        clock(history.well - history.healing)
    );
    for monitor in 0..MONITORS {
        match terms::usage(history, monitor) {
            Ok((first, last)) => println!(
                "monitor {}: descriptors {} -> {}, threads {} -> {}, memory {} -> {} kB",
                monitor + 1,
                first.descriptors,
                last.descriptors,
                first.threads,
                last.threads,
                first.kilobytes,
                last.kilobytes
            ),
            Err(text) => println!("{text}"),
        }
    }
}

/// How many are broken, or were to be put to the test and were not.
pub fn print_properties(history: &History, terms: &Terms) -> usize {
    println!("\n  cases  property");
    let (mut broken, mut untested) = (0, 0);
    for property in judge::ALL {
        let claim = property.claim.replace('_', " ");
        match (property.judge)(history, terms) {
            Ok(0) if judge::must_be_tested(history, property) => {
                untested += 1;
                println!("UNTESTED  {claim}");
            }
            Ok(cases) => println!("{cases:>7}  {claim}"),
            Err(text) => {
                broken += 1;
                println!(" BROKEN  {claim}\n         {text}");
            }
        }
    }
    let all = judge::ALL.len();
    match broken + untested {
        0 => println!("\nall {all} properties hold"),
        _ => println!(
            "\nBROKEN: {broken} of {all} properties, and {untested} were not put to the test; the recording is in {}",
            history.folder.display()
        ),
    }
    broken + untested
}
