#!/bin/bash
# `make threads`: how the program's threads meet, under many schedules. THREADS_RUNS=n for more than the usual 2,000
# a check. Shuttle comes from crates.io and needs a current compiler.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" build
choose_toolchain
[ "$toolchain" = current ] || fail "shuttle needs a current compiler: $(/usr/bin/rustc --version) is too old"
describe_toolchain
CARGO_TARGET_DIR=$target/threads run_cargo run --quiet \
    --manifest-path "$project/tests/threads/Cargo.toml"
