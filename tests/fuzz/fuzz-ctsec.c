/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "read/ctsec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* status, an AppArmor label, devices.list, a namespace's link. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of((const char *)data, size);
	struct sec_proc p = { 0 };
	struct sec_label l = { 0 };
	struct sec_devices d = { 0 };
	uint64_t n;

	if (ctsec_parse_status(s, &p) == 0 && p.caps.effective.kind != VAL_SET)
		abort();
	ctsec_parse_label(s, &l);
	/* what is shown is never more than what was there */
	if (l.got != SEC_GOT || !l.text || strlen(l.text) > size ||
	    (l.ns == NULL) != (l.inner == NULL) ||
	    (l.profile && strlen(l.profile) > size) || (l.ns && strlen(l.ns) > size))
		abort();
	sec_label_done(&l);
	if (ctsec_parse_devices(s, &d) == 0)
		free(d.v);
	(void)ctsec_parse_ns(s, "user", &n);
	return 0;
}
