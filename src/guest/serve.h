/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * `guest-read serve`: what the collector, which may not look into a container, asks for:
 * how full the root file systems are. Started by systemd for each connection to
 * ctscope-reader.socket, with it as `fd`; takes one request (read/diskwire.h), has each
 * container asked by a guest-read of its own, and answers.
 *
 * Who asks has to be root or the owner of the socket (SO_PEERCRED), and is believed
 * nothing: that a process is the init of its container is verified as ever
 * (read/guestread.h), and a reader that a guest makes hang is left behind, at most one a
 * container. Takes three seconds at most. The exit code: 0 answered, 1 refused.
 */
int serve(int fd);
