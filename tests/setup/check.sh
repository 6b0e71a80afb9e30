#!/bin/bash
# `make check`: all that a change has to pass, in less than five minutes on two cores. The first failure ends it; one of
# the scenes, of the unit tests or of the soak, which run beside the rest, is told once the rest is done.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/real-ring.sh
. "$(dirname "${BASH_SOURCE[0]}")/real-ring.sh"

bash "$project/tests/setup/packages.sh" test
take_toolchain

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

# What runs beside the rest, each a process group of its own; what it says is in a file until it is waited for.
declare -A beside=()
said_by() {
    printf '%s\n' "$target/check/${1// /-}.txt"
}

# start WHAT COMMAND...
start() {
    local what=$1
    shift
    # Nobody reads what an earlier check has left there.
    : >"$(said_by "$what")"
    set -m
    "$@" >>"$(said_by "$what")" 2>&1 </dev/null &
    set +m
    beside[$what]=$!
}

# await WHAT SHOW...: ends it all if that has failed. SHOW prints of the file what is worth it.
await() {
    local what=$1 answer=0
    shift
    say "== $what"
    wait "${beside[$what]}" || answer=$?
    unset "beside[$what]"
    if [ "$answer" != 0 ]; then
        cat "$(said_by "$what")"
        fail "$what: failed, see above"
    fi
    "$@" "$(said_by "$what")"
}

# unhurried COMMAND...: the scenes wait more than they work, and hold promises in time, as the unit tests do. All else
# has what they leave of the processors.
unhurried() (
    renice -n 19 "$BASHPID" >/dev/null
    "$@"
)

# run_built scenes|poolmon ARGUMENT...: these tests as they were built, where cargo would run them. cargo itself would wait
# until nothing is built beside it.
run_built() {
    local binary
    binary=$(sed -n "s/^ *Executable .* (\(.*\/deps\/$1-[0-9a-f]*\))$/\1/p" "$target/check/build.txt")
    shift
    cd "$project"
    [ "$toolchain" = current ] || cd "$debian_tree"
    "$binary" "$@"
}

soak=$target/check/soak
end_what_runs_beside() {
    local id=${beside[soak]:-} group
    if [ -n "$id" ] && kill "$id" 2>/dev/null; then
        wait "$id" 2>/dev/null || true
        # Whoever ends its monitors looks for their PID files first. The brackets keep grep from finding itself.
        for _ in {1..50}; do
            grep -qs "/pm-[${id:0:1}]${id:1}-" /proc/[0-9]*/cmdline || break
            sleep 0.1
        done
        rm -rf "${TMPDIR:-/dev/shm}/pm-$id-"*
    fi
    for group in "${beside[@]}"; do
        kill -- -"$group" 2>/dev/null || true
    done
}
trap end_what_runs_beside EXIT

# Nobody debugs what is built here, and half of it is built once: with either, building takes half as long again.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0} CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}
say "== building"
mkdir -p "$target/check"
run_cargo test --color never --no-run --lib --test scenes 2>&1 | tee "$target/check/build.txt"
run_cargo build --bin poolmon --example soak
# The random days' build will put another program into the place of this one.
cp "$(built_in)/debug/poolmon" "$target/check/poolmon"
export POOLMON_BIN=$target/check/poolmon

# Two minutes of disturbances take three in all, and less than a tenth of the processors. Always the same ones, so that
# no change fails by chance.
obstacle=$(soak_obstacle)
if [ -n "$obstacle" ]; then
    not_done+=("soak NOT RUN: $obstacle")
    say "${not_done[-1]}"
else
    rm -rf "$soak"
    start soak env SOAK_BRIEF=yes SOAK_FOLDER="$soak" "$(built_in)/debug/examples/soak"
fi

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
# So many scenes at a time: more than processors, as most of them wait. Those that work go two at a time beside them,
# or they would all have their turn together, and others miss their time. The unit tests come after the scenes, because
# some of them hold times, too.
at_a_time=24
work=(packaging:: page::)
scenes_and_unit_tests() {
    run_built scenes --test-threads=$at_a_time "${skips[@]}" "${work[@]/#/--skip=}"
    run_built poolmon
}
start "scenes and unit tests" scenes_and_unit_tests
start "working scenes" run_built scenes --test-threads=2 "${skips[@]}" "${work[@]}"

judge lints unhurried run_cargo clippy --all-targets -- -D warnings
say "== documentation"
# lib.rs asks for a doc of every public item, fields and variants included; here a missing one is an error.
RUSTDOCFLAGS="-D warnings" unhurried run_cargo doc --no-deps

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
# other tests are built with need not be built again. They come last, because to build and to live them takes two
# processors to the end, and no other step does.
say "== random days"
unhurried run_cargo test --config profile.test.package.poolmon.opt-level=2 \
    --config profile.test.package.poolmon.debug-assertions=false --test simulate -- --nocapture

await "scenes and unit tests" cat
await "working scenes" cat
# How often what was done, and what became of each property.
[ -z "${beside[soak]:-}" ] || await soak sed -n '/ acts in /,$p'

[ ${#not_done[@]} = 0 ] || say_loudly "${not_done[@]}"
# A machine that is slow, busy or builds all anew fails nobody. It is said, so that a check that grows is noticed.
longest=300
took=$SECONDS
[ "$took" -le "$longest" ] || say_loudly "TOO LONG: make check took $took s on this machine; it is meant to take at most $longest s"
say "check passed in $took s, $(describe_toolchain)"
