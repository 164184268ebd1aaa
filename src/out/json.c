/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/json.h"

#include <jansson.h>

#include "base/dl.h"
#include "out/text.h"

#define MAX_DEPTH 64
#define OUT_BYTES 32768

/* Loaded when the first document is begun: most tables never need it. */
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
	};
	static void *handle;

	return dl_load("libjansson.so.4", syms, ARRAY_SIZE(syms), &handle, err);
}

/*
 * stack[0] is the document. While the value being built is an element of an array at
 * depth 1 ("streamed"), the array itself exists in the output only: the element is
 * dumped at its jw_end() and freed.
 */
struct jw {
	FILE *f;
	struct buf out;
	json_t *stack[MAX_DEPTH];
	size_t depth; /* open objects and arrays, the document included */
	bool line;
	bool streaming; /* stack[1] stands for an array that is written as it comes */
	bool any_top;   /* a member of the document was written */
	bool any_elem;  /* an element of the streamed array was written */
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

static json_t *string(const char *p, size_t n)
{
	return must(dl_json_stringn_nocheck(p, n));
}

static void put_into(json_t *parent, const char *key, json_t *v)
{
	int r = json_is_object(parent) ? dl_json_object_set_new_nocheck(parent, key, v)
				       : dl_json_array_append_new(parent, v);

	if (r < 0)
		oom();
}

static void begin_member(struct jw *w, const char *key)
{
	json_t *k = string(key, strlen(key));

	puts_out(w, w->any_top ? ",\n" : "{");
	w->any_top = true;
	dump(w, k);
	puts_out(w, ":");
	unref(k);
}

/* A finished value takes its place: in its parent, or in the output. */
static void place(struct jw *w, const char *key, json_t *v)
{
	json_t *parent = w->stack[w->depth - 1];

	if (w->depth == 1 && !w->line) {
		begin_member(w, key);
		dump(w, v);
		unref(v);
	} else if (w->depth == 2 && w->streaming) {
		puts_out(w, w->any_elem ? ",\n" : "\n");
		w->any_elem = true;
		dump(w, v);
		unref(v);
	} else {
		put_into(parent, key, v);
	}
}

static struct jw *new_writer(FILE *f, bool line)
{
	struct jw *w = xcalloc(1, sizeof(*w));

	w->f = f;
	w->line = line;
	w->stack[0] = must(dl_json_object());
	w->depth = 1;
	return w;
}

int jw_new(FILE *f, const char *schema, const char *node, uint64_t time_real_usec,
	   struct jw **ret, struct err *err)
{
	int r = load(err);

	if (r < 0)
		return r;
	*ret = new_writer(f, false);
	jw_str(*ret, "schema", schema);
	jw_str(*ret, "node", node);
	jw_stamp(*ret, "time", time_real_usec);
	return 0;
}

int jw_new_line(FILE *f, struct jw **ret, struct err *err)
{
	int r = load(err);

	if (r < 0)
		return r;
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
	if (w->line)
		dump(w, w->stack[0]);
	else
		puts_out(w, w->any_top ? "}" : "{}");
	puts_out(w, "\n");
	unref(w->stack[0]);
	write_out(w);
	buf_done(&w->out);
	if (fflush(w->f) != 0 && !w->error)
		w->error = errno ? -errno : -EIO;
	r = w->error;
	free(w);
	return r;
}

/* The key of an open value is kept as a string beside it: jansson has no place for it. */
static void open_value(struct jw *w, const char *key, json_t *v)
{
	if (w->depth >= MAX_DEPTH)
		abort();
	if (!w->line && w->depth == 1 && json_is_array(v)) {
		begin_member(w, key);
		puts_out(w, "[");
		w->streaming = true;
		w->any_elem = false;
	} else if ((w->depth == 1 && !w->line) || (w->depth == 2 && w->streaming)) {
		if (w->depth == 1)
			begin_member(w, key);
	} else {
		put_into(w->stack[w->depth - 1], key, v);
	}
	w->stack[w->depth++] = v;
}

void jw_obj(struct jw *w, const char *key)
{
	open_value(w, key, must(dl_json_object()));
}

void jw_arr(struct jw *w, const char *key)
{
	open_value(w, key, must(dl_json_array()));
}

void jw_end(struct jw *w)
{
	json_t *v;

	if (w->depth <= 1)
		abort();
	v = w->stack[--w->depth];
	if (w->depth == 1 && w->streaming) {
		puts_out(w, w->any_elem ? "\n]" : "]");
		w->streaming = false;
		unref(v);
	} else if (w->depth == 2 && w->streaming) {
		place(w, NULL, v);
	} else if (w->depth == 1 && !w->line) {
		dump(w, v); /* its key is out already */
		unref(v);
	}
}

void jw_int(struct jw *w, const char *key, uint64_t n)
{
	/* beyond 2^63 only a real can hold it: no counter gets there, a limit may */
	if (n > INT64_MAX)
		place(w, key, must(dl_json_real((double)n)));
	else
		place(w, key, must(dl_json_integer((json_int_t)n)));
}

void jw_sint(struct jw *w, const char *key, int64_t n)
{
	place(w, key, must(dl_json_integer(n)));
}

void jw_bool(struct jw *w, const char *key, bool b)
{
	place(w, key, b ? dl_json_true() : dl_json_false());
}

void jw_null(struct jw *w, const char *key)
{
	place(w, key, dl_json_null());
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
	place(w, key, must(dl_json_real((double)n / (double)per)));
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
	place(w, key, must(dl_json_real(d)));
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
	if (text_is_utf8(t)) {
		place(w, key, string((const char *)t.p, t.n));
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
