//! The metrics: a document as text in Prometheus' text format 0.0.4, for node_exporter's textfile collector.
//!
//! `families` says which metrics there are, `samples` and `words` where their values come from, `text` how
//! a line is written. Nothing here knows the engine, a
//! file or a clock. All programs that write for one node_exporter share its names, and for a sample that is
//! there twice it logs an error at each scrape. So every name begins with `poolmon_`, several monitors of a
//! host differ in labels, and a sample that would be there twice is left out.

mod families;
mod samples;
mod text;
mod words;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use crate::pool::director::by_hand;
use crate::report::document::Document;
use families::FAMILIES;
use text::{Labels, Writer};

/// All families that have a sample, one after another: only one of them is in memory at a time.
pub(crate) fn write(document: &Document, to: &mut dyn Write) -> io::Result<()> {
    let of_monitor = labels_of_monitor(document);
    for family in FAMILIES {
        let mut writer = Writer::new(&of_monitor);
        let mut samples = writer.family(family);
        (family.samples)(document, &mut samples);
        to.write_all(writer.text().as_bytes())?;
    }
    Ok(())
}

#[cfg(any(test, fuzzing))]
pub(super) fn render(document: &Document) -> String {
    let mut text = Vec::new();
    write(document, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Labels of every sample, which keep several monitors of one host apart: a dry run beside a monitor that
/// acts, and monitors of two directors. The usual monitor has none of them.
fn labels_of_monitor(document: &Document) -> Labels {
    let mut labels = Labels::default();
    let socket = &document.director.socket[..];
    if !by_hand::is_usual(Path::new(socket)) {
        labels.add("director", socket);
    }
    if document.poolmon.dry_run {
        labels.add("dry_run", "true");
    }
    labels
}
