#!/bin/bash
# `make check-packages`: the Debian package in a fresh Debian 12. By hand or nightly, as root; it
# downloads a small system twice over and compiles twice.
#
# In one system it is built as a distribution builds: from the archive, with nothing installed but
# what the package says it needs, by an ordinary user, without a network; twice, in different folders
# and surroundings, and both are compared bit for bit. In another, which never had a compiler,
# package-life.sh tries it.
#
# EARLIER=FILE is the package of an earlier release: it is upgraded with its state file, and the upgrade undone.
# KEEP=1 leaves both behind for a look.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/fresh-root.sh
. "$(dirname "${BASH_SOURCE[0]}")/fresh-root.sh"

command -v ip >/dev/null || fail "check-packages: needs ip (apt-get install iproute2)"
enter_fresh_root check-packages "${BASH_SOURCE[0]}"
user=$(dirname "$root")/user
version=$(version_of_source)

# Quiet unless it fails.
quietly() {
    local log answer=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || answer=$?
    [ "$answer" = 0 ] || tail -n 60 "$log" >&2
    rm -f "$log"
    return "$answer"
}

apt_in() {
    local there=$1
    shift
    quietly run_in "$there" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 \
        --no-install-recommends "$@"
}

# Nothing but the loopback interface.
without_network() {
    unshare --net sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

say "== a fresh $suite, twice, in $(dirname "$root")"
fill_fresh_root
# Installing starts nothing; package-life.sh changes this.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp -a "$root" "$user"
mount_systems "$root"
mount_systems "$user"
apt_in "$root" update
cp -a "$root/var/lib/apt/lists/." "$user/var/lib/apt/lists/"

say "== built as a distribution builds, from the archive"
archive=$(bash "$project/tests/setup/tarball.sh" "$root/srv/archive")
apt_in "$root" install dpkg-dev
run_in "$root" useradd --create-home builder

# unpack FOLDER: as `dpkg-source -x` would leave it.
unpack() {
    mkdir -p "$root/$1"
    tar -x -C "$root/$1" -f "$archive"
    cp "$archive" "$root/$1/poolmon_$version.orig.tar.gz"
    cp -r "$root/$1/poolmon-$version/init/debian" "$root/$1/poolmon-$version/debian"
    chroot "$root" chown -R builder: "/$1"
}

# build FOLDER "SURROUNDINGS" OPTION...: by an ordinary user.
build() {
    local folder=$1 surroundings=$2 started=$SECONDS
    shift 2
    # shellcheck disable=SC2016 # for the shell in there
    quietly without_network env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" runuser -u builder -- \
        sh -c 'cd "$1" && eval "$2" && shift 2 && dpkg-buildpackage -us -uc "$@"' sh \
        "/$folder/poolmon-$version" "$surroundings" "$@" </dev/null
    say "built in /$folder: $((SECONDS - started)) s"
}

unpack srv/one
apt_in "$root" build-dep "/srv/one/poolmon-$version"
build srv/one "umask 022; export LC_ALL=C.UTF-8 TZ=UTC HOME=/nonexistent"
unpack home/builder/quite/another/folder
build home/builder/quite/another/folder \
    "umask 002; export LC_ALL=C TZ=Asia/Tokyo HOME=/home/builder DEB_BUILD_OPTIONS='nocheck parallel=1'"
for file in "$root"/srv/one/*.deb "$root"/srv/one/*.dsc; do
    cmp "$file" "$root/home/builder/quite/another/folder/$(basename "$file")"
done
say "two builds are the same bit for bit:"
(cd "$root/srv/one" && sha256sum ./*.deb)

say "== a next revision of it"
next=$root/home/builder/quite/another/folder/poolmon-$version/debian/changelog
{
    printf 'poolmon (%s-2) unstable; urgency=medium\n\n  * The same again.\n\n' "$version"
    printf ' -- poolmon developers <poolmon@example.org>  Mon, 23 Nov 2026 00:00:00 +0000\n\n'
    cat "$root/srv/one/poolmon-$version/debian/changelog"
} >"$next.new"
mv "$next.new" "$next"
# Built upon what is built already.
build home/builder/quite/another/folder "export DEB_BUILD_OPTIONS=nocheck" --no-pre-clean --build=binary

say "== on a machine of its own"
cp "$root"/srv/one/poolmon_*-1_*.deb "$user/srv/first.deb"
cp "$root"/home/builder/quite/another/folder/poolmon_*-2_*.deb "$user/srv/next.deb"
cp "$project/tests/setup/package-life.sh" "$user/srv/"
earlier=
if [ -n "${EARLIER:-}" ]; then
    earlier=/srv/earlier.deb
    cp "$EARLIER" "$user$earlier"
fi
apt_in "$user" install ca-certificates dovecot-core dovecot-imapd logrotate libssl3
without_network env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    TERM=dumb chroot "$user" bash /srv/package-life.sh /srv/first.deb /srv/next.deb $earlier </dev/null
say_loudly "no systemd runs in such a system: the package was started and stopped by its init script." \
    "The unit is checked by make check."
say "check-packages passed on $suite"
