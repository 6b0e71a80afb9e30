#!/bin/bash
# `make check`: all that a change has to pass. The first failure ends it; one of the soak or of the random days is told
# at the end.
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

say "== building the monitor and the soak"
run_cargo build --bin poolmon --example soak
mkdir -p "$target/check"
# The random days' build will put another program into the place of this one.
cp "$(built_in)/debug/poolmon" "$target/check/poolmon"
export POOLMON_BIN=$target/check/poolmon

# Two minutes of disturbances take three in all, and of the processors less than a tenth. Always the same ones, so that
# no change fails by chance.
soak=$target/check/soak
soak_id=
days_id=
end_what_runs_beside() {
    if [ -n "$soak_id" ] && kill "$soak_id" 2>/dev/null; then
        wait "$soak_id" 2>/dev/null || true
        # Whoever ends its monitors looks for their PID files first. The brackets keep grep from finding itself.
        for _ in {1..50}; do
            grep -qs "/pm-[${soak_id:0:1}]${soak_id:1}-" /proc/[0-9]*/cmdline || break
            sleep 0.1
        done
        rm -rf "${TMPDIR:-/dev/shm}/pm-$soak_id-"*
    fi
    [ -z "$days_id" ] || kill -- -"$days_id" 2>/dev/null || true
}
trap end_what_runs_beside EXIT
obstacle=$(soak_obstacle)
if [ -n "$obstacle" ]; then
    not_done+=("soak NOT RUN: $obstacle")
    say "${not_done[-1]}"
else
    rm -rf "$soak"
    set -m
    SOAK_BRIEF=yes SOAK_FOLDER=$soak "$(built_in)/debug/examples/soak" >"$soak.txt" 2>&1 </dev/null &
    soak_id=$!
    set +m
fi

judge lints run_cargo clippy --all-targets -- -D warnings
say "== documentation"
# lib.rs asks for a doc of every public item, fields and variants included; here a missing one is an error.
RUSTDOCFLAGS="-D warnings" run_cargo doc --no-deps
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
days_id=
cat "$days"
[ "$answer" = 0 ] || fail "the random days have failed: see above"

if [ -n "$soak_id" ]; then
    say "== soak"
    answer=0
    wait "$soak_id" || answer=$?
    soak_id=
    [ "$answer" = 0 ] || fail "$(tail -n 60 "$soak.txt")" "the soak has failed: $soak.txt; its recording is in $soak"
    # How often what was done, and what became of each property.
    sed -n '/ acts in /,$p' "$soak.txt"
fi

[ ${#not_done[@]} = 0 ] || say_loudly "${not_done[@]}"
say "check passed, $(describe_toolchain)"
