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

suite=${SUITE:-bookworm}
[ $# != 0 ] || set -- check demo

[ "$(id -u)" = 0 ] || fail "check-bare: must be root to make a system of its own"
for program in debootstrap unshare; do
    command -v "$program" >/dev/null || fail "check-bare: needs $program (apt-get install debootstrap util-linux)"
done

# In a mount and process namespace of its own: when this script ends, however it ends, its mounts and
# every process in the new system are gone, and no rm can wander into a mounted /dev.
if [ -z "${POOLMON_BARE:-}" ]; then
    root=$(mktemp -d /var/tmp/poolmon-bare.XXXXXX)
    # It becomes the root folder of unprivileged processes.
    chmod 755 "$root"
    trap '[ -n "${KEEP:-}" ] && say "kept: $root" || rm -rf --one-file-system "$root"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    answer=0
    POOLMON_BARE=$root unshare --mount --pid --fork --kill-child --propagation private \
        bash "${BASH_SOURCE[0]}" "$@" || answer=$?
    exit "$answer"
fi
root=$POOLMON_BARE
# A root folder that is a mount of its own, as on any machine: some tests change its mounts.
mount --bind "$root" "$root"

mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1) || true
mirror=${mirror:-http://deb.debian.org/debian}

say "== a fresh $suite with nothing but make, in $root"
debootstrap --variant=minbase --include=make "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 30 "$root.log"
    rm -f "$root.log"
    fail "debootstrap failed"
}
rm -f "$root.log"

# The way to the mirrors is the machine's own: proxies, keys, date checks.
apt-config dump | grep -E '^(Acquire)::' >"$root/etc/apt/apt.conf.d/99machine" || true
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
if [ "$suite" = bookworm ] && [ -e /etc/apt/sources.list.d/debian.sources ]; then
    rm -f "$root/etc/apt/sources.list"
    cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
fi
cp -a /etc/apt/trusted.gpg.d/. "$root/etc/apt/trusted.gpg.d/"
if [ -d /usr/local/share/ca-certificates ]; then
    mkdir -p "$root/usr/local/share/ca-certificates"
    cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
fi

mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"

# As git clone would leave it: what is tracked, with the changes not yet committed.
mkdir "$root/root/poolmon"
(cd "$project" && git ls-files -z | tar --null --ignore-failed-read -T - -c) | tar -x -C "$root/root/poolmon"

play() {
    local started=$SECONDS
    say "== make $1"
    # A newcomer's environment: nothing of this machine's toolchain is inherited.
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
        chroot "$root" make -C /root/poolmon "$1" </dev/null
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
