#!/bin/bash
# The life of the package on a machine, played in a system that may be thrown away: over a Perl
# poolmon put there by hand, with its options, credentials and init script in place, or without
# options; on an empty machine; over an earlier release, if there is a package of it, and back;
# beside a dovemon that is somebody else's; and an installation that fails. Called by
# check-packages.sh, which made the system, as root, in namespaces of its own.
#
#   package-life.sh FIRST.deb NEXT.deb [EARLIER.deb]
#
# A real director and two real backends of Debian's Dovecot are what is watched.
set -euo pipefail

[ "$$" != 1 ] && [ -e /srv/package-life.sh ] || exit 2
first=$1
next=$2
earlier=${3:-}
folder=/srv/life
mkdir -p "$folder"

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    tail -n 20 /var/log/poolmon.log "$folder/apt.log" "$folder/director.log" >&2 || true
    exit 1
}

# expect "WHAT" COMMAND...
expect() {
    local what=$1
    shift
    "$@" || fail "$what"
    say "  ok: $what"
}

# within SECONDS "WHAT" COMMAND...
within() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $end ] || fail "not in time: $what"
        sleep 0.2
    done
    say "  ok: $what"
}

quietly() {
    "$@" >"$folder/quiet.log" 2>&1
}

not() {
    ! "$@"
}

# An unattended installation: nobody answers a question, and none may be asked.
install() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "$@" \
        </dev/null >"$folder/apt.log" 2>&1 || fail "apt-get $*"
    grep '^poolmon:' "$folder/apt.log" | sed 's/^/     /' || true
    not grep -iE 'what would you like|conffile prompt|\[default=' "$folder/apt.log" || fail "something was asked"
}

# Every file with its kind, rights, owner and content; not what apt, dpkg and Dovecot keep.
list() {
    find / -xdev \( -path /srv -o -path /tmp -o -path /var/lib/dpkg -o -path /var/cache -o -path /root \
        -o -path /var/lib/apt -o -path /var/log/apt -o -path /run/dovecot -o -name dpkg.log \
        -o -name alternatives.log \) -prune -o \( -type f -printf '%y %m %u:%g %p ' -exec sha256sum {} \; \
        -o -printf '%y %m %u:%g %p -> %l\n' \) | sed 's/ \([0-9a-f]\{64\}\)  .*/ \1/' | LC_ALL=C sort -k 4
}

# --- what is watched ------------------------------------------------------------------------------

write_dovecot() {
    mkdir -p "$folder/mail"
    cat >"$folder/director.conf" <<'END'
log_path = /srv/life/director.log
base_dir = /run/dovecot
listen = 127.0.0.1
protocols = imap
ssl = no
disable_plaintext_auth = no
director_servers = 127.0.0.1
director_mail_servers = 127.0.0.11 127.0.0.12
service director {
  unix_listener login/director {
    mode = 0666
  }
  unix_listener director-admin {
    mode = 0600
  }
  fifo_listener login/proxy-notify {
    mode = 0666
  }
  inet_listener {
    address = 127.0.0.1
    port = 9090
  }
}
service imap-login {
  executable = imap-login director
  inet_listener imap {
    port = 143
  }
}
passdb {
  driver = static
  args = proxy=y nopassword=y
}
END
    local address
    for address in 127.0.0.11 127.0.0.12; do
        cat >"$folder/$address.conf" <<END
log_path = $folder/$address.log
base_dir = $folder/$address.run
state_dir = $folder/$address.run
instance_name = $address
listen = $address
protocols = imap
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:$folder/mail/%u
passdb {
  driver = static
  args = password=let-me-in
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$folder/mail
}
END
    done
    chown mail: "$folder/mail"
}

# Whose PIDs are in pid_of.
declare -A pid_of
start_dovecot() {
    dovecot -F -c "$folder/$1.conf" >"$folder/$1.out" 2>&1 &
    pid_of[$1]=$!
}

stop_dovecot() {
    kill "${pid_of[$1]}"
    wait "${pid_of[$1]}" || true
}

# is STATE ADDRESS: as the director has it.
is() {
    doveadm -c "$folder/director.conf" director status 2>/dev/null | grep -q "^$2 .* $1 "
}

# --- what is asked of the package -----------------------------------------------------------------

pid() {
    cat /run/poolmon.pid 2>/dev/null
}

runs() {
    /etc/init.d/poolmon status >/dev/null 2>&1 && [ "$(readlink "/proc/$(pid)/exe")" = /usr/sbin/poolmon ]
}

another_runs_than() {
    [ -s /run/poolmon.pid ] && [ "$(pid)" != "$1" ]
}

same_files() {
    sha256sum --quiet --check "$folder/kept"
}

acts_on() {
    stop_dovecot "$1"
    within 60 "the director hears that $1 is dead" is down "$1"
    start_dovecot "$1"
    within 60 "and that it is back" is up "$1"
}

# The manual, installed or not: minimal systems leave it out, but not the name.
dovemon_is_ours() {
    [ "$(readlink -f /usr/sbin/dovemon)" = /usr/sbin/poolmon ]
}

# --- a Perl poolmon, put there by hand ------------------------------------------------------------

# What the package can know of one: its places, name, lock, PID file, and the OPTIONS it is given.
put_a_perl_poolmon() {
    cat >/usr/sbin/poolmon <<'END'
#!/usr/bin/perl
use Fcntl qw(:flock);
exit 0 if fork;
open(my $file, '+>>', '/var/run/poolmon.pid') or die;
flock($file, LOCK_EX | LOCK_NB) or die;
truncate($file, 0); syswrite($file, "$$\n");
open(my $log, '>>', '/var/log/poolmon.log'); syswrite($log, "the old one: @ARGV\n");
open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
$SIG{TERM} = sub { unlink '/var/run/poolmon.pid'; exit 0 };
sleep 1 while 1;
END
    cat >/etc/init.d/poolmon <<'END'
#!/bin/sh
### BEGIN INIT INFO
# Provides:          poolmon
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: the old one
### END INIT INFO
. /etc/default/poolmon
case $1 in
start) /usr/sbin/poolmon $OPTIONS ;;
stop) [ ! -e /var/run/poolmon.pid ] || kill "$(cat /var/run/poolmon.pid)" ;;
esac
END
    chmod 755 /usr/sbin/poolmon /etc/init.d/poolmon
    cat >/etc/default/poolmon <<'END'
# Of the administrator.
OPTIONS="--interval 2 --timeout 2 \
  -p IMAP:143 \
  -c /etc/dovecot/poolmon.credentials"
END
    printf 'OPTIONS="-p 1"\n' >/etc/dovecot/poolmon.conf
    printf 'probe\nlet-me-in\n' >/etc/dovecot/poolmon.credentials
    chmod 600 /etc/dovecot/poolmon.credentials
    printf '/var/log/poolmon.log {\n  monthly\n  copytruncate\n}\n' >/etc/logrotate.d/poolmon
    sha256sum /etc/default/poolmon /etc/dovecot/poolmon.conf /etc/dovecot/poolmon.credentials \
        /etc/logrotate.d/poolmon >"$folder/kept"
    update-rc.d poolmon defaults
    /etc/init.d/poolmon start
    within 10 "a Perl poolmon runs, put there by hand" test -s /run/poolmon.pid
}

over_a_perl_poolmon() {
    local old before
    say "== installed over a Perl poolmon"
    put_a_perl_poolmon
    old=$(pid)
    list >"$folder/before"
    install install "$first"
    expect "the old one has ended" not test -e "/proc/$old"
    within 10 "this one runs" runs
    expect "the administrator's options, credentials and rotation are as they were" same_files
    expect "and it was started with them" grep -qx /etc/dovecot/poolmon.credentials <(tr '\0' '\n' <"/proc/$(pid)/cmdline")
    expect "dovemon is its other name" dovemon_is_ours
    acts_on 127.0.0.12
    expect "the login is tried, and succeeds" not grep -q ERR.*login /var/log/poolmon.log
    expect "the log has the old one's lines and its own" grep -q '127.0.0.12 enabled' /var/log/poolmon.log

    say "== reloaded, stopped, started"
    before=$(pid)
    quietly invoke-rc.d poolmon reload
    within 10 "a reload is told" grep -q reloaded /var/log/poolmon.log
    expect "by the same process" test "$(pid)" = "$before"
    expect "logrotate accepts the rotation" quietly logrotate --debug /etc/logrotate.d/poolmon
    quietly invoke-rc.d poolmon stop
    expect "a stop ends it, with its PID file" not test -e "/proc/$before" -o -e /run/poolmon.pid
    quietly invoke-rc.d poolmon start
    expect "a start starts it" runs

    say "== upgraded"
    before=$(pid)
    install install "$next"
    within 10 "the new version runs" runs
    expect "in a new process" not test "$(pid)" = "$before"
    expect "the administrator's files are as they were" same_files
    acts_on 127.0.0.11

    say "== removed and installed again"
    before=$(pid)
    install remove poolmon
    expect "it has ended" not test -e "/proc/$before"
    expect "program and second name are gone" not test -e /usr/sbin/poolmon -o -L /usr/sbin/dovemon
    expect "the administrator's files are as they were" same_files
    install install "$next"
    within 10 "it runs again" runs
    expect "the administrator's files are as they were" same_files

    say "== purged"
    install purge poolmon
    list >"$folder/after"
    # dpkg takes the rotation with it, which was its own by name; the administrator's stands aside.
    sed -e 's, /etc/init.d/poolmon , /etc/init.d/poolmon.dpkg-bak ,' \
        -e 's, /usr/sbin/poolmon , /usr/sbin/poolmon.dpkg-bak ,' \
        -e 's, /etc/logrotate.d/poolmon , /etc/logrotate.d/poolmon.dpkg-bak ,' \
        -e '\, /var/log/poolmon.log ,d' -e '\, /run/poolmon.pid ,d' -e '\, /etc/rc[0-6S].d/...poolmon ,d' \
        "$folder/before" | LC_ALL=C sort -k 4 >"$folder/expected"
    diff "$folder/expected" "$folder/after" || fail "files differ from before (< expected, > found)"
    say "  ok: all that was there before is there, what was replaced as .dpkg-bak; but for the log and the links to start it nothing is gone"
    rm /etc/init.d/poolmon.dpkg-bak /usr/sbin/poolmon.dpkg-bak /etc/logrotate.d/poolmon.dpkg-bak \
        /etc/default/poolmon /etc/dovecot/poolmon.conf /etc/dovecot/poolmon.credentials
}

# said WORDS: by the installation.
said() {
    grep -q "^poolmon: .*$1" "$folder/apt.log"
}

over_a_perl_poolmon_without_options() {
    local old
    say "== installed over a Perl poolmon that has no file of options"
    put_a_perl_poolmon
    /etc/init.d/poolmon stop
    within 10 "it has ended" not test -e /run/poolmon.pid
    rm /etc/default/poolmon /etc/dovecot/poolmon.conf /etc/logrotate.d/poolmon
    sed -i '/etc.default.poolmon/d' /etc/init.d/poolmon
    /etc/init.d/poolmon start
    within 10 "it runs, with its defaults" test -s /run/poolmon.pid
    old=$(pid)
    install install "$first"
    expect "the old one has ended" not test -e "/proc/$old"
    within 10 "this one runs" runs
    expect "with a file without options, as was said" grep -qx '#OPTIONS=""' /etc/default/poolmon
    expect "and where the old options belong" said "starts with the defaults"
    install purge poolmon
    expect "the file that the package made is gone" not test -e /etc/default/poolmon
    rm /etc/init.d/poolmon.dpkg-bak /usr/sbin/poolmon.dpkg-bak /etc/dovecot/poolmon.credentials
}

on_an_empty_machine() {
    local answer=0
    say "== installed where no poolmon was"
    list >"$folder/before"
    install install "$first"
    expect "nothing is started" not test -e /run/poolmon.pid -o -e /var/log/poolmon.log
    expect "it says so, and what to write where" said 'not started.*OPTIONS=".*to /etc/default/poolmon'
    expect "in one line" test "$(grep -c '^poolmon: ' "$folder/apt.log")" = 1
    expect "no file of options is made" not test -e /etc/default/poolmon
    quietly invoke-rc.d poolmon start || answer=$?
    expect "nor does a start start it: it is not configured" test "$answer" = 6
    install install "$next"
    expect "an upgrade starts nothing either" not test -e /run/poolmon.pid
    # As the package's own file was once.
    printf '#OPTIONS="-p 143"\n' >/etc/default/poolmon
    quietly invoke-rc.d poolmon start
    within 10 "with a file of comments alone it runs with its defaults" runs
    quietly invoke-rc.d poolmon stop
    install purge poolmon
    install install "$first"
    within 10 "so it does when it is installed over that file" runs
    expect "and nothing is said about it" not said "not started"
    printf 'OPTIONS="-i 2 -p 143"\n' >/etc/default/poolmon
    install install "$next"
    expect "an upgrade keeps the options set there" grep -q '^OPTIONS="-i 2' /etc/default/poolmon
    within 10 "the new version runs" runs
    acts_on 127.0.0.12
    install purge poolmon
    expect "a file that the package did not make stays" test -e /etc/default/poolmon
    rm /etc/default/poolmon
    list >"$folder/after"
    diff "$folder/before" "$folder/after" || fail "files differ from before (< before, > after)"
    say "  ok: nothing is left of it"
}

beside_a_foreign_dovemon() {
    say "== installed beside a dovemon of somebody else's, and an unusable option"
    printf '#!/bin/sh\nexit 0\n' >/usr/sbin/dovemon
    chmod 755 /usr/sbin/dovemon
    printf 'OPTIONS="--no-such-option"\n' >/etc/default/poolmon
    # A unit and a program that no package may touch.
    mkdir -p /etc/systemd/system
    printf '[Service]\nExecStart=/usr/local/sbin/poolmon -f\n' >/etc/systemd/system/poolmon.service
    printf '#!/bin/sh\nexit 0\n' >/usr/local/sbin/poolmon
    list >"$folder/before"
    install install "$first"
    expect "the installation is complete" grep -q '^Status: install ok installed' <(dpkg -s poolmon)
    expect "what is wrong was said" grep -q no-such-option "$folder/apt.log"
    expect "that another unit counts was said" grep -q '^poolmon: /etc/systemd/system/poolmon.service' "$folder/apt.log"
    expect "that another program comes first was said" grep -q '^poolmon: /usr/local/sbin/poolmon' "$folder/apt.log"
    install purge poolmon
    list >"$folder/after"
    diff "$folder/before" "$folder/after" || fail "files differ from before (< before, > after)"
    say "  ok: all that is somebody else's is as it was, and nothing else is left"
    rm /usr/sbin/dovemon /usr/local/sbin/poolmon /etc/systemd/system/poolmon.service /etc/default/poolmon
}

# A file of another package in the way is what dpkg finds after preinst.
that_fails() {
    local old
    say "== an installation over a Perl poolmon that fails"
    mkdir -p "$folder/other/DEBIAN" "$folder/other/usr/share/zsh/vendor-completions"
    printf 'Package: other\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' \
        >"$folder/other/DEBIAN/control"
    touch "$folder/other/usr/share/zsh/vendor-completions/_poolmon"
    quietly dpkg-deb --build "$folder/other" "$folder/other.deb"
    quietly dpkg -i "$folder/other.deb"
    put_a_perl_poolmon
    old=$(pid)
    list >"$folder/before"
    expect "it fails" not quietly dpkg -i "$first"
    within 10 "the old one runs again" another_runs_than "$old"
    list >"$folder/after"
    diff <(without_run <"$folder/before") <(without_run <"$folder/after") ||
        fail "files differ from before (< before, > after)"
    say "  ok: all is as it was"
    /etc/init.d/poolmon stop
}

# With --restore=own a backend is brought up only if this monitor is known to have taken it down, and only the
# state file tells that to the next process.
over_an_earlier_release_and_back() {
    say "== installed over $(dpkg-deb --field "$earlier" Version), with a backend that it has taken down"
    printf 'OPTIONS="-i 2 -p 143 --restore=own"\n' >/etc/default/poolmon
    install install "$earlier"
    within 10 "the earlier one runs" runs
    stop_dovecot 127.0.0.12
    within 60 "it takes the dead one down" is down 127.0.0.12
    install install "$first"
    within 10 "this one runs" runs
    expect "of the version that was installed" \
        test "$(poolmon --version | grep -o '[0-9.]*[0-9]' | head -n 1)" = "$(dpkg-deb --field "$first" Version | sed 's/-.*//')"
    expect "the options are as they were" grep -q '^OPTIONS="-i 2' /etc/default/poolmon
    within 10 "the backend is still failed" quietly poolmon status --backend 127.0.0.12
    expect "and down" is down 127.0.0.12
    start_dovecot 127.0.0.12
    within 60 "it is brought up, so the state file was read" is up 127.0.0.12
    acts_on 127.0.0.11

    say "== and back again"
    stop_dovecot 127.0.0.11
    within 60 "this one takes the dead one down" is down 127.0.0.11
    install install --allow-downgrades "$earlier"
    within 10 "the earlier one runs" runs
    expect "and the backend is down" is down 127.0.0.11
    start_dovecot 127.0.0.11
    within 60 "it is brought up, so the state file was read" is up 127.0.0.11
    install purge poolmon
    rm /etc/default/poolmon
}

# Not the PID file and the log, which a poolmon that was started again has written.
without_run() {
    grep -v -e ' /run/poolmon.pid ' -e ' /var/log/poolmon.log '
}

# Without an init process, nothing is started or stopped at an installation unless this says yes.
printf '#!/bin/sh\nexit 0\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

write_dovecot
for name in 127.0.0.11 127.0.0.12 director; do
    start_dovecot $name
done
within 60 "a director and two backends run" is up 127.0.0.12
over_a_perl_poolmon
over_a_perl_poolmon_without_options
on_an_empty_machine
[ -z "$earlier" ] || over_an_earlier_release_and_back
beside_a_foreign_dovemon
that_fails
for name in director 127.0.0.11 127.0.0.12; do
    stop_dovecot $name
done
for process in /proc/[0-9]*; do
    case "$(readlink "$process/exe" || true)" in
    */poolmon) fail "left running: $process" ;;
    esac
done
