/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storemaker ROOT: a recorded past below ROOT, always the same: the last two minutes in
 * run/ctscope/ring, the hours before in var/lib/ctscope/ctscope.db, as the collector
 * writes them. The end of it is 2026-11-20 12:00:00 UTC. Container 101 has a load that
 * rises and falls, was restarted at 11:30, and the collector was away from 11:10 to
 * 11:20; 102 does nothing. PVE's RRD goes back three days: of 101 as PVE 9 keeps it, of
 * 102 as PVE 8 did.
 */
#include <rrd.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "collect/minute.h"
#include "store/db.h"

#define END  (UINT64_C(1795176000) * USEC_PER_SEC)
#define FROM (END - 3 * 3600 * USEC_PER_SEC)
#define BOOT (1000 * USEC_PER_SEC) /* the boot's clock at FROM */

static void keep(struct db_block *v, size_t n, void *arg)
{
	struct err err = { 0 };

	if (db_add_blocks(arg, v, n, &err) < 0) {
		fprintf(stderr, "storemaker: %s\n", err.msg);
		exit(1);
	}
	for (size_t i = 0; i < n; i++)
		buf_done(&v[i].data);
}

/* 0..1000, a hill each twenty minutes */
static uint64_t hill(uint64_t sec)
{
	uint64_t x = sec % 1200;

	return (x < 600 ? x : 1200 - x) * 1000 / 600;
}

static void put_details(uint64_t sec, uint64_t load, struct sample *s)
{
	s->v[METRIC_DETAIL_BOOT_USEC] = s->boot_usec;
	s->v[METRIC_MEMORY_SLAB_BYTES] = (UINT64_C(4) << 20) + load * 1000;
	s->v[METRIC_MEMORY_SLAB_UNRECLAIMABLE_BYTES] = UINT64_C(1) << 20;
	s->v[METRIC_MEMORY_SOCK_BYTES] = load << 10;
	s->v[METRIC_MEMORY_DIRTY_BYTES] = load / 10 << 12;
	s->v[METRIC_PGFAULT] = sec * 100;
	s->have |= METRIC_DETAIL_BITS & ~METRIC_BIT(METRIC_MEMORY_SWAPCACHED_BYTES);
}

static struct sample sample_at(uint64_t sec, uint32_t vmid, struct sample *counters)
{
	uint64_t load = vmid == 101 ? hill(sec) : 0, *c = counters->v;
	struct sample s;

	c[METRIC_CPU_USER_USEC] += load * 900;
	c[METRIC_CPU_SYSTEM_USEC] += load * 100;
	c[METRIC_CPU_USAGE_USEC] += load * 1000;
	c[METRIC_PSI_CPU_SOME_USEC] += load > 900 ? 250000 : 0;
	c[METRIC_IO_WRITE_BYTES] += load * 4096;
	c[METRIC_NET_IN_BYTES] += load * 100;
	c[METRIC_PGMAJFAULT] += sec % 10 == 0 && load;
	s = *counters;
	s.boot_usec = BOOT + sec * USEC_PER_SEC;
	s.real_usec = FROM + sec * USEC_PER_SEC;
	s.v[METRIC_MEMORY_CURRENT_BYTES] = (UINT64_C(100) + load / 4) << 20;
	s.v[METRIC_MEMORY_FILE_BYTES] = UINT64_C(60) << 20;
	s.v[METRIC_MEMORY_ANON_BYTES] = (UINT64_C(30) + load / 4) << 20;
	s.v[METRIC_MEMORY_KERNEL_BYTES] = UINT64_C(10) << 20;
	s.v[METRIC_PIDS_CURRENT] = 10 + load / 100;
	s.have = 0;
	for (size_t m = 0; m < METRIC_DETAILS; m++)
		if (m != METRIC_SWAP_CURRENT_BYTES && m != METRIC_MEMORY_SHMEM_BYTES)
			s.have |= UINT64_C(1) << m;
	put_details(sec, load, &s);
	return s;
}

static void record(struct ring *ring, struct minute *m, uint32_t vmid)
{
	struct sample counters = { 0 };
	uint64_t life = 1;
	size_t slot = 0;

	ring_slot(ring, vmid, life, &slot, NULL);
	minute_add(m, vmid, life, slot);
	for (uint64_t sec = 1; sec <= 3 * 3600; sec++) {
		struct sample s = sample_at(sec, vmid, &counters);

		if (vmid == 101 && sec == 9000) {
			minute_end(m, vmid);
			ring_free_slot(ring, slot);
			counters = (struct sample){ 0 };
			ring_slot(ring, vmid, ++life, &slot, NULL);
			minute_add(m, vmid, life, slot);
			continue;
		}
		if (sec >= 7800 && sec < 8400)
			continue;
		ring_add(ring, slot, &s);
		if (sec % 60 == 0)
			minute_sweep(m, s.real_usec);
	}
	ring_beat(ring, BOOT + 3 * 3600 * USEC_PER_SEC, USEC_PER_SEC, 0);
}

/* ---- PVE's RRD ---- */

#define RRD_ROWS 4320

static const char *const sources[] = {
	"DS:maxcpu:GAUGE:120:0:U",
	"DS:cpu:GAUGE:120:0:U",
	"DS:maxmem:GAUGE:120:0:U",
	"DS:mem:GAUGE:120:0:U",
	"DS:maxdisk:GAUGE:120:0:U",
	"DS:disk:GAUGE:120:0:U",
	"DS:netin:DERIVE:120:0:U",
	"DS:netout:DERIVE:120:0:U",
	"DS:diskread:DERIVE:120:0:U",
	"DS:diskwrite:DERIVE:120:0:U",
	"DS:memhost:GAUGE:120:0:U",
	"DS:pressurecpusome:GAUGE:120:0:U",
	"DS:pressurecpufull:GAUGE:120:0:U",
	"DS:pressureiosome:GAUGE:120:0:U",
	"DS:pressureiofull:GAUGE:120:0:U",
	"DS:pressurememorysome:GAUGE:120:0:U",
	"DS:pressurememoryfull:GAUGE:120:0:U",
};

static void check(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "storemaker: %s: %s\n", what, rrd_get_error());
	exit(1);
}

static void make_rrd(const char *path, bool nine)
{
	static const char *const archives[2][4] = {
		{ "RRA:AVERAGE:0.5:1:70", "RRA:AVERAGE:0.5:30:70",
		  "RRA:AVERAGE:0.5:180:70", "RRA:AVERAGE:0.5:720:70" },
		{ "RRA:AVERAGE:0.5:1:1440", "RRA:AVERAGE:0.5:30:1440",
		  "RRA:AVERAGE:0.5:360:1440", "RRA:AVERAGE:0.5:10080:570" },
	};
	const char *args[ARRAY_SIZE(sources) + 4];
	static const char *rows[RRD_ROWS];
	size_t n = 0, n_ds = nine ? ARRAY_SIZE(sources) : 10;
	uint64_t end = END / USEC_PER_SEC;

	for (size_t i = 0; i < n_ds; i++)
		args[n++] = sources[i];
	for (size_t i = 0; i < 4; i++)
		args[n++] = archives[nine][i];
	check(rrd_create_r(path, 60, (time_t)(end - (RRD_ROWS + 1) * 60), (int)n, args),
	      path);
	for (uint64_t i = 0; i < RRD_ROWS; i++) {
		uint64_t at = end - (RRD_ROWS - 1 - i) * 60;

		/* a container that was off for an hour, a day before */
		if (i / 60 == 48)
			rows[i] = xasprintf("%ju:2:U:536870912:U:4294967296:0:U:U:U:U%s",
					    (uintmax_t)at, nine ? ":U:U:U:U:U:U:U" : "");
		else
			rows[i] = xasprintf("%ju:2:0.%02ju:536870912:%ju:4294967296:"
					    "1073741824:%ju:%ju:0:%ju%s",
					    (uintmax_t)at, (uintmax_t)(i % 100),
					    (uintmax_t)((UINT64_C(50) + i % 7) << 20),
					    (uintmax_t)(i * 60000), (uintmax_t)(i * 6000),
					    (uintmax_t)(i * 600),
					    nine ? ":U:1.25:0:2.5:1.5:0:0" : "");
	}
	check(rrd_update_r(path, NULL, RRD_ROWS, rows), path);
	for (size_t i = 0; i < RRD_ROWS; i++)
		free((void *)(uintptr_t)rows[i]);
}

/* ---- events and an incident ---- */

static const struct {
	uint64_t sec;
	enum event_type type;
	enum event_origin origin;
	bool inferred;
	uint32_t vmid;
	const char *id, *name, *data;
} past[] = {
	{ 0, EVENT_COLLECTOR, ORIGIN_COLLECTOR, false, 0, "c-1", NULL,
	  "{\"what\":\"started\",\"text\":\"3 containers run\"}" },
	{ 7000, EVENT_CONFIG_CHANGED, ORIGIN_CONFIG, false, 101, "k-1", "web",
	  "{\"changes\":[{\"key\":\"memory\",\"old\":\"1024\",\"new\":\"512\"}],"
	  "\"user\":\"root@pam\"}" },
	{ 8999, EVENT_OOM_KILL, ORIGIN_KERNEL, false, 101, "o-1", "web",
	  "{\"victim\":{\"pid\":4711,\"name\":\"ap\\u001b[31mp\",\"unit\":\"web.service\","
	  "\"rss_bytes\":402653184},\"kills\":2,\"limit_bytes\":536870912}" },
	{ 9000, EVENT_STOPPED, ORIGIN_HOOK, false, 101, "s-1", "web",
	  "{\"cause\":\"oom-init\",\"signal\":9,\"uptime_sec\":8000,"
	  "\"peak_bytes\":536870912}" },
	{ 9002, EVENT_STARTED, ORIGIN_CGROUP, true, 101, "b-1", "web",
	  "{\"phases\":[{\"name\":\"init\",\"usec\":812000}]}" },
	{ 9900, EVENT_PRESSURE, ORIGIN_RECORDER, false, 102, "p-1", "db\xff",
	  "{\"resource\":\"io\",\"some_ppm\":553000,\"seconds\":60}" },
};

static void put_events(struct db *db)
{
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(past); i++) {
		struct event e = { .type = past[i].type,
				   .origin = past[i].origin,
				   .inferred = past[i].inferred,
				   .vmid = past[i].vmid,
				   .life = past[i].vmid ? 1 + (i > 3) : 0,
				   .time_real_usec = FROM + past[i].sec * USEC_PER_SEC,
				   .boot_usec = BOOT + past[i].sec * USEC_PER_SEC };

		snprintf(e.id, sizeof(e.id), "%s", past[i].id);
		e.name = past[i].name ? xstrdup(past[i].name) : NULL;
		e.data = xstrdup(past[i].data);
		if (db_add_events(db, &e, 1, false, NULL, &err) < 0) {
			fprintf(stderr, "storemaker: %s\n", err.msg);
			exit(1);
		}
		event_done(&e);
	}
}

static void put_incidents(struct db *db)
{
	struct incident i = {
		.kind = INCIDENT_OOM_KILL,
		.vmid = 101,
		.life = 1,
		.opened_real_usec = FROM + 8999 * USEC_PER_SEC,
		.closed_real_usec = val_set(FROM + 9061 * USEC_PER_SEC),
		.keep_from_real_usec = FROM + 8399 * USEC_PER_SEC,
		.keep_until_real_usec = FROM + 9600 * USEC_PER_SEC,
	};
	struct incident open = { .kind = INCIDENT_PRESSURE,
				 .vmid = 102,
				 .life = 2,
				 .opened_real_usec = FROM + 9900 * USEC_PER_SEC };

	i.name = xstrdup("web");
	i.summary = xstrdup("the kernel killed 2 processes for lack of memory");
	i.data = xstrdup(
		"{\"events\":[\"o-1\",\"s-1\"],\"cause\":\"oom-init\",\"signal\":9,"
		"\"limits\":{\"memory_bytes\":536870912,\"swap_bytes\":null,\"pids\":100,"
		"\"cpus\":0.5,\"cpuset\":\"0-1\"},\"memory\":{\"current_bytes\":536600000,"
		"\"anon_bytes\":500000000},\"pressure\":{\"memory_full_ppm\":912000},"
		"\"victim\":{\"pid\":4711,\"name\":\"app\",\"unit\":\"web.service\"},"
		"\"processes\":[{\"pid\":4711,\"name\":\"a\\u001bpp\",\"rss_bytes\":402653184,"
		"\"state\":\"R\"}],\"units\":[{\"name\":\"web.service\","
		"\"memory_bytes\":500000000,\"cpu_usec\":81234567,\"pids\":9}],"
		"\"texts\":[{\"from\":\"kernel\",\"text\":\"Memory cgroup out of memory\\n"
		"Killed process 4711\"}],\"checks\":[{\"what\":\"limit\",\"ok\":false,"
		"\"text\":\"memory.max is what the config says\"}],\"n\":99}");
	open.name = xstrdup("db\xff");
	open.summary = xstrdup("io: something waited");
	if (db_put_incident(db, &i, NULL) < 0 || db_put_incident(db, &open, NULL) < 0)
		exit(1);
	incident_done(&i);
	incident_done(&open);
}

static char *dirs(const char *root, const char *path)
{
	char *full = xasprintf("%s/%s", root, path);

	for (char *p = full + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(full, 0755);
			*p = '/';
		}
	return full;
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *db_path = NULL, *ring_path = NULL, *nine = NULL,
			    *eight = NULL;
	struct db_opened opened = { 0 };
	struct minute *m = NULL;
	struct ring *ring = NULL;
	struct db *db = NULL;
	struct err err = { 0 };

	if (argc != 2)
		return 2;
	db_path = dirs(argv[1], "var/lib/ctscope/ctscope.db");
	ring_path = dirs(argv[1], "run/ctscope/ring");
	if (db_open(db_path, &db, &opened, &err) < 0 ||
	    ring_create(ring_path, "11111111-2222-3333-4444-555555555555", &ring, &err) <
		    0 ||
	    minute_new(ring, keep, db, &m, &err) < 0) {
		fprintf(stderr, "storemaker: %s\n", err.msg);
		return 1;
	}
	nine = dirs(argv[1], "var/lib/rrdcached/db/pve-vm-9.0/101");
	eight = dirs(argv[1], "var/lib/rrdcached/db/pve2-vm/102");
	make_rrd(nine, true);
	make_rrd(eight, false);
	record(ring, m, 101);
	record(ring, m, 102);
	minute_free(m);
	ring_close(ring);
	(void)db_set_node(db, "pvn1", NULL);
	put_events(db);
	put_incidents(db);
	db_close(db);
	return 0;
}
