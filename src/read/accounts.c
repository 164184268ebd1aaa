/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/accounts.h"

#include "base/fs.h"
#include "base/num.h"

#define MAX_BYTES ((size_t)4 << 20)

void accounts_done(struct accounts *a)
{
	buf_done(&a->passwd);
	buf_done(&a->group);
}

int accounts_read(int rootfd, struct accounts *ret, struct err *err)
{
	_cleanup_(accounts_done) struct accounts a = { 0 };
	int r = fs_read_file(rootfd, "etc/passwd", MAX_BYTES, &a.passwd, err);

	if (r == 0)
		r = fs_read_file(rootfd, "etc/group", MAX_BYTES, &a.group, err);
	if (r < 0)
		return r;
	*ret = a;
	a = (struct accounts){ 0 };
	return 0;
}

bool accounts_parse(struct span text, const char *name, uint32_t *ret)
{
	struct span line, field, number;

	while (span_line(&text, &line))
		if (span_cut(&line, ':', &field) && span_eq(field, name) &&
		    span_cut(&line, ':', &field) && span_cut(&line, ':', &number))
			return num_parse_u32(number, ret) == 0;
	return false;
}

static bool find(const struct buf *b, const char *name, uint32_t *ret)
{
	return accounts_parse(span_of(buf_str(b), b->n), name, ret);
}

bool accounts_user(const struct accounts *a, const char *name, uid_t *ret_uid)
{
	return find(&a->passwd, name, ret_uid);
}

bool accounts_group(const struct accounts *a, const char *name, gid_t *ret_gid)
{
	return find(&a->group, name, ret_gid);
}
