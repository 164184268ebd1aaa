/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cgstat.h"
#include "out/json.h"

/*
 * The kernel's figures as nested objects, the same in every command: bytes, microseconds
 * as seconds, null for "max", keys absent where the kernel has no file.
 */
void json_memory(struct jw *w, const char *key, const struct cg_memory *m);
void json_cpu(struct jw *w, const char *key, const struct cg_cpu *c);
void json_pids(struct jw *w, const char *key, const struct cg_pids *p);
void json_pressure(struct jw *w, const char *key, const struct cg_pressure *p);
void json_cpuset(struct jw *w, const char *key, const struct cg_cpuset *c);

/* PVE's flat pressurecpusome ... pressurememoryfull: avg10. */
void json_pve_pressure(struct jw *w, const struct cg_pressure *p);
