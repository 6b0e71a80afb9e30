#!/bin/bash
# `make simulate`: many random days in virtual time, every tenth drawn anew each time. DAYS=100000 for more
# than the usual 10,000.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" build
take_toolchain
days=${DAYS:-10000}
POOLMON_DAYS=$((days - days / 10)) POOLMON_FRESH_DAYS=$((days / 10)) \
    run_cargo test --release --test simulate random_days -- --nocapture
