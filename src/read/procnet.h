/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/str.h"

/*
 * Addresses of a network namespace out of files of /proc/<pid>/net that anybody may read
 * (kernel: net/ipv4/fib_trie.c, net/ipv6/addrconf.c): global ones, without those of the
 * loopback and link-local ones. Appended to *ret as "10.0.0.5", "fd00::5", each once, at
 * most `max` in it. Pure.
 */
void procnet_parse_fib_trie(struct span text, size_t max, struct strv *ret);
void procnet_parse_if_inet6(struct span text, size_t max, struct strv *ret);
