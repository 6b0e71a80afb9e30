#!/bin/bash
# `make bench`: poolmon beside the floor and HAProxy, in one table. About eight minutes.
# POOLMON_PERL: a Perl poolmon to measure too. BENCH_ONLY: some of cpu,idle,looking,start,failures,many.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" bench
take_toolchain
run_cargo build --release --bin poolmon --example bench

folder=$(mktemp -d /tmp/pm-bench.XXXXXX)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

cc -O2 -o "$folder/floor" "$project/tests/bench/floor.c" -lssl -lcrypto
cc -O2 -o "$folder/backends" "$project/tests/bench/backends.c" -lssl -lcrypto
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
# shellcheck disable=SC2086 # several words
openssl req -x509 $key -days 30 -subj /CN=bench-authority \
    -keyout "$folder/authority.key" -out "$folder/authority.pem" 2>/dev/null
# shellcheck disable=SC2086
openssl req $key -subj /CN=bench -addext subjectAltName=DNS:bench \
    -keyout "$folder/key.pem" -out "$folder/request.pem" 2>/dev/null
openssl x509 -req -in "$folder/request.pem" -copy_extensions copy -days 30 \
    -CA "$folder/authority.pem" -CAkey "$folder/authority.key" -CAcreateserial \
    -out "$folder/certificate.pem" 2>/dev/null

# Many sockets and threads: as many as this machine grants.
ulimit -n "$(ulimit -H -n)"
built=$(built_in)/release
date +%Y-%m-%d
BENCH_FOLDER=$folder BENCH_FLOOR=$folder/floor BENCH_BACKENDS=$folder/backends \
    POOLMON_BIN=${POOLMON_BIN:-$built/poolmon} \
    timeout --foreground --kill-after=2 1200 "$built/examples/bench" </dev/null
