#!/bin/bash
# `make dist`: what is given to others, in target/dist: the source archive, a bill of materials in
# CycloneDX's format, and SHA256SUMS over both. The same source gives the same bits.
#
# The bill tells of the crates that Cargo.lock names, for Linux on x86_64. Of a package made with a
# distribution's crates its .buildinfo tells.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"
# shellcheck source=tests/setup/cargo-tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/cargo-tools.sh"

folder=$target/dist
rm -rf "$folder"
archive=$(bash "$project/tests/setup/tarball.sh" "$folder")
name=$(basename "$archive" .tar.gz)

choose_toolchain
if [ "$toolchain" = current ]; then
    need_cargo_tool cyclonedx 0.5.9
    # It writes beside the Cargo.toml that it reads, and names its folder.
    tar -x -C "$folder" -f "$archive"
    (cd "$folder/$name" && SOURCE_DATE_EPOCH=$(source_date) cargo cyclonedx --quiet --format json \
        --spec-version 1.5 --target x86_64-unknown-linux-gnu --override-filename bill)
    # The one package that is a folder is this one.
    sed "s,path+file://[^#\"]*,path+file:///$name,g" "$folder/$name/bill.json" >"$folder/$name.cdx.json"
    rm -rf "${folder:?}/$name"
else
    say_loudly "no bill of materials: it takes cargo $current_from or newer"
fi
cd "$folder"
files=(poolmon-*)
sha256sum "${files[@]}" >SHA256SUMS
cat SHA256SUMS
