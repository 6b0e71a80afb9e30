//! How to read the page, in words; and its last line.

use super::html::Html;
use super::standing;
use super::Scene;
use crate::report::document::PoolKind;

pub(super) fn help(html: &mut Html, scene: &Scene<'_>) {
    html.markup("<details id=help class=help><summary>How to read this page</summary><dl>");
    for standing in standing::ALL {
        html.markup("<dt>")
            .markup(standing.letter())
            .markup(" &ndash; ");
        html.markup(standing.words(scene.document.director.kind));
        html.markup("</dt><dd>")
            .markup(standing.meaning(scene.document.director.kind))
            .markup("</dd>\n");
    }
    html.markup("<dt>Listed and checked</dt><dd>Listed is what ")
        .text(scene.document.director.kind.words().subject);
    html.markup(
        " does with a backend: up takes users, \
         down does not. Checked is what the monitor found. Where the two disagree, the row says which rule \
         holds the change back, and until when.</dd>\n\
         <dt>Last 24 hours</dt><dd>Upper line (grey): the worst latency of each half hour; lower line: the \
         mean. Ticks at the top: attempts failed. At the bottom a dashed line: in doubt, an attempt failed \
         and is made again; a solid one: failed; a broad bar: down. In the details the area reaches from the \
         best to the worst latency, the thin green line below it is the time up, and each change has a number \
         that the list below explains. All images have the same scale.</dd>\n\
         <dt>Rows of dots</dt><dd>The last 60 attempts of a service, the latest on the right: . passed, x \
         the backend's fault, s a fault shared with others (account, certificate), l a fault of the \
         monitor's machine.</dd>\n\
         <dt>Capacity</dt><dd>",
    );
    html.markup(match scene.document.director.kind {
        PoolKind::Director => "The vhost counts of the backends that are up, against those of all.",
        PoolKind::Haproxy => "The weight of the servers that are up, against that of all.",
    });
    html.markup("</dd>\n</dl></details>\n");
    html.markup("<footer class=dim><p>All times are ")
        .text(scene.clock.today.zone());
    html.markup(", the clock of ")
        .short(&scene.document.poolmon.name);
    html.markup(
        ". The page loads itself again. <em>poolmon explain ADDRESS</em> says more.</p></footer>\n",
    );
}
