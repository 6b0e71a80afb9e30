#compdef check_poolmon
# zsh completion for check_poolmon. A test compares its options with the program's.

_arguments -s -S \
    '(-w --warning)'{-w+,--warning=}'[warn outside this range of standing backends]:range of standing backends: ' \
    '(-c --critical)'{-c+,--critical=}'[critical outside this range of standing backends]:range of standing backends: ' \
    '--warning-cert=[warn outside this range of days of a certificate]:range of days: ' \
    '--critical-cert=[critical outside this range of days of a certificate]:range of days: ' \
    '--tag=[only the backends with this tag]:tag: ' \
    '--status-file=[the status file of the monitor]:status file:_files' \
    '(-t --timeout)'{-t+,--timeout=}'[how long reading may take]:seconds: ' \
    '(-v --verbose)'{-v,--verbose}'[a line for every backend]' \
    '(- *)'{-h,--help}'[print a help text]' \
    '(- *)'{-V,--version}'[print the version]'
