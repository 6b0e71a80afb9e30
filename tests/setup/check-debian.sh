#!/bin/bash
# `make check-debian`: the program as Debian would build it, and proof that this binary works: the
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

# Everything is compiled twice here, as a release and for the tests; nobody debugs the latter. Optimising
# over all crates at once takes a minute, and nothing that is tried here depends on it; `make deb-debian`
# does it.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

say "== release build with Debian's compiler and crates"
run_cargo build --release
binary=$(built_in)/release/poolmon

say "== unit tests with Debian's compiler and crates"
run_cargo test --lib

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
