# bash completion for poolmon. A test compares its options with the program's.

# What may stand behind a word such as status or explain: its options, as its help has them, and the backends.
_poolmon_word() {
    local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} word=${COMP_WORDS[1]} words=

    COMPREPLY=()
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == *-file ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
    fi
    if [[ $current == -* ]]; then
        words=$("$program" "$word" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | awk '!seen[$0]++')
    else
        words=$(grep -oE '"address":"[^"]*"' /run/poolmon/status.json 2>/dev/null | cut -d '"' -f 4 | sort -u)
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

_poolmon() {
    if [[ $COMP_CWORD -ge 2 && ${COMP_WORDS[1]} =~ ^(status|explain)$ ]]; then
        _poolmon_word
        return
    fi
    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} words=

    # bash takes --flush=mo for three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $option == = && $COMP_CWORD -ge 2 ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    COMPREPLY=()
    case $option in
    -S | --socket | --ca-file | -c | --credfile | -k | --lockfile | --state-file | --on-change | \
        --config | --accounts)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
        ;;
    -l | --logfile)
        mapfile -t COMPREPLY < <(compgen -W syslog -- "$current"; compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
        ;;
    --status-file | --metrics-file | --html-file | --record)
        mapfile -t COMPREPLY < <(compgen -W no -- "$current"; compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
        ;;
    --tls-name)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$current")
        return
        ;;
    --user)
        mapfile -t COMPREPLY < <(compgen -A user -- "$current")
        return
        ;;
    --group)
        mapfile -t COMPREPLY < <(compgen -A group -- "$current")
        return
        ;;
    # A colon parts words too; what comes after it is a number, which nobody completes.
    -p | --port) words="110 143 24 IMAP POP3 LMTP SIEVE SUBMISSION" ;;
    -s | --ssl) words="993 995 IMAP POP3 LMTP SIEVE SUBMISSION" ;;
    -v | --ssl-verify) words="0 1" ;;
    --flush) words="move drop none" ;;
    --starttls) words="auto require no" ;;
    --proxy-protocol) words="v1 v2 no" ;;
    --pool) words="director haproxy" ;;
    --restore) words="any own" ;;
    --max-down) words="all refuge 1 50%" ;;
    --max-moves) words="all 100" ;;
    -i | --interval) words="5 10 30" ;;
    --login-interval) words="0 30 60" ;;
    -t | --timeout) words="2 5 10" ;;
    --retries) words="0 4" ;;
    --retry-delay) words="0.5 3" ;;
    --rise | --fall) words="1 2 3" ;;
    --down-delay) words="0 30" ;;
    --hold) words="60 300" ;;
    --lmtp-from | --lmtp-to | --haproxy-proxies) return ;;
    *)
        [[ $COMP_CWORD -ne 1 || $current == -* ]] || words="status explain check replay "
        words+="--pool -S --socket --haproxy-proxies -p --port -s --ssl -v --ssl-verify --tls-name --ca-file -c --credfile
            --starttls --require-tls --proxy-protocol --lmtp-from --lmtp-to -i --interval --login-interval -t --timeout --retries --retry-delay
            --flush --max-moves --rise --fall --restore --max-down --down-delay --hold --on-change
            -n --dry-run --config --accounts --write-missing-config --check-config --once
            -f --foreground -k --lockfile -l --logfile --state-file --status-file --metrics-file
            --html-file --record --user --group -d --debug -h --help --help-all --version"
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _poolmon poolmon dovemon
