# bash completion for poolmon. A test compares its options with the program's.

_poolmon_options="--pool -S --socket --haproxy-proxies -p --port -s --ssl -v --ssl-verify --tls-name --ca-file
    -c --credfile --starttls --require-tls --proxy-protocol --lmtp-from --lmtp-to -i --interval --login-interval
    -t --timeout --retries --retry-delay --flush --max-moves --rise --fall --restore --max-down --down-delay --hold
    --on-change -n --dry-run --config --accounts --write-missing-config --check-config --once -f --foreground
    -k --lockfile -l --logfile --state-file --status-file --metrics-file --html-file --record --user --group
    -d --debug -h --help --help-all --version"

# The addresses of the backends, from the status file that this line names, or else from the usual one.
_poolmon_backends() {
    local file=/run/poolmon/status.json place

    for ((place = 1; place < COMP_CWORD; place++)); do
        [[ ${COMP_WORDS[place]} == --status-file ]] || continue
        file=${COMP_WORDS[place + 1]}
        [[ $file != = ]] || file=${COMP_WORDS[place + 2]}
    done
    grep -oE '"address":"[^"]*"' -- "$file" 2>/dev/null | cut -d '"' -f 4 | sort -u
}

_poolmon_files() {
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
}

# What may stand behind status and explain, which have options of their own. These stand here without their
# dashes: the test takes each word with dashes for an option of the monitor.
_poolmon_shown() {
    case $word:${option#--} in
    *:status-file) _poolmon_files; return ;;
    *:at | status:tag) return ;;
    status:backend) words=$(_poolmon_backends) ;;
    status:sort) words="worst address tag users latency" ;;
    status:since) words="30m 1h 1d" ;;
    *)
        if [[ $current == -* ]]; then
            words=$("${COMP_WORDS[0]}" "$word" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | awk '!seen[$0]++')
        else
            [[ $word != explain ]] || words=$(_poolmon_backends)
            # With a time, a recording comes last.
            [[ ! "${COMP_WORDS[*]}" =~ \ -[-]at[\ =] ]] || _poolmon_files
        fi
        ;;
    esac
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$current")
}

_poolmon() {
    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} word="" words=

    [[ $COMP_CWORD -lt 2 ]] || word=${COMP_WORDS[1]}
    # bash takes --flush=mo for three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $option == = && $COMP_CWORD -ge 2 ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    COMPREPLY=()
    if [[ $word == status || $word == explain ]]; then
        _poolmon_shown
        return
    fi
    case $option in
    -S | --socket | --ca-file | -c | --credfile | -k | --lockfile | --state-file | --on-change | \
        --config | --accounts)
        _poolmon_files
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
        case $word:$current in
        # The rules' own, as its help has them.
        replay:-*)
            words="--retries --retry-delay --rise --fall --restore --max-down --down-delay --hold --flush --max-moves
                --help"
            ;;
        replay:*) _poolmon_files; return ;;
        check:-*) words=$_poolmon_options ;;
        check:*) words=$(_poolmon_backends) ;;
        *)
            [[ $COMP_CWORD -ne 1 || $current == -* ]] || words="status explain check replay "
            words+=$_poolmon_options
            ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _poolmon poolmon dovemon
