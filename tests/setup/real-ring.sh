# shellcheck shell=bash
# Whether scenes with real directors, and a soak, can run here, and which ones these are. Sourced; installs nothing.

# Words in their names, for cargo test's --skip.
# shellcheck disable=SC2034 # read by those who source this
real_ring_scenes=(
    scenes::ring::
    scenes::disagreement::
    scenes::maintenance::
    scenes::mailbox::
    a_real_ring_syncs_and_its_users
    a_director_alone_is_a_synced_ring
)

# Says why not, or nothing. Dovecot 2.4 has no director, and only root can start Dovecot with backends'
# and users' own rights.
real_ring_obstacle() {
    local version
    version=$(PATH=$PATH:/usr/sbin dovecot --version 2>/dev/null | cut -d ' ' -f 1)
    case $version in
    2.[23].*) [ "$(id -u)" = 0 ] || printf 'only root can start real Dovecot servers' ;;
    "") printf 'no Dovecot with a director is installed' ;;
    *) printf 'Dovecot %s has no director' "$version" ;;
    esac
}

# Says why a soak cannot run, or nothing: it cuts the network of a ring.
soak_obstacle() {
    local obstacle
    obstacle=$(real_ring_obstacle)
    if [ -n "$obstacle" ]; then
        printf '%s' "$obstacle"
    elif ! PATH=$PATH:/usr/sbin:/sbin unshare --net nft list ruleset >/dev/null 2>&1; then
        printf 'nft does not work in a network namespace'
    fi
}
