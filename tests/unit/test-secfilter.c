/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "read/secfilter.h"
#include "test.h"

#define LOAD(off)                                                                        \
	{                                                                                \
		BPF_LD | BPF_W | BPF_ABS, 0, 0, off                                      \
	}
#define JEQ(k, t, f)                                                                     \
	{                                                                                \
		BPF_JMP | BPF_JEQ | BPF_K, t, f, k                                       \
	}
#define JGE(k, t, f)                                                                     \
	{                                                                                \
		BPF_JMP | BPF_JGE | BPF_K, t, f, k                                       \
	}
#define RET(k)                                                                           \
	{                                                                                \
		BPF_RET | BPF_K, 0, 0, k                                                 \
	}
#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))
#define ARG0     16

#define KILL   1
#define TRAP   2
#define ERROR  4
#define NOTIFY 8
#define TRACE  16
#define LOG    32
#define ALLOW  64

static unsigned mask(const struct secmay *m)
{
	return (m->kill ? KILL : 0U) | (m->trap ? TRAP : 0U) | (m->error ? ERROR : 0U) |
	       (m->notify ? NOTIFY : 0U) | (m->trace ? TRACE : 0U) | (m->log ? LOG : 0U) |
	       (m->allow ? ALLOW : 0U);
}

static int parse(const struct secinsn *v, size_t bytes, struct secfilter *f)
{
	return secfilter_parse(span_of((const char *)v, bytes), f);
}

static struct secdata call(uint32_t arch, uint32_t nr)
{
	struct secdata d = { 0 };

	d.word[SECDATA_NR] = nr;
	d.word[SECDATA_ARCH] = arch;
	d.known[SECDATA_NR] = d.known[SECDATA_ARCH] = true;
	return d;
}

/* As LXC's denylist comes out of libseccomp: one call refused, one by its argument. */
static const struct secinsn denylist[] = {
	LOAD(4),
	JEQ(AUDIT_ARCH_X86_64, 0, 7), /* else: kill */
	LOAD(0),
	JEQ(246, 3, 0), /* kexec_load */
	JEQ(41, 0, 3),  /* socket */
	LOAD(ARG0),
	JEQ(38, 0, 1), /* AF_ALG */
	RET(ERRNO(1)),
	RET(SECCOMP_RET_ALLOW),
	RET(SECCOMP_RET_KILL_THREAD),
};

static unsigned of(const struct secfilter *f, uint32_t arch, uint32_t nr)
{
	struct secdata d = call(arch, nr);
	struct secmay may;

	secfilter_run(f, &d, &may);
	return mask(&may);
}

static void a_call_is_answered_whatever_its_arguments_are(void)
{
	_cleanup_(secfilter_done) struct secfilter f = { 0 };
	struct secdata d = call(AUDIT_ARCH_X86_64, 41);
	struct secmay may;

	CHECK(parse(denylist, sizeof(denylist), &f) == 0, "parse");
	CHECK_U64(of(&f, AUDIT_ARCH_X86_64, 246), ERROR);
	CHECK_U64(of(&f, AUDIT_ARCH_X86_64, 0), ALLOW);
	CHECK_U64(of(&f, AUDIT_ARCH_X86_64, 41), ERROR | ALLOW);
	CHECK_U64(of(&f, AUDIT_ARCH_I386, 0), KILL);
	secfilter_run(&f, &d, &may);
	CHECK_U64(may.error_no, 1);
	d.known[ARG0 / 4] = true;
	d.word[ARG0 / 4] = 38;
	secfilter_run(&f, &d, &may);
	CHECK_U64(mask(&may), ERROR);
	d.word[ARG0 / 4] = 2;
	secfilter_run(&f, &d, &may);
	CHECK_U64(mask(&may), ALLOW);
}

static void a_value_that_is_lost_makes_everything_possible(void)
{
	const struct secinsn v[] = { LOAD(ARG0), { BPF_RET | BPF_A, 0, 0, 0 } };
	const struct secinsn both[] = {
		LOAD(ARG0),
		JEQ(1, 0, 1),
		{ BPF_LD | BPF_IMM, 0, 0, SECCOMP_RET_ALLOW },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	_cleanup_(secfilter_done) struct secfilter f = { 0 };

	CHECK(parse(v, sizeof(v), &f) == 0, "parse");
	CHECK_U64(of(&f, 0, 0), 127);
	secfilter_done(&f);
	CHECK(parse(both, sizeof(both), &f) == 0, "parse");
	CHECK_U64(of(&f, 0, 0), 127);
}

static void arithmetic_and_memory_are_followed(void)
{
	const struct secinsn v[] = {
		LOAD(0),
		{ BPF_ALU | BPF_ADD | BPF_K, 0, 0, 5 },
		{ BPF_ST, 0, 0, 3 },
		{ BPF_LDX | BPF_IMM, 0, 0, 2 },
		{ BPF_ALU | BPF_MUL | BPF_X, 0, 0, 0 },
		{ BPF_MISC | BPF_TAX, 0, 0, 0 },
		{ BPF_LD | BPF_MEM, 0, 0, 3 },
		{ BPF_ALU | BPF_NEG, 0, 0, 0 },
		{ BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0 },
		JEQ(15, 0, 1), /* 2 * (nr + 5) - (nr + 5) */
		RET(SECCOMP_RET_LOG),
		RET(SECCOMP_RET_TRAP),
	};
	const struct secinsn div[] = { LOAD(0),
				       { BPF_MISC | BPF_TAX, 0, 0, 0 },
				       { BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0 },
				       RET(SECCOMP_RET_TRACE) };
	_cleanup_(secfilter_done) struct secfilter f = { 0 };

	CHECK(parse(v, sizeof(v), &f) == 0, "parse");
	CHECK_U64(of(&f, 0, 10), LOG);
	CHECK_U64(of(&f, 0, 11), TRAP);
	secfilter_done(&f);
	CHECK(parse(div, sizeof(div), &f) == 0, "parse");
	CHECK_U64(of(&f, 0, 7), TRACE);
	CHECK_U64(of(&f, 0, 0), KILL); /* division by zero ends it */
}

static void what_the_kernel_refuses_is_refused(void)
{
	const struct secinsn bad[][2] = {
		{ LOAD(2), RET(0) },      /* not a word */
		{ LOAD(64), RET(0) },     /* behind the end */
		{ JEQ(0, 1, 0), RET(0) }, /* out of the program */
		{ { BPF_JMP | BPF_JA, 0, 0, 1 }, RET(0) },
		{ RET(0), LOAD(0) }, /* no answer at the end */
		{ { BPF_LD | BPF_B | BPF_ABS, 0, 0, 0 }, RET(0) },
		{ { BPF_ST, 0, 0, 16 }, RET(0) },
		{ { BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0 }, RET(0) },
		{ { BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32 }, RET(0) },
		{ { 0xffff, 0, 0, 0 }, RET(0) },
	};
	const struct secinsn good[] = { RET(0) };
	struct secinsn *many = xcalloc(SECFILTER_MAX + 1, sizeof(*many));
	_cleanup_(secfilter_done) struct secfilter f = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(parse(bad[i], sizeof(bad[i]), &f) == -EINVAL, "%zu", i);
	CHECK(parse(good, 0, &f) == -EINVAL, "empty");
	CHECK(parse(good, 7, &f) == -EINVAL, "half");
	CHECK(parse(good, 8, &f) == 0, "one");
	CHECK_U64(of(&f, 0, 0), KILL);
	secfilter_done(&f);
	for (size_t i = 0; i <= SECFILTER_MAX; i++)
		many[i].code = BPF_RET | BPF_K;
	CHECK(parse(many, SECFILTER_MAX * sizeof(*many), &f) == 0, "largest");
	secfilter_done(&f);
	CHECK(parse(many, (SECFILTER_MAX + 1) * sizeof(*many), &f) == -EINVAL,
	      "and one more");
	free(many);
}

static void of_several_filters_the_strictest_answer_counts(void)
{
	struct secmay all = { .allow = true }, one = { .error = true, .error_no = 38 };

	secmay_stack(&all, &one);
	CHECK_U64(mask(&all), ERROR);
	CHECK_U64(all.error_no, 38);
	one = (struct secmay){ .allow = true, .kill = true };
	secmay_stack(&all, &one);
	CHECK_U64(mask(&all), ERROR | KILL);
	all = (struct secmay){ .allow = true, .error = true };
	one = (struct secmay){ .allow = true, .log = true };
	secmay_stack(&all, &one);
	CHECK_U64(mask(&all), ALLOW | LOG | ERROR);
}

int main(void)
{
	RUN(a_call_is_answered_whatever_its_arguments_are);
	RUN(a_value_that_is_lost_makes_everything_possible);
	RUN(arithmetic_and_memory_are_followed);
	RUN(what_the_kernel_refuses_is_refused);
	RUN(of_several_filters_the_strictest_answer_counts);
	return DONE();
}
