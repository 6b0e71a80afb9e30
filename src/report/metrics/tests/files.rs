//! The files that name metrics: the manual, the alert rules and their tests, the dashboard. None of them may
//! know a metric, a label or a word that the table does not have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::families::{Family, Kind, FAMILIES};
use super::{assert_holds, is_of, read};

const RULES: &str = "etc/prometheus/poolmon.rules.yml";
const RULES_TEST: &str = "tests/data/prometheus/poolmon.test.yml";
const DASHBOARD: &str = "etc/grafana/poolmon.json";
const MANUAL: &str = "etc/man/poolmon-metrics.5";

/// What Prometheus adds to every series, and what an unusual monitor does.
const LABELS_OF_ALL: [&str; 4] = ["instance", "job", "director", "dry_run"];

/// Metrics of others, with their labels.
const OF_OTHERS: [(&str, &[&str]); 2] = [("node_textfile_mtime_seconds", &["file"]), ("up", &[])];

/// The words that a label can have, where it has only these.
const WORDS: [(&str, &[&str]); 8] = [
    (
        "alarm",
        &[
            "no_backend",
            "without_service",
            "no_refuge",
            "shared",
            "down_delay_limit",
            "max_down",
            "not_ours",
            "disputed",
            "brought_up",
            "unwatched",
            "director_silent",
            "ring_unsynced",
            "ring_status_unknown",
            "malformed_lines",
            "state_file_unwritable",
            "state_file_slow",
            "no_thread",
            "no_thread_to_send",
            "few_descriptors",
            "settings_unread",
        ],
    ),
    (
        "verdict",
        &["healthy", "doubtful", "failed", "unknown", "not_checked"],
    ),
    ("by", &["us", "other", "unknown"]),
    ("to", &["up", "down"]),
    ("action", &["down", "drain", "up"]),
    (
        "reply",
        &[
            "ok",
            "not_found",
            "busy",
            "sync_timed_out",
            "try_again",
            "refused",
            "lost",
        ],
    ),
    ("result", &["pass", "fail"]),
    ("dry_run", &["", "true"]),
];

/// What an expression or a line of the dashboard's variables is made of.
#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(&'a str),
    Other(char),
}

fn tokens(expression: &str) -> Vec<Token<'_>> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let length = rest[1..].find('"').expect("a string ends") + 2;
            tokens.push(Token::Text(&rest[1..length - 1]));
            length
        } else if is_of_word(first) {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            tokens.push(Token::Word(&rest[..length]));
            length
        } else {
            tokens.push(Token::Other(first));
            first.len_utf8()
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

fn labels_of_metric(name: &str) -> Option<Vec<&'static str>> {
    if let Some((_, labels)) = OF_OTHERS.iter().find(|(other, _)| *other == name) {
        return Some(labels.to_vec());
    }
    let family = FAMILIES.iter().find(|family| is_of(family, name))?;
    let le = name.ends_with("_bucket").then_some("le");
    Some(family.labels.iter().copied().chain(le).collect())
}

/// Fails unless the table has all that the expression names. Returns its metrics and their labels.
fn check(expression: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    const GROUPINGS: [&str; 6] = [
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
    ];
    let tokens = tokens(expression);
    let is_metric = |word: &str| {
        word == "up" || word.starts_with("poolmon_") || word.starts_with("node_textfile_")
    };
    let (mut metrics, mut labels) = (BTreeSet::new(), BTreeSet::new());
    labels.extend(LABELS_OF_ALL.map(str::to_string));
    for token in &tokens {
        match token {
            Token::Word(word) if is_metric(word) => {
                let of_metric = labels_of_metric(word);
                let of_metric =
                    of_metric.unwrap_or_else(|| panic!("{word} is no metric: {expression}"));
                labels.extend(of_metric.into_iter().map(str::to_string));
                metrics.insert(word.to_string());
            }
            _ => {}
        }
    }
    let has = |label: &str| assert!(labels.contains(label), "{label} is no label: {expression}");
    let mut place = 0;
    while place + 1 < tokens.len() {
        match (&tokens[place], &tokens[place + 1]) {
            (Token::Word(metric), Token::Other('{')) => {
                let of_metric = labels_of_metric(metric).unwrap();
                place += 2;
                while tokens[place] != Token::Other('}') {
                    if let Token::Word(label) = &tokens[place] {
                        let is_label = of_metric.contains(label) || LABELS_OF_ALL.contains(label);
                        assert!(is_label, "{metric} has no label {label}: {expression}");
                        check_word(label, &tokens[place + 1..], expression);
                    }
                    place += 1;
                }
            }
            (Token::Word(grouping), Token::Other('(')) if GROUPINGS.contains(grouping) => {
                place += 2;
                while tokens[place] != Token::Other(')') {
                    if let Token::Word(label) = &tokens[place] {
                        has(label);
                    }
                    place += 1;
                }
            }
            _ => {}
        }
        place += 1;
    }
    (metrics, labels)
}

/// `rest`: what follows the label, such as `="failed"`.
fn check_word(label: &str, rest: &[Token], expression: &str) {
    let words = match WORDS.iter().find(|(closed, _)| *closed == label) {
        Some((_, words)) => words,
        None => return,
    };
    let text = rest.iter().find_map(|token| match token {
        Token::Text(text) => Some(*text),
        _ => None,
    });
    for word in text.expect("a label has a value").split('|') {
        assert!(
            words.contains(&word),
            "{label} is never {word}: {expression}"
        );
    }
}

/// The labels that a legend or an annotation shows: behind this mark, as far as the name goes.
fn shown<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split(mark)
        .skip(1)
        .map(|after| &after[..after.find(|c| !is_of_name(c)).unwrap_or(after.len())])
        .collect()
}

struct Alert {
    name: String,
    expression: String,
    severity: String,
    texts: Vec<String>,
}

fn alerts() -> Vec<Alert> {
    let file: Value = serde_yaml::from_str(&read(RULES)).unwrap();
    let groups = file["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_string();
    rules
        .map(|rule| Alert {
            name: text(&rule["alert"]),
            expression: text(&rule["expr"]),
            severity: text(&rule["labels"]["severity"]),
            texts: ["summary", "description"]
                .map(|name| text(&rule["annotations"][name]))
                .to_vec(),
        })
        .collect()
}

#[test]
fn the_alert_rules_name_only_what_there_is() {
    let alerts = alerts();
    assert!(alerts.len() > 20);
    let mut names = BTreeSet::new();
    for alert in &alerts {
        let (_, labels) = check(&alert.expression);
        assert!(names.insert(&alert.name), "{}", alert.name);
        assert!(alert.name.starts_with("Poolmon"), "{}", alert.name);
        let severities = ["warning", "critical"];
        assert!(severities.contains(&&alert.severity[..]), "{}", alert.name);
        for text in &alert.texts {
            assert!(text.len() > 20, "{}: {text}", alert.name);
            for label in shown(text, "$labels.") {
                assert!(labels.contains(label), "{}: {label}", alert.name);
            }
        }
    }
}

/// A dry run takes nobody down, so it alerts nobody.
#[test]
fn no_alert_comes_of_a_dry_run() {
    for alert in alerts() {
        let selects = alert.expression.contains("dry_run=\"\"");
        let is_of_file = alert.name == "PoolmonFileOld";
        assert!(selects || is_of_file, "{}", alert.name);
    }
}

#[test]
fn each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let file: Value = serde_yaml::from_str(&read(RULES_TEST)).unwrap();
    let mut fires: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for group in file["tests"].as_array().unwrap() {
        for series in group["input_series"].as_array().unwrap() {
            check(series["series"].as_str().unwrap());
        }
        for test in group["alert_rule_test"].as_array().unwrap() {
            let name = test["alertname"].as_str().unwrap().to_string();
            let expected = test["exp_alerts"].as_array().unwrap();
            fires.entry(name).or_default()[usize::from(!expected.is_empty())] += 1;
        }
    }
    let alerts: BTreeSet<String> = alerts().into_iter().map(|alert| alert.name).collect();
    let tested: BTreeSet<String> = fires.keys().cloned().collect();
    assert_eq!(tested, alerts);
    for (name, [quiet, firing]) in fires {
        assert!(quiet > 0 && firing > 0, "{name}");
    }
}

/// Each expression of the dashboard with the legend that goes with it.
fn expressions_of(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut all: Vec<(String, String)> = targets
        .map(|target| (text(&target["expr"]), text(&target["legendFormat"])))
        .collect();
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter();
    all.extend(annotations.map(|annotation| (text(&annotation["expr"]), String::new())));
    all
}

#[test]
fn the_dashboard_names_only_what_there_is() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut used = BTreeSet::new();
    for (expression, legend) in expressions_of(&dashboard) {
        let (metrics, labels) = check(&expression);
        used.extend(metrics);
        for label in shown(&legend, "{{") {
            assert!(labels.contains(label), "{legend}: {expression}");
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let query = variable["definition"].as_str();
        if let Some(query) = query {
            let (values, label) = query.rsplit_once(", ").unwrap();
            let (_, labels) = check(values);
            assert!(labels.contains(label.trim_end_matches(')')), "{query}");
        }
    }
    // A family that neither the dashboard nor an alert uses has to earn its place otherwise.
    for alert in alerts() {
        used.extend(check(&alert.expression).0);
    }
    for family in FAMILIES {
        let is_used = used.iter().any(|name| is_of(family, name));
        assert!(is_used, "{} is neither graphed nor watched", family.name);
    }
}

/// A dry run beside the monitor has the same instance. Its backends would be counted twice, and what it only
/// would have done would be shown as done.
#[test]
fn the_dashboard_leaves_out_what_a_dry_run_sees() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let definitions = variables.flat_map(|variable| {
        let texts = [&variable["definition"], &variable["query"]["query"]];
        texts.into_iter().filter_map(Value::as_str)
    });
    let expressions = expressions_of(&dashboard).into_iter().map(|(text, _)| text);
    let mut selected = 0;
    for expression in expressions.chain(definitions.map(str::to_owned)) {
        let tokens = tokens(&expression);
        for (place, token) in tokens.iter().enumerate() {
            let is_metric = matches!(token, Token::Word(word) if word.starts_with("poolmon_"));
            if !is_metric {
                continue;
            }
            let selector = tokens[place + 1..].split(|token| *token == Token::Other('}'));
            let selector = selector.take(1).flatten().collect::<Vec<_>>();
            assert_eq!(selector.first(), Some(&&Token::Other('{')), "{expression}");
            let leaves_out = selector.windows(3).any(|part| {
                let none = [Token::Word("dry_run"), Token::Other('='), Token::Text("")];
                part.iter().copied().eq(none.iter())
            });
            assert!(leaves_out, "{expression}");
            selected += 1;
        }
    }
    assert!(selected > 50, "{selected}");
}

/// Panels have numbers of their own, and none lies over another.
#[test]
fn the_panels_of_the_dashboard_stand_side_by_side() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let (mut numbers, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(numbers.insert(panel["id"].as_u64().unwrap()), "{title}");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{title}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(cells.insert((x, y)), "{title} lies over another");
            }
        }
    }
}

/// `make check` has promtool read the dashboard's expressions, which it only takes as rules.
#[test]
fn the_expressions_of_the_dashboard_are_there_for_promtool() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut rules =
        "# The expressions of etc/grafana/poolmon.json, with values for its variables, so that \
                     promtool can judge them.\ngroups:\n  - name: dashboard\n    rules:\n"
            .to_string();
    for (number, (expression, _)) in expressions_of(&dashboard).iter().enumerate() {
        let expression = [
            ("$__rate_interval", "5m"),
            ("$instance", "director1:9100"),
            ("$tag", ".*"),
            ("$backend", "192.0.2.7|192.0.2.8"),
        ]
        .iter()
        .fold(expression.clone(), |text, (variable, value)| {
            text.replace(variable, value)
        });
        assert!(!expression.contains('$'), "{expression}");
        rules.push_str(&format!(
            "      - record: dashboard:expression_{number}\n        expr: '{expression}'\n"
        ));
    }
    assert_holds("tests/data/prometheus/dashboard.rules.yml", &rules);
}

/// As the manual's section has it.
fn section() -> String {
    let mut section = String::new();
    for Family {
        name,
        kind,
        labels,
        help,
        purpose,
        ..
    } in FAMILIES
    {
        let kind = match kind {
            Kind::Gauge => "Gauge",
            Kind::Counter => "Counter",
            Kind::Histogram(_) => "Histogram",
        };
        let labels = match labels {
            [] => "no labels".to_string(),
            [one] => format!("label {one}"),
            several => format!("labels {}", several.join(", ")),
        };
        let lines = [help, purpose].map(|text| text.replace("--", "\\-\\-"));
        let [help, purpose] = lines.map(|text| text.replace(". ", ".\n"));
        section.push_str(&format!(
            ".It Ic {name}\n{kind}, {labels}.\n{help}\n{purpose}\n"
        ));
    }
    section
}

#[test]
fn the_manual_has_the_table() {
    let manual = read(MANUAL);
    let (begin, end) = (".Sh METRICS\n", ".El\n");
    let start = manual.find(begin).expect("a section") + begin.len();
    let list = start + manual[start..].find(".It ").expect("a list");
    let length = manual[list..].find(end).expect("the list's end");
    let (before, after) = (&manual[..list], &manual[list + length..]);
    assert_holds(MANUAL, &format!("{before}{}{after}", section()));
}

#[test]
fn the_manual_has_the_alerts() {
    let manual = read(MANUAL);
    let begin = manual.find(".Sh ALERTS\n").expect("a section");
    let section = &manual[begin + 1..];
    let section = &section[..section.find("\n.Sh ").unwrap()];
    let found: BTreeSet<&str> = section
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with("Poolmon"))
        .collect();
    let alerts = alerts();
    let expected: BTreeSet<&str> = alerts.iter().map(|alert| &alert.name[..]).collect();
    assert_eq!(found, expected);
}
