#!/bin/bash
# Writes the source as poolmon-VERSION.tar.gz into a folder, and prints its path.
#
#   tarball.sh FOLDER
#
# The same files give the same archive, bit for bit, whoever makes it wherever and whenever: order,
# owner, rights and times are fixed, these from the last entry of init/debian/changelog. A tree that
# came out of such an archive gives that archive again.
set -euo pipefail
# shellcheck source=tests/setup/toolchain.sh
. "$(dirname "${BASH_SOURCE[0]}")/toolchain.sh"

[ $# = 1 ] || fail "usage: tarball.sh FOLDER"
version=$(version_of_source)
name=poolmon-$version
mkdir -p "$1"
folder=$(cd "$1" && pwd)

# Without git, all but what a build makes.
list() {
    if [ -e .git ]; then
        git ls-files -z
        git diff --quiet HEAD || say "the archive has changes that are not committed" >&2
    else
        find . -path ./target -prune -o -path ./debian -prune -o ! -type d -printf '%P\0'
    fi
}

cd "$project"
list | LC_ALL=C sort -z | tar --create --null --no-recursion --files-from=- --format=ustar \
    --mtime="@$(source_date)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --transform="s,^,$name/," | gzip -9 -n >"$folder/$name.tar.gz.new"
mv "$folder/$name.tar.gz.new" "$folder/$name.tar.gz"
say "$folder/$name.tar.gz"
