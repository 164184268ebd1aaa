# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
# Sourced: what the makers of images give to mmdebstrap.

# apt_sources SUITE DIR [COMPONENT]: copies this machine's sources of its own release into
# DIR as those of SUITE, with COMPONENT besides main, and how apt reaches them. Sets the
# arrays apt_sources and apt_options; 1: there are none.
apt_sources()
{
	local suite=$1 dir=$2 more=${3-} own f

	# shellcheck source=/dev/null
	own=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt_sources=() apt_options=(--aptopt="$dir/apt.conf")
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] && grep -v '^ *#' "$f" | grep -q "$own" || continue
		sed -E "s/$own/$suite/g; /^(deb|Components:) /s/ main( |$)/ main $more\1/" \
			"$f" >"$dir/${f##*/}"
		apt_sources+=("$dir/${f##*/}")
	done
	apt-config dump | grep -E '^Acquire::(.*::Proxy|Check-Valid-Until|Check-Date|Retries)' \
		>"$dir/apt.conf" || true
	apt-config dump APT::Sandbox::User >>"$dir/apt.conf" || true
	[ ${#apt_sources[@]} -gt 0 ]
}
