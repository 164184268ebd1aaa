/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * For a thread that sleeps, works for a moment and sleeps again: asks the kernel to let it
 * have the CPU when it wakes, and not only at the next tick of who computes there (4 ms
 * at 250 Hz). It takes no more of the CPU than before, and no privilege: its share comes
 * in slices of 100 us, and who asks for short ones goes before (Linux 6.12 and later,
 * Documentation/scheduler/sched-eevdf.rst). An older kernel answers and changes nothing.
 * Of the calling thread, and of those it makes later.
 */
void sched_wake_soon(void);
