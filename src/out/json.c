/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/json.h"

#include <jansson.h>

#include "base/dl.h"
#include "base/num.h"
#include "out/text.h"

#define MAX_DEPTH 64
#define OUT_BYTES 32768

/* Loaded when first needed: a list of plain names and numbers does without. */
static __typeof__(json_object) *dl_json_object;
static __typeof__(json_array) *dl_json_array;
static __typeof__(json_integer) *dl_json_integer;
static __typeof__(json_real) *dl_json_real;
static __typeof__(json_true) *dl_json_true;
static __typeof__(json_false) *dl_json_false;
static __typeof__(json_null) *dl_json_null;
static __typeof__(json_stringn_nocheck) *dl_json_stringn_nocheck;
static __typeof__(json_object_set_new_nocheck) *dl_json_object_set_new_nocheck;
static __typeof__(json_array_append_new) *dl_json_array_append_new;
static __typeof__(json_delete) *dl_json_delete;
static __typeof__(json_dumps) *dl_json_dumps;
static __typeof__(json_dump_callback) *dl_json_dump_callback;
static __typeof__(json_loadb) *dl_json_loadb;
static __typeof__(json_array_size) *dl_json_array_size;
static __typeof__(json_array_get) *dl_json_array_get;
static __typeof__(json_object_iter) *dl_json_object_iter;
static __typeof__(json_object_iter_next) *dl_json_object_iter_next;
static __typeof__(json_object_iter_key) *dl_json_object_iter_key;
static __typeof__(json_object_iter_value) *dl_json_object_iter_value;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(json_object),
		DL_SYM(json_array),
		DL_SYM(json_integer),
		DL_SYM(json_real),
		DL_SYM(json_true),
		DL_SYM(json_false),
		DL_SYM(json_null),
		DL_SYM(json_stringn_nocheck),
		DL_SYM(json_object_set_new_nocheck),
		DL_SYM(json_array_append_new),
		DL_SYM(json_delete),
		DL_SYM(json_dumps),
		DL_SYM(json_dump_callback),
		DL_SYM(json_loadb),
		DL_SYM(json_array_size),
		DL_SYM(json_array_get),
		DL_SYM(json_object_iter),
		DL_SYM(json_object_iter_next),
		DL_SYM(json_object_iter_key),
		DL_SYM(json_object_iter_value),
	};
	static void *handle;

	return dl_load("libjansson.so.4", syms, ARRAY_SIZE(syms), &handle, err);
}

/*
 * An object or array that is open. Without a tree it is written as it comes; with one it
 * is collected and written at its end: a key that is set again then takes the place of
 * the former.
 */
struct level {
	json_t *tree;
	bool array;
	bool any; /* something was written into it */
};

struct jw {
	FILE *f;
	struct buf out;
	struct level stack[MAX_DEPTH]; /* 0: the document */
	size_t depth;
	bool line;
	int error;
};

/* Only bytes from DEL on can be of a character that steers a terminal. */
static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x7f)
			return false;
	return true;
}

/* jansson gives no half characters: what is collected can be looked at as a whole. */
static void write_out(struct jw *w)
{
	_cleanup_(buf_done) struct buf safe = { 0 };
	const struct buf *out = &w->out;

	if (!is_plain(out->p, out->n)) {
		text_json_safe(&safe, span_tbytes(span_of(out->p, out->n)));
		out = &safe;
	}
	if (!w->error && out->n && fwrite(out->p, 1, out->n, w->f) != out->n)
		w->error = errno ? -errno : -EIO;
	w->out.n = 0;
}

/* It comes with one or two bytes at a time: stdio has its price for each. */
static int sink(const char *p, size_t n, void *data)
{
	struct jw *w = data;

	if (w->error)
		return 0;
	buf_add(&w->out, p, n);
	if (w->out.n >= OUT_BYTES)
		write_out(w);
	return 0;
}

static void puts_out(struct jw *w, const char *s)
{
	sink(s, strlen(s), w);
}

static void dump(struct jw *w, const json_t *v)
{
	/* the sink never fails: what does is an allocation */
	if (dl_json_dump_callback(v, sink, w,
				  JSON_COMPACT | JSON_ENCODE_ANY |
					  JSON_REAL_PRECISION(9)) < 0)
		oom();
}

static void unref(json_t *v)
{
	if (v && v->refcount != (size_t)-1 && --v->refcount == 0)
		dl_json_delete(v);
}

/* Half a document must not look like a whole one. */
static json_t *must(json_t *v)
{
	if (!v)
		oom();
	return v;
}

static struct level *top(struct jw *w)
{
	return &w->stack[w->depth - 1];
}

static void put_into(struct jw *w, const char *key, json_t *v)
{
	json_t *parent = top(w)->tree;
	int r = json_is_object(parent) ? dl_json_object_set_new_nocheck(parent, key, v)
				       : dl_json_array_append_new(parent, v);

	if (r < 0)
		oom();
}

/*
 * Where it is not installed the document stays cut off and jw_free() says why: nothing is
 * written behind an error.
 */
static bool have_jansson(struct jw *w)
{
	if (!w->error && load(NULL) < 0)
		w->error = -ELIBACC;
	return dl_json_dump_callback != NULL;
}

/* What jansson spells is written as it would be inside of a tree. */
static void put_spelled(struct jw *w, json_t *v)
{
	dump(w, v);
	unref(v);
}

static void put_spelled_real(struct jw *w, double d)
{
	if (have_jansson(w))
		put_spelled(w, must(dl_json_real(d)));
}

static void put_string(struct jw *w, const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\')
		i++;
	if (i < n) {
		if (have_jansson(w))
			put_spelled(w, must(dl_json_stringn_nocheck(p, n)));
		return;
	}
	buf_reserve(&w->out, n + 2);
	w->out.p[w->out.n++] = '"';
	buf_add(&w->out, p, n);
	buf_addc(&w->out, '"');
}

/* The digits below the point, of which there is at least one; no zeros at the end. */
static void put_fraction(struct jw *w, uint64_t rest, uint64_t scale)
{
	do {
		scale /= 10;
		buf_addc(&w->out, (char)('0' + (scale ? rest / scale : 0)));
		rest = scale ? rest % scale : 0;
	} while (rest);
}

/* Below a ten-thousandth: "4.5e-5". */
static void put_exponent(struct jw *w, uint64_t n, uint64_t per)
{
	uint64_t scale = 1, exponent = 0;

	while (scale * 10 <= n)
		scale *= 10;
	for (uint64_t x = scale; x < per; x *= 10)
		exponent++;
	num_add(&w->out, n / scale);
	if (n % scale) {
		buf_addc(&w->out, '.');
		put_fraction(w, n % scale, scale);
	}
	puts_out(w, "e-");
	num_add(&w->out, exponent);
}

/*
 * n / per as %.9g has it, where that needs no rounding: at most nine digits, and a power
 * of ten below them.
 */
static bool put_plain_ratio(struct jw *w, uint64_t n, uint64_t per)
{
	uint64_t scale = 1;

	while (scale < per && scale < 1000000)
		scale *= 10;
	if (scale != per || n >= 1000000000)
		return false;
	if (n && n < per / 10000) {
		put_exponent(w, n, per);
		return true;
	}
	num_add(&w->out, n / per);
	buf_addc(&w->out, '.');
	put_fraction(w, n % per, scale);
	return true;
}

/* The key and what parts it from the value before; the top has a line for each. */
static void begin(struct jw *w, const char *key)
{
	struct level *l = top(w);
	bool lines = !w->line && (w->depth == 1 || (w->depth == 2 && l->array));

	if (w->out.n >= OUT_BYTES)
		write_out(w);
	if (l->any)
		puts_out(w, lines ? ",\n" : ",");
	else if (w->depth == 1 || (lines && l->array))
		puts_out(w, w->depth == 1 ? "{" : "\n");
	l->any = true;
	if (l->array)
		return;
	put_string(w, key, strlen(key));
	buf_addc(&w->out, ':');
}

static struct jw *new_writer(FILE *f, bool line)
{
	struct jw *w = xcalloc(1, sizeof(*w));

	w->f = f;
	w->line = line;
	w->depth = 1;
	return w;
}

int jw_new(FILE *f, const char *schema, const char *node, uint64_t time_real_usec,
	   struct jw **ret, struct err *err)
{
	(void)err;
	*ret = new_writer(f, false);
	jw_str(*ret, "schema", schema);
	jw_str(*ret, "node", node);
	jw_stamp(*ret, "time", time_real_usec);
	return 0;
}

void jw_container(struct jw *w, uint32_t vmid, const char *name)
{
	jw_obj(w, "container");
	jw_int(w, "vmid", vmid);
	jw_str(w, "name", name);
}

int jw_new_line(FILE *f, struct jw **ret, struct err *err)
{
	(void)err;
	*ret = new_writer(f, true);
	return 0;
}

int jw_free(struct jw *w)
{
	int r;

	if (!w)
		return 0;
	while (w->depth > 1)
		jw_end(w);
	puts_out(w, w->stack[0].any ? "}\n" : "{}\n");
	write_out(w);
	buf_done(&w->out);
	if (fflush(w->f) != 0 && !w->error)
		w->error = errno ? -errno : -EIO;
	r = w->error;
	free(w);
	return r;
}

static void open_level(struct jw *w, const char *key, json_t *tree, bool array)
{
	if (w->depth >= MAX_DEPTH)
		abort();
	if (top(w)->tree)
		put_into(w, key, tree);
	else
		begin(w, key);
	w->stack[w->depth++] = (struct level){ .tree = tree, .array = array };
	if (!tree)
		buf_addc(&w->out, array ? '[' : '{');
}

void jw_obj(struct jw *w, const char *key)
{
	bool collect = top(w)->tree || (w->depth == 1 && !w->line && have_jansson(w));

	open_level(w, key, collect ? must(dl_json_object()) : NULL, false);
}

void jw_arr(struct jw *w, const char *key)
{
	open_level(w, key, top(w)->tree ? must(dl_json_array()) : NULL, true);
}

void jw_end(struct jw *w)
{
	struct level l;

	if (w->depth <= 1)
		abort();
	l = w->stack[--w->depth];
	if (top(w)->tree)
		return; /* it is in there already */
	if (l.tree)
		put_spelled(w, l.tree);
	else if (w->depth == 1 && !w->line && l.any)
		puts_out(w, "\n]");
	else
		buf_addc(&w->out, l.array ? ']' : '}');
}

static void put_real(struct jw *w, const char *key, double d)
{
	if (top(w)->tree) {
		put_into(w, key, must(dl_json_real(d)));
		return;
	}
	begin(w, key);
	put_spelled_real(w, d);
}

void jw_int(struct jw *w, const char *key, uint64_t n)
{
	if (top(w)->tree && n <= INT64_MAX) {
		put_into(w, key, must(dl_json_integer((json_int_t)n)));
	} else if (n <= INT64_MAX) {
		begin(w, key);
		num_add(&w->out, n);
	} else {
		/* only a real can hold it: no counter gets there, a limit may */
		put_real(w, key, (double)n);
	}
}

void jw_sint(struct jw *w, const char *key, int64_t n)
{
	if (n >= 0) {
		jw_int(w, key, (uint64_t)n);
	} else if (top(w)->tree) {
		put_into(w, key, must(dl_json_integer(n)));
	} else {
		begin(w, key);
		buf_addc(&w->out, '-');
		num_add(&w->out, 0 - (uint64_t)n);
	}
}

void jw_bool(struct jw *w, const char *key, bool b)
{
	if (top(w)->tree) {
		put_into(w, key, b ? dl_json_true() : dl_json_false());
		return;
	}
	begin(w, key);
	puts_out(w, b ? "true" : "false");
}

void jw_null(struct jw *w, const char *key)
{
	if (top(w)->tree) {
		put_into(w, key, dl_json_null());
		return;
	}
	begin(w, key);
	puts_out(w, "null");
}

void jw_val(struct jw *w, const char *key, struct val v)
{
	if (v.kind == VAL_MAX)
		jw_null(w, key);
	else if (v.kind == VAL_SET)
		jw_int(w, key, v.n);
}

void jw_ratio(struct jw *w, const char *key, uint64_t n, uint64_t per)
{
	if (!per)
		return;
	if (top(w)->tree) {
		put_real(w, key, (double)n / (double)per);
		return;
	}
	begin(w, key);
	if (!put_plain_ratio(w, n, per))
		put_spelled_real(w, (double)n / (double)per);
}

void jw_digits(struct jw *w, const char *key, const char *digits)
{
	double d = 0;

	/* 300 digits are within a double's range, 309 may not be */
	if (strlen(digits) > 300) {
		jw_str(w, key, digits);
		return;
	}
	for (const char *p = digits; *p >= '0' && *p <= '9'; p++)
		d = d * 10 + (*p - '0');
	put_real(w, key, d);
}

static void base64(struct buf *out, struct tbytes t)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < t.n; i += 3) {
		size_t left = t.n - i;
		uint32_t v = (uint32_t)t.p[i] << 16 |
			     (left > 1 ? (uint32_t)t.p[i + 1] << 8 : 0) |
			     (left > 2 ? t.p[i + 2] : 0);

		buf_addc(out, set[v >> 18 & 63]);
		buf_addc(out, set[v >> 12 & 63]);
		buf_addc(out, left > 1 ? set[v >> 6 & 63] : '=');
		buf_addc(out, left > 2 ? set[v & 63] : '=');
	}
}

void jw_text(struct jw *w, const char *key, struct tbytes t)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	if (!t.p)
		return;
	if (text_is_utf8(t) && top(w)->tree) {
		put_into(w, key, must(dl_json_stringn_nocheck((const char *)t.p, t.n)));
		return;
	}
	if (text_is_utf8(t)) {
		begin(w, key);
		put_string(w, (const char *)t.p, t.n);
		return;
	}
	base64(&b, t);
	jw_obj(w, key);
	jw_str(w, "b64", buf_str(&b));
	jw_end(w);
}

void jw_str(struct jw *w, const char *key, const char *s)
{
	if (s)
		jw_text(w, key, tbytes_str(s));
}

void jw_stamp(struct jw *w, const char *key, uint64_t real_usec)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	text_rfc3339(&b, real_usec);
	jw_str(w, key, buf_str(&b));
}

static bool is_shallow(const json_t *v, unsigned left)
{
	void *it = NULL;

	if (!json_is_object(v) && !json_is_array(v))
		return true;
	if (!left)
		return false;
	if (json_is_array(v)) {
		for (size_t i = 0; i < dl_json_array_size(v); i++)
			if (!is_shallow(dl_json_array_get(v, i), left - 1))
				return false;
		return true;
	}
	/* jansson's iterators take what they do not change as changeable */
	for (it = dl_json_object_iter((json_t *)(uintptr_t)v); it;
	     it = dl_json_object_iter_next((json_t *)(uintptr_t)v, it))
		if (!is_shallow(dl_json_object_iter_value(it), left - 1))
			return false;
	return true;
}

static bool is_among(const char *key, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

int jw_merge(struct jw *w, struct span text, const char *const *taken, size_t n_taken)
{
	json_t *doc;
	int r = -EBADMSG;

	if (!have_jansson(w))
		return -ELIBACC;
	doc = text.n ? dl_json_loadb(text.p, text.n, 0, NULL) : NULL;
	if (doc && json_is_object(doc) && is_shallow(doc, JW_MERGE_DEPTH)) {
		void *it = dl_json_object_iter(doc);

		for (r = 0; it; it = dl_json_object_iter_next(doc, it)) {
			const char *key = dl_json_object_iter_key(it);

			if (is_among(key, taken, n_taken))
				continue;
			if (top(w)->tree) {
				json_t *v = dl_json_object_iter_value(it);

				v->refcount++;
				put_into(w, key, v);
				continue;
			}
			begin(w, key);
			dump(w, dl_json_object_iter_value(it));
		}
	}
	unref(doc);
	return r;
}

void jw_cell(struct jw *w, const char *key, const struct cell *c)
{
	switch (c->kind) {
	case CELL_ABSENT:
		break;
	case CELL_NULL:
		jw_null(w, key);
		break;
	case CELL_INT:
	case CELL_BYTES:
	case CELL_SECONDS:
		jw_int(w, key, c->n);
		break;
	case CELL_STAMP:
		jw_stamp(w, key, c->n);
		break;
	case CELL_PPM:
		jw_ratio(w, key, c->n, 1000000);
		break;
	case CELL_CENTI:
		jw_ratio(w, key, c->n, 100);
		break;
	case CELL_BOOL:
		jw_bool(w, key, c->flag);
		break;
	case CELL_STR:
		jw_str(w, key, c->s);
		break;
	case CELL_TEXT:
		jw_text(w, key, c->t);
		break;
	case CELL_OWNED:
		jw_str(w, key, c->owned);
		break;
	case CELL_STRS:
		jw_arr(w, key);
		for (size_t i = 0; i < c->strs->n; i++)
			jw_str(w, NULL, c->strs->v[i]);
		jw_end(w);
		break;
	}
}

void jw_cols(struct jw *w, const struct col *cols, size_t n, const void *row)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(cell_done) struct cell c = { 0 };

		if (!cols[i].key)
			continue;
		cols[i].get(row, &c);
		jw_cell(w, cols[i].key, &c);
	}
}
