/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/toppast.h"

#include <top.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/num.h"
#include "store/block.h"
#include "store/db.h"

/* Steps before and after the moment that are loaded: a graph, and some to step through.
 */
#define BACK   (TOP_GRAPH + 30)
#define ON     30
#define LOADED ((size_t)2 * (BACK + ON))

struct toppast {
	const struct app *app;
	struct db *db;
	struct block_codec *codec;
	struct db_lives lives;
	struct tracks tracks;
	uint64_t since, until; /* of what is loaded */
	uint64_t from;         /* any moment from it to `until` can be shown by tracks */
	uint64_t step_usec;
	uint64_t missing; /* a moment that was looked for last, and is not there */
};

struct toppast *toppast_new(const struct app *app)
{
	struct toppast *p = xcalloc(1, sizeof(*p));

	p->app = app;
	return p;
}

void toppast_free(struct toppast *p)
{
	if (!p)
		return;
	db_lives_done(&p->lives);
	db_close(p->db);
	block_codec_free(p->codec);
	tracks_done(&p->tracks);
	free(p);
}

static void close_store(struct toppast *p)
{
	db_close(p->db);
	p->db = NULL;
	block_codec_free(p->codec);
	p->codec = NULL;
}

static int open_store(struct toppast *p, struct err *err)
{
	_cleanup_free_ char *path =
		xasprintf("%s/%s", p->app->root ? p->app->root : "", DB_PATH);
	struct fs_stat st;
	int r;

	r = block_codec_new(&p->codec, err);
	if (r < 0)
		return r;
	r = db_open_readonly(path, p->app->live, &p->db, err);
	/* the same for a missing libsqlite3, which says so */
	if (r == -ENOENT && fs_stat(p->app->rootfd, DB_PATH, true, &st, NULL) == -ENOENT)
		err_set(err, r, "there is no store of a collector (/" DB_PATH ")");
	if (r < 0)
		close_store(p);
	return r;
}

/* Before each load: a collector goes on writing, or has begun a new file. */
static int refresh(struct toppast *p, struct err *err)
{
	struct db_lives lives = { 0 };
	int r = p->db ? db_refresh(p->db, NULL, err) : open_store(p, err);

	if (r == 0)
		r = db_last_lives(p->db, &lives, err);
	if (r < 0)
		return r;
	db_lives_done(&p->lives);
	p->lives = lives;
	return 0;
}

/* ---- one container ---- */

static void add_block(struct toppast *p, struct track *t, const struct db_block *b)
{
	struct sample v[BLOCK_MAX_SAMPLES];
	size_t n = 0;

	/* a damaged block is a gap */
	if (block_decode(p->codec, span_of(buf_str(&b->data), b->data.n), v, &n, NULL) <
	    0)
		return;
	for (size_t i = 0; i < n; i++)
		if (v[i].real_usec >= p->since && v[i].real_usec <= p->until)
			track_add(t, &v[i], LOADED);
}

/*
 * Of the lives in these blocks the one that was running at the moment. Where
 * the next one begins, what is loaded ends.
 */
static void add_blocks(struct toppast *p, const struct db_blocks *b, uint64_t at)
{
	uint64_t life = 0, begin = 0;
	struct track *t;

	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].start_real_usec <= at || !i)
			life = b->v[i].life;
	t = tracks_get(&p->tracks, b->v[0].vmid, life);
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].life != life)
			continue;
		begin = begin ? begin : b->v[i].start_real_usec;
		add_block(p, t, &b->v[i]);
	}
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].life == life)
			continue;
		if (b->v[i].start_real_usec > at)
			p->until = MIN(p->until, b->v[i].start_real_usec);
		else
			p->from = MAX(p->from, begin);
	}
}

static int load_ct(struct toppast *p, uint32_t vmid, unsigned level, uint64_t at,
		   struct err *err)
{
	_cleanup_(db_blocks_done) struct db_blocks b = { 0 };
	int r = db_read_blocks(p->db, vmid, level, p->since, p->until, 0, &b, err);

	if (r == 0 && b.n)
		add_blocks(p, &b, at);
	return r;
}

/* ---- all of them ---- */

static bool has_moment(const struct toppast *p, uint64_t at)
{
	for (size_t i = 0; i < p->tracks.n; i++) {
		const struct track *t = &p->tracks.v[i];
		size_t n = track_until(t, at);

		if (n && at - t->v[n - 1].real_usec <= 3 * p->step_usec)
			return true;
	}
	return false;
}

static int load(struct toppast *p, unsigned level, uint64_t at, struct err *err)
{
	uint64_t step = level * USEC_PER_SEC;
	int r = 0;

	tracks_done(&p->tracks);
	p->step_usec = step;
	p->since = num_sub(at, BACK * step);
	p->from = num_sub(at, (BACK - TOP_GRAPH - 2) * step);
	p->until = at + ON * step;
	for (size_t i = 0; r == 0 && i < p->lives.n; i++)
		r = load_ct(p, p->lives.v[i].vmid, level, at, err);
	return r;
}

int toppast_at(struct toppast *p, uint64_t at, const struct tracks **ret,
	       uint64_t *ret_step_usec, struct err *err)
{
	static const unsigned levels[] = { 1, 10, 60 };
	bool there = p->step_usec && at >= p->from && at < p->until && has_moment(p, at);
	/* a picture that is drawn again is no reason to look for it again */
	bool look = !there && (!p->db || at != p->missing);
	int r = look ? refresh(p, err) : 0;

	for (size_t i = 0; r == 0 && look && !there && i < ARRAY_SIZE(levels); i++) {
		r = load(p, levels[i], at, err);
		there = r == 0 && has_moment(p, at);
	}
	if (r < 0) {
		p->step_usec = 0;
		return r;
	}
	if (!there) {
		tracks_done(&p->tracks);
		p->step_usec = 0;
		p->missing = at;
	}
	*ret = &p->tracks;
	*ret_step_usec = there ? p->step_usec : USEC_PER_SEC;
	return 0;
}

const char *toppast_name(const struct toppast *p, uint32_t vmid)
{
	for (size_t i = 0; i < p->lives.n; i++)
		if (p->lives.v[i].vmid == vmid)
			return p->lives.v[i].name;
	return NULL;
}
