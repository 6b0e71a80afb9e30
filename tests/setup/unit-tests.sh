#!/bin/bash
# The unit tests alone, for those who build a package. They need nothing but what the build needs.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

take_toolchain
run_cargo test --lib
