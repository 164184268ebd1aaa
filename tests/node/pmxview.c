/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pmxview.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define COUNT(v)      (sizeof(v) / sizeof(*(v)))
#define PATH_MAX_HERE 4096

enum { DOT_VERSION, DOT_MEMBERS, DOT_VMLIST, DOT_RRD, DOT_CLUSTERLOG, N_DOTS };

static const char *const dots[N_DOTS] = { ".version", ".members", ".vmlist", ".rrd",
					  ".clusterlog" };
static const char *const links[] = { "local", "lxc", "qemu-server", "openvz" };

static struct text {
	char *p;
	size_t n;
} texts[N_DOTS];

/* the cluster's files whose changes are counted */
static struct {
	const char *name;
	unsigned version;
} observed[] = {
	{ "corosync.conf", 0 },       { "storage.cfg", 0 },  { "user.cfg", 0 },
	{ "datacenter.cfg", 0 },      { "vzdump.cron", 0 },  { "jobs.cfg", 0 },
	{ "ha/resources.cfg", 0 },    { "ha/rules.cfg", 0 }, { "replication.cfg", 0 },
	{ "firewall/cluster.fw", 0 },
};

static struct guest {
	unsigned vmid, version;
} * guests;
static size_t n_guests;
static unsigned vmlist_version;
static time_t started;

static void add(struct text *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	t->p = realloc(t->p, t->n + (size_t)n + 1);
	memcpy(t->p + t->n, line, (size_t)n + 1);
	t->n += (size_t)n;
}

/* "100.conf": 100; 0: it is none */
static unsigned conf_number(const char *name)
{
	char *end;
	unsigned long n = *name >= '1' && *name <= '9' ? strtoul(name, &end, 10) : 0;

	return n && n <= 0xffffffff && strcmp(end, ".conf") == 0 ? (unsigned)n : 0;
}

/* A guest's config: nodes/NODE/{lxc,qemu-server}/N.conf; 0: it is none. */
static unsigned guest_number(const char *path)
{
	const char *name = strrchr(path, '/');

	if (strncmp(path, "nodes/", 6) != 0 || !name)
		return 0;
	if ((size_t)(name - path) > 4 && strncmp(name - 4, "/lxc", 4) == 0)
		return conf_number(name + 1);
	if ((size_t)(name - path) > 12 && strncmp(name - 12, "/qemu-server", 12) == 0)
		return conf_number(name + 1);
	return 0;
}

static struct guest *guest_of(unsigned vmid)
{
	for (size_t i = 0; i < n_guests; i++)
		if (guests[i].vmid == vmid)
			return &guests[i];
	guests = realloc(guests, (n_guests + 1) * sizeof(*guests));
	guests[n_guests] = (struct guest){ vmid, vmlist_version };
	return &guests[n_guests++];
}

void pmxview_changed(const char *path)
{
	unsigned vmid = guest_number(path);

	if (vmid)
		guest_of(vmid)->version = ++vmlist_version;
	for (size_t i = 0; i < COUNT(observed); i++)
		if (strcmp(observed[i].name, path) == 0)
			observed[i].version++;
}

typedef bool each_fn(const char *path, const char *node, const char *kind, unsigned vmid,
		     void *arg);

static bool each_in(const struct pmxview *v, const char *node, const char *kind,
		    each_fn *fn, void *arg)
{
	char path[PATH_MAX_HERE];
	struct dirent *e;
	bool found = false;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "nodes/%s/%s", node, kind);
	fd = openat(v->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && !found && (e = readdir(d))) {
		unsigned vmid = conf_number(e->d_name);

		snprintf(path, sizeof(path), "nodes/%s/%s/%s", node, kind, e->d_name);
		found = vmid && fn(path, node, kind, vmid, arg);
	}
	if (d)
		closedir(d);
	return found;
}

/* True: `fn` said so of one, and was not asked about the others. */
static bool each_guest(const struct pmxview *v, each_fn *fn, void *arg)
{
	int fd = openat(v->dir, "nodes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		if (*e->d_name != '.')
			found = each_in(v, e->d_name, "lxc", fn, arg) ||
				each_in(v, e->d_name, "qemu-server", fn, arg);
	if (d)
		closedir(d);
	return found;
}

struct wanted {
	unsigned vmid;
	const char *path, *but;
};

static bool is_other(const char *path, const char *node, const char *kind, unsigned vmid,
		     void *arg)
{
	const struct wanted *w = arg;

	(void)node;
	(void)kind;
	return vmid == w->vmid && strcmp(path, w->path) != 0 &&
	       !(w->but && strcmp(path, w->but) == 0);
}

bool pmxview_is_taken(const struct pmxview *v, const char *path, const char *but)
{
	struct wanted w = { guest_number(path), path, but };

	return w.vmid && each_guest(v, is_other, &w);
}

/* ---- the dot files -------------------------------------------------------------------
 */

static bool list_guest(const char *path, const char *node, const char *kind,
		       unsigned vmid, void *arg)
{
	struct text *t = arg;

	(void)path;
	add(t, "%s\n\"%u\": { \"node\": \"%s\", \"type\": \"%s\", \"version\": %u }",
	    t->n ? "," : "", vmid, node, strcmp(kind, "lxc") == 0 ? "lxc" : "qemu",
	    guest_of(vmid)->version);
	return false;
}

static void make_vmlist(const struct pmxview *v, struct text *t)
{
	struct text ids = { 0 };

	each_guest(v, list_guest, &ids);
	add(t, "{\n\"version\": %u%s\n", vmlist_version, ids.n ? "," : "");
	if (ids.n) {
		add(t, "\"ids\": {");
		t->p = realloc(t->p, t->n + ids.n + 1);
		memcpy(t->p + t->n, ids.p, ids.n + 1);
		t->n += ids.n;
		add(t, "}\n");
	}
	add(t, "\n}\n");
	free(ids.p);
}

static void make_version(struct text *t)
{
	add(t, "{\n\"starttime\": %ju,\n\"clinfo\": 0,\n\"vmlist\": %u",
	    (uintmax_t)started, vmlist_version);
	for (size_t i = 0; i < COUNT(observed); i++)
		add(t, ",\n\"%s\": %u", observed[i].name, observed[i].version);
	add(t, "\n}\n");
}

/* One that the directory has is shown as it is there. */
static bool copy_dot(const struct pmxview *v, int dot, struct text *t)
{
	int fd = openat(v->dir, dots[dot], O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		t->p = realloc(t->p, t->n + (size_t)n);
		memcpy(t->p + t->n, buf, (size_t)n);
		t->n += (size_t)n;
	}
	close(fd);
	return true;
}

static void make_text(const struct pmxview *v, int dot)
{
	struct text *t = &texts[dot];

	free(t->p);
	*t = (struct text){ 0 };
	if (dot == DOT_VERSION)
		make_version(t);
	else if (dot == DOT_VMLIST)
		make_vmlist(v, t);
	else if (copy_dot(v, dot, t))
		return;
	else if (dot == DOT_MEMBERS)
		add(t, "{\n\"nodename\": \"%s\",\n\"version\": 0\n}\n", v->node);
	else if (dot == DOT_CLUSTERLOG)
		add(t, "{\n\"data\": [\n]\n}\n");
}

int pmxview_dot(const char *path)
{
	for (int i = 0; i < N_DOTS; i++)
		if (strcmp(path, dots[i]) == 0)
			return i;
	return -1;
}

const char *pmxview_text(int dot, size_t *ret_n)
{
	*ret_n = texts[dot].n;
	return texts[dot].p;
}

const char *pmxview_extra(size_t n)
{
	if (n < N_DOTS)
		return dots[n];
	return n - N_DOTS < COUNT(links) ? links[n - N_DOTS] : NULL;
}

/* ---- attributes ----------------------------------------------------------------------
 */

const char *pmxview_link(const struct pmxview *v, const char *path)
{
	static char to[128];

	for (size_t i = 0; i < COUNT(links); i++)
		if (strcmp(path, links[i]) == 0) {
			snprintf(to, sizeof(to), "nodes/%s%s%s", v->node, i ? "/" : "",
				 i ? links[i] : "");
			return to;
		}
	return NULL;
}

static bool is_private(const char *path)
{
	const char *s;

	if (strncmp(path, "nodes/", 6) == 0) {
		s = strchr(path + 6, '/');
		path = s ? s + 1 : "";
	}
	return strncmp(path, "priv", 4) == 0 && (!path[4] || path[4] == '/');
}

void pmxview_mask(const struct pmxview *v, const char *path, struct stat *st)
{
	mode_t mode = S_ISREG(st->st_mode) ? 0640 : 0755;

	if (is_private(path))
		mode = S_ISREG(st->st_mode) ? 0600 : 0700;
	if (!v->quorate)
		mode &= (mode_t)~0222;
	st->st_mode = (st->st_mode & S_IFMT) | mode;
	st->st_uid = 0;
	st->st_gid = PMX_GID;
}

int pmxview_stat(const struct pmxview *v, const char *path, struct stat *ret)
{
	const char *to = pmxview_link(v, path);
	int dot = pmxview_dot(path);

	*ret = (struct stat){ .st_nlink = 1, .st_gid = PMX_GID };
	if (dot >= 0) {
		make_text(v, dot);
		ret->st_mode = S_IFREG | 0440;
		ret->st_size = (off_t)texts[dot].n;
		return 0;
	}
	if (to) {
		ret->st_mode = S_IFLNK;
		ret->st_size = (off_t)strlen(to);
	} else if (fstatat(v->dir, *path ? path : ".", ret, AT_SYMLINK_NOFOLLOW) < 0) {
		return -errno;
	}
	pmxview_mask(v, path, ret);
	return 0;
}

int pmxview_init(struct pmxview *v, const char *dir)
{
	static const char *const made[] = { "lxc", "qemu-server", "openvz", "priv" };
	struct utsname u;
	char path[128];

	v->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir < 0 || uname(&u) < 0)
		return -errno;
	snprintf(v->node, sizeof(v->node), "%s", u.nodename);
	v->node[strcspn(v->node, ".")] = '\0';
	v->quorate = true;
	started = time(NULL);
	vmlist_version = 1;
	(void)mkdirat(v->dir, "nodes", 0755);
	(void)mkdirat(v->dir, "priv", 0700);
	snprintf(path, sizeof(path), "nodes/%s", v->node);
	(void)mkdirat(v->dir, path, 0755);
	for (size_t i = 0; i < COUNT(made); i++) {
		snprintf(path, sizeof(path), "nodes/%s/%s", v->node, made[i]);
		(void)mkdirat(v->dir, path, 0755);
	}
	return 0;
}
