/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/schema.h"

/*
 * The comments stay in the database: `sqlite3 ctscope.db .schema` shows them to those who
 * query it. Times are microseconds since 1970, UTC:
 *
 *	SELECT datetime(time / 1000000, 'unixepoch', 'localtime'), vmid, type
 *	FROM events ORDER BY seq DESC LIMIT 10;
 *
 * Blocks of each level have a table of their own: they are added at its end and removed
 * from its start, so that whole pages become free. The oldest of a busy node go every
 * minute; were the levels mixed, what is left of the coarse ones would hold each page.
 */
/* clang-format off */
#define BLOCKS_TABLE(name, minutes, what)							\
	"CREATE TABLE " name " (\n"							\
	"	-- samples of one container" what "\n"				\
	"	seq INTEGER PRIMARY KEY,  -- the order in which they were stored\n"	\
	"	slot INTEGER NOT NULL,    -- start, in units of " minutes "\n"		\
	"	vmid INTEGER NOT NULL,\n"						\
	"	life INTEGER NOT NULL,    -- which run of the vmid\n"			\
	"	start INTEGER NOT NULL,   -- time of the first sample\n"		\
	"	n INTEGER NOT NULL,       -- samples in it\n"				\
	"	data BLOB NOT NULL        -- columns of differences, zstd: see the manual\n" \
	");\n"										\
	"CREATE UNIQUE INDEX " name "_at ON " name " (slot, vmid, start);\n"

const char *const schema_steps[SCHEMA_VERSION] = {
	/* 1 */
	"CREATE TABLE meta (\n"
	"	-- about the store itself\n"
	"	key TEXT PRIMARY KEY,     -- store-id, created, node, recorded-sec, first-life\n"
	"	value\n"
	") WITHOUT ROWID;\n"
	"INSERT INTO meta VALUES ('store-id', lower(hex(randomblob(16))));\n"
	"CREATE TABLE events (\n"
	"	-- what happened; shown as CloudEvents 1.0 by `ctscope events --json`\n"
	"	seq INTEGER PRIMARY KEY,  -- the order in which they were stored: 1 and up\n"
	"	id TEXT NOT NULL UNIQUE,  -- of the CloudEvent: the same is stored once\n"
	"	time INTEGER NOT NULL,    -- when it happened, microseconds since 1970\n"
	"	type TEXT NOT NULL,       -- started, stopped, oom-kill, ...\n"
	"	vmid INTEGER,             -- NULL: about the node\n"
	"	life INTEGER,             -- which run of the vmid; NULL: not known\n"
	"	name TEXT,                -- of the container at that time\n"
	"	origin TEXT NOT NULL,     -- who saw it: hook, cgroup, kernel, config, ...\n"
	"	inferred INTEGER NOT NULL,-- 1: no source told it, concluded\n"
	"	boot TEXT,                -- boot id of the kernel\n"
	"	boot_usec INTEGER,        -- CLOCK_BOOTTIME of it: order within one boot\n"
	"	data TEXT                 -- a JSON object: what the type adds\n"
	");\n"
	"CREATE INDEX events_time ON events (time);\n"
	"CREATE INDEX events_vmid ON events (vmid);\n"
	"CREATE TABLE lives (\n"
	"	-- the runs of each container\n"
	"	seq INTEGER PRIMARY KEY,\n"
	"	vmid INTEGER NOT NULL,\n"
	"	life INTEGER NOT NULL,    -- 1 and up for each vmid\n"
	"	boot TEXT,                -- boot id and\n"
	"	init_start_ticks INTEGER, -- start time of its init (field 22 of stat)\n"
	"	started INTEGER,          -- microseconds since 1970; NULL: not known\n"
	"	stopped INTEGER,          -- NULL: not known to have stopped\n"
	"	cause TEXT,               -- why: oom-init, signal, admin, ...\n"
	"	name TEXT,\n"
	"	UNIQUE (vmid, life)\n"
	");\n"
	"CREATE TABLE incidents (\n"
	"	n INTEGER PRIMARY KEY AUTOINCREMENT, -- as in `ctscope incidents show N`\n"
	"	kind TEXT NOT NULL,       -- oom-kill, unexpected-stop, ...\n"
	"	vmid INTEGER NOT NULL,\n"
	"	life INTEGER,\n"
	"	name TEXT,\n"
	"	opened INTEGER NOT NULL,\n"
	"	closed INTEGER,           -- NULL: still open\n"
	"	keep_from INTEGER NOT NULL, -- its seconds are kept from here\n"
	"	keep_until INTEGER NOT NULL,-- to here\n"
	"	summary TEXT,\n"
	"	data TEXT                 -- a JSON object: limits, processes, events, ...\n"
	");\n"
	"CREATE INDEX incidents_vmid ON incidents (vmid);\n"
	BLOCKS_TABLE("blocks_1", "one minute", ": a minute, one each second")
	BLOCKS_TABLE("blocks_10", "ten minutes", ": ten minutes, one each 10 s")
	BLOCKS_TABLE("blocks_60", "one hour", ": an hour, one each 60 s"),

	/* 2: minutes of incidents outlive their level; age is recorded time */
	BLOCKS_TABLE("blocks_kept", "one minute", " as in blocks_1, kept for an incident")
	"CREATE TABLE marks (\n"
	"	-- what came after so many seconds of recording: nothing is aged by a clock\n"
	"	recorded_sec INTEGER PRIMARY KEY,\n"
	"	event INTEGER NOT NULL,   -- the first seq after it\n"
	"	life INTEGER NOT NULL,\n"
	"	incident INTEGER NOT NULL,\n"
	"	block_1 INTEGER NOT NULL,\n"
	"	block_10 INTEGER NOT NULL,\n"
	"	block_60 INTEGER NOT NULL\n"
	");\n"
	"CREATE VIEW blocks AS\n"
	"	SELECT 1 AS level, vmid, life, start, n, data FROM blocks_kept UNION ALL\n"
	"	SELECT 1, vmid, life, start, n, data FROM blocks_1 UNION ALL\n"
	"	SELECT 10, vmid, life, start, n, data FROM blocks_10 UNION ALL\n"
	"	SELECT 60, vmid, life, start, n, data FROM blocks_60;\n",

	/* 3: what changed while no collector ran is told by the next one */
	"CREATE TABLE configs (\n"
	"	-- each container's config as it was last seen; meta 'configs-seen' is when\n"
	"	vmid INTEGER PRIMARY KEY,\n"
	"	text BLOB                 -- the file; NULL: too large to be kept\n"
	");\n",

	/* 4: what the reader says, seldom: no block of seconds */
	"CREATE TABLE disk (\n"
	"	-- use of root file systems: when it changed (by a thousandth, or 16 MiB), each\n"
	"	-- hour, and first in each life. Holds until the next row of that life, for\n"
	"	-- 62 minutes at most\n"
	"	seq INTEGER PRIMARY KEY,  -- the order in which they were stored\n"
	"	vmid INTEGER NOT NULL,\n"
	"	life INTEGER NOT NULL,    -- which run of the vmid\n"
	"	time INTEGER NOT NULL,\n"
	"	used INTEGER,             -- bytes; NULL: not known from then on\n"
	"	size INTEGER,\n"
	"	avail INTEGER,            -- bytes that can still be written\n"
	"	inodes_used INTEGER,      -- NULL: it does not count them\n"
	"	inodes INTEGER\n"
	");\n"
	"CREATE INDEX disk_at ON disk (vmid, time);\n"
	"ALTER TABLE marks ADD COLUMN disk INTEGER NOT NULL DEFAULT 0;\n",

	/* 5: in meta it was read whole with each row that came after it */
	"CREATE TABLE room (\n"
	"	-- one row, of pages that the events of a full disk take\n"
	"	bytes BLOB\n"
	");\n"
	"DELETE FROM meta WHERE key = 'room';\n",
};
/* clang-format on */
