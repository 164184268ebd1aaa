/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/dl.h"

#include <dlfcn.h>

int dl_load(const char *soname, const struct dl_sym *syms, size_t n, void **handle,
	    struct err *err)
{
	void *h;

	if (*handle)
		return 0;
	h = dlopen(soname, RTLD_NOW | RTLD_NODELETE);
	if (!h)
		return err_set(err, -ENOENT, "load %s: %s", soname, dlerror());
	for (size_t i = 0; i < n; i++) {
		*syms[i].ptr = dlsym(h, syms[i].name);
		if (!*syms[i].ptr) {
			dlclose(h);
			return err_set(err, -ENOENT, "%s has no %s", soname,
				       syms[i].name);
		}
	}
	*handle = h;
	return 0;
}
