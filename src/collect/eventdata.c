/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "collect/collector.h"

bool data_open(struct data *d)
{
	*d = (struct data){ 0 };
	d->f = open_memstream(&d->text, &d->n);
	if (!d->f)
		oom();
	if (jw_new_line(d->f, &d->w, NULL) == 0)
		return true;
	fclose(d->f);
	free(d->text);
	return false;
}

void data_close(struct data *d, char **ret)
{
	(void)jw_free(d->w);
	fclose(d->f);
	while (d->n && d->text[d->n - 1] == '\n')
		d->text[--d->n] = '\0';
	free(*ret);
	*ret = d->text;
	if (d->n <= EVENT_DATA_MAX)
		return;
	free(*ret);
	*ret = xstrdup("{\"cut\":true}");
}
