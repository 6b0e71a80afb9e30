#!/bin/bash
# `make deb`: the Debian package, built from the archive that `make dist` makes, and lintian's word
# on it. `make deb-debian`: the same with Debian's own compiler and packaged crates, offline.
#
#   deb.sh [TOOLCHAIN]      debian or current; without: what `make` takes
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

export TOOLCHAIN=${1:-${TOOLCHAIN:-}}
choose_toolchain
export TOOLCHAIN=$toolchain
if [ $# = 0 ]; then
    folder=$target/deb
else
    folder=$target/deb-$1
fi
bash "$project/tests/setup/packages.sh" package
describe_toolchain

rm -rf "$folder"
archive=$(bash "$project/tests/setup/tarball.sh" "$folder")
tree=$folder/build/$(basename "$archive" .tar.gz)
mkdir "$folder/build"
tar -x -C "$folder/build" -f "$archive"
mv "$archive" "$folder/build/poolmon_$(version_of_source).orig.tar.gz"
cp -r "$tree/init/debian" "$tree/debian"

# The tests are run by `make check` and `make check-debian`.
export DEB_BUILD_OPTIONS=nocheck
options=()
if [ "$toolchain" = current ]; then
    # This compiler and its crates come from elsewhere than from packages.
    options+=(--no-check-builddeps)
    # debhelper gives a build a home of its own.
    export CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
fi
# What the caller builds with says nothing about where this is built.
unset CARGO_TARGET_DIR
(cd "$tree" && dpkg-buildpackage -us -uc "${options[@]}") >"$folder/build.log" 2>&1 || {
    tail -n 40 "$folder/build.log" >&2
    fail "the package could not be built; all that was said: $folder/build.log"
}
rm -rf "$tree"
mv "$folder"/build/* "$folder/"
rmdir "$folder/build"

say "== lintian"
# As root it would only say that it is root.
lintian --allow-root --tag-display-limit 0 --fail-on error,warning --info "$folder"/*.changes
say "lintian has no error and no warning"
(cd "$folder" && stat -c '%s bytes  %n' ./*.deb && sha256sum ./*.deb)
