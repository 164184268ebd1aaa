#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# packages.sh [--demo] [--list|--missing]: installs what building and testing needs:
# Build-Depends of debian/control and tests/packages.txt (--demo: its lines for the demo
# only). Does nothing, apt included, when all of it is there. Debian 12 and 13, as root.
set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# One need a line, alternatives joined by "|", without versions and profiles.
needs()
{
	awk '/^Build-Depends:/ { on = 1; sub(/^[^:]*:/, "") }
	     on && /^[^ \t]/ && !/^Build-Depends/ && NR > 1 && seen { on = 0 }
	     on { seen = 1; print }' "$top/debian/control" |
		tr ',' '\n' | sed -e 's/([^)]*)//g; s/<[^>]*>//g; s/\[[^]]*\]//g; s/[ \t]//g' \
		-e 's/debhelper-compat/debhelper/' | grep -v '^$'
	grep -e "$only" "$top/tests/packages.txt" | sed -e 's/#.*//; s/[ \t]//g' | grep -v '^$'
}

installed()
{
	dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'
}

known()
{
	LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'
}

# The needs that no installed package meets.
missing()
{
	local need p

	needs | while read -r need; do
		for p in ${need//|/ }; do
			installed "$p" && continue 2
		done
		echo "$need"
	done
}

choose()
{
	local p

	for p in ${1//|/ }; do
		known "$p" && echo "$p" && return
	done
	echo "packages: apt knows none of ${1//|/, }" >&2
	return 1
}

install()
{
	local need p want=()

	[ -n "$(missing)" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "packages: not installed, and only root can: $(missing | tr '\n' ' ')" >&2
		return 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update || return 1
	while read -r need; do
		p=$(choose "$need") || return 1
		want+=("$p")
	done < <(missing)
	apt-get -qy -o Dpkg::Use-Pty=0 install --no-install-recommends "${want[@]}" </dev/null
}

only=
[ "${1-}" = --demo ] && only='# demo$' && shift
case ${1-} in
--list) needs ;;
--missing) missing ;;
'') install ;;
*)
	sed -n '3,5s/^# //p' "${BASH_SOURCE[0]}"
	exit 2
	;;
esac
