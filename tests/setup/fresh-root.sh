# shellcheck shell=bash
# A fresh, small Debian in a folder, in namespaces of its own. Sourced after toolchain.sh; needs root.
#
# SUITE=trixie takes another release, KEEP=1 leaves the system behind for a look.

suite=${SUITE:-bookworm}
# shellcheck disable=SC2034 # the folder of the system; read by those who source this
root=

# enter_fresh_root GOAL SCRIPT ARGUMENT...
# Starts the script again in a mount and process namespace of its own, and returns only there: when
# the script ends, however it ends, its mounts and every process in the new system are gone, and no
# rm can wander into a mounted /dev.
enter_fresh_root() {
    local goal=$1 program answer=0
    shift
    if [ -n "${POOLMON_ROOT:-}" ]; then
        # A root folder that is a mount of its own, as on any machine: some tests change its mounts.
        mount --bind "$POOLMON_ROOT" "$POOLMON_ROOT"
        root=$POOLMON_ROOT
        return
    fi
    [ "$(id -u)" = 0 ] || fail "$goal: must be root to make a system of its own"
    for program in debootstrap unshare; do
        command -v "$program" >/dev/null ||
            fail "$goal: needs $program (apt-get install debootstrap util-linux)"
    done
    fresh_folder=$(mktemp -d /var/tmp/poolmon-root.XXXXXX)
    mkdir "$fresh_folder/root"
    # It becomes the root folder of unprivileged processes.
    chmod 755 "$fresh_folder" "$fresh_folder/root"
    trap '[ -n "${KEEP:-}" ] && say "kept: $fresh_folder" || rm -rf --one-file-system "$fresh_folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    POOLMON_ROOT=$fresh_folder/root unshare --mount --pid --fork --kill-child --propagation private \
        bash "$@" || answer=$?
    exit "$answer"
}

mount_systems() {
    mount -t proc proc "$1/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
    mount -t tmpfs tmpfs "$1/dev/shm"
}

# fill_fresh_root PACKAGE...: the smallest system and these, ready to install more.
fill_fresh_root() {
    local mirror include=
    [ $# = 0 ] || include=--include=$(IFS=,; printf '%s' "$*")
    mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1) || true
    mirror=${mirror:-http://deb.debian.org/debian}
    debootstrap --variant=minbase $include "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 30 "$root.log"
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
}

# run_in ROOT COMMAND...: with a newcomer's environment; nothing of this machine's is inherited.
run_in() {
    local there=$1
    shift
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        TERM="${TERM:-dumb}" chroot "$there" "$@" </dev/null
}
