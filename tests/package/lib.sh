# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the tests of the package share: chroots of the releases and what runs in them
# (sourced; the sourcing program has set -u, and $here is this directory).
#
# Chroots are made by mmdebstrap and kept under ${XDG_CACHE_HOME:-/var/cache}/ctscope-package/
# SUITE/KIND.HASH, where a changed recipe makes a new one. Nothing writes to them: what runs
# there runs on an overlay. Everything is in private mount, pid and network namespaces.
top=$(cd "$here/../.." && pwd)
suites='bookworm trixie'
minimal=ca-certificates

skip()
{
	echo "1..0 # SKIP package: $*"
	exit 77
}

need()
{
	local p

	[ "$(id -u)" = 0 ] || skip "needs root"
	for p in unshare mount "$@"; do
		command -v "$p" >/dev/null || skip "$p is not installed"
	done
	unshare --mount --pid --net --fork true 2>/dev/null ||
		skip "this machine gives no namespaces"
}

# ---- TAP ---------------------------------------------------------------------------

tap_n=0 tap_bad=0

tap_ok() { tap_n=$((tap_n + 1)) && echo "ok $tap_n - $*"; }

# tap_fail CLAIM [FILE]: with the end of why
tap_fail()
{
	tap_n=$((tap_n + 1)) tap_bad=$((tap_bad + 1))
	echo "not ok $tap_n - $1"
	[ -z "${2-}" ] || tail -n 25 "$2" | sed 's/^/# /'
}

tap_note() { sed 's/^/# /' <<<"$*"; }

# claim TEXT COMMAND...: its output is shown when it fails
claim()
{
	local out rc

	out=$(mktemp)
	"${@:2}" >"$out" 2>&1
	rc=$?
	if [ $rc -eq 0 ]; then tap_ok "$1"; else tap_fail "$1" "$out"; fi
	rm -f "$out"
	return $rc
}

tap_end()
{
	echo "1..$tap_n"
	[ "$tap_bad" -eq 0 ]
}

# ---- chroots -----------------------------------------------------------------------

# The apt sources of this machine, of SUITE; Debian's own only.
suite_sources()
{
	local suite=$1 dir=$2 f codename

	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] && grep -v '^ *#' "$f" | grep -qw "$codename" || continue
		sed "s/\b$codename\b/$suite/g" "$f" >"$dir/${f##*/}"
		echo "$dir/${f##*/}"
	done
}

# build_needs: Build-Depends of debian/control, alternatives resolved by apt: one line
build_needs()
{
	awk '/^Build-Depends:/ { on = 1; sub(/^[^:]*:/, ""); print; next }
	     on && /^[^ \t]/ { exit }
	     on' "$top/debian/control" | tr -d '\n' | sed 's/,[ \t]*$//'
}

# chroot_of SUITE KIND: its directory; makes it unless it is there. KIND: "build" has
# what the package needs to be built and looked at, "base" is a minimal system with apt.
chroot_of()
{
	local suite=$1 kind=$2 cache hash dir tmp sources include

	case $kind in
	build) include=build-essential,fakeroot,lintian,blhc,adduser ;;
	base) include=$minimal ;;
	esac
	hash=$({
		declare -f make_chroot
		echo "$include"
		[ "$kind" = base ] || build_needs
	} | sha256sum | cut -c1-16)
	cache=${XDG_CACHE_HOME:-/var/cache}/ctscope-package/$suite
	dir=$cache/$kind.$hash
	mkdir -p "$cache/archives/partial" || return 1
	exec 9>"$cache/.lock"
	flock 9
	if [ ! -f "$dir/.made" ]; then
		rm -rf "$cache/$kind".*
		tmp=$(mktemp -d "$cache/new.XXXXXX") || return 1
		mapfile -t sources < <(suite_sources "$suite" "$tmp")
		[ ${#sources[@]} -gt 0 ] || {
			echo "package: no apt source of this release is configured" >&2
			return 1
		}
		apt-config dump | grep -E '^(APT::Sandbox::User|Acquire::(.*::Proxy|Check-Valid-Until|Check-Date|Retries)) ' \
			>"$tmp/apt.conf"
		if ! make_chroot "$suite" "$kind" "$include" "$tmp" "${sources[@]}" >"$tmp/log" 2>&1; then
			tail -n 20 "$tmp/log" >&2
			rm -rf "$tmp"
			return 1
		fi
		touch "$tmp/root/.made"
		mv "$tmp/root" "$dir"
		rm -rf "$tmp"
	fi
	exec 9>&-
	echo "$dir"
}

make_chroot()
{
	local suite=$1 kind=$2 include=$3 tmp=$4
	local needs=()
	shift 4

	# shellcheck disable=SC2016 # $1 is mmdebstrap's
	[ "$kind" = base ] || needs=(--customize-hook='set -e
		cp "$NEEDS" "$1/tmp/needs.dsc"
		chroot "$1" apt-get -qy build-dep --no-install-recommends /tmp/needs.dsc
		rm "$1/tmp/needs.dsc"
		chroot "$1" useradd -m -d /builder -s /bin/bash builder')
	cat >"$tmp/needs.dsc" <<-EOF
	Format: 3.0 (native)
	Source: needs
	Version: 1
	Build-Depends: $(build_needs)
	EOF
	# lists and archives stay: what is installed there later is fetched once
	NEEDS=$tmp/needs.dsc unshare --mount --propagation private \
		mmdebstrap --mode=root --variant=minbase --format=directory \
		--skip=cleanup/apt/lists --aptopt="$tmp/apt.conf" --include="$include" "${needs[@]}" \
		"$suite" "$tmp/root" "$@"
}

# ---- what runs in a chroot ---------------------------------------------------------

# enter_mounts ROOT: in new mount and pid namespaces: what a system has mounted, on ROOT.
enter_mounts()
{
	local root=$1 n

	mount -t proc proc "$root/proc" || return 1
	mount -t sysfs -o ro sysfs "$root/sys" || return 1
	mount -t tmpfs -o mode=755,size=64k dev "$root/dev" || return 1
	for n in null zero full random urandom tty; do
		touch "$root/dev/$n"
		mount --bind "/dev/$n" "$root/dev/$n" || return 1
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
	mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mount -t tmpfs -o mode=755 run "$root/run"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
	mkdir -p "$root/run/lock"
	# what asks for a name gets no answer rather than this machine's
	ip link set lo up 2>/dev/null
	return 0
}

# in_chroot ROOT COMMAND...: a plain environment, no input
in_chroot()
{
	local root=$1
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC TERM=dumb \
		DEBIAN_FRONTEND=noninteractive chroot "$root" "$@" </dev/null
}

# overlay LOWER WORK: WORK/root is LOWER, and what is written there stays in WORK
overlay()
{
	mkdir -p "$2/up" "$2/work" "$2/root" || return 1
	mount -t overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" overlay "$2/root" \
		2>/dev/null || cp -a --reflink=auto "$1/." "$2/root"
}
