/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <top.h>

/*
 * What the keys of `top` do: its state, and a key's change of it. Pure, so that every key
 * can be tested without a terminal.
 */
/* Keys that are no character. */
enum {
	TOPKEY_UP = 0x110000, /* behind the last character */
	TOPKEY_DOWN,
	TOPKEY_LEFT,
	TOPKEY_RIGHT,
	TOPKEY_HOME,
	TOPKEY_END,
	TOPKEY_PAGE_UP,
	TOPKEY_PAGE_DOWN,
	TOPKEY_BACKSPACE,
	TOPKEY_ENTER,
	TOPKEY_ESCAPE,
};

/* What the state cannot know. */
struct topnav_view {
	uint64_t now_real_usec;
	uint64_t shown_real_usec; /* of the frame on the screen */
	uint64_t step_usec;       /* of what is recorded there */
	size_t rows;              /* in the table (or of units) */
	size_t page;              /* rows the screen shows */
	const struct toprow *v;   /* the table's rows; NULL in the view of units */
};

enum topact {
	TOPACT_NONE,
	TOPACT_DRAW,  /* the same figures, drawn or sorted anew */
	TOPACT_READ,  /* another moment, or another container to look into */
	TOPACT_TIME,  /* nav->text is a time that was typed */
	TOPACT_TIMER, /* the interval changed */
	TOPACT_QUIT,
};

#define TOPNAV_MIN_USEC ((uint64_t)200000)
#define TOPNAV_MAX_USEC ((uint64_t)60000000)

enum topact topnav_key(struct topnav *nav, const struct topnav_view *view, int key);

/* Puts cursor and scroll where the selected container is among these rows. */
void topnav_place(struct topnav *nav, const struct toprow *v, size_t n, size_t page);

/* Moves to a moment: one that is (nearly) now ends the past. */
void topnav_goto(struct topnav *nav, uint64_t at_real_usec, uint64_t now_real_usec);
