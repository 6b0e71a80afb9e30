#!/bin/bash
# `make check-debian`: the program built with Debian's compiler and crates, and proof that it works: the
# unit tests, and one scene in which it watches a real ring of Dovecot directors.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/real-ring.sh
. "$(dirname "${BASH_SOURCE[0]}")/real-ring.sh"

scene=ring::a_stopped_backend
without_ring=faults::backends::

TOOLCHAIN=debian
choose_toolchain
TOOLCHAIN=debian bash "$project/tests/setup/packages.sh" debian
describe_toolchain
lay_debian_tree

# Not optimised, and nobody debugs it: nothing that is tried here depends on that, and it takes half the time.
# `make deb-debian` makes the release.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0

say "== build with Debian's compiler and crates"
run_cargo build
binary=$(built_in)/debug/poolmon

say "== unit tests with Debian's compiler and crates"
# Those that try millions of cases find the same with every compiler; `make check` runs them.
run_cargo test --lib -- --skip no_bent_byte_of --skip every_fault_at_every_step --skip a_bent_

obstacle=$(real_ring_obstacle)
if [ -n "$obstacle" ]; then
    say_loudly "the scene at a real ring is NOT RUN: $obstacle." "Scenes with the fake director take its place."
    scene=$without_ring
fi
say "== $scene... with $binary"
found=$(run_cargo test --test scenes -- --list "$scene" | grep -c ': test$') || true
# A renamed test would otherwise be no test, and pass.
[ "$found" != 0 ] || fail "no test is called $scene...; name another one at the top of $0"
POOLMON_BIN=$binary run_cargo test --test scenes -- "$scene"
say "check-debian passed, $(describe_toolchain)"
