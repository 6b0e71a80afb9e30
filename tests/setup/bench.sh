#!/bin/bash
# `make bench`: poolmon beside the floor and HAProxy, in one table. About six minutes.
# BENCH_QUICK=1: 250 backends only. POOLMON_PERL: a Perl poolmon to measure too.
# BENCH_ONLY: some of cpu,large,idle,calls,start,failures,many,crowd.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" bench
choose_toolchain
describe_toolchain
[ "$toolchain" = current ] || lay_debian_tree
run_cargo build --release --bin poolmon --example bench

folder=$(mktemp -d /tmp/pm-bench.XXXXXX)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

cc -O2 -o "$folder/floor" "$project/tests/bench/floor.c"
cc -O2 -o "$folder/backends" "$project/tests/bench/backends.c" -lssl -lcrypto
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bench \
    -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null

# Many sockets and threads: as many as this machine grants.
ulimit -n "$(ulimit -H -n)"
built=$(built_in)/release
date +%Y-%m-%d
BENCH_FOLDER=$folder BENCH_FLOOR=$folder/floor BENCH_BACKENDS=$folder/backends \
    POOLMON_BIN=${POOLMON_BIN:-$built/poolmon} \
    timeout --foreground --kill-after=2 600 "$built/examples/bench" </dev/null
