# bash completion for check_poolmon. A test compares its options with the program's.

_check_poolmon() {
    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} words=

    COMPREPLY=()
    case $option in
    --status-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
        ;;
    -w | --warning | -c | --critical | --warning-cert | --critical-cert | --tag | -t | --timeout) return ;;
    *)
        words="-w --warning -c --critical --warning-cert --critical-cert --tag
            --status-file -t --timeout -v --verbose -h --help -V --version"
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _check_poolmon check_poolmon
