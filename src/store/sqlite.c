/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/sqlite.h"

#include <pthread.h>

#include "base/dl.h"

#define X(f) __typeof__(f) *dl_##f;
SQLITE_FUNCTIONS(X)
#undef X

int sqlite_load(struct err *err)
{
#define X(f) DL_SYM(f),
	static const struct dl_sym syms[] = { SQLITE_FUNCTIONS(X) };
#undef X
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static void *handle;
	int r;

	pthread_mutex_lock(&lock);
	r = dl_load("libsqlite3.so.0", syms, ARRAY_SIZE(syms), &handle, err);
	pthread_mutex_unlock(&lock);
	return r;
}
