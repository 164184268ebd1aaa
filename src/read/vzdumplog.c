/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/vzdumplog.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "read/hostlog.h"

#define MAX_BYTES ((size_t)1 << 20)
#define MAX_TEXT  1024

void vzdump_log_done(struct vzdump_log *l)
{
	free(l->error);
	free(l->archive);
	*l = (struct vzdump_log){ 0 };
}

/* "109 (lxc)", "109 (00:03:40)", "109 failed": the number is whole. */
static bool of_guest(struct span *s, uint32_t vmid)
{
	char id[16];

	snprintf(id, sizeof(id), "%u ", vmid);
	return span_skip(s, id);
}

static void set_text(char **ret, struct span s)
{
	free(*ret);
	*ret = xstrndup(s.p, MIN(s.n, (size_t)MAX_TEXT));
}

static void set_mode(struct vzdump_log *l, struct span s)
{
	if (s.n >= sizeof(l->mode))
		return;
	memcpy(l->mode, s.p, s.n);
	l->mode[s.n] = '\0';
}

/* 'PATH' of "creating vzdump archive 'PATH'", also of PBS' "creating Proxmox ...". */
static void set_archive(struct vzdump_log *l, struct span s)
{
	struct span path;

	if (span_cut(&s, '\'', &path) && span_cut(&s, '\'', &path) && path.n)
		set_text(&l->archive, path);
}

static void take_line(struct vzdump_log *l, struct span s, uint64_t when, uint32_t vmid)
{
	if (span_skip(&s, "INFO: Starting Backup of VM ") && of_guest(&s, vmid)) {
		vzdump_log_done(l);
		l->begun_real_usec = when;
	} else if (span_skip(&s, "INFO: backup mode: ")) {
		set_mode(l, s);
	} else if (span_skip(&s, "INFO: creating ")) {
		set_archive(l, s);
	} else if (span_skip(&s, "INFO: Finished Backup of VM ") && of_guest(&s, vmid)) {
		l->ended = true;
		l->ended_real_usec = when;
	} else if (span_skip(&s, "ERROR: Backup of VM ") && of_guest(&s, vmid)) {
		l->ended = l->failed = true;
		l->ended_real_usec = when;
		if (span_skip(&s, "failed - ") && s.n)
			set_text(&l->error, s);
	}
}

void vzdump_log_parse(struct span text, uint32_t vmid, struct vzdump_log *ret)
{
	struct vzdump_log l = { 0 };
	struct span line;

	while (span_line(&text, &line)) {
		uint64_t when = 0;

		line = span_trim(line);
		(void)log_stamp_cut(&line, &when);
		take_line(&l, line, when, vmid);
	}
	*ret = l;
}

int vzdump_log_read(int rootfd, uint32_t vmid, struct vzdump_log *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf text = { 0 };
	char path[64];
	int r;

	snprintf(path, sizeof(path), "var/log/vzdump/lxc-%u.log", vmid);
	r = fs_read_file(rootfd, path, MAX_BYTES, &text, err);
	if (r == 0)
		vzdump_log_parse(span_of(text.p, text.n), vmid, ret);
	return r;
}
