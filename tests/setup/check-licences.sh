#!/bin/bash
# `make check-licences`: cargo-deny's judgement of all crates, by .ci/deny.toml. By hand or nightly.
#
# Licences, duplicates and origins need no network once the crates are there. What is known against
# crates stands in RustSec's database, which is a git repository of its own: where that cannot be
# fetched, nothing is judged about it, and that is said.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/cargo-tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/cargo-tools.sh"

TOOLCHAIN=current
choose_toolchain
need_cargo_tool deny 0.20.2
cd "$project"

say "== licences, duplicates, origins"
cargo deny --locked --config .ci/deny.toml check licenses bans sources

say "== advisories"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
answer=0
timeout 300 cargo deny --locked --config .ci/deny.toml check advisories >"$log" 2>&1 || answer=$?
if [ "$answer" != 0 ] && grep -q 'failed to fetch advisory database' "$log"; then
    say_loudly "advisories NOT JUDGED: RustSec's database cannot be fetched here." \
        "Judge them where it can: cargo deny --config .ci/deny.toml check advisories"
    exit 0
fi
cat "$log"
exit "$answer"
