#!/bin/bash
# Makes docs/page.png anew: the page of four backends of which one has failed and stays up, as README shows it.
# The document is that of the unit tests (tests/data/status.json), with another story and today's times: a page
# of an old document says that it is stale. Look at the picture before you commit it.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

for program in jq chromium pngquant; do
    command -v "$program" >/dev/null || fail "$program is not installed: apt install jq chromium pngquant"
done
choose_toolchain
run_cargo build --bin poolmon

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
now=$(date +%s)
# The page says whether the process of this number runs.
jq --argjson now "$now" --argjson pid $$ '
    def refuge: "no other backend takes new users and passes";
    def slot($at; $mean): [118, 0, $mean - 900, $mean, $mean * (4 + $at % 5)];
    def day: [range(48) | slot(.; 2500 + (. * 7 % 11) * 90 + (if . > 15 and . < 20 then 2200 else 0 end))];
    .poolmon.written as $written
    # The ring is well, one backend more is in doubt, and the one with a tag of its own is not there.
    | .director.ring = "synced" | .director.since = $written - 3 * 86400
    | .backends |= map(select(.address != "192.0.2.10"))
    | .tags |= [.[0] | .passing = 0 | .refuges = 0]
    | .backends[].day.slots = day
    | .backends[].services[].worst = 0.031
    | (.backends[] | select(.verdict == "failed") | .day.slots[47]) |= (.[0] = 60 | .[1] = 12)
    | (.backends[] | select(.address == "192.0.2.8")) |= (
        .verdict_since = $written - 95
        | .listed_since = $written - 5 * 3600
        | .day.slots[20:24] |= map([0, 118, 0, 0, 0])
        | .day.slots[37] |= (.[0] = 100 | .[1] = 18)
        | .unwell = [
            {from: ($written - 50400), to: ($written - 43200), verdict: "failed"},
            {from: ($written - 19700), to: ($written - 18100), verdict: "failed"},
            {from: ($written - 95), to: null, verdict: "failed"}]
        | .changes = [
            {at: ($written - 50400), to: "down", by: "us", reason: "imap:143 greeting: timed out"},
            {at: ($written - 43200), to: "up", by: "us", reason: "healthy here"},
            {at: ($written - 19800), to: "down", by: "other", reason: null},
            {at: ($written - 18000), to: "up", by: "other", reason: null}]
        | .wanted.rules = [
            ("settle", "fresh", "ring", "ownership", "hold", "bar" | {rule: ., answer: "passes", reason: null}),
            {rule: "refuge", answer: "holds", reason: refuge, advice: ("is this monitor cut off? poolmon check "
                + "192.0.2.8 shows how far it gets; if not, repair one backend, or bring up one that is well: "
                + "doveadm director up ADDRESS")},
            ("brake", "drain", "rank" | {rule: ., answer: "not_asked", reason: null})
            | {advice: null, until: null} + .])
    | (.backends[] | select(.address == "192.0.2.11")) |= (
        .verdict = "doubtful" | .verdict_since = $written - 4 | .cause = "imap:143 greeting: timed out"
        | .services[0] |= (.result = "fail" | .recent = .recent[:-2] + "xx"))
    | .alarms = [{alarm: "no_refuge", since: ($written - 94), text: ("192.0.2.8 has failed since 00:38:25 and "
        + "stays up: \(refuge), so users would have nowhere to go; if other machines can log in to it, this "
        + "monitor is cut off: see its network and firewall; if not, repair it")}]
    # All times, of which none else is as large.
    | walk(if type == "number" and . > 1e9 then . + $now - $written else . end)
    | .poolmon.written = $now | .poolmon.pid = $pid
    # Its own moment, in the words of the log.
    | .alarms[0].text |= sub("00:38:25"; ($now - 95 | todate[11:19]))
' "$project/tests/data/status.json" >"$folder/status.json"

export TZ=UTC
"$project/target/debug/poolmon" status --html --status-file "$folder/status.json" >"$folder/page.html"
# The details of the first backend are open.
sed -i '0,/<details/s//<details open/' "$folder/page.html"
HOME=$folder chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-proxy-server \
    --host-resolver-rules='MAP * ~NOTFOUND' --window-size=1180,960 --user-data-dir="$folder/profile" \
    --screenshot="$folder/page.png" "file://$folder/page.html" 2>/dev/null
pngquant --force --output "$project/docs/page.png" 64 "$folder/page.png"
file "$project/docs/page.png"
