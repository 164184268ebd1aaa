# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Packages made of packages (sourced): a next version, a stand-in for Proxmox's lxc-pve.

# next_version DEB DIR [SUFFIX]: the same package of a later version ("+next"), with another
# default configuration and other programs (a byte more), into DIR under the same name
next_version()
{
	local dir f

	dir=$(mktemp -d) || return 1
	dpkg-deb -R "$1" "$dir/x" &&
		sed -i "s/^Version: .*/&${3-+next}/" "$dir/x/DEBIAN/control" &&
		printf '\n# of the next version\n' >>"$dir/x/etc/ctscope/ctscope.conf" || return 1
	for f in "$dir"/x/usr/libexec/ctscope/* "$dir"/x/usr/sbin/*; do
		printf '\n' >>"$f"
	done
	printf '# of the next version\n' >>"$dir/x/usr/share/lxc/config/common.conf.d/50-ctscope.conf"
	(cd "$dir/x" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | LC_ALL=C sort |
		xargs md5sum >DEBIAN/md5sums)
	dpkg-deb -Zgzip --root-owner-group -b "$dir/x" "$2/${1##*/}" >/dev/null || return 1
	rm -rf "$dir"
}

# dummy_lxc_pve TREE DEB: TREE is Debian's liblxc, unpacked. Names as Proxmox's package has
# them: liblxc1 without a version, nothing of liblxc1t64.
dummy_lxc_pve()
{
	mkdir -p "$1/DEBIAN" && cat >"$1/DEBIAN/control" <<-EOT &&
	Package: lxc-pve
	Version: 6.0.5-3
	Architecture: $(dpkg --print-architecture)
	Maintainer: nobody <nobody@ctscope.invalid>
	Depends: libc6, libcap2, libseccomp2, libselinux1, libssl3t64 | libssl3, libdbus-1-3, libapparmor1
	Provides: liblxc1, lxc, lxc-dev
	Conflicts: liblxc1, lxc, lxc-dev
	Replaces: liblxc1, lxc, lxc-dev
	Section: admin
	Priority: optional
	Description: stand-in for tests
	 It has the names of the real one.
	EOT
		dpkg-deb -Zgzip --root-owner-group -b "$1" "$2"
}
