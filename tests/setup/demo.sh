#!/bin/bash
# `make demo`: builds poolmon and the demo, and shows it. Exit code 0 only if all was really seen.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" demo
choose_toolchain
describe_toolchain
[ "$toolchain" = current ] || lay_debian_tree
run_cargo build --release --bin poolmon --example demo

# What the demo leaves when it is interrupted goes with this folder. Dovecot's unprivileged processes
# have to pass through it.
folder=$(mktemp -d /tmp/pm-demo.XXXXXX)
chmod 755 "$folder"
# Dovecot's processes may take a moment to die, and write meanwhile.
trap 'rm -rf "$folder" 2>/dev/null || { sleep 1; rm -rf "$folder"; }' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

colours=0
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    colours=1
fi
built=$(built_in)/release
# The demo ends by itself; the limit is for the day when it does not.
TMPDIR=$folder POOLMON_BIN=$built/poolmon POOLMON_DEMO_COLOURS=$colours \
    timeout --foreground --kill-after=2 88 "$built/examples/demo" </dev/null
