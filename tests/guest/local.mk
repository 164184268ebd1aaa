# SPDX-License-Identifier: LGPL-2.1-or-later
# hostile containers: what runs inside, and what asks from outside (tests/live/test-guest.py)
check_PROGRAMS += tests/guest/attacker
tests_guest_attacker_CPPFLAGS = -D_GNU_SOURCE
tests_guest_attacker_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-format-truncation
tests_guest_attacker_LDFLAGS = -static
tests_guest_attacker_LDADD =
if !FUZZING
check_PROGRAMS += tests/guest/ask
check_PROGRAMS += tests/guest/reuse
endif
tests_guest_ask_LDADD = libct.a
tests_guest_reuse_LDADD = libct.a
EXTRA_DIST += tests/live/test-guest.py
EXTRA_DIST += tests/live/test-insidelogs.py
EXTRA_DIST += tests/live/test-cases.py
EXTRA_DIST += tests/guest/cases
