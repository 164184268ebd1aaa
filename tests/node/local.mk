# SPDX-License-Identifier: LGPL-2.1-or-later
# what the live tests need: one static program for inside containers, /etc/pve that hangs
check_PROGRAMS += tests/live/load tests/node/hangfuse tests/node/pmxcfs
tests_live_load_CPPFLAGS = -D_GNU_SOURCE
tests_live_load_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-format-truncation
tests_live_load_LDFLAGS = -static
tests_live_load_LDADD =
tests_node_hangfuse_CPPFLAGS = -D_GNU_SOURCE
tests_node_hangfuse_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-format-truncation
tests_node_hangfuse_LDFLAGS = -static
tests_node_hangfuse_LDADD =
tests_node_hangfuse_SOURCES = tests/node/hangfuse.c tests/node/fusewire.h
tests_node_pmxcfs_CPPFLAGS = -D_GNU_SOURCE
tests_node_pmxcfs_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-format-truncation
tests_node_pmxcfs_LDFLAGS = -static
tests_node_pmxcfs_LDADD =
tests_node_pmxcfs_SOURCES = \
	tests/node/fusewire.h \
	tests/node/pmxcfs.c \
	tests/node/pmxops.c \
	tests/node/pmxops.h \
	tests/node/pmxview.c \
	tests/node/pmxview.h
EXTRA_DIST += \
	tests/node/hook-poststop \
	tests/node/hook-prestart \
	tests/node/lxcnetaddbr \
	tests/node/node.sh \
	tests/node/pct \
	tests/node/populate.sh \
	tests/node/scratch
EXTRA_DIST += \
	debian/control \
	tests/demo \
	tests/lib/packages.sh \
	tests/live/all \
	tests/live/live.py \
	tests/live/reader.py \
	tests/live/test-addresses.py \
	tests/live/test-hang.py \
	tests/live/test-hostile.py \
	tests/live/test-lifecycle.py \
	tests/live/test-list.py \
	tests/live/test-logs.py \
	tests/live/test-truth.py \
	tests/packages.txt \
	tests/vm/all \
	tests/vm/aptsources.sh \
	tests/vm/boots \
	tests/vm/guest \
	tests/vm/image \
	tests/vm/journal \
	tests/vm/kernel \
	tests/vm/limits \
	tests/vm/node \
	tests/vm/packages.txt \
	tests/vm/powerloss \
	tests/vm/run \
	tests/vm/askreader \
	tests/vm/doctor \
	tests/vm/service \
	tests/vm/storage \
	tests/vm/zfs-module \
	tests/vm/units/pve-cluster.service \
	tests/vm/units/pve-container@.service \
	tests/vm/units/pve-guests.service \
	tests/vm/units/stop-wrapper \
	tests/vm/units/tmpfiles.conf \
	tests/vm/units/vmnode-late.service \
	tests/vm/units/vmnode-net.service \
	tests/vm/vmnode.py
