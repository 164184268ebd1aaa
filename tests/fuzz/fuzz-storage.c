/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "read/storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text is a storage.cfg, its first line a volume as well. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of((const char *)data, size), line = { 0 };
	_cleanup_(storages_done) struct storages s = { 0 };
	_cleanup_(volume_done) struct volume v = { 0 };
	_cleanup_free_ char *volid = NULL;
	struct err err = { 0 };

	if (storage_parse((const char *)data, size, &s, &err) < 0)
		return 0;
	if (!s.n || !storages_find(&s, "local") ||
	    strcmp(storages_find(&s, "local")->path, "/var/lib/vz") != 0)
		abort();
	for (size_t i = 0; i < s.n; i++) {
		_cleanup_free_ char *dir = storage_dir(&s.v[i], CONTENT_BACKUP);

		if ((dir != NULL) != storage_is_file_based(&s.v[i]))
			abort();
		if (storages_find(&s, s.v[i].id) != &s.v[i])
			abort();
		storage_applies(&s.v[i], "pve1");
	}
	span_line(&text, &line);
	volid = span_dup(line);
	volume_resolve(&s, volid, &v);
	if (v.path && strstr(v.path, "/../") && v.kind == VOLUME_STORAGE &&
	    strstr(v.name, ".."))
		abort();
	return 0;
}
