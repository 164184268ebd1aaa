/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/guestwire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request(struct span text)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct guestread_request req, again;

	if (guestwire_parse_request(text, &req, NULL) < 0)
		return;
	/* what was taken can be asked again, word for word */
	if (guestwire_put_request(&b, &req, NULL) < 0 || b.n != text.n ||
	    guestwire_parse_request(span_of(b.p, b.n), &again, NULL) < 0)
		abort();
	free(req.v);
	free(again.v);
}

static void answers(const uint8_t *data, size_t size)
{
	struct guestread_answers a = { 0 };
	size_t n = size ? data[0] % 8 + 1u : 1;
	bool opened = guestwire_is_opened(span_of((const char *)data, size));
	char *copy = xmalloc(size + 1);
	uint8_t sum = 0;

	/* what more comes never takes it back */
	if (!opened && guestwire_is_opened(span_of((const char *)data, size / 2)))
		abort();
	memcpy(copy, data, size);
	if (guestwire_take_answers(copy, size, n, &a, NULL) < 0)
		return;
	for (size_t i = 0; i < a.n; i++) {
		for (uint32_t k = 0; k < a.v[i].data.n; k++)
			sum ^= a.v[i].data.p[k];
		for (size_t e = 0; e < a.v[i].n_entries; e++)
			for (uint32_t k = 0; k < a.v[i].entries[e].name.n; k++)
				sum ^= a.v[i].entries[e].name.p[k];
		(void)guestread_why_text(a.v[i].why);
	}
	if (a.complete && a.v[n - 1].why == GUESTREAD_NO_ANSWER)
		abort();
	if (opened && !a.opened)
		abort();
	__asm__ volatile("" ::"r"(sum));
	guestread_answers_done(&a);
}

static void pattern(const uint8_t *data, size_t size)
{
	char p[32] = { 0 };
	size_t n = MIN(size, sizeof(p) - 1);

	memcpy(p, data, n);
	(void)guestwire_match(p, span_of((const char *)data + n, size - n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	request(span_of((const char *)data, size));
	answers(data, size);
	pattern(data, size);
	return 0;
}
