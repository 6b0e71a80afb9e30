#!/bin/bash
# `make rpm`: the package for RHEL and its relatives, built from the archive that `make dist` makes
# with init/poolmon.spec, and rpmlint's word on both.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

bash "$project/tests/setup/packages.sh" rpm
choose_toolchain
describe_toolchain
folder=$target/rpm
rm -rf "$folder"
mkdir -p "$folder/build"
bash "$project/tests/setup/tarball.sh" "$folder" >/dev/null
# What is needed comes from elsewhere than from RPMs; what the caller builds with says nothing here. No
# source package: it would name this folder, and archive and spec are all there is to it.
env -u CARGO_TARGET_DIR TOOLCHAIN="$toolchain" rpmbuild -bb --nodeps --define "_topdir $folder/build" \
    --define "_sourcedir $folder" --define "_rpmdir $folder" \
    --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
    "$project/init/poolmon.spec" >"$folder/build.log" 2>&1 || {
    tail -n 40 "$folder/build.log" >&2
    fail "the package could not be built; all that was said: $folder/build.log"
}
rm -rf "$folder/build" "$folder"/*.tar.gz

say "== what it needs"
rpm -qp --requires "$folder"/*.rpm | sort -u
# The glibc of RHEL 9; a newer one would be needed for no reason that we know.
newest=$(rpm -qp --requires "$folder"/*.rpm | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' | sort -V | tail -n 1)
[ "$(printf '%s\n' "$newest" 2.34 | sort -V | tail -n 1)" = 2.34 ] || say_loudly "needs glibc $newest: not for RHEL 9"
say "== rpmlint"
rpmlint --config "$project/init/rpmlint.toml" "$folder"/*.rpm "$project/init/poolmon.spec" | tee "$folder/rpmlint.log"
grep -q ' 0 errors, 0 warnings' "$folder/rpmlint.log" || fail "rpmlint has found something"
(cd "$folder" && stat -c '%s bytes  %n' ./*.rpm && sha256sum ./*.rpm)
