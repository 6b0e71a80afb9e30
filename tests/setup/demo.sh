#!/bin/bash
# `make demo`: builds poolmon and the demo, and shows it. Exit code 0 only if all was really seen.
# The page of the moment of a failure stays in target/demo.html.
#
#   demo.sh            a director's pool
#   demo.sh haproxy    mail servers behind HAProxy: `make demo-haproxy`
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

case ${1:-} in
"") demo=demo limit=88 ;;
haproxy) demo=demo-haproxy limit=215 ;;
*) fail "usage: demo.sh [haproxy]" ;;
esac
bash "$project/tests/setup/packages.sh" "$demo"
take_toolchain
run_cargo build --release --bin poolmon --example "$demo"

# Dovecot's unprivileged processes have to pass through this folder. It goes with the demo, also with
# an interrupted one; after a failure it stays, with the logs of all.
folder=$(mktemp -d /tmp/pm-demo.XXXXXX)
chmod 755 "$folder"
clean_up() {
    case $? in
    0 | 130 | 143) ;;
    *)
        say "the logs are in $folder"
        return
        ;;
    esac
    # Killed processes may take a moment to die, and write meanwhile.
    rm -rf "$folder" 2>/dev/null || {
        sleep 1
        rm -rf "$folder"
    }
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

colours=0
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    colours=1
fi
built=$(built_in)/release
page=$target/demo.html
rm -f "$page"
# The demo ends by itself; the limit is for the day when it does not.
TMPDIR=$folder POOLMON_BIN=$built/poolmon POOLMON_DEMO_COLOURS=$colours POOLMON_DEMO_PAGE=$page \
    timeout --foreground --kill-after=2 "$limit" "$built/examples/$demo" </dev/null
