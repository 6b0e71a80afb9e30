#compdef poolmon dovemon
# zsh completion for poolmon. A test compares its options with the program's.

# What may stand behind a word such as status or explain: its options, as its help has them, and the backends.
if (( CURRENT > 2 )) && [[ ${words[2]} == (status|explain) ]]; then
    if [[ ${words[CURRENT-1]} == *-file ]]; then
        _files
    elif [[ $PREFIX == -* ]]; then
        compadd -- ${(f)"$(${words[1]} ${words[2]} --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+')"}
    else
        compadd -- ${(f)"$(grep -oE '"address":"[^"]*"' /run/poolmon/status.json 2>/dev/null | cut -d '"' -f 4 | sort -u)"}
    fi
    return
fi
if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
    compadd -- status explain check replay
    return
fi

_arguments -s -S \
    '--pool=[what the backends stand behind]:kind:(director haproxy)' \
    '(-S --socket)'{-S+,--socket=}'[the admin socket of the director, or the stats socket of HAProxy]:socket:_files' \
    '--haproxy-proxies=[which sections of HAProxy are watched]:names: ' \
    '*'{-p+,--port=}'[check this port without TLS from the start]:port:(110 143 24 IMAP\: POP3\: LMTP\: SIEVE\: SUBMISSION\:)' \
    '*'{-s+,--ssl=}'[check this port with TLS from the start]:port:(993 995 IMAP\: POP3\: LMTP\: SIEVE\: SUBMISSION\:)' \
    '(-v --ssl-verify)'{-v+,--ssl-verify=}'[check certificates and the names in them]:switch:(0 1)' \
    '--tls-name=[the name every certificate has to bear]:name:_hosts' \
    '--ca-file=[certificates to trust beside those of the system]:PEM file:_files' \
    '--starttls=[when a clear port turns to TLS]:when:(auto require no)' \
    '--proxy-protocol=[begin each connection with a PROXY header]:version:(v1 v2 no)' \
    '--require-tls[send a password only over TLS with a verified certificate]' \
    '(-c --credfile)'{-c+,--credfile=}'[log in with the account of this file]:file:_files' \
    '--lmtp-from=[the sender an LMTP check names]:address: ' \
    '--lmtp-to=[the recipient an LMTP check asks for]:address: ' \
    '(-i --interval)'{-i+,--interval=}'[pause between two checks of a backend]:seconds: ' \
    '(-t --timeout)'{-t+,--timeout=}'[how long one attempt may take]:seconds: ' \
    '--retries=[further attempts before a port has failed for good]:number: ' \
    '--retry-delay=[pause before the first further attempt]:seconds: ' \
    '--flush=[what happens to the users of a down backend]:way:(move drop none)' \
    '--max-moves=[how many users are moved at a time]:number or all:(all)' \
    '--rise=[healthy rounds before a backend counts as healthy]:number: ' \
    '--fall=[failed rounds before a backend counts as failed]:number: ' \
    '--restore=[which down backends are brought up again]:which:(any own)' \
    '--max-down=[how many backends of a tag may be down]:number, share or word:(refuge all)' \
    '--down-delay=[how long failed before it is taken down]:seconds: ' \
    '--hold=[how long a down by somebody else is respected]:seconds: ' \
    '--on-change=[run this program at each change]:program:_files' \
    '(-n --dry-run)'{-n,--dry-run}'[log what would be done, change nothing]' \
    '--config=[the configuration of dovemon]:YAML file:_files' \
    '--accounts=[the test accounts of dovemon]:YAML file:_files' \
    '--write-missing-config[write the defaults if there is no configuration]' \
    '--check-config[say what would be checked, and end]' \
    '--once[check once, print the result, change nothing]' \
    '(-f --foreground)'{-f,--foreground}'[do not go to the background]' \
    '(-k --lockfile)'{-k+,--lockfile=}'[the PID file]:file:_files' \
    '(-l --logfile)'{-l+,--logfile=}'[where to log]:target:{_alternative "names\:target\:(syslog)" "files\:file\:_files"}' \
    '--state-file=[what has to outlive a restart]:file:_files' \
    '--status-file=[where to write how all stands, as JSON]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}' \
    '--metrics-file=[where to write metrics for Prometheus]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}' \
    '--html-file=[where to write a page that shows how all stands]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}' \
    '--record=[where to record all that the monitor is told]:file or no:{_alternative "words\:word\:(no)" "files\:file\:_files"}' \
    '--user=[become this user once all that takes root is open]:user:_users' \
    '--group=[this group in place of that of the user]:group:_groups' \
    '(-d --debug)'{-d,--debug}'[log each check too]' \
    '(- *)'{-h,-\?,--help}'[print a help text]' \
    '(- *)--version[print the version]'
