#!/bin/bash
# `make check-bare`: a newcomer's first five minutes, played in a fresh Debian that has make and
# nothing else. By hand or nightly, as root; it downloads a whole small system.
#
#   bare-debian.sh [TARGET...]      what to make there; without any: check and demo
#
# SUITE=trixie plays it in another release, KEEP=1 leaves the system behind for a look.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/fresh-root.sh
. "$(dirname "${BASH_SOURCE[0]}")/fresh-root.sh"

[ $# != 0 ] || set -- check demo
enter_fresh_root check-bare "${BASH_SOURCE[0]}" "$@"

say "== a fresh $suite with nothing but make, in $root"
fill_fresh_root make
mount_systems "$root"

# As git clone would leave it: what is tracked, with the changes not yet committed.
mkdir "$root/root/poolmon"
(cd "$project" && git ls-files -z | tar --null --ignore-failed-read -T - -c) | tar -x -C "$root/root/poolmon"

play() {
    local started=$SECONDS
    say "== make $1"
    run_in "$root" make -C /root/poolmon "$1"
    say "== make $1: $((SECONDS - started)) s"
}

for goal; do
    play "$goal"
done
[ ! -e "$root/usr/sbin/policy-rc.d" ] || fail "policy-rc.d was left behind"
[ -z "$(find "$root/etc/systemd/system" "$root"/etc/rc[2-5].d -name '*dovecot*' ! -name 'K*' 2>/dev/null)" ] ||
    fail "the new Dovecot was left enabled at boot"
# This process namespace holds nothing but us and what the new system started.
for process in "$root"/proc/[0-9]*; do
    if [ "$(readlink "$process/root")" = "$root" ]; then
        fail "left running: $(tr '\0' ' ' <"$process/cmdline")"
    fi
done
say "check-bare passed on $suite: $*"
