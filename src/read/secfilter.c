/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/secfilter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

/* What is known when an instruction is reached, by whichever way: A, X and the memory. */
#define MEM   BPF_MEMWORDS
#define A     MEM
#define X     (MEM + 1)
#define WORDS (MEM + 2)

struct word {
	bool known;
	uint32_t v;
};

struct state {
	uint32_t known; /* a bit for each; what is not known is 0 */
	uint32_t v[WORDS];
};

struct run {
	const struct secdata *d;
	struct state
		*states; /* of each instruction; only where it is reached are they set */
	bool *reached;
	struct secmay may;
};

void secfilter_done(struct secfilter *f)
{
	free(f->v);
	*f = (struct secfilter){ 0 };
}

/* The list of seccomp_check_filter(); what else classic BPF has is refused there. */
static bool is_allowed(uint16_t code)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS,
		BPF_LD | BPF_W | BPF_LEN,
		BPF_LDX | BPF_W | BPF_LEN,
		BPF_RET | BPF_K,
		BPF_RET | BPF_A,
		BPF_ALU | BPF_ADD | BPF_K,
		BPF_ALU | BPF_ADD | BPF_X,
		BPF_ALU | BPF_SUB | BPF_K,
		BPF_ALU | BPF_SUB | BPF_X,
		BPF_ALU | BPF_MUL | BPF_K,
		BPF_ALU | BPF_MUL | BPF_X,
		BPF_ALU | BPF_DIV | BPF_K,
		BPF_ALU | BPF_DIV | BPF_X,
		BPF_ALU | BPF_AND | BPF_K,
		BPF_ALU | BPF_AND | BPF_X,
		BPF_ALU | BPF_OR | BPF_K,
		BPF_ALU | BPF_OR | BPF_X,
		BPF_ALU | BPF_XOR | BPF_K,
		BPF_ALU | BPF_XOR | BPF_X,
		BPF_ALU | BPF_LSH | BPF_K,
		BPF_ALU | BPF_LSH | BPF_X,
		BPF_ALU | BPF_RSH | BPF_K,
		BPF_ALU | BPF_RSH | BPF_X,
		BPF_ALU | BPF_NEG,
		BPF_LD | BPF_IMM,
		BPF_LDX | BPF_IMM,
		BPF_MISC | BPF_TAX,
		BPF_MISC | BPF_TXA,
		BPF_LD | BPF_MEM,
		BPF_LDX | BPF_MEM,
		BPF_ST,
		BPF_STX,
		BPF_JMP | BPF_JA,
		BPF_JMP | BPF_JEQ | BPF_K,
		BPF_JMP | BPF_JEQ | BPF_X,
		BPF_JMP | BPF_JGE | BPF_K,
		BPF_JMP | BPF_JGE | BPF_X,
		BPF_JMP | BPF_JGT | BPF_K,
		BPF_JMP | BPF_JGT | BPF_X,
		BPF_JMP | BPF_JSET | BPF_K,
		BPF_JMP | BPF_JSET | BPF_X,
	};

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static bool uses_mem(uint16_t code)
{
	return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM) ||
	       code == BPF_ST || code == BPF_STX;
}

/* `left`: instructions behind this one, into which it must jump. */
static bool is_valid(const struct secinsn *in, size_t left)
{
	if (!is_allowed(in->code))
		return false;
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return in->k < 4 * SECDATA_WORDS && in->k % 4 == 0;
	case BPF_ALU | BPF_DIV | BPF_K:
		return in->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return in->k < 32;
	case BPF_JMP | BPF_JA:
		return in->k < left;
	}
	if (BPF_CLASS(in->code) == BPF_JMP)
		return in->jt < left && in->jf < left;
	return !uses_mem(in->code) || in->k < MEM;
}

int secfilter_parse(struct span bytes, struct secfilter *ret)
{
	struct secfilter f = { 0 };

	_Static_assert(sizeof(struct secinsn) == 8, "struct sock_filter");
	if (!bytes.n || bytes.n % sizeof(*f.v) || bytes.n / sizeof(*f.v) > SECFILTER_MAX)
		return -EINVAL;
	f.n = bytes.n / sizeof(*f.v);
	f.v = xcalloc(f.n, sizeof(*f.v));
	memcpy(f.v, bytes.p, bytes.n);
	for (size_t i = 0; i < f.n; i++)
		if (!is_valid(&f.v[i], f.n - i - 1) ||
		    (i == f.n - 1 && BPF_CLASS(f.v[i].code) != BPF_RET)) {
			secfilter_done(&f);
			return -EINVAL;
		}
	*ret = f;
	return 0;
}

static struct word set(uint32_t v)
{
	return (struct word){ .known = true, .v = v };
}

static struct word get(const struct state *s, unsigned i)
{
	return (struct word){ s->known >> i & 1, s->v[i] };
}

static void put(struct state *s, unsigned i, struct word w)
{
	s->known &= ~(1U << i);
	s->known |= (uint32_t)w.known << i;
	s->v[i] = w.known ? w.v : 0;
}

/* Instruction `to` is reached like this. */
static void reach(struct run *r, size_t to, const struct state *s)
{
	struct state *t = &r->states[to];

	if (!r->reached[to]) {
		r->reached[to] = true;
		*t = *s;
		return;
	}
	for (unsigned i = 0; i < WORDS; i++)
		if (t->v[i] != s->v[i] || !(s->known >> i & 1))
			put(t, i, (struct word){ 0 });
}

static void answer(struct word w, struct secmay *may)
{
	if (!w.known) {
		*may = (struct secmay){ true, true, true, true, true, true, true, 0 };
		return;
	}
	switch (w.v & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		may->allow = true;
		break;
	case SECCOMP_RET_LOG:
		may->log = true;
		break;
	case SECCOMP_RET_TRACE:
		may->trace = true;
		break;
	case SECCOMP_RET_USER_NOTIF:
		may->notify = true;
		break;
	case SECCOMP_RET_ERRNO:
		may->error = true;
		may->error_no = (uint16_t)(w.v & SECCOMP_RET_DATA);
		break;
	case SECCOMP_RET_TRAP:
		may->trap = true;
		break;
	default:
		/* the kernel treats what it does not know as a kill, too */
		may->kill = true;
	}
}

static uint32_t alu(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << b;
	case BPF_RSH:
		return a >> b;
	}
	return 0;
}

static struct word operand(const struct secinsn *in, const struct state *s)
{
	return BPF_SRC(in->code) == BPF_X ? get(s, X) : set(in->k);
}

/* False: a division by an X of 0 ends the filter with 0, which is a kill. */
static bool do_alu(const struct secinsn *in, struct state *s, struct secmay *may)
{
	uint16_t op = BPF_OP(in->code);
	struct word a = get(s, A), b = operand(in, s);
	bool shift = op == BPF_LSH || op == BPF_RSH;

	if (op == BPF_NEG) {
		put(s, A, (struct word){ a.known, -a.v });
		return true;
	}
	if (op == BPF_DIV && (!b.known || !b.v))
		may->kill = true;
	if (op == BPF_DIV && b.known && !b.v)
		return false;
	/* by 32 and more: what comes out depends on the machine */
	if (!a.known || !b.known || (shift && b.v > 31))
		put(s, A, (struct word){ 0 });
	else
		put(s, A, set(alu(op, a.v, b.v)));
	return true;
}

static bool compare(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	}
	return (a & b) != 0; /* BPF_JSET */
}

/* Every jump goes forward: who comes here has been everywhere before. */
static void do_jump(struct run *r, const struct secinsn *in, size_t next)
{
	const struct state *s = &r->states[next - 1];
	struct word a = get(s, A), b = operand(in, s);
	uint16_t op = BPF_OP(in->code);
	bool known = a.known && b.known;

	if (op == BPF_JA) {
		reach(r, next + in->k, s);
		return;
	}
	if (!known || compare(op, a.v, b.v))
		reach(r, next + in->jt, s);
	if (!known || !compare(op, a.v, b.v))
		reach(r, next + in->jf, s);
}

static void do_load(const struct secinsn *in, const struct secdata *d, struct state *s)
{
	struct word w = { 0 };

	switch (BPF_MODE(in->code)) {
	case BPF_ABS:
		w = (struct word){ d->known[in->k / 4], d->word[in->k / 4] };
		break;
	case BPF_LEN:
		w = set(4 * SECDATA_WORDS);
		break;
	case BPF_MEM:
		w = get(s, in->k);
		break;
	case BPF_IMM:
		w = set(in->k);
		break;
	}
	put(s, BPF_CLASS(in->code) == BPF_LDX ? X : A, w);
}

/* `next` is the number of the instruction behind this one. */
static void step(struct run *r, const struct secinsn *in, size_t next)
{
	struct state *s = &r->states[next - 1];
	bool on = true;

	switch (BPF_CLASS(in->code)) {
	case BPF_RET:
		answer(BPF_RVAL(in->code) == BPF_A ? get(s, A) : set(in->k), &r->may);
		return;
	case BPF_JMP:
		do_jump(r, in, next);
		return;
	case BPF_LD:
	case BPF_LDX:
		do_load(in, r->d, s);
		break;
	case BPF_ST:
		put(s, in->k, get(s, A));
		break;
	case BPF_STX:
		put(s, in->k, get(s, X));
		break;
	case BPF_ALU:
		on = do_alu(in, s, &r->may);
		break;
	default: /* BPF_MISC */
		if (BPF_MISCOP(in->code) == BPF_TAX)
			put(s, X, get(s, A));
		else
			put(s, A, get(s, X));
	}
	if (on)
		reach(r, next, s);
}

void secfilter_run(const struct secfilter *f, const struct secdata *d, struct secmay *ret)
{
	struct run r = { .d = d,
			 .states = xreallocarray(NULL, f->n, sizeof(*r.states)),
			 .reached = xcalloc(f->n, sizeof(*r.reached)) };

	/* A, X and the memory begin as 0 */
	r.states[0] = (struct state){ .known = (1U << WORDS) - 1 };
	r.reached[0] = true;
	for (size_t i = 0; i < f->n; i++)
		if (r.reached[i])
			step(&r, &f->v[i], i + 1);
	free(r.states);
	free(r.reached);
	*ret = r.may;
}

/* `b` may win over what `a` may be only where it ranks first; one of both always does. */
void secmay_stack(struct secmay *all, const struct secmay *one)
{
	const bool a[] = { all->kill,  all->trap, all->error, all->notify,
			   all->trace, all->log,  all->allow };
	const bool b[] = { one->kill,  one->trap, one->error, one->notify,
			   one->trace, one->log,  one->allow };
	bool r[ARRAY_SIZE(a)];

	/* r[i]: one of them gives i and the other i or something that ranks behind */
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		bool a_behind = false, b_behind = false;

		for (size_t k = i; k < ARRAY_SIZE(a); k++) {
			a_behind |= a[k];
			b_behind |= b[k];
		}
		r[i] = (a[i] && b_behind) || (b[i] && a_behind);
	}
	*all = (struct secmay){ .kill = r[0],
				.trap = r[1],
				.error = r[2],
				.notify = r[3],
				.trace = r[4],
				.log = r[5],
				.allow = r[6],
				.error_no = all->error ? all->error_no : one->error_no };
}
