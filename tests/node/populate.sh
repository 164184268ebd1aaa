# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# What is on the scratch node: storages, users, containers of every kind, a past.
# Sourced by node.sh.

vz=/var/lib/vz

# A root file system of busybox and our load program, owned by the container's root.
base_rootfs()
{
	local dir=$1 owner=$2

	mkdir -p "$dir"/{bin,etc,dev,proc,sys,tmp,run,root,var/log,srv,data,mnt}
	ln -s bin "$dir/sbin"
	ln -s . "$dir/usr"
	ln -s /tmp "$dir/var/tmp"
	cp -L "$(command -v busybox)" "$dir/bin/busybox"
	chroot "$dir" /bin/busybox --install -s /bin
	cp "$load" "$dir/bin/load"
	chmod 1777 "$dir/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' \
		>"$dir/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$dir/etc/group"
	printf '::sysinit:/etc/rc\n' >"$dir/etc/inittab"
	cat >"$dir/etc/rc" <<-'EOF'
	#!/bin/sh
	[ -f /etc/rc.net ] && . /etc/rc.net
	[ -f /etc/rc.local ] && . /etc/rc.local
	EOF
	chmod +x "$dir/etc/rc"
	[ "$owner" = 0 ] || chown -hR "$owner:$owner" "$dir"
}

# A pid 1 that only sleeps, for the bulk.
minimal_rootfs()
{
	local dir=$1

	mkdir -p "$dir"/{bin,dev,proc,sys,etc,sbin}
	cp "$load" "$dir/bin/load"
	chown -hR 100000:100000 "$dir"
}

bases()
{
	load=$CTSCOPE_BUILD/tests/live/load
	if [ ! -x "$load" ]; then
		load=/run/node/load
		cc -O2 -static -D_GNU_SOURCE -o "$load" "$src/tests/live/load.c" || return 1
	fi
	mkdir -p /run/node/base /run/node/shared
	echo "shared by the node" >/run/node/shared/README
	base_rootfs /run/node/base/0 0
	base_rootfs /run/node/base/100000 100000
	minimal_rootfs /run/node/base/minimal
}

# rootfs ID OWNER: prints the volume's path; what is written to it later is the caller's
rootfs()
{
	local dir=$vz/images/$1/subvol-$1-disk-0.subvol

	mkdir -p "$vz/images/$1"
	cp -a "/run/node/base/$2" "$dir"
	echo "$dir"
}

# conf ID: stdin becomes the config; @ is the usual root disk
conf()
{
	sed "s|^@\(.*\)|rootfs: local:$1/subvol-$1-disk-0.subvol\1|" \
		>"/etc/pve/nodes/$node/lxc/$1.conf"
}

hwaddr()
{
	printf 'BC:24:11:00:%02X:%02X' $(($1 % 256)) "$2"
}

node_files()
{
	local n

	for n in "$node" pvn2; do
		mkdir -p "/etc/pve/nodes/$n"/{lxc,qemu-server,openvz,priv}
	done
	ln -s "nodes/$node" /etc/pve/local
	for n in lxc qemu-server openvz; do
		ln -s "nodes/$node/$n" "/etc/pve/$n"
	done
	mkdir -p /etc/pve/{firewall,ha,sdn,priv,mapping,virtual-guest}
	: >/etc/pve/.rrd
	echo 0 >/etc/pve/.debug
	printf '{\n"data": [\n]\n}\n' >/etc/pve/.clusterlog
	cat >/etc/pve/storage.cfg <<-'EOF'
	dir: local
	 path /var/lib/vz
	 content iso,vztmpl,backup,rootdir,snippets,images

	nfs: nas
	 export /export/backup
	 path /mnt/pve/nas
	 server 192.0.2.9
	 content backup
	 disable
	EOF
	sed -i 's/^ /\t/' /etc/pve/storage.cfg
	cat >/etc/pve/user.cfg <<-'EOF'
	user:root@pam:1:0::::::

	pool:shop:the web shop:101,102::
	pool:lab::103,109::

	EOF
	cat >/etc/pve/jobs.cfg <<-'EOF'
	vzdump: backup-nightly
	 schedule 02:30
	 enabled 1
	 mode snapshot
	 pool shop
	 storage local
	EOF
	sed -i 's/^ /\t/' /etc/pve/jobs.cfg
}

# The containers of other kinds of owner, that no command may take for this node's.
others()
{
	printf 'name: windows\nmemory: 4096\nscsi0: local:900/vm-900-disk-0.raw,size=32G\n' \
		>"/etc/pve/nodes/$node/qemu-server/900.conf"
	cat >/etc/pve/nodes/pvn2/lxc/201.conf <<-'EOF'
	arch: amd64
	hostname: elsewhere
	memory: 512
	ostype: debian
	rootfs: local:201/vm-201-disk-0.raw,size=8G
	unprivileged: 1
	EOF
}

standard_web() # 101
{
	local r=$1

	mkdir -p "$r/srv/www"
	echo '<h1>it works</h1>' >"$r/srv/www/index.html"
	head -c 262144 /dev/zero | tr '\0' x >"$r/srv/www/page"
	echo 'httpd -p 80 -h /srv/www' >"$r/etc/rc.local"
}

# 103: what a systemd guest's cgroup tree looks like, with containers of its own in it
fake_units()
{
	local r=$1 n

	for n in nginx postgres containerd-shim app; do
		cp -a "$r/bin/load" "$r/bin/$n"
	done
	cat >"$r/etc/rc.local" <<-'EOF'
	cg=/sys/fs/cgroup
	mkdir -p $cg/init.scope $cg/system.slice
	echo 1 >$cg/init.scope/cgroup.procs
	unit()
	{
		d=$cg/$1
		shift
		mkdir -p "$d"
		sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$d" "$@" >/dev/null 2>&1 &
	}
	mkdir -p $cg/system.slice/rc.service
	echo $$ >$cg/system.slice/rc.service/cgroup.procs
	for c in $(cat $cg/cgroup.controllers); do
		echo +$c >$cg/cgroup.subtree_control
		echo +$c >$cg/system.slice/cgroup.subtree_control
	done
	unit system.slice/nginx.service nginx sleep
	unit system.slice/nginx.service nginx sleep
	unit system.slice/postgresql.service postgres anon 24
	unit system.slice/docker-0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0.scope app anon 8
	unit system.slice/containerd.service containerd-shim sleep
	unit user.slice/user-1000.slice/session-3.scope app sleep
	unit lxc.payload.inner/system.slice/app.service app sleep
	EOF
}

set_standard()
{
	local r

	r=$(rootfs 101 100000)
	standard_web "$r"
	conf 101 <<-EOF
	#the shop's front end
	arch: amd64
	cores: 1
	hostname: web
	memory: 128
	net0: name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=$(hwaddr 101 0),ip=10.99.0.11/24,ip6=fd00:99::11/64,type=veth
	onboot: 1
	ostype: unmanaged
	@,size=4G
	swap: 64
	tags: prod;web
	unprivileged: 1
	EOF

	r=$(rootfs 102 0)
	conf 102 <<-EOF
	arch: amd64
	cpulimit: 0.5
	cpuunits: 200
	hostname: db.example.test
	memory: 256
	mp0: /run/node/shared,mp=/mnt/shared,ro=1
	net0: name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=$(hwaddr 102 0),ip=10.99.0.12/24,type=veth
	ostype: unmanaged
	parent: nightly
	@,size=4G
	swap: 0
	tags: prod

	[before-upgrade]
	#before the upgrade to 16
	arch: amd64
	hostname: db.example.test
	memory: 256
	ostype: unmanaged
	@,size=4G
	snaptime: $(($(date +%s) - 40 * 86400))
	swap: 0

	[nightly]
	arch: amd64
	hostname: db.example.test
	memory: 256
	ostype: unmanaged
	parent: before-upgrade
	@,size=4G
	snaptime: $(($(date +%s) - 8 * 3600))
	swap: 0

	[pve:pending]
	memory: 512
	EOF

	fake_units "$(rootfs 103 100000)"
	conf 103 <<-EOF
	arch: amd64
	cores: 2
	features: nesting=1
	hostname: stack
	memory: 512
	net0: name=eth0,bridge=vmbr0,hwaddr=$(hwaddr 103 0),ip=dhcp,type=veth
	ostype: debian
	@,size=8G
	swap: 128
	unprivileged: 1
	EOF

	rootfs 104 100000 >/dev/null
	conf 104 <<-EOF
	arch: amd64
	hostname: tmpl
	memory: 64
	ostype: unmanaged
	@,size=1G
	swap: 512
	template: 1
	unprivileged: 1
	EOF

	rootfs 105 100000 >/dev/null
	conf 105 <<-EOF
	arch: amd64
	hostname: failer
	memory: 64
	mp0: /run/node/missing,mp=/missing
	onboot: 1
	ostype: unmanaged
	@,size=1G
	swap: 512
	unprivileged: 1
	EOF

	rootfs 106 100000 >/dev/null
	conf 106 <<-EOF
	arch: amd64
	hostname: snappy
	lock: backup
	memory: 64
	net0: name=eth0,bridge=vmbr0,hwaddr=$(hwaddr 106 0),ip=manual,type=veth
	ostype: unmanaged
	parent: after
	@,size=1G
	unprivileged: 1

	[after]
	arch: amd64
	hostname: snappy
	memory: 64
	ostype: unmanaged
	parent: before
	@,size=1G
	snaptime: $(($(date +%s) - 2 * 86400))
	unprivileged: 1

	[before]
	#before change
	arch: amd64
	hostname: snappy
	memory: 64
	ostype: unmanaged
	@,size=1G
	snaptime: $(($(date +%s) - 3 * 86400))
	unprivileged: 1

	[broken-off]
	arch: amd64
	hostname: snappy
	memory: 64
	ostype: unmanaged
	parent: after
	@,size=1G
	snapstate: prepare
	snaptime: $(($(date +%s) - 86400))
	unprivileged: 1
	EOF

	rootfs 107 100000 >/dev/null
	conf 107 <<-EOF
	arch: amd64
	cmode: console
	entrypoint: /bin/sleep 1000000
	hostname: ociapp
	memory: 64
	net0: name=eth0,bridge=vmbr0,gw=10.99.0.1,host-managed=1,hwaddr=$(hwaddr 107 0),ip=10.99.0.17/24,type=veth
	ostype: unmanaged
	@,size=1G
	swap: 0
	unprivileged: 1
	EOF

	rootfs 108 100000 >/dev/null
	conf 108 <<-EOF
	arch: amd64
	hostname: paused
	memory: 64
	net0: name=eth0,bridge=vmbr0,hwaddr=$(hwaddr 108 0),ip=10.99.0.18/24,type=veth
	ostype: unmanaged
	@,size=1G
	unprivileged: 1
	EOF

	rootfs 109 100000 >/dev/null
	conf 109 <<-EOF
	arch: amd64
	hostname: router
	memory: 64
	net0: name=wan,bridge=vmbr0,firewall=1,gw=10.99.0.1,hwaddr=$(hwaddr 109 0),ip=10.99.0.19/24,type=veth
	net1: name=lan,bridge=vmbr1,hwaddr=$(hwaddr 109 1),ip=10.30.0.1/24,rate=12.5,tag=30,type=veth
	ostype: unmanaged
	@,size=1G
	unprivileged: 1
	EOF

	rootfs 110 100000 >/dev/null
	conf 110 <<-EOF
	arch: amd64
	hostname: spare
	memory: 1024
	net0: name=eth0,bridge=vmbr9,hwaddr=$(hwaddr 110 0),ip=10.99.0.20/24,type=veth
	onboot: 1
	ostype: unmanaged
	@,size=1G
	unprivileged: 1
	EOF

	# the stopped rootfs line that makes PVE's pct list print nothing at all
	conf 111 <<-EOF
	arch: amd64
	hostname: broken
	memory: lots
	frobnicate: yes
	rootfs: local:111/subvol-111-disk-0.subvol,size=big
	EOF
}

# Verbs for `pct batch`, oldest first as the node would have written them.
past_standard()
{
	backup 101 172800
	echo 'task vzcreate 101 90000 OK "extracting archive"'
	backup 101 86400
	past_failed_backup
	echo "task vzstart 110 3600 \"bridge 'vmbr9' does not exist\""
}

past_demo()
{
	backup 101 172800
	backup 102 172780
	backup 101 86400
	past_failed_backup
}

past_failed_backup()
{
	echo 'task vzdump 102 30000 "job errors" "INFO: Starting Backup of VM 102 (lxc)"' \
		'"ERROR: Backup of VM 102 failed - no space left on device"'
}

# backup ID SECONDS-AGO
backup()
{
	local when base

	when=$(($(date +%s) - $2))
	base=$vz/dump/vzdump-lxc-$1-$(date -d "@$when" +%Y_%m_%d-%H_%M_%S)
	head -c 1048576 /dev/zero >"$base.tar.zst"
	echo "nightly, $(date -d "@$when" +%F)" >"$base.tar.zst.notes"
	touch -d "@$((when + 20))" "$base.tar.zst" "$base.tar.zst.notes"
	echo "task vzdump $1 @$((when - 1)) OK \"INFO: Starting Backup of VM $1 (lxc)\"" \
		"\"INFO: creating vzdump archive '$base.tar.zst'\"" \
		"\"INFO: Total bytes written: 1048576 (1.0MiB, 10MiB/s)\"" \
		"\"INFO: archive file size: 1MB\"" \
		"\"INFO: Finished Backup of VM $1 (00:00:12)\""
}

set_demo()
{
	local r

	r=$(rootfs 101 100000)
	standard_web "$r"
	conf 101 <<-EOF
	#the shop's front end
	arch: amd64
	cores: 1
	hostname: web
	memory: 128
	net0: name=eth0,bridge=vmbr0,firewall=1,gw=10.99.0.1,hwaddr=$(hwaddr 101 0),ip=10.99.0.11/24,ip6=fd00:99::11/64,type=veth
	onboot: 1
	ostype: unmanaged
	parent: before-upgrade
	@,size=4G
	swap: 64
	tags: prod;web
	unprivileged: 1

	[first]
	#as delivered
	arch: amd64
	hostname: web
	memory: 128
	ostype: unmanaged
	@,size=4G
	snaptime: $(($(date +%s) - 40 * 86400))
	unprivileged: 1

	[before-upgrade]
	arch: amd64
	hostname: web
	memory: 128
	ostype: unmanaged
	parent: first
	@,size=4G
	snaptime: $(($(date +%s) - 8 * 3600))
	unprivileged: 1
	EOF

	r=$(rootfs 102 0)
	echo 'mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm' >"$r/etc/rc.local"
	echo 'load anon 96 >/dev/null &' >>"$r/etc/rc.local"
	echo 'load tmpfs 32 /dev/shm' >>"$r/etc/rc.local"
	conf 102 <<-EOF
	arch: amd64
	hostname: db
	memory: 256
	mp0: /run/node/shared,mp=/mnt/shared
	net0: name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=$(hwaddr 102 0),ip=10.99.0.12/24,type=veth
	onboot: 1
	ostype: unmanaged
	@,size=8G
	swap: 0
	tags: prod
	lxc.apparmor.profile: unconfined

	[pve:pending]
	memory: 512
	EOF

	# fetches the web server's page again and again, beside work that never ends
	r=$(rootfs 103 100000)
	cat >"$r/etc/rc.local" <<-'EOF'
	(while :; do wget -q -O /dev/null http://10.99.0.11/page || sleep 1; usleep 50000; done) &
	load spin 0 >/dev/null &
	EOF
	conf 103 <<-EOF
	arch: amd64
	cpulimit: 0.5
	hostname: worker
	memory: 128
	net0: name=eth0,bridge=vmbr0,gw=10.99.0.1,hwaddr=$(hwaddr 103 0),ip=10.99.0.13/24,type=veth
	onboot: 1
	ostype: unmanaged
	@,size=2G
	swap: 0
	unprivileged: 1
	EOF

	fake_units "$(rootfs 104 100000)"
	conf 104 <<-EOF
	arch: amd64
	cores: 2
	features: nesting=1
	hostname: stack
	memory: 512
	net0: name=eth0,bridge=vmbr0,hwaddr=$(hwaddr 104 0),ip=dhcp,type=veth
	ostype: debian
	@,size=8G
	swap: 128
	unprivileged: 1
	EOF

	rootfs 105 100000 >/dev/null
	conf 105 <<-EOF
	arch: amd64
	hostname: paused
	memory: 64
	net0: name=eth0,bridge=vmbr0,hwaddr=$(hwaddr 105 0),ip=10.99.0.15/24,type=veth
	ostype: unmanaged
	@,size=1G
	unprivileged: 1
	EOF

	rootfs 106 100000 >/dev/null
	conf 106 <<-EOF
	arch: amd64
	hostname: failer
	memory: 64
	mp0: /run/node/missing,mp=/missing
	onboot: 1
	ostype: unmanaged
	@,size=1G
	unprivileged: 1
	EOF

	conf 107 <<-EOF
	arch: amd64
	hostname: broken
	memory: lots
	rootfs: local:107/subvol-107-disk-0.subvol,size=big
	EOF
}

start_standard()
{
	printf 'start %d\n' 101 102 103 107 108 109
	echo freeze 108
	echo start 105 # fails, as it should
}

start_demo()
{
	printf 'start %d\n' 101 102 103 104 105
	echo freeze 105
	echo start 106 # fails, as it should
}

# N minimal containers that share one root file system
bulk()
{
	local n=$1 id

	for ((id = 1000; id < 1000 + n; id++)); do
		mkdir -p "$vz/images/$id"
		ln -s /run/node/base/minimal "$vz/images/$id/subvol-$id-disk-0.subvol"
		{
			printf 'arch: amd64\nentrypoint: /bin/load sleep\nhostname: ct%d\nmemory: 64\n' "$id"
			[ "$net" = 1 ] && printf 'net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:12:00:%02X:%02X,ip=manual,type=veth\n' \
				$((id / 256 % 256)) $((id % 256))
			printf 'ostype: unmanaged\nrootfs: local:%d/subvol-%d-disk-0.subvol,size=1G\nswap: 0\nunprivileged: 1\n' "$id" "$id"
		} >"/etc/pve/nodes/$node/lxc/$id.conf"
	done
}

populate()
{
	local set_name=$1 count=$2 net=$3 start=$4 t0=$EPOCHREALTIME

	bases || return 1
	node_files
	case $set_name in
	none) ;;
	standard) set_standard; others ;;
	demo) set_demo; others ;;
	*) echo "scratch: no set called $set_name" >&2; return 1 ;;
	esac
	[ "$count" = 0 ] || bulk "$count"
	{
		echo dotfiles
		[ "$set_name" = none ] || "past_$set_name"
		if [ "$start" = 1 ]; then
			[ "$set_name" = none ] || "start_$set_name"
			[ "$count" = 0 ] || echo "start-many 1000 $count"
		fi
	} | pct batch 2>/run/node/batch.err
	# the one container that cannot start is meant
	if grep -v '^start 10[56]: startup for' /run/node/batch.err >&2; then
		return 1
	fi
	say "node $node is ready after $(((${EPOCHREALTIME/./} - ${t0/./}) / 1000)) ms"
}
