/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "out/cloudevent.h"

static const char *const own_keys[] = {
	"seq", "vmid", "name", "boot", "boot_usec", "life", "origin", "inferred",
};

void cloudevent_type(struct buf *out, const struct event *e)
{
	bool node = !e->vmid || e->type == EVENT_COLLECTOR;

	buf_addf(out, "ctscope.%s.%s", node ? "node" : "container",
		 event_type_name(e->type));
}

static void put_data(struct jw *w, const struct event *e)
{
	jw_obj(w, "data");
	if (e->seq)
		jw_int(w, "seq", e->seq);
	if (e->vmid)
		jw_int(w, "vmid", e->vmid);
	if (e->name)
		jw_text(w, "name", tbytes_str(e->name));
	if (*e->boot)
		jw_str(w, "boot", e->boot);
	if (e->boot_usec)
		jw_int(w, "boot_usec", e->boot_usec);
	if (e->life)
		jw_int(w, "life", e->life);
	jw_str(w, "origin", event_origin_name(e->origin));
	jw_bool(w, "inferred", e->inferred);
	if (e->data &&
	    jw_merge(w, span_str(e->data), own_keys, ARRAY_SIZE(own_keys)) == -EBADMSG)
		jw_text(w, "text", tbytes_str(e->data));
	jw_end(w);
}

void cloudevent_members(struct jw *w, const struct event *e, const char *node)
{
	_cleanup_(buf_done) struct buf source = { 0 }, subject = { 0 }, type = { 0 };

	buf_addf(&source, "/pve/%s", node ? node : "");
	cloudevent_type(&type, e);
	jw_str(w, "specversion", "1.0");
	jw_str(w, "id", e->id);
	jw_text(w, "source", tbytes_str(buf_str(&source)));
	if (e->vmid) {
		buf_addf(&subject, "lxc/%u", e->vmid);
		jw_str(w, "subject", buf_str(&subject));
	}
	jw_str(w, "type", buf_str(&type));
	jw_stamp(w, "time", e->time_real_usec);
	jw_str(w, "datacontenttype", "application/json");
	put_data(w, e);
}

int cloudevent_print(FILE *f, const struct event *e, const char *node, struct err *err)
{
	struct jw *w;
	int r = jw_new_line(f, &w, err);

	if (r < 0)
		return r;
	cloudevent_members(w, e, node);
	r = jw_free(w);
	if (r == -ELIBACC)
		return err_set(err, r, "libjansson is missing");
	return r < 0 ? err_set(err, r, "write: %s", strerror(-r)) : 0;
}
