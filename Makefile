# Everything a person types. The work is in tests/setup/, one script a target.
#
# What is missing is installed with apt-get, after a question where there is a terminal (YES=1: no
# question). TOOLCHAIN=debian or TOOLCHAIN=current overrules the choice of compiler.

SHELL = /bin/sh
.PHONY: build check check-debian check-bare demo clean help

# The release binary, target/release/poolmon.
build:
	@bash tests/setup/build.sh

# Format, lints, all tests, documentation.
check:
	@bash tests/setup/check.sh

# The program built by Debian 12's own compiler and crates, offline, and tried on a real ring.
check-debian:
	@bash tests/setup/check-debian.sh

# check and demo in a fresh, empty Debian 12. Needs root and debootstrap, takes long.
check-bare:
	@bash tests/setup/bare-debian.sh

# Two real directors, three real backends, one dies, one freezes: watch poolmon deal with it.
demo:
	@bash tests/setup/demo.sh

# Removes what was built.
clean:
	rm -rf target

help:
	@sed -n '/^# /{s/^# //;h;d;};/^[a-z-]*:/{s/:.*//;x;/./{H;x;s/\n/: /;p;};x;s/.*//;x;};/^$$/{x;s/.*//;x;}' Makefile
