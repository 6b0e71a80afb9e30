//! The page in a real Chromium: it renders without a complaint, shows the document's values, keeps the
//! text of others text, fits a phone, and says by itself when it is old.

// Some of it is for the samples, which take what is here.
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use poolmon::report::document::*;
use poolmon::report::page::{render, Options, Wall};
use serde_json::Value;

use crate::lab::browser::{Browser, Site};
use crate::lab::place::Place;

// The same documents as those of the unit tests.
#[allow(dead_code)]
#[path = "../../../src/report/document/sample.rs"]
mod sample;

const PHONE: u32 = 360;
const DESK: u32 = 1280;

fn seconds_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs_f64().floor()
}

/// 00:40:00 on the day of the samples, and the hours around it.
fn wall(time: Time) -> Wall {
    let of_day = ((time - sample::WRITTEN + 2400.0).rem_euclid(86_400.0)) as u32;
    Wall {
        year: 2025,
        month: 11,
        day: 25,
        hour: of_day / 3600,
        minute: of_day / 60 % 60,
        second: of_day % 60,
        ahead: 60,
    }
}

fn page(document: &Document) -> String {
    let options = Options {
        now: document.poolmon.written,
        stale: "",
        wall: &wall,
    };
    render(document, &options)
}

/// The same document, written just now.
fn of_now(mut document: Document) -> Document {
    document.poolmon.written = seconds_now();
    document
}

struct Stage {
    browser: Browser,
    site: Site,
    _place: Place,
}

fn stage() -> Stage {
    let place = Place::new();
    Stage {
        browser: Browser::start(&place),
        site: Site::start(place.address(1)),
        _place: place,
    }
}

impl Stage {
    fn show(&self, page: String) {
        self.site.publish(page);
        self.browser.open(self.site.url());
    }

    #[track_caller]
    fn expect_no_complaint(&self) {
        let complaints = self.browser.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
        let url = self.site.url().to_string();
        let resources = self.browser.evaluate(
            "return performance.getEntriesByType('resource').map(function (r) { return r.name; })",
        );
        let resources = texts(&resources);
        let is_within = |name: &&String| !name.starts_with("data:");
        let fetched: Vec<&String> = resources.iter().filter(is_within).collect();
        assert!(fetched.is_empty(), "{url} fetched {fetched:?}");
        for request in self.site.asked() {
            assert_eq!(request, "GET / HTTP/1.1");
        }
    }

    /// Nothing has to be scrolled to the side.
    #[track_caller]
    fn expect_to_fit(&self, width: u32) {
        let widths = self.browser.evaluate(
            "var root = document.documentElement;
             return [window.innerWidth, root.scrollWidth - root.clientWidth]",
        );
        assert_eq!(
            widths,
            serde_json::json!([width, 0]),
            "window, and what is beyond it"
        );
    }
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().expect("a list");
    list.iter()
        .map(|text| text.as_str().expect("a text").to_string())
        .collect()
}

/// For each row of the table: address, letter, listed, checked, users, vhosts, latency.
const ROWS: &str = "
    function text(node) { return node ? node.textContent : ''; }
    return Array.prototype.map.call(document.querySelectorAll('tbody tr:not(.y)'), function (row) {
        var cells = row.cells;
        return [cells[0].childNodes[1].textContent.trim(), text(cells[0].querySelector('b')),
            text(cells[1].querySelector('small').previousSibling), text(cells[1].querySelector('small')),
            cells[2].firstChild.textContent, text(cells[2].querySelector('small')),
            cells[3].firstChild.textContent].join('|');
    })";

#[test]
fn values_are_the_documents_and_nothing_complains() {
    let stage = stage();
    let document = of_now(sample::five_troubles());
    for scheme in ["light", "dark"] {
        stage.browser.show(DESK, scheme);
        stage.show(page(&document));
        stage.expect_no_complaint();
        stage.expect_to_fit(DESK);
    }
    let mut rows = texts(&stage.browser.evaluate(ROWS));
    // The samples' latency is the same everywhere; the states' ages are those of the day they were made.
    rows.sort();
    assert_eq!(rows.len(), document.backends.len());
    for backend in &document.backends {
        let found = rows
            .iter()
            .find(|row| row.starts_with(&format!("{}|", backend.address)));
        let row: Vec<&str> = found.expect("a row").split('|').collect();
        assert_eq!(row[4], backend.users.to_string(), "{row:?}");
        assert_eq!(row[5], backend.vhosts.to_string(), "{row:?}");
        assert_eq!(row[6], "2.1 ms", "{row:?}");
        let verdict = match backend.verdict {
            Verdict::Healthy => "healthy ",
            Verdict::Failed => "failed ",
            _ => panic!("no sample is like that"),
        };
        assert!(row[3].starts_with(verdict), "{row:?}");
    }
    let body = stage.browser.evaluate("return document.body.innerText");
    let body = body.as_str().unwrap();
    let causes = document.backends.iter().map(|backend| &backend.cause);
    let alarms = document.alarms.iter().map(|alarm| &alarm.text);
    for text in causes.chain(alarms) {
        assert!(body.contains(text.as_str()), "{text}\n{body}");
    }
    assert!(body.contains("3 of 5") && body.contains("1302"), "{body}");
    let cells = stage
        .browser
        .evaluate("return document.querySelectorAll('.cells li').length");
    assert_eq!(cells, document.backends.len());
    let paths = stage.browser.evaluate(
        "return Array.prototype.filter.call(document.querySelectorAll('td>svg path'), function (path) {
             return path.getTotalLength() > 0;
         }).length",
    );
    assert!(paths.as_u64() >= Some(10), "{paths} lines are drawn");
}

#[test]
fn of_many_the_worst_backend_is_on_the_first_screen_and_the_cells_are_a_click_away() {
    let stage = stage();
    stage.browser.show(DESK, "light");
    stage.show(page(&of_now(sample::many(250))));
    let first = stage.browser.evaluate(
        "var row = document.querySelector('tbody tr'), box = row.getBoundingClientRect();
         return [row.id, box.bottom < window.innerHeight].join(' ')",
    );
    assert_eq!(first, "10.0.0.4 true");
    let cells = stage.browser.evaluate(
        "var link = document.querySelector('h2 a');
         link.click();
         var top = document.querySelector('.cells').getBoundingClientRect().top;
         return [link.textContent, top > 0 && top < window.innerHeight].join(' ')",
    );
    assert_eq!(cells, "all at a glance true");
    stage.expect_no_complaint();
    stage.expect_to_fit(DESK);
}

#[test]
fn text_of_others_stays_text_and_fits_a_phone() {
    let stage = stage();
    let hostile = of_now(sample::hostile());
    let many = of_now(sample::many(250));
    stage.browser.show(PHONE, "light");
    for document in [of_now(sample::five_troubles()), many, hostile] {
        stage.show(page(&document));
        stage.browser.evaluate(
            "document.querySelectorAll('details').forEach(function (d) { d.open = true; })",
        );
        stage.expect_to_fit(PHONE);
        stage.expect_no_complaint();
    }
    let scripts = stage.browser.evaluate(
        "return [document.scripts.length, document.querySelectorAll('[onload]').length,
            document.querySelectorAll('th small script, pre *, td script').length].join(' ')",
    );
    assert_eq!(scripts, "1 0 0");
    let tag = stage
        .browser
        .evaluate("return document.querySelector('th i').textContent");
    assert_eq!(tag, "<script>alert(1)</script>\"'><svg onload=\u{2026}");
    let said = stage
        .browser
        .evaluate("return document.querySelector('pre').textContent");
    // Cut at 300 characters, of which two take more room when they are made visible.
    let begin = "S: <script>alert(1)</script>\"'><svg onload=alert(1)>\\u{202e}\\u{1b}[31m|=;&amp;";
    let taken = begin.len() - "\\u{202e}\\u{1b}".len() + 2;
    let expected = format!("{begin}{}\u{2026}\n", "x".repeat(300 - taken));
    assert_eq!(said, expected);
}

#[test]
fn an_old_page_says_so_by_itself_and_what_is_against_the_policy_is_noticed() {
    let stage = stage();
    let mut document = of_now(sample::five_troubles());
    stage.browser.show(DESK, "light");
    let banner = "var banner = document.getElementById('stale');
        return banner.hidden ? '' : banner.textContent";
    stage.show(page(&document));
    assert_eq!(stage.browser.evaluate(banner), "", "it is new");

    // A fold that was opened is open after the page has loaded itself again.
    let fold = "return document.getElementById('d192.0.2.8').open";
    assert_eq!(stage.browser.evaluate(fold), false);
    stage.browser.evaluate(
        "document.getElementById('d192.0.2.8').open = true;
         return new Promise(function (done) { setTimeout(done, 50); })",
    );
    stage.browser.open(stage.site.url());
    assert_eq!(stage.browser.evaluate(fold), true);

    document.poolmon.written = seconds_now() - 7300.0;
    stage.show(page(&document));
    let said = stage.browser.evaluate(banner);
    let begin = "STALE: this page was written 2 h 1 min ago.";
    assert!(said.as_str().unwrap().starts_with(begin), "{said}");

    document.poolmon.written = seconds_now() + 7230.0;
    stage.show(page(&document));
    let said = stage.browser.evaluate(banner);
    let begin = "STALE: this page is dated 2 h 0 min ahead of the clock here: ";
    assert!(said.as_str().unwrap().starts_with(begin), "{said}");
    stage.expect_no_complaint();

    // Would a complaint be seen? Another script is refused, and that is one.
    let tampered =
        page(&document).replace("<header>", "<script>document.title = 'x'</script><header>");
    stage.show(tampered);
    let complaints = stage.browser.complaints();
    assert!(
        complaints
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{complaints:?}"
    );
    let title = stage.browser.evaluate("return document.title");
    assert_eq!(title, "STALE 3 of 5 up - director1");
}
