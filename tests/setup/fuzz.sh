#!/bin/bash
# `make fuzz`: libFuzzer gives every target of tests/fuzz bytes that no test has thought of. By hand or nightly.
#
#   SECONDS=n  how long each target is run, 60 s without; TARGETS="imap pop3" runs only these
#   KEEP=yes   writes what covers something new into tests/fuzz/corpus, which `make check` replays
#   SANITIZER=address  takes longer, and sees what the C code beneath the YAML parser does to memory
#
# All that is found in the course of time stays in target/fuzz. A property that does not hold ends it all, with the
# bytes in target/fuzz/found: they become an entry of the corpus, and the fault a test of its own.
set -euo pipefail
# SECONDS is bash's own clock: what was asked for has another name in here.
seconds=${FUZZ_SECONDS:-60}
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/cargo-tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/cargo-tools.sh"

TOOLCHAIN=current
choose_toolchain
command -v rustup >/dev/null && rustup run nightly rustc --version >/dev/null 2>&1 ||
    fail "libFuzzer's counters need a nightly compiler: rustup toolchain install nightly --profile minimal"
need_cargo_tool fuzz 0.13.2
corpus=$project/tests/fuzz/corpus
work=$target/fuzz
all=$(sed -n 's/^name = "\([a-z0-9_]*\)"$/\1/p' "$project/tests/fuzz/Cargo.toml")
host=$(rustc -vV | sed -n 's/^host: //p')
cd "$project"

cargo_fuzz() {
    local deed=$1
    shift
    rustup run nightly cargo fuzz "$deed" --fuzz-dir tests/fuzz --sanitizer "${SANITIZER:-none}" \
        --target-dir "$work/build" "$@"
}

# One entry a line. What is not printable ASCII is \xNN, and so is a backslash.
unpack() {
    mkdir -p "$2"
    # shellcheck disable=SC2016 # Perl's own
    TO=$2 perl -ne 'chomp; s/\\x([0-9a-f]{2})/chr hex $1/ge;
        open(my $to, ">:raw", "$ENV{TO}/kept-$.") or die; print $to $_' <"$1"
}

# The smallest first, as far as there is room: a corpus is there to be replayed, not to be complete.
pack() {
    # shellcheck disable=SC2016 # Perl's own
    perl -e 'my ($folder, $room) = @ARGV; my %seen; local $/;
        for my $name (glob "$folder/*") {
            open(my $from, "<:raw", $name) or die; my $text = <$from> // "";
            $text =~ s/([^ -\x5b\x5d-~])/sprintf "\\x%02x", ord $1/ge;
            $seen{$text} = 1 if $text ne "";
        }
        my @kept = grep { ($room -= 1 + length) >= 0 } sort { length $a <=> length $b or $a cmp $b } keys %seen;
        print "$_\n" for sort @kept' "$1" 26000
}

for name in ${TARGETS:-$all}; do
    [ "$name" != poolmon-fuzz ] || continue
    say "== $name: $seconds s"
    cargo_fuzz build "$name"
    binary=$work/build/$host/release/$name
    mkdir -p "$work/found" "$work/corpus/$name"
    unpack "$corpus/$name" "$work/corpus/$name"
    "$binary" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$work/found/$name-" "$work/corpus/$name" >"$work/$name.log" 2>&1 ||
        fail "$(tail -n 40 "$work/$name.log")" "$name: see $work/$name.log"
    sed -n 's/^stat::\(number_of_executed_units\|average_exec_per_sec\|peak_rss_mb\): */   \1: /p' "$work/$name.log"
    if [ "${KEEP:-}" = yes ]; then
        rm -rf "$work/least"
        mkdir "$work/least"
        # Of entries that reach the same code one will do, the smallest; how often they do is not worth its room.
        "$binary" -merge=1 -use_counters=0 "$work/least" "$work/corpus/$name" >>"$work/$name.log" 2>&1
        pack "$work/least" >"$corpus/$name.new"
        mv "$corpus/$name.new" "$corpus/$name"
    fi
done
