/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the reader of the kernel's protections says of this node's containers, as plain
 * lines for tests/live/test-security.py:
 *
 *	secprobe		all that run
 *	secprobe rules		what the rules over it find
 *	secprobe bench N	the same N times: microseconds of each, without output
 *	secprobe filters VMID N [FILE]	fetches its filters N times: how long init stood
 *	still; FILE: the one that was loaded first goes there
 *	secprobe pids VMID PID START N	is PID, as it was at START, ever taken for init?
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "out/text.h"
#include "read/ctsec.h"
#include "read/facts.h"
#include "read/secfetch.h"
#include "rule/rule.h"

static void put(const char *key, const char *p, size_t n)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_escape(&b, span_tbytes(span_of(p ? p : "-", p ? n : 1)), false);
	printf(" %s=%s", key, buf_str(&b));
}

static void put_str(const char *key, const char *s)
{
	put(key, s, s ? strlen(s) : 0);
}

static void put_val(const char *key, struct val v, bool hex)
{
	if (v.kind == VAL_SET)
		printf(hex ? " %s=%jx" : " %s=%ju", key, (uintmax_t)v.n);
	else
		printf(" %s=-", key);
}

static void print_nss(const struct sec_nss *ns)
{
	for (unsigned i = 0; i < SEC_NS_N; i++) {
		char key[16];

		snprintf(key, sizeof(key), "ns_%s", sec_ns_name((enum sec_ns)i));
		put_val(key, ns->inode[i], false);
	}
	printf(" nsgot=%d", (int)ns->got);
}

static void print_proc(uint32_t vmid, const struct sec_proc *p)
{
	printf("proc vmid=%u pid=%d inside=%d attached=%d uid=%u gid=%u", vmid,
	       (int)p->pid, (int)p->ct_pid, p->attached, p->uid[1], p->gid[1]);
	put("comm", p->comm, p->comm_n);
	put_val("inh", p->caps.inheritable, true);
	put_val("prm", p->caps.permitted, true);
	put_val("eff", p->caps.effective, true);
	put_val("bnd", p->caps.bounding, true);
	put_val("amb", p->caps.ambient, true);
	put_val("nnp", p->no_new_privs, false);
	put_val("seccomp", p->seccomp, false);
	put_val("filters", p->seccomp_filters, false);
	printf(" labelgot=%d mode=%s", (int)p->label.got,
	       sec_aa_mode_name(p->label.mode));
	put_str("profile", p->label.profile);
	put_str("aans", p->label.ns);
	print_nss(&p->ns);
	printf("\n");
}

static void print_map(uint32_t vmid, const char *what, enum sec_got got,
		      const struct idmap *m)
{
	printf("map vmid=%u what=%s got=%d lines=", vmid, what, (int)got);
	for (size_t i = 0; i < m->n; i++)
		printf("%s%u:%u:%u", i ? "," : "", m->v[i].inside, m->v[i].outside,
		       m->v[i].count);
	printf("\n");
}

static void print_ct(const struct ctsec *s)
{
	printf("ct vmid=%u init=%d procs=%zu left=%ju devgot=%d", s->vmid,
	       (int)s->init_pid, s->n_procs, (uintmax_t)s->left_out, (int)s->devices.got);
	put_val("bpf", s->devices.bpf, false);
	printf(" devrules=%zu devlist=%d", s->devices.n, s->devices.is_list);
	put_str("error", s->error);
	printf("\n");
	print_map(s->vmid, "uid", s->uid_got, &s->uids);
	print_map(s->vmid, "gid", s->gid_got, &s->gids);
	for (size_t i = 0; i < s->n_procs; i++)
		print_proc(s->vmid, &s->procs[i]);
}

static void get_facts(int root, struct facts *ret)
{
	struct facts_want want = { 0 };
	struct err err = { 0 };

	if (facts_read(root, true, &want, clock_real_usec(), ret, &err) < 0) {
		fprintf(stderr, "secprobe: %s\n", err.msg);
		exit(1);
	}
}

static void show(int root)
{
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(ctsecs_done) struct ctsecs s = { 0 };

	get_facts(root, &f);
	ctsec_read_all(root, &f, &s);
	if (s.host) {
		printf("host labelgot=%d", (int)s.host->label.got);
		put_val("lastcap", s.host->last_cap, false);
		print_nss(&s.host->ns);
		printf("\n");
	}
	for (size_t i = 0; i < s.n; i++)
		if (s.v[i])
			print_ct(s.v[i]);
}

static void rules_of(int root)
{
	_cleanup_(facts_done) struct facts f = { 0 };
	_cleanup_(ctsecs_done) struct ctsecs s = { 0 };
	_cleanup_(findings_done) struct findings found = { 0 };
	struct rule_pick pick = { .profile = PROFILE_OWN };
	struct rule_in in = { .facts = &f };

	get_facts(root, &f);
	ctsec_read_all(root, &f, &s);
	in.secs = s.v;
	rules_run(&in, &pick, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (!str_starts(found.v[i].rule, "kernel-"))
			continue;
		printf("finding vmid=%u rule=%s line=%u", found.v[i].vmid,
		       found.v[i].rule, found.v[i].line);
		put_str("seen", found.v[i].seen);
		printf("\n");
	}
}

static void bench(int root, uint64_t n)
{
	_cleanup_(facts_done) struct facts f = { 0 };

	get_facts(root, &f);
	for (uint64_t i = 0; i < n; i++) {
		_cleanup_(ctsecs_done) struct ctsecs s = { 0 };
		uint64_t t0 = clock_mono_usec();
		size_t procs = 0;

		ctsec_read_all(root, &f, &s);
		t0 = clock_mono_usec() - t0;
		for (size_t k = 0; k < s.n; k++)
			procs += s.v[k] ? s.v[k]->n_procs : 0;
		printf("%zu containers, %zu processes: %ju us\n", s.n, procs,
		       (uintmax_t)t0);
	}
}

static uint64_t number(const char *s)
{
	uint64_t n;

	if (num_parse_u64(span_str(s), &n) < 0) {
		fprintf(stderr, "secprobe: %s\n", s);
		exit(2);
	}
	return n;
}

/* While others die and are born under that number: how often it was believed. */
static void reuse(int root, char **argv)
{
	struct ct ct = { .vmid = (uint32_t)number(argv[2]),
			 .here = true,
			 .init_pid = (pid_t)number(argv[3]),
			 .init_start_ticks = number(argv[4]) };
	uint64_t n = number(argv[5]), taken = 0, errors = 0;

	for (uint64_t i = 0; i < n; i++) {
		_cleanup_(ctsec_done) struct ctsec s = { 0 };

		ctsec_read(root, &ct, NULL, 0, &s);
		taken += s.n_procs != 0;
		errors += s.error != NULL;
		if (s.error)
			printf("%s; ", s.error);
	}
	printf("%ju reads, %ju taken, %ju errors\n", (uintmax_t)n, (uintmax_t)taken,
	       (uintmax_t)errors);
}

static int cmp_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void save(const char *path, const struct secfilter *f)
{
	FILE *out = fopen(path, "we");

	if (!out || fwrite(f->v, sizeof(*f->v), f->n, out) != f->n || fclose(out))
		exit(1);
}

static void filters(int root, char **argv, const char *file)
{
	struct facts_want want = { .vmid = (uint32_t)number(argv[2]) };
	_cleanup_(facts_done) struct facts f = { 0 };
	uint64_t n = number(argv[3]), *usec = xcalloc(n + 1, sizeof(*usec)), failed = 0;
	size_t n_filters = 0, n_insns = 0, got = 0;
	struct err err = { 0 };

	if (facts_read(root, true, &want, clock_real_usec(), &f, &err) < 0)
		exit(1);
	for (uint64_t i = 0; i < n; i++) {
		_cleanup_(secfilters_done) struct secfilters s = { 0 };

		if (secfetch(root, want.vmid, f.cts[0].init_pid,
			     f.cts[0].init_start_ticks, &s, &err) < 0) {
			failed++;
			continue;
		}
		usec[got++] = s.stop_usec;
		n_filters = s.n;
		n_insns = s.n ? s.v[s.n - 1].n : 0;
		if (file && s.n)
			save(file, &s.v[s.n - 1]);
	}
	qsort(usec, got, sizeof(*usec), cmp_u64);
	printf("%zu filters, the first of %zu instructions; %ju of %ju failed (%s); "
	       "stopped: median %ju us, p99 %ju us, longest %ju us\n",
	       n_filters, n_insns, (uintmax_t)failed, (uintmax_t)n,
	       failed ? err.msg : "-", (uintmax_t)usec[got / 2],
	       (uintmax_t)usec[got * 99 / 100], (uintmax_t)(got ? usec[got - 1] : 0));
	free(usec);
}

int main(int argc, char **argv)
{
	_cleanup_close_ int root = -1;
	struct err err = { 0 };

	if (fs_open_root("/", &root, &err) < 0) {
		fprintf(stderr, "secprobe: %s\n", err.msg);
		return 1;
	}
	if (argc == 1)
		show(root);
	else if (argc == 2 && str_eq(argv[1], "rules"))
		rules_of(root);
	else if (argc == 3 && str_eq(argv[1], "bench"))
		bench(root, number(argv[2]));
	else if ((argc == 4 || argc == 5) && str_eq(argv[1], "filters"))
		filters(root, argv, argc == 5 ? argv[4] : NULL);
	else if (argc == 6 && str_eq(argv[1], "pids"))
		reuse(root, argv);
	else
		return 2;
	return 0;
}
