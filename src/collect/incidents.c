/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collect/collector.h"

int incsrc_open(struct collector *c, struct db *db, struct err *err)
{
	(void)c;
	(void)db;
	(void)err;
	return 0;
}

void incsrc_close(struct collector *c)
{
	(void)c;
}

void incsrc_look(struct collector *c, const struct event *v, size_t n)
{
	(void)c;
	(void)v;
	(void)n;
}

bool incsrc_done(struct collector *c, const struct writer_done *d)
{
	(void)c;
	(void)d;
	return false;
}

uint64_t incsrc_due(struct collector *c, struct lc_time now)
{
	(void)c;
	(void)now;
	return 0;
}
