//! The images: latency on a log scale and the up and down times of 24 hours. One path a series, in whole
//! units, and a run of equal values is one step of it.

use std::fmt::Write;

use super::html::Html;
use super::words::Clock;
use crate::few::counted;
use crate::report::document::{Backend, Change, Day, Document, Slot, State, Time, Verdict};
use crate::report::words::{lasting, took};

const DAY: f64 = 86_400.0;

/// What lies along both axes: the same for all backends, so that images can be compared.
pub(super) struct Axes {
    /// The first and the last moment.
    start: Time,
    end: Time,
    /// Powers of ten of a microsecond.
    low: i32,
    high: i32,
    /// When the monitor began to watch.
    watched: Time,
}

impl Axes {
    pub(super) fn of(document: &Document) -> Axes {
        let end = document.poolmon.written;
        let passed = document
            .backends
            .iter()
            .flat_map(|backend| &backend.day.slots)
            .filter(|slot| slot.passes > 0);
        // From 1 to 100 ms at least.
        let (mut least, mut most) = (1_000, 100_000);
        for slot in passed {
            least = least.min(slot.best.max(1));
            most = most.max(slot.worst);
        }
        Axes {
            start: end - DAY,
            end,
            low: magnitude(least).floor() as i32,
            high: magnitude(most).ceil() as i32,
            watched: document.poolmon.started,
        }
    }

    /// The powers of ten between both ends, the ends included.
    fn decades(&self) -> impl Iterator<Item = i32> {
        self.low..=self.high
    }
}

/// The logarithm to base 10, finer than a pixel. The C library's would be all that the program needs of
/// libm, and that library is a third of a megabyte in memory.
fn magnitude(number: u32) -> f64 {
    let mut rest = f64::from(number.max(1));
    let mut magnitude = 0.0;
    while rest >= 10.0 {
        rest /= 10.0;
        magnitude += 1.0;
    }
    let mut part = 1.0;
    for _ in 0..20 {
        rest *= rest;
        part /= 2.0;
        if rest >= 10.0 {
            rest /= 10.0;
            magnitude += part;
        }
    }
    magnitude
}

/// A rectangle of an image.
#[derive(Clone, Copy)]
struct Frame {
    left: i32,
    top: i32,
    width: i32,
    height: i32,
}

impl Frame {
    fn right(&self) -> i32 {
        self.left + self.width
    }

    fn bottom(&self) -> i32 {
        self.top + self.height
    }

    fn x(&self, axes: &Axes, time: Time) -> i32 {
        let share = ((time - axes.start) / (axes.end - axes.start)).clamp(0.0, 1.0);
        self.left + (share * f64::from(self.width)).round() as i32
    }

    fn y(&self, axes: &Axes, micros: u32) -> i32 {
        let decades = f64::from(axes.high - axes.low);
        let share = (magnitude(micros) - f64::from(axes.low)) / decades;
        self.bottom() - (share.clamp(0.0, 1.0) * f64::from(self.height)).round() as i32
    }
}

/// A path's data as short as it goes: relative steps along one axis at a time.
#[derive(Default)]
struct Path {
    data: String,
    at: Option<(i32, i32)>,
    /// Of a step along x that may go on.
    pending: i32,
}

impl Path {
    fn flush(&mut self) {
        if self.pending != 0 {
            let _ = write!(self.data, "h{}", self.pending);
            self.pending = 0;
        }
    }

    fn lift(&mut self) {
        self.flush();
        self.at = None;
    }

    /// Goes there, up or down first.
    fn step_to(&mut self, x: i32, y: i32) {
        let (from, level) = match self.at {
            Some(at) => at,
            None => {
                let _ = write!(self.data, "M{x} {y}");
                (x, y)
            }
        };
        if level != y {
            self.flush();
            let _ = write!(self.data, "v{}", y - level);
        }
        self.pending += x - from;
        self.at = Some((x, y));
    }

    fn close(&mut self) {
        self.flush();
        self.data.push('z');
        self.at = None;
    }

    fn end(mut self) -> String {
        self.flush();
        self.data
    }
}

/// The slots of the day with their ends along x.
fn places<'a>(
    axes: &'a Axes,
    frame: Frame,
    day: &'a Day,
) -> impl Iterator<Item = (i32, i32, &'a Slot)> + 'a {
    day.slots.iter().enumerate().map(move |(place, slot)| {
        let from = day.from + place as f64 * day.every;
        let to = from + day.every;
        (frame.x(axes, from), frame.x(axes, to), slot)
    })
}

/// A line of what `value` says of each slot in which an attempt passed; a coarse one leaves out steps of
/// one unit.
fn line(axes: &Axes, frame: Frame, day: &Day, grain: Grain, value: fn(&Slot) -> u32) -> String {
    let mut path = Path::default();
    let unseen = match grain {
        Grain::Fine => 0,
        Grain::Coarse => 1,
    };
    for (from, to, slot) in places(axes, frame, day) {
        match slot.passes {
            0 => path.lift(),
            _ => {
                let y = frame.y(axes, value(slot));
                let y = match path.at {
                    Some((_, level)) if (level - y).abs() <= unseen => level,
                    _ => y,
                };
                path.step_to(from, y);
                path.step_to(to, y);
            }
        }
    }
    path.end()
}

/// The area between best and worst.
fn band(axes: &Axes, frame: Frame, day: &Day) -> String {
    let mut path = Path::default();
    let all: Vec<(i32, i32, &Slot)> = places(axes, frame, day).collect();
    for run in all.split(|(_, _, slot)| slot.passes == 0) {
        for (from, to, slot) in run {
            let y = frame.y(axes, slot.worst);
            path.step_to(*from, y);
            path.step_to(*to, y);
        }
        for (from, to, slot) in run.iter().rev() {
            let y = frame.y(axes, slot.best);
            path.step_to(*to, y);
            path.step_to(*from, y);
        }
        if !run.is_empty() {
            path.close();
        }
    }
    path.end()
}

/// A tick for each slot in which attempts failed, down from the top; as much longer as more of them did.
fn ticks(axes: &Axes, frame: Frame, longest: i32, day: &Day) -> String {
    let mut data = String::new();
    for (from, to, slot) in places(axes, frame, day) {
        let attempts = slot.passes.saturating_add(slot.failures);
        if slot.failures > 0 {
            let share = f64::from(slot.failures) / f64::from(attempts);
            let half = longest / 2;
            let length = half + (share * f64::from(longest - half)).round() as i32;
            let _ = write!(data, "M{} {}v{length}", (from + to) / 2, frame.top);
        }
    }
    data
}

/// From when to when it was in that state.
fn spans(axes: &Axes, backend: &Backend, state: State) -> Vec<(Time, Time)> {
    let changes = changes_shown(axes, backend);
    // The director's stamp may be older than the monitor; what was before the first change is not.
    let known_since = match changes.first() {
        Some(first) => axes.watched.min(first.at),
        None => backend.listed_since.unwrap_or(axes.start),
    };
    let mut at = known_since.max(axes.start);
    let mut is = match changes.first() {
        Some(first) => other(first.to),
        None => backend.listed,
    };
    let mut spans = Vec::new();
    let ends = changes.iter().map(|change| (change.at, change.to));
    for (end, to) in ends.chain([(axes.end, backend.listed)]) {
        if is == state && end > at {
            spans.push((at, end));
        }
        at = at.max(end);
        is = to;
    }
    spans
}

/// The changes that the image shows; it gives them the numbers from 1.
pub(super) fn changes_shown<'a>(axes: &Axes, backend: &'a Backend) -> &'a [Change] {
    let changes = &backend.changes;
    let before = changes.iter().take_while(|change| change.at < axes.start);
    &changes[before.count()..]
}

fn other(state: State) -> State {
    match state {
        State::Up => State::Down,
        State::Down => State::Up,
    }
}

/// From when to when its checks had it so.
fn spans_of(axes: &Axes, backend: &Backend, verdict: Verdict) -> Vec<(Time, Time)> {
    let unwell = backend.unwell.iter();
    let spans = unwell.filter(|unwell| unwell.verdict == verdict);
    let spans = spans.map(|unwell| (unwell.from.max(axes.start), unwell.to.unwrap_or(axes.end)));
    spans.filter(|(from, to)| to > from).collect()
}

/// Times on the time line at this height, as a path to be drawn broad.
fn time_line(axes: &Axes, frame: Frame, y: i32, spans: &[(Time, Time)]) -> String {
    let mut data = String::new();
    for (from, to) in spans {
        let (from, to) = (frame.x(axes, *from), frame.x(axes, *to));
        // A short one is seen, too.
        let to = to.max(from + 1).min(frame.right());
        let _ = write!(data, "M{} {y}h{}", from.min(to - 1), to - from.min(to - 1));
    }
    data
}

/// How much of a day a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    /// Each slot.
    Fine,
    /// Two slots together, for half of the bytes.
    Coarse,
}

/// Two neighbours as one slot.
fn coarse(day: &Day) -> Day {
    let slots = day.slots.chunks(2).map(|pair| {
        let passed = || pair.iter().filter(|slot| slot.passes > 0);
        let sum = |of: fn(&Slot) -> u32| pair.iter().map(of).fold(0, u32::saturating_add);
        let passes = sum(|slot| slot.passes);
        let total: u64 = passed()
            .map(|slot| u64::from(slot.mean) * u64::from(slot.passes))
            .fold(0, u64::saturating_add);
        Slot {
            passes,
            failures: sum(|slot| slot.failures),
            best: passed().map(|slot| slot.best).min().unwrap_or(0),
            mean: total.checked_div(u64::from(passes)).unwrap_or(0) as u32,
            worst: passed().map(|slot| slot.worst).max().unwrap_or(0),
        }
    });
    Day {
        from: day.from,
        every: 2.0 * day.every,
        slots: slots.collect(),
    }
}

/// For a row of the table: 96 by 24.
pub(super) fn small(html: &mut Html, axes: &Axes, backend: &Backend, grain: Grain) {
    let frame = Frame {
        left: 0,
        top: 1,
        width: 96,
        height: 18,
    };
    let coarse_day;
    let day = match grain {
        Grain::Fine => &backend.day,
        Grain::Coarse => {
            coarse_day = coarse(&backend.day);
            &coarse_day
        }
    };
    html.markup("<svg viewBox=\"0 0 96 24\"><path class=o d=\"");
    html.path(line(axes, frame, day, grain, |slot| slot.worst));
    html.markup("\"/><path d=\"");
    html.path(line(axes, frame, day, grain, |slot| slot.mean));
    html.markup("\"/>");
    let ticks = ticks(axes, frame, 6, day);
    if !ticks.is_empty() {
        html.markup("<path class=f d=\"").path(ticks).markup("\"/>");
    }
    states(html, axes, frame, 22, backend);
    html.markup("</svg>");
}

/// For the details of a backend.
pub(super) fn large(html: &mut Html, axes: &Axes, clock: &Clock<'_>, backend: &Backend) {
    let frame = Frame {
        left: 44,
        top: 10,
        width: 432,
        height: 80,
    };
    let line_at = frame.bottom() + 15;
    let day = &backend.day;
    html.markup("<svg class=l viewBox=\"0 0 480 128\" role=img aria-label=\"");
    html.text(description(axes, backend));
    html.markup("\">");
    grid(html, axes, clock, frame, line_at + 7);
    html.markup("<path class=b d=\"")
        .path(band(axes, frame, day));
    html.markup("\"/><path d=\"");
    html.path(line(axes, frame, day, Grain::Fine, |slot| slot.mean));
    html.markup("\"/><path class=f d=\"");
    html.path(ticks(axes, frame, 10, day));
    html.markup("\"/><path class=i d=\"");
    let up = spans(axes, backend, State::Up);
    html.path(time_line(axes, frame, line_at, &up));
    html.markup("\"/>");
    states(html, axes, frame, line_at, backend);
    marks(html, axes, frame, line_at, backend);
    html.markup("</svg>");
}

/// On its time line: in doubt, failed, down. What is down is drawn over what has failed.
fn states(html: &mut Html, axes: &Axes, frame: Frame, y: i32, backend: &Backend) {
    let lines = [
        (" class=q", spans_of(axes, backend, Verdict::Doubtful)),
        (" class=r", spans_of(axes, backend, Verdict::Failed)),
        (" class=d", spans(axes, backend, State::Down)),
    ]
    .map(|(class, spans)| (class, time_line(axes, frame, y, &spans)));
    for (place, (class, line)) in lines.iter().enumerate() {
        // One just like it that is drawn later would hide it.
        let is_hidden = lines[place + 1..].iter().any(|(_, later)| later == line);
        if !(line.is_empty() || is_hidden) {
            html.markup("<path").markup(class).markup(" d=\"");
            html.path(line).markup("\"/>");
        }
    }
}

/// Lines at the decades and every six hours, with what they are.
fn grid(html: &mut Html, axes: &Axes, clock: &Clock<'_>, frame: Frame, bottom: i32) {
    let mut data = String::new();
    let mut labels = Html::new();
    for decade in axes.decades() {
        let y = frame.y(axes, 10_u32.saturating_pow(decade.unsigned_abs()));
        let _ = write!(data, "M{} {y}h{}", frame.left, frame.width);
        labels
            .markup("<text x=40 y=")
            .text(y + 4)
            .markup(" class=e>");
        labels.text(decade_name(decade)).markup("</text>");
    }
    let first = (clock.wall)(axes.start);
    let into = f64::from(first.minute * 60 + first.second);
    let first = axes.start + (3600.0 - into) % 3600.0;
    for hour in (0..24).map(|hours| first + 3600.0 * f64::from(hours)) {
        let wall = (clock.wall)(hour);
        if wall.hour % 6 == 0 {
            let x = frame.x(axes, hour);
            let _ = write!(data, "M{x} {}V{bottom}", frame.top);
            labels.markup("<text y=124 x=").text(x).markup(" class=m>");
            labels.text(format_args!("{:02}:00", wall.hour));
            labels.markup("</text>");
        }
    }
    html.markup("<path class=g d=\"").path(data).markup("\"/>");
    html.append(&labels);
}

/// `100 ms` of a power of ten of a microsecond.
fn decade_name(decade: i32) -> String {
    let (unit, power) = match decade {
        _ if decade < 3 => ("us", decade),
        3..=5 => ("ms", decade - 3),
        _ => ("s", decade - 6),
    };
    format!("{} {unit}", 10_u64.saturating_pow(power.unsigned_abs()))
}

/// The numbers of the changes, which the list below it says more of.
fn marks(html: &mut Html, axes: &Axes, frame: Frame, y: i32, backend: &Backend) {
    let mut free_from = i32::MIN;
    for (place, change) in changes_shown(axes, backend).iter().enumerate() {
        let x = frame.x(axes, change.at);
        if x >= free_from {
            html.markup("<text class=m y=").text(y - 8);
            html.markup(" x=").text(x).markup(">").text(place + 1);
            html.markup("</text>");
            free_from = x + 16;
        }
    }
}

/// What the image shows, for those who do not see it.
fn description(axes: &Axes, backend: &Backend) -> String {
    let slots = &backend.day.slots;
    let passes: u64 = slots.iter().map(|slot| u64::from(slot.passes)).sum();
    let failures: u64 = slots.iter().map(|slot| u64::from(slot.failures)).sum();
    let total: f64 = slots
        .iter()
        .map(|slot| f64::from(slot.mean) * f64::from(slot.passes))
        .sum();
    let worst = slots.iter().map(|slot| slot.worst).max().unwrap_or(0);
    let latencies = match passes {
        0 => "none passed".to_string(),
        _ => format!(
            "mean latency {}, worst {}",
            took(total / passes as f64 / 1e6),
            took(f64::from(worst) / 1e6)
        ),
    };
    let lasts = |spans: Vec<(Time, Time)>| {
        let all: f64 = spans.iter().map(|(from, to)| to - from).sum();
        lasting(all)
    };
    format!(
        "Last 24 hours: {}, {failures} of them failed; {latencies}; in doubt for {}, failed for {}, down \
         for {}",
        counted(passes + failures, "attempt"),
        lasts(spans_of(axes, backend, Verdict::Doubtful)),
        lasts(spans_of(axes, backend, Verdict::Failed)),
        lasts(spans(axes, backend, State::Down))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{sample, By, Unwell};

    #[test]
    fn magnitudes_are_logarithms() {
        for power in 0..=9 {
            assert_eq!(magnitude(10_u32.pow(power)), f64::from(power));
        }
        for number in [2, 9, 31, 99, 1_001, 52_345, 999_999, u32::MAX] {
            let off = magnitude(number) - f64::from(number).log10();
            assert!(off.abs() < 1e-5, "{number}: {off}");
        }
        assert_eq!(magnitude(0), 0.0);
    }

    fn axes() -> Axes {
        Axes {
            start: 0.0,
            end: DAY,
            low: 3,
            high: 5,
            watched: 0.0,
        }
    }

    const FRAME: Frame = Frame {
        left: 0,
        top: 0,
        width: 48,
        height: 20,
    };

    fn slot(passes: u32, failures: u32, mean: u32) -> Slot {
        Slot {
            passes,
            failures,
            best: 1_000,
            mean,
            worst: 100_000,
        }
    }

    fn day(slots: Vec<Slot>) -> Day {
        Day {
            from: 0.0,
            every: 1800.0,
            slots,
        }
    }

    #[test]
    fn a_decade_is_as_high_as_any_other() {
        let y = |micros| FRAME.y(&axes(), micros);
        assert_eq!([y(1_000), y(10_000), y(100_000)], [20, 10, 0]);
        assert_eq!([y(0), y(10_000_000)], [20, 0], "kept in the frame");
    }

    #[test]
    fn equal_slots_are_one_step_and_an_empty_one_is_a_gap() {
        let slots = vec![
            slot(1, 0, 1_000),
            slot(1, 0, 1_000),
            slot(1, 0, 10_000),
            slot(0, 2, 0),
            slot(1, 0, 1_000),
        ];
        let path = line(&axes(), FRAME, &day(slots), Grain::Fine, |slot| slot.mean);
        assert_eq!(path, "M0 20h2v-10h1M4 20h1");
    }

    #[test]
    fn a_coarse_line_leaves_out_a_step_of_one_unit_and_no_more() {
        let slots = vec![slot(1, 0, 1_000), slot(1, 0, 1_259), slot(1, 0, 1_585)];
        let path = |grain| line(&axes(), FRAME, &day(slots.clone()), grain, |slot| slot.mean);
        assert_eq!(path(Grain::Fine), "M0 20h1v-1h1v-1h1");
        assert_eq!(path(Grain::Coarse), "M0 20h2v-2h1");
    }

    #[test]
    fn the_band_goes_out_on_the_worst_and_back_on_the_best() {
        let slots = vec![slot(1, 0, 1), slot(1, 0, 1), slot(0, 1, 0)];
        assert_eq!(band(&axes(), FRAME, &day(slots)), "M0 0h2v20h-2z");
    }

    #[test]
    fn two_slots_together_keep_best_and_worst_and_weigh_the_mean() {
        let mut one = slot(1, 2, 1_000);
        one.worst = 5_000;
        let slots = vec![one, slot(3, 0, 5_000), slot(0, 7, 0)];
        let coarse = coarse(&day(slots));
        assert_eq!(coarse.every, 3600.0);
        let first = Slot {
            worst: 100_000,
            ..slot(4, 2, 4_000)
        };
        let second = Slot {
            best: 0,
            worst: 0,
            ..slot(0, 7, 0)
        };
        assert_eq!(coarse.slots, [first, second]);
    }

    #[test]
    fn a_failure_is_a_tick_and_longer_if_nothing_passed() {
        let slots = vec![slot(9, 0, 1), slot(99, 1, 1), slot(0, 5, 0)];
        assert_eq!(ticks(&axes(), FRAME, 10, &day(slots)), "M1 0v5M2 0v10");
    }

    #[test]
    fn the_time_line_follows_the_changes() {
        let mut backend = sample::five_troubles().backends[4].clone();
        let change = |hour: f64, to| Change {
            at: hour * 3600.0,
            to,
            by: By::Us,
            reason: None,
        };
        backend.changes = vec![change(6.0, State::Down), change(12.0, State::Up)];
        let hours = |state| -> Vec<(f64, f64)> {
            spans(&axes(), &backend, state)
                .iter()
                .map(|(from, to)| (from / 3600.0, to / 3600.0))
                .collect()
        };
        assert_eq!(hours(State::Down), [(6.0, 12.0)]);
        assert_eq!(hours(State::Up), [(0.0, 6.0), (12.0, 24.0)]);
        let down = spans(&axes(), &backend, State::Down);
        assert_eq!(time_line(&axes(), FRAME, 5, &down), "M12 5h12");
    }

    #[test]
    fn a_time_in_doubt_is_drawn_though_it_stayed_up() {
        let mut backend = sample::five_troubles().backends[4].clone();
        let unwell = |from: f64, to: Option<f64>, verdict| Unwell {
            from: from * 3600.0,
            to: to.map(|to| to * 3600.0),
            verdict,
        };
        backend.unwell = vec![
            unwell(-9.0, Some(-2.0), Verdict::Failed),
            unwell(-1.0, Some(0.5), Verdict::Doubtful),
            unwell(6.0, Some(6.01), Verdict::Doubtful),
            unwell(6.01, Some(12.0), Verdict::Failed),
            unwell(23.0, None, Verdict::Doubtful),
        ];
        let drawn = |verdict| time_line(&axes(), FRAME, 5, &spans_of(&axes(), &backend, verdict));
        assert_eq!(drawn(Verdict::Doubtful), "M0 5h1M12 5h1M46 5h2");
        assert_eq!(drawn(Verdict::Failed), "M12 5h12");
        let mut html = Html::new();
        states(&mut html, &axes(), FRAME, 5, &backend);
        assert_eq!(
            html.into_string(),
            "<path class=q d=\"M0 5h1M12 5h1M46 5h2\"/><path class=r d=\"M12 5h12\"/>"
        );
    }

    #[test]
    fn before_the_monitor_started_nothing_is_known() {
        let backend = &sample::five_troubles().backends[0];
        let axes = Axes {
            start: sample::WRITTEN - DAY,
            end: sample::WRITTEN,
            watched: sample::WRITTEN - 3600.0,
            ..axes()
        };
        let up = spans(&axes, backend, State::Up);
        assert_eq!(up, [(sample::WRITTEN - 3600.0, sample::WRITTEN - 347.0)]);
    }

    #[test]
    fn a_short_down_is_seen() {
        let backend = &sample::five_troubles().backends[0];
        let axes = Axes::of(&sample::five_troubles());
        let down = spans(&axes, backend, State::Down);
        assert_eq!(time_line(&axes, FRAME, 5, &down), "M47 5h1");
    }

    #[test]
    fn decades_have_names() {
        let names: Vec<String> = (2..=7).map(decade_name).collect();
        assert_eq!(names, ["100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]);
    }
}
