# shellcheck shell=bash
# Chooses the compiler and runs cargo with it. Sourced by the other scripts; installs nothing.
#
# "current": cargo and rustc of 1.88 or newer, and the crates that Cargo.lock names, one of which
#            (time) needs that much.
# "debian":  Debian's own rustc and cargo with its packaged crates, offline, as a distribution
#            builds. Cargo.lock does not count there: it pins versions that Debian does not have.
# TOOLCHAIN=current or TOOLCHAIN=debian in the environment overrules the choice.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
current_from=1.88
target=${CARGO_TARGET_DIR:-$project/target}
debian_tree=$target/debian/tree
debian_home=$target/debian/cargo-home

say() {
    printf '%s\n' "$*"
}

# For what must not be overlooked: on the terminal and in a log it stands apart.
say_loudly() {
    printf '\n'
    printf '  ** %s\n' "$@"
    printf '\n'
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

version_of_source() {
    sed -n '1,/^version = /s/^version = "\(.*\)"/\1/p' "$project/Cargo.toml"
}

# Seconds since 1970 of the last entry in the package's changelog: the time of all that is built from
# this source for others.
source_date() {
    date -u +%s -d "$(sed -n '/^ -- /{s/.*>  //p;q;}' "$project/init/debian/changelog")"
}

# at_least 1.88 "cargo 1.95.0 (f2d3ce0bd 2026-03-21)"
at_least() {
    local wanted=$1 have
    have=$(printf '%s\n' "$2" | sed -n '1s/^[a-z]* \([0-9][0-9.]*\).*/\1/p')
    [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ]
}

# rustup's folder is not in the PATH of a shell that was open when rustup came.
find_current_cargo() {
    local folder
    for folder in "" "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"; do
        # A rustup proxy without a toolchain is there and answers nothing.
        if at_least $current_from "$(PATH=${folder:+$folder:}$PATH cargo --version 2>/dev/null)" &&
            at_least $current_from "$(PATH=${folder:+$folder:}$PATH rustc --version 2>/dev/null)"; then
            [ -z "$folder" ] || PATH=$folder:$PATH
            return 0
        fi
    done
    return 1
}

choose_toolchain() {
    toolchain=${TOOLCHAIN:-}
    case $toolchain in
    current)
        find_current_cargo || fail "TOOLCHAIN=current: no cargo and rustc of $current_from or newer here"
        ;;
    debian) ;;
    "")
        if find_current_cargo; then
            toolchain=current
        else
            toolchain=debian
        fi
        ;;
    *) fail "TOOLCHAIN=$toolchain: must be current or debian" ;;
    esac
}

describe_toolchain() {
    case $toolchain in
    current) say "toolchain: $(cargo --version), crates as in Cargo.lock" ;;
    debian) say "toolchain: $(/usr/bin/rustc --version) and the crates packaged by the distribution" ;;
    esac
}

# Where the binaries of this toolchain land.
built_in() {
    case $toolchain in
    current) printf '%s\n' "$target" ;;
    debian) printf '%s\n' "$target/debian" ;;
    esac
}

# cargo 0.66 cannot work beside our Cargo.lock, so it gets a folder of links to all the rest.
# A cargo home of its own keeps the source replacement out of everybody else's builds.
lay_debian_tree() {
    local entry
    rm -rf "$debian_tree"
    mkdir -p "$debian_tree" "$debian_home"
    for entry in "$project"/*; do
        case $entry in
        "$target" | */target | */Cargo.lock) ;;
        *) ln -s "$entry" "$debian_tree/" ;;
        esac
    done
    # Without build.rustc a newer rustc that comes earlier in PATH would be used silently.
    cat >"$debian_home/config.toml" <<'END'
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "/usr/share/cargo/registry"
[net]
offline = true
[build]
rustc = "/usr/bin/rustc"
END
}

# Chooses, says what was chosen, and makes it ready for run_cargo.
take_toolchain() {
    choose_toolchain
    describe_toolchain
    [ "$toolchain" = current ] || lay_debian_tree
}

# PACKAGE_BUILD=yes, for those who build a package: the folders of the builder stand in no binary, so
# that two builds in two folders are the same bit for bit. packages.sh installs nothing then.
prepare_package_build() {
    local folder flags=
    [ "${PACKAGE_BUILD:-}" = yes ] || return 0
    # Which folders these are is known once the crates are there.
    [ "$toolchain" = debian ] || (cd "$project" && cargo fetch --locked)
    for folder in "${CARGO_HOME:-${HOME:-/root}/.cargo}"/registry/src/*; do
        [ ! -d "$folder" ] || flags+=$'\x1f'"--remap-path-prefix=$folder=/crates"
    done
    for folder in "$debian_tree" "$project"; do
        flags+=$'\x1f'"--remap-path-prefix=$folder=/build/poolmon"
    done
    # Parted as cargo wants it, because folders may have blanks.
    export CARGO_ENCODED_RUSTFLAGS=${flags#?} CARGO_INCREMENTAL=0
}

# The environment is emptied so that no RUSTFLAGS or RUSTC_WRAPPER of the caller has a say.
# Only what the tests and our own scripts use is let through.
cargo_of_debian() (
    [ -e "$debian_home/config.toml" ] && [ -e "$debian_tree/Cargo.toml" ] || lay_debian_tree
    cd "$debian_tree" || exit
    passed=()
    for name in POOLMON_BIN POOLMON_DAYS POOLMON_FLIPS POOLMON_TEST_SLOWNESS RUST_TEST_THREADS RUST_BACKTRACE RUSTDOCFLAGS \
        TMPDIR CI \
        CARGO_PROFILE_DEV_DEBUG CARGO_PROFILE_RELEASE_DEBUG CARGO_PROFILE_RELEASE_STRIP \
        CARGO_PROFILE_RELEASE_LTO CARGO_PROFILE_RELEASE_CODEGEN_UNITS CARGO_ENCODED_RUSTFLAGS \
        CARGO_INCREMENTAL; do
        [ -z "${!name+x}" ] || passed+=("$name=${!name}")
    done
    exec env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME="$debian_home" CARGO_HOME="$debian_home" \
        CARGO_TARGET_DIR="$target/debian" "${passed[@]}" /usr/bin/cargo "$@"
)

# run_cargo SUBCOMMAND ARGUMENT...
run_cargo() {
    local subcommand=$1
    shift
    case $toolchain in
    current) (cd "$project" && cargo "$subcommand" --locked "$@") ;;
    debian) cargo_of_debian "$subcommand" --offline "$@" ;;
    esac
}

# Reads no lock file and takes no --locked.
run_cargo_fmt() {
    case $toolchain in
    current) (cd "$project" && cargo fmt --check) ;;
    debian) cargo_of_debian fmt --check ;;
    esac
}
