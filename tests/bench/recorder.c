/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flight recorder without the collector around it: every lxc/<vmid> there is, for so
 * many seconds, into a ring and (counted, or appended to a file) into blocks.
 *
 *	recorder RING SECONDS [BLOCKS]
 *	recorder cost BLOCKS		what encoding such blocks again costs
 *
 * At the end, on stdout: containers, ticks, cpu_usec of a tick, resident KiB, samples,
 * quiet ones, values and bytes of level 1 blocks, late ticks, unreadable files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "collect/sampler.h"
#include "store/block.h"

struct totals {
	uint64_t blocks, bytes, samples, values;
	uint64_t bytes_10, values_10, bytes_60, values_60;
	struct block_codec *codec;
	int fd;
};

/* The time of the details is none that is shown. */
static uint64_t values_in(const struct sample *s)
{
	return (uint64_t)__builtin_popcountll(s->have &
					      ~METRIC_BIT(METRIC_DETAIL_BOOT_USEC));
}

static uint64_t values_of(struct totals *t, const struct db_block *b)
{
	struct sample v[BLOCK_MAX_SAMPLES];
	uint64_t values = 0;
	size_t n = 0;

	if (block_decode(t->codec, span_of(b->data.p, b->data.n), v, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		values += values_in(&v[i]);
	return values;
}

static void emit(struct db_block *v, size_t n, void *arg)
{
	struct totals *t = arg;

	for (size_t i = 0; i < n; i++) {
		/* only when asked for: decoding is no cost of the recorder */
		uint64_t values = t->fd >= 0 ? values_of(t, &v[i])
					     : (uint64_t)v[i].n * METRIC_DETAILS;
		uint32_t head[4] = { v[i].vmid, (uint32_t)v[i].level_sec, v[i].n,
				     (uint32_t)v[i].data.n };

		if (v[i].level_sec == 1) {
			t->blocks++;
			t->bytes += v[i].data.n;
			t->samples += v[i].n;
			t->values += values;
		} else if (v[i].level_sec == 10) {
			t->bytes_10 += v[i].data.n;
			t->values_10 += values;
		} else {
			t->bytes_60 += v[i].data.n;
			t->values_60 += values;
		}
		if (t->fd >= 0) {
			fs_write_all(t->fd, head, sizeof(head));
			fs_write_all(t->fd, v[i].data.p, v[i].data.n);
		}
		buf_done(&v[i].data);
	}
}

static uint64_t cpu_usec(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * USEC_PER_SEC +
	       (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

/* A line of /proc/self/status, in KiB. */
static unsigned long resident_kib(const char *key)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int root = -1;
	struct span text, line, word;
	uint64_t n = 0;

	fs_open_root("/proc/self", &root, NULL);
	fs_read_file(root, "status", 1 << 16, &b, NULL);
	text = span_of(buf_str(&b), b.n);
	while (span_line(&text, &line))
		if (span_skip(&line, key) && span_field(&line, &word))
			num_parse_u64(word, &n);
	return (unsigned long)n;
}

static void sleep_until(uint64_t boot_usec)
{
	struct timespec t = { .tv_sec = (time_t)(boot_usec / USEC_PER_SEC),
			      .tv_nsec = (long)(boot_usec % USEC_PER_SEC) * 1000 };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static size_t add_all(struct sampler *s, int root)
{
	_cleanup_(strv_done) struct strv names = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	if (fs_list(root, "sys/fs/cgroup/lxc", 100000, &names, &err) < 0) {
		fprintf(stderr, "recorder: %s\n", err.msg);
		exit(1);
	}
	for (size_t i = 0; i < names.n; i++) {
		uint32_t id;

		if (num_parse_u32(span_str(names.v[i]), &id) < 0)
			continue;
		if (sampler_add(s, id, 1, &err) == 0)
			n++;
		else
			fprintf(stderr, "recorder: %s\n", err.msg);
	}
	return n;
}

static int record(const char *path, uint64_t seconds, struct totals *t)
{
	struct sampler_report rep = { 0 };
	uint64_t samples = 0, quiet = 0, began, worst = 0, ended = 0;
	struct sampler_stat st;
	struct sampler *s = NULL;
	struct minute *m = NULL;
	struct ring *ring = NULL;
	struct err err = { 0 };
	char boot[64] = "";
	int root = -1;
	size_t n;

	/* 36 digits and a newline */
	if (fs_open_root("/", &root, &err) < 0 ||
	    fs_read_small(root, "proc/sys/kernel/random/boot_id", boot, 60, &n, &err) <
		    0 ||
	    (boot[36] = '\0', ring_create(path, boot, &ring, &err)) < 0 ||
	    minute_new(ring, emit, t, &m, &err) < 0 ||
	    sampler_new(root, true, ring, m, &s, &err) < 0) {
		fprintf(stderr, "recorder: %s\n", err.msg);
		return 1;
	}
	add_all(s, root);
	sampler_tick(s, &rep);
	began = cpu_usec();
	for (uint64_t i = 0; i < seconds; i++) {
		sleep_until((clock_boot_usec() / USEC_PER_SEC + 1) * USEC_PER_SEC);
		sampler_tick(s, &rep);
		samples += rep.n_sampled;
		quiet += rep.n_quiet;
		ended += rep.n_ended;
		worst = MAX(worst, rep.took_usec);
	}
	began = cpu_usec() - began;
	sampler_stat(s, &st);
	printf("containers %zu\nticks %ju\ncpu_usec_a_tick %ju\nworst_tick_usec %ju\n"
	       "rss_kib %lu\npeak_kib %lu\nsamples %ju\nquiet %ju\nlate %ju\nskipped %ju\n"
	       "unreadable %ju\nended %ju\nnet %d\n",
	       st.n, (uintmax_t)seconds, (uintmax_t)(seconds ? began / seconds : 0),
	       (uintmax_t)worst, resident_kib("VmRSS:"), resident_kib("VmHWM:"),
	       (uintmax_t)samples, (uintmax_t)quiet, (uintmax_t)st.late_ticks,
	       (uintmax_t)st.skipped, (uintmax_t)st.unreadable, (uintmax_t)ended,
	       st.net_known);
	minute_flush(m);
	printf("blocks %ju\nblock_samples %ju\nblock_values %ju\nblock_bytes %ju\n"
	       "values_10 %ju\nbytes_10 %ju\nvalues_60 %ju\nbytes_60 %ju\n",
	       (uintmax_t)t->blocks, (uintmax_t)t->samples, (uintmax_t)t->values,
	       (uintmax_t)t->bytes, (uintmax_t)t->values_10, (uintmax_t)t->bytes_10,
	       (uintmax_t)t->values_60, (uintmax_t)t->bytes_60);
	sampler_free(s);
	minute_free(m);
	ring_close(ring);
	close(root);
	return 0;
}

static void count_block(const struct sample *v, size_t n, uint64_t *ret_values,
			uint64_t *ret_active)
{
	for (size_t i = 0; i < n; i++) {
		*ret_values += values_in(&v[i]);
		*ret_active += !v[i].quiet;
	}
}

/* Encodes and decodes recorded blocks again. */
static int cost(const char *path, struct totals *t)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_close_ int root = -1;
	uint64_t enc = 0, dec = 0, blocks = 0, bytes = 0, values = 0;
	uint64_t busy = 0, busy_bytes = 0, busy_values = 0, most = 0;
	struct sample v[BLOCK_MAX_SAMPLES];
	size_t at = 0;

	fs_open_root("/", &root, NULL);
	if (fs_read_file(root, path, 1 << 30, &b, NULL) < 0)
		return 1;
	while (at + 16 <= b.n) {
		_cleanup_(buf_done) struct buf again = { 0 };
		uint32_t head[4];
		uint64_t c = cpu_usec(), here = 0, active = 0;
		size_t n = 0;

		memcpy(head, b.p + at, sizeof(head));
		at += sizeof(head);
		if (block_decode(t->codec, span_of(b.p + at, head[3]), v, &n, NULL) < 0)
			return 1;
		at += head[3];
		dec += cpu_usec() - c;
		c = cpu_usec();
		block_encode(t->codec, v, n, &again, NULL);
		enc += cpu_usec() - c;
		if (head[1] != 1)
			continue;
		blocks++;
		bytes += again.n;
		count_block(v, n, &here, &active);
		values += here;
		most = MAX(most, here ? again.n * 1000 / here : 0);
		/* most of its seconds something ran */
		if (n < 50 || active * 2 < n)
			continue;
		busy++;
		busy_bytes += again.n;
		busy_values += here;
	}
	printf("busy_blocks %ju\nbusy_millibytes_a_value %ju\nmost_millibytes_a_value %ju\n",
	       (uintmax_t)busy, (uintmax_t)(busy ? busy_bytes * 1000 / busy_values : 0),
	       (uintmax_t)most);
	printf("blocks %ju\nbytes %ju\nvalues %ju\nmillibytes_a_value %ju\n"
	       "encode_nsec %ju\ndecode_nsec %ju\n",
	       (uintmax_t)blocks, (uintmax_t)bytes, (uintmax_t)values,
	       (uintmax_t)(values ? bytes * 1000 / values : 0),
	       (uintmax_t)(blocks ? enc * 1000 / blocks : 0),
	       (uintmax_t)(blocks ? dec * 1000 / blocks : 0));
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit files = { 1 << 20, 1 << 20 };
	struct totals t = { .fd = -1 };
	uint64_t seconds = 0;

	setrlimit(RLIMIT_NOFILE, &files);
	if (block_codec_new(&t.codec, NULL) < 0)
		return 1;
	if (argc == 3 && strcmp(argv[1], "cost") == 0)
		return cost(argv[2], &t);
	if (argc < 3 || num_parse_u64(span_str(argv[2]), &seconds) < 0) {
		fprintf(stderr, "usage: recorder RING SECONDS [BLOCKS]\n");
		return 2;
	}
	if (argc > 3)
		t.fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return record(argv[1], seconds, &t);
}
