/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/str.h"

#define MAX_CODE ((size_t)4096) /* BPF_MAXINSNS */

static int add_call(scmp_filter_ctx ctx, const struct filter_call *c)
{
	struct scmp_arg_cmp cmp[ARRAY_SIZE(c->args)];

	for (unsigned i = 0; i < c->n_args; i++)
		cmp[i] = SCMP_CMP(c->args[i].no, SCMP_CMP_MASKED_EQ, c->args[i].mask,
				  c->args[i].value);
	return seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, c->number, c->n_args,
					    cmp);
}

/* libseccomp 2.5 writes its program to a descriptor only. */
static int export(scmp_filter_ctx ctx, struct buf *ret)
{
	_cleanup_close_ int fd = (int)syscall(SYS_memfd_create, "filter", 1u);
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	return fs_pread_buf(fd, 0, MAX_CODE * sizeof(struct sock_filter) + 1, ret);
}

static int build(scmp_filter_ctx ctx, const struct filter_call *calls, size_t n,
		 struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_call(ctx, &calls[i]);
	if (r == 0)
		r = export(ctx, ret);
	if (r == 0 && (!ret->n || ret->n % sizeof(struct sock_filter) ||
		       ret->n > MAX_CODE * sizeof(struct sock_filter)))
		r = -EINVAL;
	return r;
}

int filter_build(const struct filter_call *calls, size_t n, struct filter *ret,
		 struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	struct buf code = { 0 };
	int r;

	if (!ctx)
		return err_set(err, -ENOMEM, "seccomp: no filter");
	r = build(ctx, calls, n, &code);
	seccomp_release(ctx);
	if (r < 0) {
		buf_done(&code);
		return err_set(err, r, "seccomp: %s", strerror(-r));
	}
	*ret = (struct filter){ .code = code.p,
				.n = code.n / sizeof(struct sock_filter) };
	return 0;
}

void filter_done(struct filter *f)
{
	free(f->code);
	*f = (struct filter){ 0 };
}

int filter_enter(const struct filter *f, struct err *err)
{
	struct sock_fprog prog = { .len = (unsigned short)f->n, .filter = f->code };

	if (!f->n || f->n > MAX_CODE)
		return err_set(err, -EINVAL, "seccomp: no filter");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_set(err, -errno, "seccomp: %s", strerror(errno));
	return 0;
}
