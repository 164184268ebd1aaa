/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What guest-read says, for the live tests, and what a reader without its care says.
 *
 *   ask VMID PID TICKS MSEC [loop=N] [canary=TEXT] ITEM...
 *   ask naive PID PATH
 *
 * ITEM: OP[:FLAGS[:MAX]]=PATH[|PATTERN], OP: file tail list statfs readlink stat journal;
 * FLAGS:
 * c cross, a any type, n nofollow, w newest, f follow the cursor of the loop before.
 * Prints a line an item of the last loop, KEY=VALUE, data in hex; then "job ...".
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "read/guestread.h"

static const char *const op_names[GUESTREAD_N_OPS] = {
	[GUESTREAD_FILE] = "file",         [GUESTREAD_TAIL] = "tail",
	[GUESTREAD_LIST] = "list",         [GUESTREAD_STATFS] = "statfs",
	[GUESTREAD_READLINK] = "readlink", [GUESTREAD_STAT] = "stat",
	[GUESTREAD_JOURNAL] = "journal",
};

static struct guestread_item items[GUESTREAD_MAX_ITEMS];
static bool follows[GUESTREAD_MAX_ITEMS];
static size_t n_items;

static uint64_t number(const char *s)
{
	uint64_t n;

	if (num_parse_u64(span_str(s), &n) < 0) {
		fprintf(stderr, "ask: %s is not a number\n", s);
		exit(2);
	}
	return n;
}

static void set_flags(struct guestread_item *it, struct span flags)
{
	for (size_t i = 0; i < flags.n; i++) {
		it->cross |= flags.p[i] == 'c';
		it->any_type |= flags.p[i] == 'a';
		it->nofollow |= flags.p[i] == 'n';
		it->newest |= flags.p[i] == 'w';
		follows[n_items] |= flags.p[i] == 'f';
	}
}

static void add_item(char *text)
{
	struct guestread_item *it = &items[n_items];
	char *path = strchr(text, '='), *bar = path ? strchr(path, '|') : NULL;
	struct span head, op, flags = { 0 }, max = { 0 };

	if (!path || n_items == GUESTREAD_MAX_ITEMS)
		exit(2);
	if (bar) {
		*bar = '\0';
		it->pattern = bar + 1;
	}
	it->path = path + 1;
	head = span_of(text, (size_t)(path - text));
	span_cut(&head, ':', &op);
	if (span_cut(&head, ':', &flags))
		span_cut(&head, ':', &max);
	for (int i = 1; i < GUESTREAD_N_OPS; i++)
		if (span_eq(op, op_names[i]))
			it->op = (enum guestread_op)i;
	set_flags(it, flags);
	if (max.n) {
		(void)num_parse_u32(max, &it->max_bytes);
		if (it->op == GUESTREAD_LIST || it->op == GUESTREAD_JOURNAL) {
			it->max_entries = it->max_bytes;
			it->max_bytes = 0;
		}
	}
	n_items++;
}

static void print_answer(const struct guestread_answer *a)
{
	printf("why=%d error=%d size=%ju mode=%o uid=%u start=%ju skipped=%ju reset=%d "
	       "truncated=%d next=%ju entries=%zu total=%ju files=%ju magic=%jx readonly=%d "
	       "data=",
	       a->why, a->error, (uintmax_t)a->st.size_bytes, a->st.mode, a->st.uid,
	       (uintmax_t)a->start_offset, (uintmax_t)a->skipped_bytes, a->reset,
	       a->truncated, (uintmax_t)a->next.offset, a->n_entries,
	       (uintmax_t)a->fs.total_bytes, (uintmax_t)a->fs.files,
	       (uintmax_t)a->fs.magic, a->fs.readonly);
	for (uint32_t i = 0; i < a->data.n && i < 4096; i++)
		printf("%02x", a->data.p[i]);
	printf(" bytes=%u names=", a->data.n);
	for (size_t i = 0; i < a->n_entries && i < 64; i++) {
		for (uint32_t k = 0; k < a->entries[i].name.n; k++)
			printf("%02x", a->entries[i].name.p[k]);
		printf(",");
	}
	printf("\n");
}

static int naive(const char *pid, const char *path)
{
	char full[4096], text[4096];
	ssize_t n;
	int fd;

	snprintf(full, sizeof(full), "/proc/%s/root%s", pid, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n < 0) {
		printf("error=%d\n", errno);
		return 1;
	}
	fwrite(text, 1, (size_t)n, stdout);
	return 0;
}

struct totals {
	size_t whys[GUESTREAD_N_WHYS], canaries, stuck;
	uint64_t longest_usec;
};

static void count(struct totals *t, const struct guestread_answers *answers,
		  const char *canary)
{
	for (size_t i = 0; i < answers->n; i++) {
		const struct guestread_answer *a = &answers->v[i];

		t->whys[a->why]++;
		if (canary && a->data.n &&
		    span_find(span_of((const char *)a->data.p, a->data.n), canary))
			t->canaries++;
		if (follows[i] && !a->why)
			items[i].cursor = a->next;
	}
}

int main(int argc, char **argv)
{
	struct guestread_job job = { 0 };
	struct guestread_target target;
	_cleanup_(buf_done) struct buf program = { 0 };
	_cleanup_close_ int root = -1;
	struct totals t = { 0 };
	const char *canary = NULL;
	uint64_t loops = 1;

	if (argc == 4 && strcmp(argv[1], "naive") == 0)
		return naive(argv[2], argv[3]);
	if (argc < 6)
		return 2;
	for (int i = 5; i < argc; i++) {
		if (str_starts(argv[i], "loop="))
			loops = number(argv[i] + 5);
		else if (str_starts(argv[i], "canary="))
			canary = argv[i] + 7;
		else
			add_item(argv[i]);
	}
	target = (struct guestread_target){ .vmid = (uint32_t)number(argv[1]),
					    .init_pid = (pid_t)number(argv[2]),
					    .start_ticks = number(argv[3]) };
	if (fs_open_root("/", &root, NULL) < 0 || !getenv("CTSCOPE_BUILD"))
		return 2;
	buf_addf(&program, "%s/guest-read", getenv("CTSCOPE_BUILD"));
	for (uint64_t i = 0; i < loops; i++) {
		uint64_t t0 = clock_mono_usec();

		guestread_job_done(&job);
		job.target = target;
		job.request = (struct guestread_request){
			.v = items,
			.n = n_items,
			.deadline_msec = (uint32_t)number(argv[4]),
		};
		t.stuck += guestread_run(root, program.p, &job, 1);
		t.longest_usec = MAX(t.longest_usec, clock_mono_usec() - t0);
		count(&t, &job.answers, canary);
		if (job.error && loops > 1)
			fprintf(stderr, "%s\n", job.err.msg);
	}
	for (size_t i = 0; i < job.answers.n; i++)
		print_answer(&job.answers.v[i]);
	printf("job error=%d stuck=%zu waited=%d usec=%ju canaries=%zu whys=", job.error,
	       t.stuck, job.answers.waited, (uintmax_t)t.longest_usec, t.canaries);
	for (int i = 0; i < GUESTREAD_N_WHYS; i++)
		printf("%zu,", t.whys[i]);
	printf(" msg=%s\n", job.err.msg);
	guestread_job_done(&job);
	return 0;
}
