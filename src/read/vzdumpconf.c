/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/vzdumpconf.h"

#include "base/fs.h"
#include "read/storage.h"

/* The last value of each key; one that is no good is as if its key were not there. */
struct said {
	struct span mode, storage, dumpdir;
};

static void take_line(struct span line, struct said *said)
{
	const struct {
		const char *key;
		struct span *dst;
	} keys[] = {
		{ "mode", &said->mode },
		{ "storage", &said->storage },
		{ "dumpdir", &said->dumpdir },
	};
	struct span key;

	line = span_trim(line);
	if (span_starts(line, "#") || !span_find(line, ":"))
		return;
	span_cut(&line, ':', &key);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_eq(key, keys[i].key))
			*keys[i].dst = span_trim(line);
}

static bool is_mode(struct span s)
{
	return span_eq(s, "snapshot") || span_eq(s, "suspend") || span_eq(s, "stop");
}

void vzdumpconf_parse(struct span text, struct backup_defaults *ret)
{
	struct backup_defaults d = { 0 };
	struct said said = { 0 };
	struct span line;

	while (span_line(&text, &line))
		take_line(line, &said);
	d.mode = is_mode(said.mode) ? span_dup(said.mode) : xstrdup("snapshot");
	if (storage_is_id(said.storage))
		d.storage = span_dup(said.storage);
	else if (said.dumpdir.n)
		d.dumpdir = span_dup(said.dumpdir);
	else
		d.storage = xstrdup("local");
	*ret = d;
}

int vzdumpconf_read(int rootfd, struct backup_defaults *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	int r = fs_read_file(rootfd, VZDUMPCONF_PATH, VZDUMPCONF_MAX_BYTES, &b, err);

	if (r < 0 && r != -ENOENT)
		return r;
	vzdumpconf_parse(span_of(b.p, r < 0 ? 0 : b.n), ret);
	return 0;
}
