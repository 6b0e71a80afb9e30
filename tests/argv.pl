#!/usr/bin/perl
# Asks Getopt::Long, configured as poolmon configured it, what it makes of argument vectors.
#
#   argv.pl                       the vectors below: tests/data/argv.table
#   argv.pl random SEED COUNT     made-up ones
#
# Each line is the words, a tab, and "refused" or what was understood. All but plain characters are
# written as %XX, and an empty word as a lone %. Integers of 19 digits and more are written as
# "large", because Perl turns them into floating point.
#
# What is compared is how the words are read. That our poolmon refuses a first word of letters alone which is none of
# its commands, where Perl's ignored it as an operand, is decided before they are read and is not compared.
use strict;
use warnings;
use Getopt::Long ();

delete $ENV{POSIXLY_CORRECT};
Getopt::Long::Configure('bundling');

my @specification = (
    'debug|d',     'foreground|f', 'dry-run|n',    'help|h|?',
    'interval|i=i', 'lockfile|k=s', 'logfile|l=s',  'port|p=s@',
    'ssl|s=s@',    'ssl-verify|v=i', 'credfile|c=s', 'lmtp-from=s',
    'lmtp-to=s',   'socket|S=s',   'timeout|t=i',
);
my %integer = map { $_ => 1 } qw(interval ssl-verify timeout);

sub written {
    my ($word) = @_;
    return '%' if $word eq '';
    $word =~ s{([^A-Za-z0-9_/.:=+?@-])}{sprintf '%%%02X', ord $1}ge;
    return $word;
}

sub verdict {
    my @words = @_;
    my %given;
    local $SIG{__WARN__} = sub { };
    Getopt::Long::GetOptionsFromArray( \@words, \%given, @specification )
      or return 'refused';
    my @understood;
    for my $name ( sort keys %given ) {
        my $value = $given{$name};
        if ( ref $value ) {
            push @understood, "$name=" . join ',', map { written($_) } @$value;
        }
        elsif ( $integer{$name} ) {
            push @understood, "$name=" . ( abs($value) >= 1e18 ? 'large' : $value );
        }
        elsif ( $name =~ /^(?:debug|foreground|dry-run|help)$/ ) {
            push @understood, $name;
        }
        else {
            push @understood, "$name=" . written($value);
        }
    }
    return join ' ', @understood, '--', map { written($_) } @words;
}

sub show_line {
    my @words = @_;
    print join( ' ', map { written($_) } @words ), "\t", verdict(@words), "\n";
}

if ( @ARGV == 3 && $ARGV[0] eq 'random' ) {
    srand $ARGV[1];
    show_line( random_words() ) for 1 .. $ARGV[2];
    exit;
}
die "usage: argv.pl [random SEED COUNT]\n" if @ARGV;
print "# Made by tests/argv.pl with Getopt::Long; do not edit.\n";
show_line(@$_) for vectors();

sub pick { return $_[ rand @_ ] }

sub random_words {
    return map { random_word() } 1 .. int rand 5;
}

# Mostly well-formed words with something odd now and then; a third of the vectors is refused.
sub random_word {
    my @names   = map { /^([^|=]+)/ ? $1 : () } @specification;
    my @letters = qw(d f n h ? i k l p s v c S t);
    my @values  = ( qw(143 30 5 imap:143 /x/y - -- -d -5 +5 1_0 _5 0 x 5x syslog =), '', "\xff/a", "5\n", ' 5',
        '123456789012345678901234' );
    my $kind = rand;
    if ( $kind < 0.30 ) {    # a long name, perhaps cut, perhaps shouted, perhaps with a value
        my $name = pick(@names);
        $name = substr $name, 0, 1 + int rand length $name if rand() < 0.5;
        $name = join '', map { rand() < 0.5 ? uc : $_ } split //, $name if rand() < 0.3;
        $name .= '=' . pick(@values) if rand() < 0.4;
        return ( rand() < 0.05 ? '+' : '--' ) . $name;
    }
    if ( $kind < 0.65 ) {    # a bundle
        my $bundle = '-';
        for ( 1 .. 1 + int rand 4 ) {
            $bundle .= pick( @letters, qw(d f n i i p) );
            $bundle .= pick(@values) if rand() < 0.25;
        }
        return $bundle;
    }
    return pick(@values) if $kind < 0.92;
    return join '', map { pick( @letters, '-', '-', '+', '=', '_', qw(0 1 9), "\n", ' ', "\xc3" ) } 0 .. int rand 6;
}

sub vectors {
    return (
        [],
        # Values: attached, apart, behind an equals sign.
        ['-p143'], [ '-p', '143' ], ['--port=143'], [ '--port', '143' ], ['-p=143'], ['--port='],
        ['--port'], ['-p'], [ '-p', '' ], [ '--port', '' ], ['-pIMAP:143'], ['--port=imap:143'],
        [ '-p', '143', '-p', '110' ], [ '-p', '143', '--port=993', '-p110' ], [ '-s', '993', '-s995' ],
        [ '-p', '143', '-s', '993' ], [ '-ps', '993' ], [ '-sp', '143' ],
        # Flags and bundles.
        ['-d'], ['-f'], ['-n'], ['-h'], ['-?'], ['-dfn'], ['-ndf'], [ '-d', '-f', '-n' ], ['-dd'], [ '-d', '-d' ],
        ['-dfi30'], ['-dfi30n'], ['-i30d'], ['-i30dfn'], [ '-dfi', '30' ], ['-df30'], ['-di30t5'], ['-i30p143'],
        ['-dp143'], ['-dp143f'], ['-dfnp', '143'], ['-d?'], ['-d-'], [ '-d-', '-f' ], ['-d--'], ['-d-port'],
        [ '-d-port', '9' ], ['-d-port=9'], ['-i30-d'], ['-i30-f-n'], ['-i30--debug'], ['-i30-'], [ '-i30-', '-d' ],
        ['-d='], ['-d=1'], ['-d 1'], ['-D'], ['-F'], ['-I5'], ['-P143'], ['-x'], ['-dx'], ['-xd'], ['-1'], ['-'],
        # Short names have their case.
        [ '-S', '/s' ], ['-S/s'], [ '-s', '/s' ], ['-dS/s'], [ '-V', '1' ], [ '-C', 'x' ],
        # Long names, in full, cut, in any case.
        ['--debug'], ['--foreground'], ['--dry-run'], ['--help'], ['--?'],
        [ '--interval', '5' ], [ '--lockfile', 'x' ], [ '--logfile', 'x' ], [ '--ssl', '993' ], [ '--ssl-verify', '0' ],
        [ '--credfile', 'x' ], [ '--lmtp-from', 'a@b' ], [ '--lmtp-to', 'a@b' ], [ '--socket', 'x' ],
        [ '--timeout', '5' ],
        [ '--int', '5' ], ['--int=5'], ['--fore'], ['--de'], ['--d'], ['--dr'], ['--dry'], ['--n'], ['--f'], ['--fo'],
        ['--h'], ['--he'], [ '--logf', 'x' ], ['--logf=x'], [ '--lock', 'x' ], [ '--lo', 'x' ], [ '--loc', 'x' ],
        [ '--log', 'x' ], [ '--l', 'x' ], [ '--k', 'x' ], [ '--lm', 'x' ], [ '--lmtp', 'x' ], [ '--lmtp-', 'x' ],
        [ '--lmtp-f', 'x' ], [ '--lmtp-t', 'x' ], [ '--s', '1' ], [ '--S', '1' ], [ '--ss', '1' ], [ '--ssl', '1' ],
        [ '--ssl-', '1' ], [ '--ssl-v', '1' ], [ '--so', 'x' ], [ '--SO', 'x' ], [ '--v', '0' ], [ '--i', '5' ],
        ['--i=5'], [ '--t', '5' ], [ '--ti', '5' ], [ '--c', 'x' ], [ '--cred', 'x' ], [ '--p', '1' ], [ '--po', '1' ],
        ['--DEBUG'], ['--Debug'], ['--dEb'], [ '--PORT', '1' ], ['--Port=1'], ['--INT=5'], ['--SSL-Verify=0'],
        [ '--LoGFile', 'x' ], ['--debugx'], ['--x'], ['--nodebug'], ['--no-debug'], ['--dry_run'], ['--interval5'],
        ['--debug='], ['--debug=1'], ['--d=1'], ['--help=x'], ['--=x'], ['--='], ['---'], ['---d'], ['---debug'],
        ["--debug\n"], ["--de\n"],
        # The other starter.
        ['+'], ['+d'], ['+debug'], ['+D'], [ '+int', '5' ], ['+interval=5'], ['+p=1'], [ '+p', '1' ], ['+x'], ['+df'],
        [ '+S', '1' ], ['++debug'], ['+-d'],
        # Integers.
        ['-i0'], ['-i', '0'], ['-i-5'], [ '-i', '-5' ], ['-i+5'], [ '-i', '+5' ], ['-i+5d'], ['-i1_0'], [ '-i', '1_0' ],
        ['-i_5'], [ '-i', '_5' ], ['-i5_'], [ '-i', '5_' ], [ '-i', '_' ], ['-i_'], [ '-i', '-_5' ], ['-i-_5'],
        ['--interval=_5'], ['--interval=1__0'], ['--interval=-5'], [ '--interval', '-5' ], ['--interval=+5'],
        ['--interval=5x'], [ '--interval', '5x' ], [ '-i', '5x' ], ['-i5x'], [ '-i', '' ], [ '-i', 'x' ], ['-ix'],
        ['-i=5'], ['-i 5'], [ '-i', ' 5' ], [ '-i', '5 ' ], [ '-i', "5\n" ], ["-i5\n"], [ '-i', "5\n\n" ],
        [ '-i', '0x10' ], ['-i0x10'], [ '-i', '1e3' ], [ '-i', '1.5' ], ['-i1.5'], [ '-i', '007' ], ['-i007'],
        [ '-i', '--5' ], [ '-i', '-' ], [ '-i', '--' ], [ '-i', '-d' ], ['--int=5=6'], ['--interval='],
        [ '-i', '123456789012345678901234' ], ['-i123456789012345678901234d'], [ '-v', '-0' ], ['-v0'], ['-v1d'],
        [ '-t', '5', '-i', '6' ], ['-t5i6v0'], [ '-i', "\xd9\xa3" ],
        # The last one wins.
        [ '-i', '5', '-i', '6' ], [ '-i', '5', '--interval=6', '--int', '7' ], [ '-c', 'a', '-c', 'b' ],
        [ '-l', 'a', '--logfile', 'syslog' ], [ '-S', 'a', '--socket=b' ],
        # Values that look like something else.
        [ '-c', '-x' ], [ '-c', '--' ], [ '-c', '--', '-d' ], [ '-c', '-d' ], [ '--credfile', '--debug' ],
        [ '--credfile=--debug' ], [ '-c', '-' ], ['-c-'], ['-c--'], [ '-s', '-p', '143' ], ['--port=a=b'],
        ['--credfile==x'], ['-c='], [ '-c', "a\nb" ], [ '-c', "\xff\xfe/x" ], ["-c\xff"], ["--credfile=\xff"],
        ["--\xff"], ["-\xff"], ["\xff"], [ '--lmtp-from', '' ], ['--lmtp-from='], [ '--lmtp-from', '<>' ],
        # Operands.
        ['x'], ['x', '-d'], [ '-d', 'x', '-f' ], [ 'x', '-i', '5', 'y' ], ['--'], [ '--', '-d' ], [ '-d', '--', '-f' ],
        [ '-d', '--', '--' ], [ 'x', '--', 'y', '-d' ], [''], [ '', '-d' ], [ '-', '-d' ], [ '-p', '143', 'x', '-p110' ],
        # What an init script gives.
        [ '-d', '-f', '-i', '10', '-k', '/run/poolmon.pid', '-l', 'syslog', '-p', 'IMAP:143', '-s', '993', '-t', '3' ],
        [ '--port=110', '--port=143', '--ssl=993', '--credfile=/etc/poolmon.cred', '--ssl-verify=0' ],
        [ '-dfnp143', '-s993', '-t3', '--lmtp-from=a@b', '--lmtp-to', 'c@d' ],
    );
}
