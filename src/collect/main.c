/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "collect/loop.h"

int main(void)
{
	struct err err = { 0 };
	struct loop *l;

	if (loop_new(&l, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 3;
	}
	loop_free(l);
	return 3;
}
