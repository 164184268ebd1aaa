/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read/jsonin.h"

#include <jansson.h>
#include <stdio.h>

#include "base/dl.h"
#include "base/num.h"

static __typeof__(json_loadb) *dl_json_loadb;
static __typeof__(json_delete) *dl_json_delete;
static __typeof__(json_object_get) *dl_json_object_get;
static __typeof__(json_object_size) *dl_json_object_size;
static __typeof__(json_object_iter) *dl_json_object_iter;
static __typeof__(json_object_iter_next) *dl_json_object_iter_next;
static __typeof__(json_object_iter_key) *dl_json_object_iter_key;
static __typeof__(json_object_iter_value) *dl_json_object_iter_value;
static __typeof__(json_array_size) *dl_json_array_size;
static __typeof__(json_array_get) *dl_json_array_get;
static __typeof__(json_string_value) *dl_json_string_value;
static __typeof__(json_string_length) *dl_json_string_length;
static __typeof__(json_integer_value) *dl_json_integer_value;
static __typeof__(json_real_value) *dl_json_real_value;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(json_loadb),           DL_SYM(json_delete),
		DL_SYM(json_object_get),      DL_SYM(json_object_size),
		DL_SYM(json_object_iter),     DL_SYM(json_object_iter_next),
		DL_SYM(json_object_iter_key), DL_SYM(json_object_iter_value),
		DL_SYM(json_array_size),      DL_SYM(json_array_get),
		DL_SYM(json_string_value),    DL_SYM(json_string_length),
		DL_SYM(json_integer_value),   DL_SYM(json_real_value),
	};
	static void *handle;

	return dl_load("libjansson.so.4", syms, ARRAY_SIZE(syms), &handle, err);
}

/* jansson's own bound is 2048 levels of recursion, in its parser and when it frees. */
static bool too_deep(const char *p, size_t n)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				in_string = false;
		} else if (p[i] == '"') {
			in_string = true;
		} else if (p[i] == '{' || p[i] == '[') {
			if (++depth > JSONIN_MAX_DEPTH)
				return true;
		} else if ((p[i] == '}' || p[i] == ']') && depth) {
			depth--;
		}
	}
	return false;
}

int jsonin_parse(const char *p, size_t n, struct jsonin *ret, struct err *err)
{
	json_error_t e;
	json_t *root;
	int r;

	if (n > JSONIN_MAX_BYTES)
		return err_set(err, -EFBIG, "JSON of more than %zu bytes",
			       JSONIN_MAX_BYTES);
	if (too_deep(p, n))
		return err_set(err, -EBADMSG, "JSON nested more than %d deep",
			       JSONIN_MAX_DEPTH);
	r = load(err);
	if (r < 0)
		return r;
	root = dl_json_loadb(n ? p : "", n, JSON_ALLOW_NUL, &e);
	if (!root)
		return err_set(err, -EBADMSG, "not JSON at line %d, column %d: %s",
			       e.line, e.column, e.text);
	ret->root = (const struct jval *)root;
	return 0;
}

/* The library keeps values behind json_t *, also those that are only looked at. */
static json_t *of(const struct jval *v)
{
	return (json_t *)(uintptr_t)v;
}

void jsonin_done(struct jsonin *j)
{
	json_t *root = of(j->root);

	if (root && root->refcount != (size_t)-1 && --root->refcount == 0)
		dl_json_delete(root);
	j->root = NULL;
}

bool jval_is_object(const struct jval *v)
{
	return json_is_object(of(v));
}

bool jval_is_array(const struct jval *v)
{
	return json_is_array(of(v));
}

bool jval_is_null(const struct jval *v)
{
	return json_is_null(of(v));
}

const struct jval *jval_get(const struct jval *v, const char *key)
{
	if (!jval_is_object(v))
		return NULL;
	return (const struct jval *)dl_json_object_get(of(v), key);
}

size_t jval_count(const struct jval *v)
{
	if (jval_is_object(v))
		return dl_json_object_size(of(v));
	return jval_is_array(v) ? dl_json_array_size(of(v)) : 0;
}

const struct jval *jval_at(const struct jval *array, size_t i)
{
	if (!jval_is_array(array))
		return NULL;
	return (const struct jval *)dl_json_array_get(of(array), i);
}

bool jval_next(const struct jval *object, void **iter, struct span *ret_key,
	       const struct jval **ret)
{
	if (!jval_is_object(object))
		return false;
	*iter = *iter ? dl_json_object_iter_next(of(object), *iter)
		      : dl_json_object_iter(of(object));
	if (!*iter)
		return false;
	*ret_key = span_str(dl_json_object_iter_key(*iter));
	*ret = (const struct jval *)dl_json_object_iter_value(*iter);
	return true;
}

bool jval_span(const struct jval *v, struct span *ret)
{
	if (!json_is_string(of(v)))
		return false;
	*ret = span_of(dl_json_string_value(of(v)), dl_json_string_length(of(v)));
	return true;
}

char *jval_dup(const struct jval *v)
{
	struct span s;

	return jval_span(v, &s) ? span_dup(s) : NULL;
}

bool jval_i64(const struct jval *v, int64_t *ret)
{
	struct span s;

	if (json_is_integer(of(v))) {
		*ret = dl_json_integer_value(of(v));
		return true;
	}
	return jval_span(v, &s) && num_parse_i64(s, ret) == 0;
}

bool jval_u64(const struct jval *v, uint64_t *ret)
{
	struct span s;
	int64_t n;

	if (jval_span(v, &s))
		return num_parse_u64(s, ret) == 0;
	if (!jval_i64(v, &n) || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

struct val jval_val(const struct jval *v)
{
	uint64_t n;

	return jval_u64(v, &n) ? val_set(n) : (struct val){ 0 };
}

bool jval_fixed(const struct jval *v, unsigned digits, uint64_t *ret)
{
	char text[32];
	struct span s;
	int n;

	if (jval_span(v, &s))
		return num_parse_real(s, digits, ret) == 0;
	if (json_is_integer(of(v)))
		n = snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
			     dl_json_integer_value(of(v)));
	else if (json_is_real(of(v)))
		/* 15 digits are what a double has for sure: 1.2 stays 1.2 */
		n = snprintf(text, sizeof(text), "%.15g", dl_json_real_value(of(v)));
	else
		return false;
	return n > 0 && num_parse_real(span_of(text, (size_t)n), digits, ret) == 0;
}

bool jval_bool(const struct jval *v, bool *ret)
{
	struct span s;
	int64_t n;

	if (json_is_boolean(of(v))) {
		*ret = json_is_true(of(v));
		return true;
	}
	if (jval_span(v, &s) && !s.n) {
		*ret = false;
		return true;
	}
	if (!jval_i64(v, &n) || (n != 0 && n != 1))
		return false;
	*ret = n == 1;
	return true;
}
