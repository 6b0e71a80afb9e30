#!/bin/bash
# The unit tests alone, for those who build a package. They need nothing but what the build needs.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

choose_toolchain
describe_toolchain
[ "$toolchain" = current ] || lay_debian_tree
run_cargo test --lib
