#!/bin/bash
# `make check`: all that a change has to pass. The first failure ends it; one of the random days is told at the end.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/real-ring.sh
. "$(dirname "${BASH_SOURCE[0]}")/real-ring.sh"

bash "$project/tests/setup/packages.sh" test
choose_toolchain
describe_toolchain
[ "$toolchain" = current ] || lay_debian_tree

not_done=()

# judge WHAT COMMAND...
# Formatter and linter change from release to release, and the newest are the ones that count. What an
# older one finds proves nothing: it is put aside, said so now and at the end, and fails nobody.
judge() {
    local what=$1 found=$target/debian/$1.txt
    shift
    say "== $what"
    if [ "$toolchain" = current ]; then
        "$@"
    elif "$@" >"$found" 2>&1; then
        say "$(/usr/bin/rustc --version) finds nothing; a current one may"
    else
        not_done+=("$what NOT JUDGED: $(/usr/bin/rustc --version) is too old a judge; its findings are in $found")
        say "${not_done[-1]}"
    fi
}

judge format run_cargo_fmt
judge lints run_cargo clippy --all-targets -- -D warnings
say "== documentation"
if [ "$toolchain" = current ]; then
    # Every public item has a doc, but for fields and variants: most of their names say all. The lint knows no such
    # difference, so its findings are filtered. Those about fields are there at all times; where they are not, the
    # compiler has changed its words, and the filter has to follow. Any other warning counts.
    found=$(run_cargo rustdoc --lib --message-format short -- -W missing_docs 2>&1) || fail "$found"
    grep -q 'missing documentation for a struct field$' <<<"$found" ||
        fail "rustdoc -W missing_docs does not name a struct field as it did: $found"
    fields='missing documentation for a struct field$\|missing documentation for a variant$'
    others=$(grep 'warning: ' <<<"$found" | grep -v "$fields\| generated [0-9]* warning" || true)
    [ -z "$others" ] || fail "public items without a doc, or faults of the documentation:" "$others"
else
    RUSTDOCFLAGS="-D warnings" run_cargo doc --no-deps
fi
say "== shell scripts"
(cd "$project" && shellcheck -x -S warning .ci/run tests/setup/*.sh init/poolmon.debian init/poolmon.redhat \
    init/container-entry init/debian/poolmon.p* &&
    shellcheck -s bash -S warning etc/completion/poolmon.bash)
say "== metrics, alert rules and dashboard"
# The unit tests hold that the program writes these texts, and that no alert is without a test.
for text in "$project"/tests/data/metrics/*.prom; do
    promtool check metrics <"$text"
done
promtool check rules "$project"/etc/prometheus/*.rules.yml "$project"/tests/data/prometheus/*.rules.yml
promtool test rules "$project"/tests/data/prometheus/*.test.yml

# Our own crate is optimised for the random days, and alone: they run no other code that takes time, and what the
# other tests are built with need not be built again.
for_days=(--config 'profile.test.package.poolmon.opt-level="s"'
    --config profile.test.package.poolmon.debug-assertions=false)
say "== building the tests"
run_cargo test --no-run --lib --bins --test scenes
# The second build puts another program into the place of this one.
mkdir -p "$target/check"
cp "$(built_in)/debug/poolmon" "$target/check/poolmon"
export POOLMON_BIN=$target/check/poolmon
run_cargo test --no-run "${for_days[@]}" --test simulate

# The scenes wait more than they work, and hold promises in time: the days have what they leave of the processors.
days=$target/check/days.txt
set -m
(
    renice -n 19 "$BASHPID" >/dev/null
    run_cargo test "${for_days[@]}" --test simulate -- --nocapture
) >"$days" 2>&1 &
days_id=$!
set +m
trap 'kill -- -"$days_id" 2>/dev/null || true' EXIT

say "== unit tests"
run_cargo test --lib --bins
say "== scenes"
# More at a time than processors, as they wait.
export RUST_TEST_THREADS=16
skips=()
obstacle=$(real_ring_obstacle)
if [ -n "$obstacle" ]; then
    for name in "${real_ring_scenes[@]}"; do
        skips+=(--skip "$name")
    done
    not_done+=("scenes at a real ring NOT RUN: $obstacle; the fake director's scenes did run")
    say "${not_done[-1]}"
fi
if [ "$(id -u)" != 0 ]; then
    # Its threads have to be counted apart from those of everything else that this user runs.
    skips+=(--skip without_room_for_all_threads)
    not_done+=("the scene of too few threads NOT RUN: only root can count them apart")
    say "${not_done[-1]}"
fi
run_cargo test --test scenes -- "${skips[@]}"

say "== random days in virtual time"
answer=0
wait "$days_id" || answer=$?
trap - EXIT
cat "$days"
[ "$answer" = 0 ] || fail "the random days have failed: see above"

[ ${#not_done[@]} = 0 ] || say_loudly "${not_done[@]}"
say "check passed, $(describe_toolchain)"
