/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/secfilter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(const struct secmay *a, const struct secmay *b)
{
	return (!a->kill || b->kill) && (!a->trap || b->trap) &&
	       (!a->error || b->error) && (!a->notify || b->notify) &&
	       (!a->trace || b->trace) && (!a->log || b->log) && (!a->allow || b->allow);
}

static int count(const struct secmay *m)
{
	return m->kill + m->trap + m->error + m->notify + m->trace + m->log + m->allow;
}

/*
 * 64 bytes of a system call, then a filter. With some arguments unknown nothing is denied
 * that the filter answers when all of them are known; some answer there always is.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secdata d = { 0 };
	struct secfilter f = { 0 };
	struct secmay exact, may;

	if (size < sizeof(d.word))
		return 0;
	memcpy(d.word, data, sizeof(d.word));
	if (secfilter_parse(
		    span_of((const char *)data + sizeof(d.word), size - sizeof(d.word)),
		    &f) < 0)
		return 0;
	for (size_t i = 0; i < SECDATA_WORDS; i++)
		d.known[i] = true;
	secfilter_run(&f, &d, &exact);
	for (size_t i = 2; i < SECDATA_WORDS; i++)
		d.known[i] = false;
	secfilter_run(&f, &d, &may);
	if (!count(&exact) || !within(&exact, &may))
		abort();
	secfilter_done(&f);
	return 0;
}
