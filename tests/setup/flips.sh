#!/bin/bash
# `make flips`: the flip matrix with every pair of bits and of bytes of every sample, however far apart. `make check` has
# those that are near each other. Our own crate is optimised for it, with overflow checks and assertions.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" build
take_toolchain
POOLMON_FLIPS=all run_cargo test --config profile.test.package.poolmon.opt-level=2 --lib bent -- --nocapture
