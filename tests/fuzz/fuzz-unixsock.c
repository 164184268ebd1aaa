/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/unixsock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses between the text and a dump of netlink messages. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t *ids = NULL;
	size_t n = 0, cap = 0;
	char *copy;

	if (!size)
		return 0;
	/* a receive buffer is aligned */
	copy = xmalloc(size);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		(void)unixsock_parse_diag(span_of(copy, size - 1), &ids, &n, &cap);
	else
		unixsock_parse_text(span_of(copy, size - 1), &ids, &n, &cap);
	for (size_t i = 0; i < n; i++)
		if (!ids[i])
			__builtin_trap();
	free(ids);
	free(copy);
	return 0;
}
