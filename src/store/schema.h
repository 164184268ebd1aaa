/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The schema as its steps: schema_steps[i] makes version i + 1 of version i, in one
 * transaction with `PRAGMA user_version`. A new store goes through all of them, so each
 * is run all the time. A released step never changes: what is wrong with it is put right
 * by the next one.
 */
#define SCHEMA_VERSION 5
#define SCHEMA_APP_ID  0x63747363 /* "ctsc": PRAGMA application_id */

extern const char *const schema_steps[SCHEMA_VERSION];
