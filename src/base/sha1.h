/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/*
 * SHA-1 (FIPS 180-4) of n bytes as lower-case hex: only because PVE's config digest is
 * one. It protects nothing here.
 */
void sha1_hex(const void *p, size_t n, char ret[41]);
