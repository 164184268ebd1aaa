/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/jobs.h"

#include "base/fs.h"
#include "base/num.h"
#include "base/str.h"
#include "read/jsonin.h"
#include "read/sectionconf.h"

#define STATE_MAX_BYTES ((size_t)64 << 10)

static int cmp_vmid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* [1-9][0-9]{2,8} */
static bool parse_vmid(struct span s, uint32_t *ret)
{
	return s.n >= 3 && s.n <= 9 && s.p[0] != '0' && num_parse_u32(s, ret) == 0;
}

/* Ascending, each once. False, with nothing in *j: one of them is no id. */
static bool parse_vmids(struct backup_job *j, struct span list)
{
	struct span item;
	size_t cap = 0, n = 0;
	uint32_t id;

	while (span_list(&list, &item)) {
		if (!parse_vmid(item, &id)) {
			free(j->vmids);
			j->vmids = NULL;
			j->n_vmids = 0;
			return false;
		}
		GROW(j->vmids, j->n_vmids, cap);
		j->vmids[j->n_vmids++] = id;
	}
	if (j->n_vmids)
		qsort(j->vmids, j->n_vmids, sizeof(*j->vmids), cmp_vmid);
	for (size_t i = 0; i < j->n_vmids; i++)
		if (!n || j->vmids[n - 1] != j->vmids[i])
			j->vmids[n++] = j->vmids[i];
	j->n_vmids = n;
	return true;
}

static const char *check_vmids(const char *value)
{
	struct span list = span_str(value), item;
	uint32_t id;

	while (span_list(&list, &item))
		if (!parse_vmid(item, &id))
			return "it names no guest";
	return NULL;
}

static const char *check_mode(const char *value)
{
	if (str_eq(value, "snapshot") || str_eq(value, "suspend") ||
	    str_eq(value, "stop"))
		return NULL;
	return "no mode of vzdump";
}

static const char *check_node(const char *value)
{
	return sc_is_node_name(span_str(value)) ? NULL : "no name of a node";
}

static const char *check_prop(const char *type, const char *key, const char *value)
{
	static const char *const bools[] = { "enabled", "all", "repeat-missed" };
	static const char *const texts[] = { "schedule", "pool", "storage", "dumpdir",
					     "comment" };

	if (!str_eq(type, "vzdump"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(bools); i++)
		if (str_eq(key, bools[i]))
			return sc_check_bool(value);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (str_eq(key, texts[i]))
			return value ? NULL : "it has no value";
	if (str_eq(key, "vmid") || str_eq(key, "exclude"))
		return value ? check_vmids(value) : "it has no value";
	if (str_eq(key, "mode"))
		return value ? check_mode(value) : "it has no value";
	if (str_eq(key, "node"))
		return value ? check_node(value) : "it has no value";
	return NULL;
}

static bool is_unknown(const char *type)
{
	return !str_eq(type, "vzdump") && !str_eq(type, "realm-sync");
}

static bool is_list(const char *key)
{
	return str_eq(key, "exclude-path");
}

/* What both files say of a job, as text; NULL: not said. */
struct said {
	const char *vmid, *exclude, *pool, *node, *storage, *dumpdir, *mode, *compress;
	const char *prune_backups;
	bool all;
};

/* The guests a run of the job takes: what excludes one another makes it fail. */
static void set_selection(struct backup_job *j, const struct said *s, struct warns *warns)
{
	bool all = s->all || (s->exclude && !s->pool);

	j->select = BACKUP_SELECT_NONE;
	if (s->vmid && (all || s->pool)) {
		warns_add(warns, j->line,
			  "job %.60s: vmid beside all, exclude or pool: it fails", j->id);
	} else if (s->pool) {
		j->select = BACKUP_SELECT_POOL;
		j->pool = xstrdup(s->pool);
	} else if (s->vmid) {
		j->select = BACKUP_SELECT_VMIDS;
		parse_vmids(j, span_str(s->vmid));
	} else if (all) {
		j->select = BACKUP_SELECT_ALL;
		parse_vmids(j, span_str(s->exclude ? s->exclude : ""));
	}
	if (j->select == BACKUP_SELECT_VMIDS && !j->n_vmids)
		j->select = BACKUP_SELECT_NONE;
}

static void fill_job(struct backup_job *j, const struct said *s, struct warns *warns)
{
	j->node = xstrdup_or_null(s->node);
	j->storage = xstrdup_or_null(s->storage);
	j->dumpdir = xstrdup_or_null(s->dumpdir);
	j->mode = xstrdup_or_null(s->mode);
	j->compress = xstrdup_or_null(s->compress);
	j->prune_backups = xstrdup_or_null(s->prune_backups);
	set_selection(j, s, warns);
}

static struct backup_job *add_job(struct backup_jobs *out)
{
	struct backup_job *j;

	GROW(out->v, out->n, out->cap);
	j = &out->v[out->n++];
	*j = (struct backup_job){ 0 };
	return j;
}

static void job_of(struct backup_jobs *out, const struct sc_section *s)
{
	const struct said said = {
		.vmid = sc_str(s, "vmid"),
		.exclude = sc_str(s, "exclude"),
		.pool = sc_str(s, "pool"),
		.node = sc_str(s, "node"),
		.storage = sc_str(s, "storage"),
		.dumpdir = sc_str(s, "dumpdir"),
		.mode = sc_str(s, "mode"),
		.compress = sc_str(s, "compress"),
		.prune_backups = sc_str(s, "prune-backups"),
		.all = sc_bool(s, "all", false),
	};
	struct backup_job *j;

	if (!sc_str(s, "schedule")) {
		warns_add(&out->warns, s->line, "job %.60s left out: it has no schedule",
			  s->id);
		return;
	}
	j = add_job(out);
	j->id = xstrdup(s->id);
	j->line = s->line;
	j->enabled = sc_bool(s, "enabled", true);
	j->schedule = xstrdup(sc_str(s, "schedule"));
	j->comment = sc_decoded(s, "comment");
	j->repeat_missed = sc_bool(s, "repeat-missed", false);
	fill_job(j, &said, &out->warns);
}

static void take_warns(struct warns *to, struct warns *from)
{
	for (size_t i = 0; i < from->n; i++)
		warns_add(to, from->v[i].line, "%s", from->v[i].text);
	to->more += from->more;
}

int jobs_parse(const char *p, size_t n, struct backup_jobs *ret, struct err *err)
{
	static const struct sc_kind kind = {
		.is_weak = is_unknown,
		.check_prop = check_prop,
		.is_list = is_list,
	};
	_cleanup_(sectionconf_done) struct sectionconf c = { 0 };
	int r;

	r = sectionconf_parse(p, n, &kind, &c, err);
	if (r < 0)
		return err_wrap(err, r, "jobs.cfg");
	take_warns(&ret->warns, &c.warns);
	for (size_t i = 0; i < c.n; i++)
		if (str_eq(c.v[i].type, "vzdump"))
			job_of(ret, &c.v[i]);
	return 0;
}

static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

static int day_of(struct span s)
{
	uint64_t n;

	for (int d = 0; d < 7; d++)
		if (span_eq_nocase(s, days[d]))
			return d;
	if (s.n == 1 && num_parse_u64(s, &n) == 0 && n <= 7)
		return n == 0 ? 6 : (int)n - 1;
	return -1;
}

/* Days of the week as cron has them, into bits; false: none of its forms. */
static bool parse_dow(struct span s, unsigned *ret)
{
	struct span item, first;
	unsigned set = 0;

	if (span_eq(s, "*")) {
		*ret = 0x7f;
		return true;
	}
	while (span_list(&s, &item)) {
		int from, to;

		span_cut(&item, '-', &first);
		from = to = day_of(first);
		if (item.n)
			to = day_of(item);
		if (from < 0 || to < 0)
			return false;
		for (int d = from; d <= to; d++)
			set |= 1u << d;
	}
	*ret = set;
	return set != 0;
}

/* The calendar event that PVE shows for such a line. */
static char *calendar(unsigned dow, uint64_t hour, uint64_t minute)
{
	struct buf b = { 0 };

	for (unsigned d = 0; d < 7 && dow != 0x7f; d++)
		if (dow & 1u << d)
			buf_addf(&b, "%s%s", b.n ? "," : "", days[d]);
	buf_addf(&b, "%s%02u:%02u", b.n ? " " : "", (unsigned)hour, (unsigned)minute);
	return b.p;
}

/* Next word as a shell would have it, without expansions. */
static bool take_word(struct span *s, struct buf *ret)
{
	char quote = '\0';

	ret->n = 0;
	*s = span_trim(*s);
	if (!s->n)
		return false;
	buf_adds(ret, "");
	while (s->n) {
		char c = s->p[0];

		if (!quote && (c == ' ' || c == '\t'))
			break;
		s->p++;
		s->n--;
		if (c == quote) {
			quote = '\0';
		} else if (!quote && (c == '\'' || c == '"')) {
			quote = c;
		} else if (c == '\\' && quote != '\'' && s->n) {
			buf_addc(ret, s->p[0]);
			s->p++;
			s->n--;
		} else {
			buf_addc(ret, c);
		}
	}
	return true;
}

struct cron_opt {
	const char *name;
	struct buf value;
	bool there;
};

enum {
	OPT_ALL,
	OPT_EXCLUDE,
	OPT_POOL,
	OPT_NODE,
	OPT_STORAGE,
	OPT_DUMPDIR,
	OPT_MODE,
	OPT_COMPRESS,
	OPT_PRUNE,
	OPT_N
};

struct cron_args {
	struct buf vmids;
	struct cron_opt opts[OPT_N];
};

static void cron_args_done(struct cron_args *a)
{
	for (size_t i = 0; i < OPT_N; i++)
		buf_done(&a->opts[i].value);
	buf_done(&a->vmids);
}

/* "--name=value", or the value is the next word if that is no option. */
static void take_option(struct cron_args *a, const char *word, struct span *rest)
{
	struct span name, value = span_str(word);
	_cleanup_(buf_done) struct buf next = { 0 };
	struct cron_opt *opt = NULL;
	bool inline_value;

	span_skip(&value, "-");
	span_skip(&value, "-");
	inline_value = span_find(value, "=") != NULL;
	if (!span_cut(&value, '=', &name))
		return;
	for (size_t i = 0; i < OPT_N; i++)
		if (span_eq(name, a->opts[i].name))
			opt = &a->opts[i];
	*rest = span_trim(*rest);
	if (!inline_value && rest->n && rest->p[0] != '-' && take_word(rest, &next))
		value = span_of(next.p, next.n);
	if (!opt)
		return;
	opt->there = true;
	opt->value.n = 0;
	buf_add(&opt->value, value.p, value.n);
}

static const char *opt_text(const struct cron_args *a, size_t i)
{
	return a->opts[i].there && a->opts[i].value.n ? a->opts[i].value.p : NULL;
}

static void take_args(struct cron_args *a, struct span rest)
{
	static const char *const names[OPT_N] = {
		[OPT_ALL] = "all",
		[OPT_EXCLUDE] = "exclude",
		[OPT_POOL] = "pool",
		[OPT_NODE] = "node",
		[OPT_STORAGE] = "storage",
		[OPT_DUMPDIR] = "dumpdir",
		[OPT_MODE] = "mode",
		[OPT_COMPRESS] = "compress",
		[OPT_PRUNE] = "prune-backups",
	};
	_cleanup_(buf_done) struct buf word = { 0 };

	for (size_t i = 0; i < OPT_N; i++)
		a->opts[i].name = names[i];
	while (take_word(&rest, &word)) {
		if (str_starts(word.p, "-"))
			take_option(a, word.p, &rest);
		else
			buf_addf(&a->vmids, "%s,", word.p);
	}
}

static const char *cron_mistake(const struct said *s)
{
	const char *why = s->vmid ? check_vmids(s->vmid) : NULL;

	if (!why && s->exclude)
		why = check_vmids(s->exclude);
	if (!why && s->mode)
		why = check_mode(s->mode);
	if (!why && s->node)
		why = check_node(s->node);
	return why;
}

static const char *add_cron_job(struct backup_jobs *out, uint32_t no, char *schedule,
				bool enabled, struct span args)
{
	_cleanup_(cron_args_done) struct cron_args a = { 0 };
	_cleanup_free_ char *when = schedule;
	struct said said = { 0 };
	struct backup_job *j;
	const char *why;

	take_args(&a, args);
	said = (struct said){
		.vmid = a.vmids.n ? a.vmids.p : NULL,
		.exclude = opt_text(&a, OPT_EXCLUDE),
		.pool = opt_text(&a, OPT_POOL),
		.node = opt_text(&a, OPT_NODE),
		.storage = opt_text(&a, OPT_STORAGE),
		.dumpdir = opt_text(&a, OPT_DUMPDIR),
		.mode = opt_text(&a, OPT_MODE),
		.compress = opt_text(&a, OPT_COMPRESS),
		.prune_backups = opt_text(&a, OPT_PRUNE),
		.all = a.opts[OPT_ALL].there && !str_eq(opt_text(&a, OPT_ALL), "0"),
	};
	why = cron_mistake(&said);
	if (why)
		return why;
	j = add_job(out);
	j->id = xasprintf("vzdump.cron:%u", no);
	j->cron = true;
	j->line = no;
	j->enabled = enabled;
	j->schedule = take_ptr(when);
	fill_job(j, &said, &out->warns);
	return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *cron_line(struct backup_jobs *out, struct span line, uint32_t no)
{
	struct span f[7];
	uint64_t minute, hour;
	bool enabled;
	unsigned dow;

	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		if (!span_field(&line, &f[i]))
			return "not a line of vzdump";
	if (num_parse_u64(f[0], &minute) < 0 || num_parse_u64(f[1], &hour) < 0 ||
	    minute > 59 || hour > 23 || !span_eq(f[2], "*") || !span_eq(f[3], "*"))
		return "not a time of day";
	if (!parse_dow(f[4], &dow))
		return "not days of the week";
	if (f[6].n && f[6].p[0] == '/') {
		const char *slash = memrchr(f[6].p, '/', f[6].n);
		size_t dir = (size_t)(slash - f[6].p) + 1;

		f[6] = span_of(f[6].p + dir, f[6].n - dir);
	}
	enabled = !span_skip(&f[6], "#");
	if (!span_eq(f[5], "root") || !span_eq(f[6], "vzdump"))
		return "not a line of vzdump";
	return add_cron_job(out, no, calendar(dow, hour, minute), enabled, line);
}

int jobs_parse_cron(const char *p, size_t n, struct backup_jobs *ret, struct err *err)
{
	struct span text = span_of(p, n), line;
	uint32_t no = 0;

	if (n > SECTIONCONF_MAX_BYTES)
		return err_set(err, -EFBIG, "vzdump.cron: more than %zu bytes",
			       SECTIONCONF_MAX_BYTES);
	while (span_line(&text, &line)) {
		const char *why;

		no++;
		if (span_starts(line, "#") || !span_trim(line).n ||
		    span_starts(line, "PATH"))
			continue;
		why = cron_line(ret, span_trim(line), no);
		if (why)
			warns_add(&ret->warns, no, "vzdump.cron: ignored: %s", why);
	}
	return 0;
}

int job_state_parse(const char *p, size_t n, struct job_state *ret, struct err *err)
{
	_cleanup_(jsonin_done) struct jsonin j = { 0 };
	int r;

	if (!n) {
		*ret = (struct job_state){ .state = xstrdup("created") };
		return 0;
	}
	r = jsonin_parse(p, n, &j, err);
	if (r < 0)
		return err_wrap(err, r, "state of a job");
	if (!jval_is_object(j.root))
		return err_set(err, -EBADMSG, "state of a job: not a JSON object");
	*ret = (struct job_state){
		.state = jval_dup(jval_get(j.root, "state")),
		.upid = jval_dup(jval_get(j.root, "upid")),
		.msg = jval_dup(jval_get(j.root, "msg")),
		.time_sec = jval_val(jval_get(j.root, "time")),
		.updated_sec = jval_val(jval_get(j.root, "updated")),
	};
	return 0;
}

/* What can be part of a file's name; PVE allows less. */
static bool job_id_ok(const char *id)
{
	size_t n = strlen(id);

	if (!n || n > 200 || id[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (id[i] == '/' || (unsigned char)id[i] < 0x20)
			return false;
	return true;
}

int job_state_read(int rootfd, const char *job_id, struct job_state *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	_cleanup_free_ char *path = NULL;
	int r;

	if (!job_id_ok(job_id))
		return err_set(err, -EINVAL, "\"%.80s\" is no id of a job", job_id);
	path = xasprintf("var/lib/pve-manager/jobs/vzdump-%s.json", job_id);
	r = fs_read_file(rootfd, path, STATE_MAX_BYTES, &b, err);
	if (r < 0)
		return r;
	r = job_state_parse(b.p, b.n, ret, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
