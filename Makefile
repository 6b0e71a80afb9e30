# Everything a person types. The work is in tests/setup/, one script a target.
#
# What is missing is installed with apt-get, after a question where there is a terminal (YES=1: no
# question). TOOLCHAIN=debian or TOOLCHAIN=current overrules the choice of compiler.

SHELL = /bin/sh
.PHONY: build check simulate flips fuzz mutants soak threads check-argv check-debian check-bare demo demo-haproxy bench \
	install uninstall dist deb deb-debian rpm check-packages check-licences clean help

# Where `make install` puts things; each can be set on the command line. DESTDIR goes before all of
# them and into none of the files, as packagers want it.
PREFIX = /usr/local
SBINDIR = $(PREFIX)/sbin
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
DOCDIR = $(DATADIR)/doc/poolmon
BASHCOMPDIR = $(DATADIR)/bash-completion/completions
ZSHCOMPDIR = $(DATADIR)/zsh/site-functions
UNITDIR = $(PREFIX)/lib/systemd/system
# Where Nagios and Icinga look for plugins.
PLUGINDIR = $(PREFIX)/lib/nagios/plugins
# What the installed files refer to.
SYSCONFDIR = /etc
RUNSTATEDIR = /var/run
LOGDIR = /var/log
SUBSYSDIR = /var/lock/subsys
INSTALL = install
# What to install as the program.
BINARY = target/release/poolmon

# The release binary, target/release/poolmon.
build:
	@bash tests/setup/build.sh

# Format, lints, documentation, all tests, two minutes of soak.
check:
	@bash tests/setup/check.sh

# 10,000 random days of rings and monitors in virtual time (make check lives 60).
simulate:
	@bash tests/setup/simulate.sh

# Bent samples with every pair of bits and of bytes (make check has those near each other).
flips:
	@bash tests/setup/flips.sh

# Every fuzz target for so long: SECONDS=600. TARGETS="imap pop3": only these. Needs a nightly compiler.
fuzz:
	@FUZZ_SECONDS="$(SECONDS)" bash tests/setup/fuzz.sh

# Faults planted one by one in engine, schedule, protocols and wire: which does no test notice? FILES=, TESTS=, DAYS=, SINGLES=, FURTHER=
mutants:
	@FILES="$(FILES)" TESTS="$(TESTS)" DAYS="$(DAYS)" SINGLES="$(SINGLES)" FURTHER="$(FURTHER)" bash tests/setup/mutants.sh

# A real ring with kills, freezes, cuts, full disks, wrong clocks for MINUTES=10; then healed and judged. SEED=: the same acts again.
soak:
	@SEED=$(SEED) MINUTES=$(MINUTES) bash tests/setup/soak.sh

# How threads meet in mailbox, probe limit, state writer, log and names, under thousands of schedules.
threads:
	@bash tests/setup/threads.sh

# Random command lines, read by Perl's Getopt::Long and by us, must mean the same. SEED=, COUNT=.
check-argv:
	@SEED=$(SEED) COUNT=$(COUNT) sh tests/check-argv

# The program built by Debian 12's own compiler and crates, offline, and tried on a real ring.
check-debian:
	@bash tests/setup/check-debian.sh

# check and demo in a fresh, empty Debian 12. Needs root and debootstrap, takes long.
check-bare:
	@bash tests/setup/bare-debian.sh

# Two real directors, three real backends, one dies, one freezes: watch poolmon deal with it.
demo:
	@bash tests/setup/demo.sh

# HAProxy and three real mail servers; a login breaks, one dies, one freezes: without poolmon and with it.
demo-haproxy:
	@bash tests/setup/demo.sh haproxy

# What poolmon costs and how soon it acts with 250 backends, beside HAProxy.
bench:
	@bash tests/setup/bench.sh

# The source as one archive, a bill of materials and SHA256SUMS, in target/dist; always the same bits.
dist:
	@bash tests/setup/dist.sh

# The Debian package, judged by lintian, in target/deb.
deb:
	@bash tests/setup/deb.sh

# The same from Debian 12's own compiler and crates, offline, as Debian would; in target/deb-debian.
deb-debian:
	@bash tests/setup/deb.sh debian

# The package for RHEL and its relatives, judged by rpmlint, in target/rpm.
rpm:
	@bash tests/setup/rpm.sh

# The .deb in a fresh Debian 12: built twice and compared, then lived with. Needs root, takes long.
check-packages:
	@bash tests/setup/check-packages.sh

# Licences, origins and duplicates of all crates, and what is known against them, by cargo-deny.
check-licences:
	@bash tests/setup/check-licences.sh

# Puts program, manual, pages, completions, unit, init scripts and examples below PREFIX; DESTDIR=DIR packs.
install:
	@test -x "$(BINARY)" || { echo "$(BINARY) is missing: run make first" >&2; exit 1; }
	@$(INSTALL) -d "$(DESTDIR)$(SBINDIR)"
	$(INSTALL) -m 755 "$(BINARY)" "$(DESTDIR)$(SBINDIR)/poolmon"
	@$(call second_name,poolmon,$(DESTDIR)$(SBINDIR)/dovemon)
	@set -e; $(each_text) do \
		$(INSTALL) -d "$$(dirname "$(DESTDIR)$$to")"; \
		echo "install -m $$mode $$from $(DESTDIR)$$to"; \
		sed $(relocated) "$$from" >"$(DESTDIR)$$to.new"; \
		chmod "$$mode" "$(DESTDIR)$$to.new"; \
		mv "$(DESTDIR)$$to.new" "$(DESTDIR)$$to"; \
	done
	@$(call second_name,poolmon.8,$(DESTDIR)$(MANDIR)/man8/dovemon.8)
	@$(INSTALL) -d "$(DESTDIR)$(PLUGINDIR)"
	@$(call second_name,$(program_from_plugins),$(DESTDIR)$(PLUGINDIR)/check_poolmon)

# Removes what install has put there, given the same PREFIX and DESTDIR; configuration and logs stay.
uninstall:
	rm -f "$(DESTDIR)$(SBINDIR)/poolmon"
	@$(call no_second_name,poolmon,$(DESTDIR)$(SBINDIR)/dovemon)
	@$(call no_second_name,poolmon.8,$(DESTDIR)$(MANDIR)/man8/dovemon.8)
	@$(call no_second_name,$(program_from_plugins),$(DESTDIR)$(PLUGINDIR)/check_poolmon)
	@set -e; $(each_text) do \
		echo "rm -f $(DESTDIR)$$to"; rm -f "$(DESTDIR)$$to"; \
	done
	@for folder in /docs /examples /init ""; do \
		rmdir "$(DESTDIR)$(DOCDIR)$$folder" 2>/dev/null || true; \
	done

# Every page of docs/, whatever there is.
pages = $(wildcard docs/*)
define line_end


endef

# One line a file: mode, source, place.
define texts
$(foreach page,$(pages),644 $(page) $(DOCDIR)/$(page)$(line_end))644 etc/man/poolmon.8 $(MANDIR)/man8/poolmon.8
644 etc/man/poolmon-check.8 $(MANDIR)/man8/poolmon-check.8
644 etc/man/poolmon-status.8 $(MANDIR)/man8/poolmon-status.8
644 etc/man/poolmon-explain.8 $(MANDIR)/man8/poolmon-explain.8
644 etc/man/poolmon-replay.8 $(MANDIR)/man8/poolmon-replay.8
644 etc/man/check_poolmon.8 $(MANDIR)/man8/check_poolmon.8
644 etc/man/poolmon.conf.5 $(MANDIR)/man5/poolmon.conf.5
644 etc/man/poolmon-metrics.5 $(MANDIR)/man5/poolmon-metrics.5
644 etc/man/dovemon.config.yml.5 $(MANDIR)/man5/dovemon.config.yml.5
644 etc/man/dovemon.testaccounts.yml.5 $(MANDIR)/man5/dovemon.testaccounts.yml.5
644 etc/completion/poolmon.bash $(BASHCOMPDIR)/poolmon
644 etc/completion/poolmon.zsh $(ZSHCOMPDIR)/_poolmon
644 etc/completion/check_poolmon.bash $(BASHCOMPDIR)/check_poolmon
644 etc/completion/check_poolmon.zsh $(ZSHCOMPDIR)/_check_poolmon
644 init/poolmon.service $(UNITDIR)/poolmon.service
755 init/poolmon.debian $(DOCDIR)/init/poolmon.debian
755 init/poolmon.redhat $(DOCDIR)/init/poolmon.redhat
644 init/poolmon.upstart $(DOCDIR)/init/poolmon.upstart
644 init/unprivileged.conf $(DOCDIR)/init/unprivileged.conf
644 etc/poolmon.conf $(DOCDIR)/examples/poolmon.conf
644 etc/dovemon.config.yml $(DOCDIR)/examples/dovemon.config.yml
644 etc/dovemon.testaccounts.yml $(DOCDIR)/examples/dovemon.testaccounts.yml
644 etc/credentials $(DOCDIR)/examples/credentials
644 etc/icinga2/poolmon.conf $(DOCDIR)/examples/icinga2.conf
644 etc/nagios/poolmon.cfg $(DOCDIR)/examples/nagios.cfg
644 etc/logrotate $(DOCDIR)/examples/logrotate
644 etc/dovecot-listener.conf $(DOCDIR)/examples/dovecot-listener.conf
644 etc/prometheus/poolmon.rules.yml $(DOCDIR)/examples/poolmon.rules.yml
644 etc/grafana/poolmon.json $(DOCDIR)/examples/poolmon.grafana.json
endef
export texts
each_text = printf '%s\n' "$$texts" | while read -r mode from to;

# What a link in the folder of plugins has to say, so that it also holds below another root.
program_from_plugins = $(shell realpath -ms --relative-to="$(PLUGINDIR)" "$(SBINDIR)/poolmon")

# A link dovemon beside the file of ours, unless somebody else has something of that name there:
# Dovecot Pro has a program so called.
second_name = if [ -e "$(2)" ] && [ "$$(readlink "$(2)")" != "$(1)" ]; \
	then echo "$(2) is somebody else's: left as it is" >&2; \
	else echo 'ln -s $(1) $(2)'; ln -sf "$(1)" "$(2)"; fi
no_second_name = if [ "$$(readlink "$(2)")" = "$(1)" ]; \
	then echo 'rm -f $(2)'; rm -f "$(2)"; fi

# The files name the default places; only what differs from them is replaced.
relocated = \
	-e 's|/usr/local/sbin/poolmon|$(SBINDIR)/poolmon|g' \
	-e 's|/usr/local/share/doc/poolmon|$(DOCDIR)|g' \
	-e 's|/usr/local/lib/nagios/plugins|$(PLUGINDIR)|g' \
	-e 's,/etc/\(dovecot\|default\|sysconfig\)/,$(SYSCONFDIR)/\1/,g' \
	-e 's|/etc/init.d/functions|$(SYSCONFDIR)/init.d/functions|g' \
	-e 's|/var/run/poolmon|$(RUNSTATEDIR)/poolmon|g' \
	-e 's|/var/lock/subsys/|$(SUBSYSDIR)/|g' \
	-e 's|/var/log/poolmon|$(LOGDIR)/poolmon|g'

# Removes what was built.
clean:
	rm -rf target

help:
	@sed -n '/^# /{s/^# //;h;d;};/^[a-z-]*:/{s/:.*//;x;/./{H;x;s/\n/: /;p;};x;s/.*//;x;};/^$$/{x;s/.*//;x;}' Makefile
