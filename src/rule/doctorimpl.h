/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "rule/doctor.h"

/*
 * One check: looks at the facts and says what is wrong. What it leaves alone is fine.
 * Adding one is its function and a line in doctor.c.
 */
typedef void doctor_fn(const struct doctor_facts *f, struct doctor_result *r);

/* doctor-node.c */
doctor_fn doctor_root, doctor_libraries, doctor_config, doctor_waivers, doctor_kernel,
	doctor_controllers, doctor_pressure, doctor_clock, doctor_pve, doctor_tasks,
	doctor_journal, doctor_account, doctor_reader;
/* doctor-hooks.c */
doctor_fn doctor_hook_program, doctor_hook_dropin, doctor_hook_include,
	doctor_hook_containers, doctor_spool_dir, doctor_spool_drain;
/* doctor-collect.c */
doctor_fn doctor_service, doctor_collector, doctor_version, doctor_recorder,
	doctor_socket_unit, doctor_store_file, doctor_store_size, doctor_store_disk,
	doctor_store_aside, doctor_losses;

/* One more thing that is wrong; `fix` (NULL: none) is what to type. */
void doctor_found(struct doctor_result *r, enum severity s, uint32_t vmid,
		  const char *fix, const char *fmt, ...) _printf_(5, 6);

/* What a fine one, or one that could not be told, has to say. */
void doctor_says(struct doctor_result *r, const char *fmt, ...) _printf_(2, 3);
void doctor_unchecked(struct doctor_result *r, const char *fmt, ...) _printf_(2, 3);
/* The same of one that depends on a check which says why, or that a copy does not hold. */
void doctor_skipped(struct doctor_result *r, const char *fmt, ...) _printf_(2, 3);

/* Of a copy of a node: true, and it says so. */
bool doctor_skips(const struct doctor_facts *f, struct doctor_result *r);

/*
 * Is a collector at work? Not one that is stopped by a signal. DOCTOR_UNKNOWN: neither
 * systemd nor the ring tells.
 */
enum doctor_answer doctor_alive(const struct doctor_facts *f);
