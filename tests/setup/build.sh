#!/bin/bash
# `make`: the release binary, at target/release/poolmon with either toolchain.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" build
take_toolchain
prepare_package_build
run_cargo build --release
if [ "$toolchain" = debian ]; then
    install -D "$(built_in)/release/poolmon" "$target/release/poolmon"
fi
say "built: $target/release/poolmon"
