#!/bin/bash
# `make mutants`: faults planted in the pure rooms, one by one: the engine and its rules, the schedule, the protocols
# and what is said to director and HAProxy. A mutant that no test notices fails it, unless tests/mutants/accepted.txt
# has it with a reason. An entry there that names no mutant, or one that a test notices, fails it too.
#
#   FILES="src/schedule.rs src/schedule/**"  only these; by cargo-mutants' patterns
#   TESTS="schedule:: monitor::"             only unit tests whose names begin so, while a room is worked on
#   DAYS=n  for those that no unit test notices the simulator's scenes are played, and so many random days as far as
#           they take less than 20 s; 3 without, and with 0 neither days nor scenes
#   FURTHER=1  and what cargo-mutants does not know: statements left out, conditions that are always true or false. With
#           DAYS=0 FILES= and a room's tests it shows what these do not look at; many that survive are equal to what
#           is there, and have no reason in accepted.txt
#   SINGLES=0  without those that cannot be woven in: faults in constants and a few others, a build of a minute each
#
# cargo-mutants says which mutants there are. It would build the program for each; tests/mutants weaves them into one
# binary instead. What became of each is in target/mutants/report.txt. All rooms take half an hour on two quiet cores,
# the schedule alone 3 minutes; the unit tests are done after half of that.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/cargo-tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/cargo-tools.sh"

bash "$project/tests/setup/packages.sh" build
TOOLCHAIN=current
choose_toolchain
describe_toolchain
need_cargo_tool mutants 27.1.0

rooms=(src/schedule.rs 'src/schedule/**' 'src/monitor/**' 'src/probe/protocols/**'
    src/pool/{act,error,mod,reading}.rs src/pool/director/{acts,by_hand,error,reading,wire}.rs
    'src/pool/director/wire/**' src/pool/haproxy/{acts,error,ports,reading,wire}.rs)
# The patterns are cargo-mutants' own.
set -f
whole=1
# shellcheck disable=SC2206 # several are parted by blanks
[ -z "${FILES:-}" ] || { rooms=($FILES) && whole=0; }
set +f
work=$target/mutants
mkdir -p "$work"
cd "$project"
# A fuzz.rs is a test, though it does not look like one to cargo-mutants.
cargo mutants --list --json --no-config "${rooms[@]/#/--file=}" --exclude '**/fuzz.rs' >"$work/list.json"
CARGO_TARGET_DIR=$work/runner cargo build --quiet --locked --manifest-path tests/mutants/Cargo.toml
MUTANTS_WHOLE=$whole MUTANTS_FURTHER=${FURTHER:-0} MUTANTS_SINGLES=${SINGLES:-1} MUTANTS_DAYS=${DAYS:-3} MUTANTS_TESTS=${TESTS:-} \
    "$work/runner/debug/mutants" "$project" "$work" "$work/list.json" >"$work/report.txt" || answer=$?
grep -Ev '^(caught|not judged): ' "$work/report.txt"
exit "${answer:-0}"
