/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sqlite3.h>

#include "base/err.h"

/*
 * libsqlite3 for the files of the store alone: loaded when a store is first opened, and
 * called through dl_<function>.
 */
#define SQLITE_FUNCTIONS(X)                                                              \
	X(sqlite3_open_v2)                                                               \
	X(sqlite3_close_v2)                                                              \
	X(sqlite3_errmsg)                                                                \
	X(sqlite3_extended_errcode)                                                      \
	X(sqlite3_system_errno)                                                          \
	X(sqlite3_busy_timeout)                                                          \
	X(sqlite3_db_config)                                                             \
	X(sqlite3_limit)                                                                 \
	X(sqlite3_get_autocommit)                                                        \
	X(sqlite3_changes)                                                               \
	X(sqlite3_last_insert_rowid)                                                     \
	X(sqlite3_exec)                                                                  \
	X(sqlite3_prepare_v3)                                                            \
	X(sqlite3_step)                                                                  \
	X(sqlite3_reset)                                                                 \
	X(sqlite3_clear_bindings)                                                        \
	X(sqlite3_finalize)                                                              \
	X(sqlite3_bind_int64)                                                            \
	X(sqlite3_bind_null)                                                             \
	X(sqlite3_bind_text)                                                             \
	X(sqlite3_bind_blob)                                                             \
	X(sqlite3_column_type)                                                           \
	X(sqlite3_column_int64)                                                          \
	X(sqlite3_column_text)                                                           \
	X(sqlite3_column_blob)                                                           \
	X(sqlite3_column_bytes)                                                          \
	X(sqlite3_wal_checkpoint_v2)                                                     \
	X(sqlite3_wal_hook)

#define X(f) extern __typeof__(f) *dl_##f;
SQLITE_FUNCTIONS(X)
#undef X

/* 0, or -ENOENT: not installed. From any thread. */
int sqlite_load(struct err *err);
