/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "out/fit.h"
#include "out/json.h"
#include "out/table.h"
#include "out/text.h"

static char *escaped(const char *p, size_t n)
{
	struct buf b = { 0 };

	text_escape(&b, (struct tbytes){ (const uint8_t *)p, (uint32_t)n }, false);
	buf_adds(&b, "");
	return b.p;
}

static void nothing_steers_the_terminal(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "plain" },
		{ "b\xc3\xa4r", "b\xc3\xa4r" },
		{ "\x1b[2J", "\\x1b[2J" },
		{ "a\r\nb\tc", "a\\x0d\\x0ab\\x09c" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		  "\\x9b31m" },
		{ "\x9b", "\\x9b" },
		{ "\xe2\x80\xae"
		  "x",
		  "\\u{202e}x" },
		{ "\xef\xbb\xbf", "\\u{feff}" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
		{ "\xc0\xaf", "\\xc0\\xaf" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xe2\x82", "\\xe2\\x82" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = escaped(cases[i].in, strlen(cases[i].in));

		CHECK_STR(got, cases[i].out);
	}
}

static void sizes_read_as_pct_prints_them(void)
{
	static const struct {
		uint64_t n;
		const char *out;
	} cases[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1.0K" },
		{ 68719476736, "64.0G" },
		{ 12777646817, "11.9G" },
		{ 1048524, "1023.9K" },
		{ 1048575, "1.0M" },
		{ UINT64_MAX, "16.0E" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		text_size(&b, cases[i].n);
		CHECK_STR(buf_str(&b), cases[i].out);
	}
}

struct row {
	const char *name;
	struct val limit;
	size_t parent;
};

static void get_name(const void *row, struct cell *ret)
{
	*ret = cell_text(tbytes_str(((const struct row *)row)->name));
}

static void get_limit(const void *row, struct cell *ret)
{
	*ret = cell_val(((const struct row *)row)->limit, CELL_BYTES);
}

static size_t get_parent(const void *row, size_t i)
{
	(void)i;
	return ((const struct row *)row)->parent;
}

static const struct col cols[] = {
	{ .heading = "NAME", .key = "name", .get = get_name },
	{ .heading = "LIMIT", .key = "limit", .get = get_limit, .right = true },
};

static const struct row rows[] = {
	{ "a", { 0 }, SIZE_MAX },
	{ "b\x1b", { .kind = VAL_MAX }, 0 },
	{ "\xff", { .n = 2048, .kind = VAL_SET }, 0 },
};

static char *table(const char *columns, bool tree, int *r)
{
	struct table_opts o = { .columns = columns };
	struct err err = { 0 };
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	*r = table_print(f, &o, cols, ARRAY_SIZE(cols), rows, ARRAY_SIZE(rows),
			 sizeof(*rows), tree ? get_parent : NULL, &err);
	fclose(f);
	return text;
}

static void a_table_tells_absent_max_and_number(void)
{
	int r;
	_cleanup_free_ char *plain = table(NULL, false, &r);
	_cleanup_free_ char *one = table("limit", false, &r);
	_cleanup_free_ char *bad = NULL;

	CHECK_STR(plain, "NAME  LIMIT\na         -\nb\\x1b   max\n\\xff   2.0K\n");
	CHECK_STR(one, "LIMIT\n    -\n  max\n 2.0K\n");
	bad = table("nosuch", false, &r);
	CHECK(r == -EINVAL, "r %d", r);
}

static void json_tells_absent_max_and_number(void)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct err err = { 0 };
	struct jw *w = NULL;

	CHECK(jw_new(f, "ctscope.test/1", "n1", 1795191740123456, &w, &err) == 0, "%s",
	      err.msg);
	jw_arr(w, "rows");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		jw_obj(w, NULL);
		jw_cols(w, cols, ARRAY_SIZE(cols), &rows[i]);
		jw_obj(w, "nested");
		jw_ratio(w, "share", 1, 8);
		jw_end(w);
		jw_end(w);
	}
	jw_end(w);
	jw_container(w, 101, "a");
	jw_arr(w, "list");
	jw_int(w, NULL, 1);
	jw_end(w);
	jw_end(w);
	CHECK(jw_free(w) == 0, "jw_free");
	fclose(f);
	CHECK_STR(
		text,
		"{\"schema\":\"ctscope.test/1\",\n\"node\":\"n1\",\n"
		"\"time\":\"2026-11-20T16:22:20.123Z\",\n\"rows\":[\n"
		"{\"name\":\"a\",\"nested\":{\"share\":0.125}},\n"
		"{\"name\":\"b\\u001B\",\"limit\":null,\"nested\":{\"share\":0.125}},\n"
		"{\"name\":{\"b64\":\"/w==\"},\"limit\":2048,\"nested\":{\"share\":0.125}}\n],\n"
		"\"container\":{\"vmid\":101,\"name\":\"a\",\"list\":[1]}}\n");
	free(text);
}

static void a_narrow_terminal_leaves_out_what_matters_least(void)
{
	const struct fit_col all[] = {
		{ .natural = 4, .heading = 4 },
		{ .natural = 4, .heading = 4, .empty = true },
		{ .natural = 30, .heading = 4, .shrink = true },
		{ .natural = 10, .heading = 4, .minor = 1 },
		{ .natural = 10, .heading = 4, .minor = 2 },
	};
	static const struct {
		size_t width;
		const char *want;
	} cases[] = {
		{ 80, "4 4 30 10 10 " }, { 61, "4 - 30 10 10 " }, { 57, "4 - 30 10 10 " },
		{ 50, "4 - 23 10 10 " }, { 39, "4 - 12 10 10 " }, { 38, "4 - 22 10 - " },
		{ 27, "4 - 22 - - " },   { 5, "4 - 12 - - " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(buf_done) struct buf b = { 0 };
		struct fit_col v[ARRAY_SIZE(all)];

		memcpy(v, all, sizeof(all));
		fit_columns(v, ARRAY_SIZE(v), cases[i].width);
		for (size_t k = 0; k < ARRAY_SIZE(v); k++)
			if (v[k].drop)
				buf_adds(&b, "- ");
			else
				buf_addf(&b, "%zu ", v[k].width);
		CHECK_STR(buf_str(&b), cases[i].want);
	}
}

static void a_cell_is_cut_between_characters(void)
{
	static const struct {
		const char *in;
		size_t width;
		const char *out;
	} cases[] = {
		{ "abcdef", 6, "abcdef" },
		{ "abcdef", 5, "abc.." },
		{ "\xe6\xbc\xa2\xe5\xad\x97"
		  "ab",
		  5, "\xe6\xbc\xa2.." },
		{ "e\xcc\x81xyz", 3, "e\xcc\x81.." },
		{ "abc", 1, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(buf_done) struct buf b = { 0 };

		buf_adds(&b, cases[i].in);
		fit_cut(&b, cases[i].width);
		CHECK_STR(buf_str(&b), cases[i].out);
	}
}

/* Numbers and texts of every kind, into the object that is open. */
static void put_all(struct jw *w)
{
	static const uint64_t ratios[][2] = {
		{ 0, 1000000 },
		{ 1, 1000000 },
		{ 99, 1000000 },
		{ 45, 1000000 },
		{ 90, 1000000 },
		{ 7, 1000000 },
		{ 100, 1000000 },
		{ 101, 1000000 },
		{ 120000, 1000000 },
		{ 125001, 1000000 },
		{ 1000000, 1000000 },
		{ 10000000, 1000000 },
		{ 999999999, 1000000 },
		{ 1000000000, 1000000 },
		{ 123456789123, 1000000 },
		{ 0, 100 },
		{ 1, 100 },
		{ 250, 100 },
		{ 333, 1 },
		{ 999999999, 1 },
		{ 1000000000, 1 },
		{ 1, 3 },
		{ 7, 8 },
		{ 20, 10 },
	};
	static const uint64_t ints[] = {
		0, 9, 10, INT64_MAX, 1 + (uint64_t)INT64_MAX, UINT64_MAX
	};
	static const int64_t sints[] = { 0, 1, -1, INT64_MAX, INT64_MIN };
	static const char *const texts[] = { "",     "plain /",    "\"",
					     "a\\b", "\b\f\n\r\t", "\x01\x1f",
					     "\x7f", "\xc3\xa9",   "\xff" };
	char key[32];

#define EACH(v) for (size_t i = 0; i < ARRAY_SIZE(v); i++)
#define KEY(c)  (snprintf(key, sizeof(key), c "%zu", i), key)
	EACH(ratios)
	jw_ratio(w, KEY("r"), ratios[i][0], ratios[i][1]);
	EACH(ints)
	jw_int(w, KEY("i"), ints[i]);
	EACH(sints)
	jw_sint(w, KEY("s"), sints[i]);
	EACH(texts)
	jw_str(w, KEY("t"), texts[i]);
	jw_digits(w, "d", "123456789012345678901234567890");
	jw_bool(w, "yes", true);
	jw_bool(w, "no", false);
	jw_null(w, "\"key\"");
	jw_arr(w, "none");
	jw_end(w);
	jw_obj(w, "empty");
	jw_end(w);
	jw_arr(w, "some");
	jw_int(w, NULL, 1);
	jw_arr(w, NULL);
	jw_str(w, NULL, "x");
	jw_end(w);
	jw_end(w);
#undef KEY
#undef EACH
}

/* An object is collected, the elements of an array are written as they come. */
static void json_is_spelled_alike_collected_or_not(void)
{
	_cleanup_free_ char *text = NULL;
	struct jw *w = NULL;
	const char *o, *a;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	CHECK(jw_new(f, "t", NULL, 0, &w, NULL) == 0, "jw_new");
	jw_obj(w, "object");
	put_all(w);
	jw_end(w);
	jw_arr(w, "array");
	jw_obj(w, NULL);
	put_all(w);
	jw_end(w);
	jw_end(w);
	CHECK(jw_free(w) == 0, "jw_free");
	fclose(f);
	o = strstr(text, "\n\"object\":");
	a = strstr(text, "\n\"array\":[\n");
	CHECK(o && a, "%s", text);
	if (!o || !a)
		return;
	o += strlen("\n\"object\":");
	n = (size_t)(a - o) - strlen(",");
	a += strlen("\n\"array\":[\n");
	CHECK(strlen(a) == n + strlen("\n]}\n") && memcmp(o, a, n) == 0, "%s", text);
}

static void json_neither_steers_nor_hides(void)
{
	static const char in[] = "a\x7f\xc2\x9b"
				 "2J\xe2\x80\xae\xf3\xa0\x81\x81z\xc3\xa9";
	_cleanup_free_ char *text = NULL;
	struct jw *w = NULL;
	struct err err = { 0 };
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	CHECK(jw_new_line(f, &w, &err) == 0, "%s", err.msg);
	jw_str(w, "x", in);
	CHECK(jw_free(w) == 0, "jw_free");
	fclose(f);
	CHECK_STR(text, "{\"x\":\"a\\u007f\\u009b2J\\u202e\\udb40\\udc41z\xc3\xa9\"}\n");
}

int main(void)
{
	RUN(nothing_steers_the_terminal);
	RUN(sizes_read_as_pct_prints_them);
	RUN(a_table_tells_absent_max_and_number);
	RUN(json_tells_absent_max_and_number);
	RUN(a_narrow_terminal_leaves_out_what_matters_least);
	RUN(a_cell_is_cut_between_characters);
	RUN(json_is_spelled_alike_collected_or_not);
	RUN(json_neither_steers_nor_hides);
	return DONE();
}
