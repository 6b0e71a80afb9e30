#!/bin/bash
# `make check`: all that a change has to pass. The first failure ends it.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" test
choose_toolchain
describe_toolchain
[ "$toolchain" = current ] || lay_debian_tree

not_judged=()

# judge WHAT COMMAND...
# Formatter and linter change from release to release and the newest are the ones that count: an old
# one that disagrees proves nothing. It is shown, and said again at the end, but fails nobody.
judge() {
    local what=$1 answer=0
    shift
    say "== $what"
    "$@" || answer=$?
    [ "$answer" != 0 ] || return 0
    [ "$toolchain" = debian ] || fail "$what: failed"
    not_judged+=("$what: NOT JUDGED. Only $(/usr/bin/rustc --version)'s is here, and it disagrees; see above.")
}

judge "format" run_cargo_fmt
judge "lints" run_cargo clippy --all-targets -- -D warnings
say "== shell scripts"
(cd "$project" && shellcheck -x -S warning .ci/run tests/setup/*.sh)
say "== tests"
run_cargo test
say "== documentation"
RUSTDOCFLAGS="-D warnings" run_cargo doc --no-deps

if [ ${#not_judged[@]} != 0 ]; then
    say_loudly "${not_judged[@]}" "With cargo $current_from or newer, make check judges these too."
fi
say "check passed, $(describe_toolchain)"
