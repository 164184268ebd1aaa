/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that a tenant may have chosen: names, log lines, paths, interface names, texts
 * of a config. Not a C string: any byte may be in it, NUL too, and it is not terminated.
 * Borrowed: it points into something that outlives it. Only the renderers (out/text.h,
 * out/json.h) turn it into output, escaped.
 */
struct tbytes {
	const uint8_t *p;
	uint32_t n;
};
