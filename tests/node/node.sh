# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# The inside of the scratch node (sourced by scratch, as PID 1 of its namespaces).
# shellcheck source=tests/node/populate.sh
. "$here/populate.sh"

node=pvn1

say()
{
	[ "$quiet" = 1 ] || echo "# scratch: $*" >&2
}

# A directory that the node has for itself: what was in it is not seen any more, except
# the names given, which are bound through.
hide()
{
	local dir=$1 keep
	shift

	mkdir -p "/run/node$dir"
	for keep; do
		[ -d "$dir/$keep" ] || continue
		mkdir -p "/run/node$dir/$keep"
		mount --rbind "$dir/$keep" "/run/node$dir/$keep"
	done
	mount --rbind "/run/node$dir" "$dir"
}

# The source and build trees stay reachable wherever they are.
keep_tree()
{
	local fd=$1 dir=$2

	[ "/proc/$$/fd/$fd" -ef "$dir" ] && return
	mkdir -p "$dir"
	mount --bind "/proc/$$/fd/$fd" "$dir"
}

node_mounts()
{
	local srcfd buildfd

	exec {srcfd}<"$src" {buildfd}<"$CTSCOPE_BUILD"
	umount -l /sys
	umount -l /proc
	mount -t proc -o nosuid,nodev,noexec proc /proc
	mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
	mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup || return 1
	mount -t fusectl fusectl /sys/fs/fuse/connections 2>/dev/null
	mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
	mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run

	mkdir -p /run/node/etc
	cp -a /etc/. /run/node/etc/
	rm -rf /run/node/etc/pve
	mkdir /run/node/etc/pve
	mount --bind /run/node/etc /etc
	# as on a node: what newuidmap lets root give away
	echo root:100000:65536 | tee -a /etc/subuid >>/etc/subgid
	mount -t tmpfs -o mode=755 pve /etc/pve
	hide /var/lib dpkg
	hide /var/log journal
	hide /usr/share/lxc/config/common.conf.d
	mkdir -p /var/lib/lxc /var/lib/misc /var/lib/pve-manager
	mkdir -p /var/lib/vz/{images,dump,template/cache,snippets}
	mkdir -p /run/lock/lxc /run/lxc /run/pve /var/log/lxc /var/log/vzdump
	mkdir -p /var/log/pve/tasks/{0,1,2,3,4,5,6,7,8,9,A,B,C,D,E,F}
	chown -R www-data:root /var/log/pve/tasks
	chgrp www-data /run/pve
	chmod 750 /run/pve
	touch /var/log/pve/tasks/{active,index}

	keep_tree "$srcfd" "$src"
	keep_tree "$buildfd" "$CTSCOPE_BUILD"
	exec {srcfd}<&- {buildfd}<&-
}

# Every controller the node was given goes on to the containers.
node_cgroup()
{
	local c

	for c in $(cat /sys/fs/cgroup/cgroup.controllers); do
		echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null
	done
	mkdir -p /sys/fs/cgroup/{lxc,lxc.monitor}
	mkdir -p '/sys/fs/cgroup/system.slice/system-pve\x2dcontainer.slice'
}

# VLAN-aware bridges where the kernel has them. vmbr0 is the way out of PVE's nodes, here
# it leads nowhere; 10.99.0.1 answers.
node_net()
{
	local br

	ip link set lo up
	for br in vmbr0 vmbr1; do
		ip link add "$br" type bridge vlan_filtering 1 2>/dev/null ||
			ip link add "$br" type bridge || return 1
		ip link set "$br" up
	done
	ip addr add 10.99.0.1/24 dev vmbr0
	ip addr add fd00:99::1/64 dev vmbr0 nodad 2>/dev/null
	return 0
}

node_hooks()
{
	cat >/usr/share/lxc/config/common.conf.d/01-pve.conf <<-EOF
	lxc.hook.pre-start = $here/hook-prestart
	lxc.hook.post-stop = $here/hook-poststop
	EOF
}

node_main()
{
	local rc

	hostname "$node"
	CTSCOPE_BUILD=${CTSCOPE_BUILD:-$src/build}
	[ -d "$CTSCOPE_BUILD" ] || CTSCOPE_BUILD=$src
	node_mounts || exit 77
	node_cgroup
	node_net || { echo "scratch: no bridge or veth in this kernel" >&2; exit 77; }
	node_hooks
	export PATH="$here:$PATH:/usr/sbin:/sbin" SCRATCH=1 CTSCOPE_BUILD
	export CTSCOPE=${CTSCOPE:-$CTSCOPE_BUILD/ctscope} CTSCOPE_SOURCE=$src
	# lxc-start and the hooks get a plain environment, as under systemd
	unset XDG_RUNTIME_DIR TMPDIR
	populate "$set_name" "$count" "$net" "$start" || exit 98
	cd "$src" || exit 98
	"$@"
	rc=$?
	say "taking the node down"
	exit "$rc"
}
