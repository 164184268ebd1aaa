/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program; it always ends with exit code 0. */
__attribute__((noreturn)) void hook_main(int argc, char **argv, char **env);
