#!/bin/bash
# `make soak MINUTES=n SEED=s`: a real ring of three directors with a monitor each, disturbed at random for n
# minutes (10 if none are given) and then healed and judged; one to five minutes more than n. The same seed plays
# the same acts. SOAK_FOLDER: where the recording goes, otherwise target/soak/SEED.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/real-ring.sh
. "$(dirname "${BASH_SOURCE[0]}")/real-ring.sh"

bash "$project/tests/setup/packages.sh" soak
obstacle=$(soak_obstacle)
[ -z "$obstacle" ] || fail "a soak needs a real ring: $obstacle"
take_toolchain
run_cargo build --release --bin poolmon --example soak
built=$(built_in)/release
SEED=${SEED:-$RANDOM}
MINUTES=${MINUTES:-10}
recording=${SOAK_FOLDER:-$target/soak/$SEED}
rm -rf "$recording"
SEED=$SEED MINUTES=$MINUTES SOAK_FOLDER=$recording POOLMON_BIN=${POOLMON_BIN:-$built/poolmon} \
    "$built/examples/soak" </dev/null
