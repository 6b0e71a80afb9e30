#!/bin/bash
# Installs what a build or the tests need and is not there yet. Nothing missing: does nothing.
#
#   packages.sh build | demo | demo-haproxy | test | soak | bench | debian | package | rpm
#
# build:  a compiler, a linker and OpenSSL: what `make` needs
# demo:   these, and real Dovecot servers, which only root can run: `make demo`
# demo-haproxy: these, and HAProxy: `make demo-haproxy`
# test:   these, HAProxy, formatter and linter, what cuts a soak's network, and what judges unit, documents, page and
#         metrics: `make check`
# soak:   what a demo needs, and what cuts its network: `make soak`
# bench:  what a build needs, and HAProxy to compare with: `make bench`
# debian: Debian's own compiler and crates, and Dovecot: `make check-debian`
# package: what a build needs, and debhelper and lintian: `make deb`
# rpm:    what a build needs, and rpmbuild and rpmlint: `make rpm`
#
# Asks first on a terminal (YES=1: does not ask). The machine's own Dovecot, HAProxy or Prometheus, if it
# has one, is never started, enabled or changed; one that comes new with the packages stays off.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

purpose=${1:-}
missing=()
no_director=
case $purpose in
build | demo | demo-haproxy | test | soak | bench | debian | package | rpm) ;;
*) fail "usage: packages.sh build | demo | demo-haproxy | test | soak | bench | debian | package | rpm" ;;
esac

# need PACKAGE TEST...: judged by what is used; package names differ between releases.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

command_there() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

crate_there() {
    compgen -G "/usr/share/cargo/registry/$1-[0-9]*"
}

dovecot_there() {
    test -x "/usr/lib/dovecot/$1" || test -x "/usr/libexec/dovecot/$1"
}

# The version that apt would install; nothing while its lists are empty.
candidate() {
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}//p'
}

need_linker() {
    need gcc command_there cc
    need libc6-dev test -e /usr/include/stdio.h
    need pkg-config command_there pkg-config
    need libssl-dev pkg-config --exists openssl
    need openssl command_there openssl
}

# Debian names its packages after the crates, so Cargo.toml stays the only list of them.
need_debian_toolchain() {
    local crate
    need rustc test -x /usr/bin/rustc
    need cargo test -x /usr/bin/cargo
    while read -r crate; do
        need "librust-${crate//_/-}-dev" crate_there "${crate//_/[-_]}"
    done < <(sed -n '/^\[dependencies\]/,/^\[/s/^\([a-z0-9_-]*\) *=.*/\1/p' "$project/Cargo.toml")
    need librust-serde-derive-dev crate_there serde_derive
}

# Debian releases after 13 bring a compiler that counts as current; then its crates are not needed.
current_to_be_had() {
    [ -z "${TOOLCHAIN:-}" ] && [ ! -x /usr/bin/rustc ] && at_least $current_from "cargo $(candidate cargo)"
}

need_toolchain() {
    if [ "$toolchain" = debian ] && ! current_to_be_had; then
        need_debian_toolchain
        return
    fi
    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt
    need rustc at_least $current_from "$(rustc --version 2>/dev/null)"
    need cargo at_least $current_from "$(cargo --version 2>/dev/null)"
}

# rustup's formatter and linter are components of its own, which no package can stand in for.
need_judges() {
    if [ "$toolchain" = debian ]; then
        need rustfmt test -x /usr/bin/cargo-fmt
        need rust-clippy test -x /usr/bin/cargo-clippy
    elif ! command_there rustup >/dev/null; then
        need rustfmt command_there cargo-fmt
        need rust-clippy command_there cargo-clippy
    fi
    need shellcheck command_there shellcheck
}

# What judges and uses the unit, the logs, the man pages, the completions and the metrics.
need_what_installations_meet() {
    need systemd command_there systemd-analyze
    need logrotate command_there logrotate
    need mandoc command_there mandoc
    need zsh command_there zsh
    need prometheus command_there promtool
}

# Only root can run it. Dovecot 2.4 has no director; installing it would only look like help.
need_dovecot() {
    local version
    [ "$(id -u)" = 0 ] || return 0
    if ! command_there dovecot >/dev/null; then
        version=$(candidate dovecot-core)
        case $version in
        "" | 2.[23].*) ;;
        *)
            no_director=$version
            return
            ;;
        esac
    fi
    need dovecot-core command_there dovecot
    need dovecot-imapd dovecot_there imap
    need dovecot-pop3d dovecot_there pop3
    need dovecot-lmtpd dovecot_there lmtp
    [ "$purpose" = test ] || return 0
    need dovecot-managesieved dovecot_there managesieve
    need dovecot-submissiond dovecot_there submission
}

collect() {
    missing=()
    no_director=
    need_linker
    case $purpose in
    build) need_toolchain ;;
    demo)
        need_toolchain
        need_dovecot
        ;;
    demo-haproxy)
        need_toolchain
        need_dovecot
        need haproxy command_there haproxy
        need openssl command_there openssl
        ;;
    test)
        need_toolchain
        need_judges
        need_what_installations_meet
        need_dovecot
        need haproxy command_there haproxy
        need perl command_there perl
        need iproute2 command_there ip
        need procps command_there ps
        need strace command_there strace
        need nftables command_there nft
        need chromium command_there chromium
        need chromium-driver command_there chromedriver
        ;;
    soak)
        need_toolchain
        need_dovecot
        need nftables command_there nft
        need iproute2 command_there ip
        ;;
    bench)
        need_toolchain
        need haproxy command_there haproxy
        need util-linux command_there taskset
        need openssl command_there openssl
        ;;
    debian)
        need_debian_toolchain
        need_dovecot
        ;;
    package)
        need_toolchain
        need dpkg-dev command_there dpkg-buildpackage
        need debhelper command_there dh
        # Which dpkg-buildpackage asks the package database for.
        [ "$toolchain" = current ] || need build-essential dpkg -s build-essential
        need lintian command_there lintian
        ;;
    rpm)
        need_toolchain
        need rpm command_there rpmbuild
        need rpmlint command_there rpmlint
        ;;
    esac
}

end_if_complete() {
    [ ${#missing[@]} = 0 ] || return 0
    if [ -n "$no_director" ]; then
        say_loudly "Dovecot $no_director, all that can be installed here, has no director." \
            "Tests that need a real one cannot run; the embedded director stands in where it can."
    fi
    exit 0
}

missing_server() {
    case " ${missing[*]} " in
    *" dovecot-"* | *" haproxy "* | *" prometheus "*) return 0 ;;
    *) return 1 ;;
    esac
}

refuse_without_root() {
    local line="apt-get install --no-install-recommends ${missing[*]}"
    say "not installed, but needed: ${missing[*]}"
    missing_server || fail "Install them as root:" "    $line"
    fail "Install them as root, without starting the server that comes along:" \
        "    bash $project/tests/setup/packages.sh $purpose" \
        "or by hand, which may start it:" \
        "    $line"
}

ask() {
    local answer
    say "not installed, but needed: ${missing[*]}"
    [ "${YES:-}" != 1 ] && [ -t 0 ] && [ -t 1 ] || return 0
    printf 'Install them now with apt-get? [Y/n] '
    read -r answer || answer=n
    case $answer in
    "" | [Yy]*) ;;
    *) fail "nothing was changed" ;;
    esac
}

policy=/usr/sbin/policy-rc.d
our_policy=
new_servers=()

# Runs at every end, interrupted or not.
clean_up() {
    [ -z "$our_policy" ] || rm -f "$policy" "$our_policy"
    local server
    for server in "${new_servers[@]}"; do
        command_there "$server" >/dev/null && keep_new_server_off "$server"
    done
    return 0
}

# Debian enables it for the next boot.
keep_new_server_off() {
    deb-systemd-helper disable "$1.service" "$1.socket" >/dev/null 2>&1 || true
    update-rc.d "$1" disable >/dev/null 2>&1 || true
    say "$1 was installed for its programs: not started, and not enabled at boot."
}

# Debian starts a server when its packages come. This file, asked before any start, says no.
# A hard link fails on a name that exists: somebody else's file stays, and ours appears whole.
forbid_starting_services() {
    local ours answer=0
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    ours=$(mktemp "$policy.XXXXXX")
    printf '#!/bin/sh\n# poolmon is installing packages for its tests; no service may start now.\nexit 101\n' >"$ours"
    chmod 755 "$ours"
    if ln "$ours" "$policy" 2>/dev/null; then
        our_policy=$ours
        return
    fi
    rm -f "$ours"
    "$policy" dovecot start >/dev/null 2>&1 || answer=$?
    if [ "$answer" != 101 ] && missing_server; then
        fail "$policy exists and lets services start (it answers $answer, not 101 for no)," \
            "so installing Dovecot, HAProxy or Prometheus would start a server. Let it answer 101, or install yourself:" \
            "    ${missing[*]}"
    fi
}

# Mirrors fail for moments, and another apt may hold the lock.
apt() {
    local try
    for try in 1 2 3; do
        DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 \
            "$@" </dev/null && return 0
        printf 'try %s of 3 failed: apt-get %s\n' "$try" "$*"
        [ "$try" = 3 ] || sleep $((try * 5))
    done
    return 1
}

# Its output is only worth reading when something went wrong.
quietly() {
    local log answer=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || answer=$?
    [ "$answer" = 0 ] || tail -n 40 "$log" >&2
    rm -f "$log"
    return "$answer"
}

choose_toolchain
collect
end_if_complete
[ "${PACKAGE_BUILD:-}" != yes ] || fail "needed for the build and not found: ${missing[*]}"
if ! command_there apt-get >/dev/null; then
    fail "needed, by Debian's package names, and not found: ${missing[*]}" \
        "There is no apt-get here. For rustc and cargo, any of $current_from or newer will do."
fi
[ "$(id -u)" = 0 ] || refuse_without_root
ask
quietly apt update || fail "apt-get update failed"

# Only now is it certain what can be had.
collect
end_if_complete
for server in dovecot haproxy prometheus; do
    case " ${missing[*]} " in
    *" $server"[-\ ]*) command_there "$server" >/dev/null || new_servers+=("$server") ;;
    esac
done
forbid_starting_services
say "installing ${#missing[@]} packages and what they depend on ..."
quietly apt install --no-install-recommends "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
choose_toolchain
collect
end_if_complete
fail "installed, but still not found: ${missing[*]}"
