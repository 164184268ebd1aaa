/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lean parsers of cgroup files (the first byte says which) against the whole ones:
 * where both understand a text they say the same.
 */
#include <stdlib.h>

#include "read/cgroup.h"
#include "read/cgsample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct sample *s, enum metric m, struct val v)
{
	bool has = s->have >> m & 1;

	/* "max" is no number: the lean one refuses it */
	if (v.kind == VAL_MAX)
		return;
	if (has != (v.kind == VAL_SET) || (has && s->v[m] != v.n))
		abort();
}

static void cpu(struct span text, const struct sample *s)
{
	struct cg_cpu c = { 0 };

	if (cg_parse_cpu_stat(text, &c) < 0)
		return;
	same(s, METRIC_CPU_USAGE_USEC, c.usage_usec);
	same(s, METRIC_CPU_USER_USEC, c.user_usec);
	same(s, METRIC_CPU_THROTTLED_USEC, c.throttled_usec);
}

static void memory(struct span text, bool details, const struct sample *s)
{
	struct cg_memory m = { 0 };

	if (cg_parse_memory_stat(text, &m) < 0)
		return;
	same(s, METRIC_MEMORY_ANON_BYTES, m.anon_bytes);
	same(s, METRIC_MEMORY_KERNEL_BYTES, m.kernel_bytes);
	same(s, METRIC_PGMAJFAULT, m.pgmajfault);
	if (!details)
		return;
	same(s, METRIC_MEMORY_SLAB_BYTES, m.slab_bytes);
	same(s, METRIC_MEMORY_SOCK_BYTES, m.sock_bytes);
	same(s, METRIC_PGFAULT, m.pgfault);
}

static void psi(struct span text, const struct sample *s)
{
	struct cg_psi p = { 0 };

	if (cg_parse_psi(text, &p) < 0)
		return;
	if (p.some.total_usec.kind == VAL_SET)
		same(s, METRIC_PSI_CPU_SOME_USEC, p.some.total_usec);
	if (p.full.total_usec.kind == VAL_SET)
		same(s, METRIC_PSI_CPU_FULL_USEC, p.full.total_usec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample s = { 0 };
	struct span text;
	enum cgsample_file f;

	if (!size)
		return 0;
	f = (enum cgsample_file)(data[0] % CGSAMPLE_FILES);
	text = span_of((const char *)data + 1, size - 1);
	/* the whole parsers take other blanks, too */
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\t' || text.p[i] == '\r')
			return 0;
	if (cgsample_parse(f, text, data[0] & 0x80, &s) < 0)
		return 0;
	if (!(data[0] & 0x80) && s.have & METRIC_DETAIL_BITS)
		abort();
	for (size_t i = 0; i + 1 < text.n; i++)
		if ((text.p[i] == ' ' && text.p[i + 1] == ' ') ||
		    (text.p[i] == '\n' && text.p[i + 1] == ' '))
			return 0;
	if (text.n && text.p[0] == ' ')
		return 0;
	if (f == CGSAMPLE_CPU_PRESSURE)
		psi(text, &s);
	if (f == CGSAMPLE_CPU_STAT)
		cpu(text, &s);
	if (f == CGSAMPLE_MEMORY_STAT)
		memory(text, data[0] & 0x80, &s);
	return 0;
}
