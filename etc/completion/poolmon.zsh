#compdef poolmon dovemon
# zsh completion for poolmon. A test compares its options with the program's.

# The addresses of the backends, from the status file that this line names, or else from the usual one.
_poolmon_backends() {
    local file=/run/poolmon/status.json place
    for (( place = 2; place < CURRENT; place++ )); do
        [[ ${words[place]} == --status-file* ]] || continue
        file=${words[place]#*=}
        [[ ${words[place]} == *=* ]] || file=${words[place+1]}
    done
    compadd -- ${(f)"$(grep -oE '"address":"[^"]*"' -- ${(Q)file} 2>/dev/null | cut -d '"' -f 4 | sort -u)"}
}

# status and explain have options of their own. These stand here without their dashes: the test takes each
# word with dashes for an option of the monitor.
_poolmon_shown() {
    local word=${words[2]} option=${words[CURRENT-1]}
    if [[ $PREFIX == --*=* ]]; then
        option=${PREFIX%%=*}
        compset -P '*='
    fi
    case $word:${option#--} in
        *:status-file) _files ;;
        *:at | status:tag) return 1 ;;
        status:backend) _poolmon_backends ;;
        status:sort) compadd -- worst address tag users latency ;;
        status:since) compadd -- 30m 1h 1d ;;
        *)
            if [[ $PREFIX == -* ]]; then
                compadd -- ${(f)"$(${words[1]} $word --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+')"}
                return
            fi
            [[ $word != explain ]] || _poolmon_backends
            # With a time, a recording comes last.
            (( ${words[(I)-[-]at*]} )) && _files
            ;;
    esac
}

if (( CURRENT > 2 )) && [[ ${words[2]} == (status|explain) ]]; then
    _poolmon_shown
    return
fi
if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
    compadd -- status explain check replay
    return
fi

local -a specs
specs=(
    '--pool=[what the backends stand behind]:kind:(director haproxy)'
    '(-S --socket)'{-S+,--socket=}'[the admin socket of the director, or the stats socket of HAProxy]:socket:_files'
    '--haproxy-proxies=[names of the HAProxy sections to watch]:names: '
    '*'{-p+,--port=}'[check this port, starting in plain text]:port:(110 143 24 IMAP\: POP3\: LMTP\: SIEVE\: SUBMISSION\:)'
    '*'{-s+,--ssl=}'[check this port, with TLS from the start]:port:(993 995 IMAP\: POP3\: LMTP\: SIEVE\: SUBMISSION\:)'
    '(-v --ssl-verify)'{-v+,--ssl-verify=}'[check certificates and the names in them]:switch:(0 1)'
    '--tls-name=[the name that every certificate must have]:name:_hosts'
    '--ca-file=[certificates to trust in addition to those of the system]:PEM file:_files'
    '--starttls=[when plain text changes to TLS]:when:(auto require no)'
    '--proxy-protocol=[begin each connection with a PROXY header]:version:(v1 v2 no)'
    '--require-tls[send a password only over TLS with a verified certificate]'
    '(-c --credfile)'{-c+,--credfile=}'[log in with the account of this file]:file:_files'
    '--lmtp-from=[the sender of an LMTP check]:address: '
    '--lmtp-to=[the recipient of an LMTP check]:address: '
    '(-i --interval)'{-i+,--interval=}'[seconds between two checks of a backend]:seconds: '
    '--login-interval=[pause between two logins while all is well]:seconds: '
    '(-t --timeout)'{-t+,--timeout=}'[seconds that one attempt may take]:seconds: '
    '--retries=[how often a port is tried again before it has failed]:number: '
    '--retry-delay=[seconds before the first retry]:seconds: '
    '--flush=[what happens to the users of a down backend]:way:(move drop none)'
    '--max-moves=[how many users are moved at a time]:number or all:(all)'
    '--rise=[healthy rounds before a backend counts as healthy]:number: '
    '--fall=[failed rounds before a backend counts as failed]:number: '
    '--restore=[which down backends are brought up again]:which:(any own)'
    '--max-down=[how many backends of a tag may be down]:number, share or word:(refuge all)'
    '--down-delay=[seconds failed before it is taken down]:seconds: '
    '--hold=[seconds to wait before what somebody else took down is brought up]:seconds: '
    '--on-change=[run this program at each change]:program:_files'
    '(-n --dry-run)'{-n,--dry-run}'[log what would be done; change nothing]'
    '--config=[the configuration of dovemon]:YAML file:_files'
    '--accounts=[the test accounts of dovemon]:YAML file:_files'
    '--write-missing-config[write the defaults if there is no configuration]'
    '--check-config[say what would be checked, and end]'
    '--once[check once, print the result, change nothing]'
    '(-f --foreground)'{-f,--foreground}'[stay in the foreground]'
    '(-k --lockfile)'{-k+,--lockfile=}'[the PID file]:file:_files'
    '(-l --logfile)'{-l+,--logfile=}'[where to log]:target:{_alternative "names\:target\:(syslog)" "files\:file\:_files"}'
    '--state-file=[what must survive a restart]:file:_files'
    '--status-file=[where to write the status as JSON]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}'
    '--metrics-file=[where to write metrics for Prometheus]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}'
    '--html-file=[where to write a page that shows the status]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}'
    '--record=[where to record everything that the monitor sees]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}'
    '--user=[become this user for good]:user:_users'
    '--group=[this group instead of that of the user]:group:_groups'
    '(-d --debug)'{-d,--debug}'[log each check, too]'
    '(- *)'{-h,-\?,--help}'[print the common options]'
    '(- *)--help-all[print all options]'
    '(- *)--version[print the version]'
)
if (( CURRENT > 2 )) && [[ ${words[2]} == (check|replay) ]]; then
    if [[ ${words[2]} == check ]]; then
        specs+=('*:backend:_poolmon_backends')
    else
        # The rules' own, as its help has them.
        specs=(
            ${(M)specs:#*--(retries|retry-delay|rise|fall|restore|max-down|down-delay|hold|flush|max-moves|help)[=\[]*}
            '*:recording:_files'
        )
    fi
    words[2]=()
    (( CURRENT-- ))
fi
_arguments -s -S $specs
