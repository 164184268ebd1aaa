/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/backups.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A strict name has a guest and a time, any other has neither. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct backup_archive a = { 0 };

	if (backupname_parse(span_of((const char *)data, size), &a) < 0)
		return 0;
	if (a.standard != (a.vmid >= 100) || (!a.format && !a.writing) ||
	    strlen(a.file) != size || strchr(a.file, '/'))
		abort();
	backup_archive_done(&a);
	return 0;
}
