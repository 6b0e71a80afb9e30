# shellcheck shell=bash
# Tools that come from the crate registry, as subcommands of cargo. Sourced after toolchain.sh.

# need_cargo_tool NAME VERSION: afterwards `cargo NAME` is of that version; outside the project's
# target folder nothing is installed.
need_cargo_tool() {
    local name=$1 version=$2
    # shellcheck disable=SC2154 # of toolchain.sh
    PATH=$target/tools/bin:$PATH
    [ "$(cargo "$name" --version 2>/dev/null | sed 's/.* //')" != "$version" ] || return 0
    say "compiling cargo-$name $version, once, into $target/tools ..."
    CARGO_TARGET_DIR=$target/tools/build cargo install --quiet --locked --root "$target/tools" \
        "cargo-$name@$version" || fail "cargo-$name $version cannot be had here"
    rm -rf "$target/tools/build"
}
