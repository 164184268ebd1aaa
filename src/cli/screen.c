/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncursesw/curses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/dl.h"
#include "base/fs.h"
#include "rule/topnav.h"

static __typeof__(newterm) *dl_newterm;
static __typeof__(delscreen) *dl_delscreen;
static __typeof__(endwin) *dl_endwin;
static __typeof__(cbreak) *dl_cbreak;
static __typeof__(def_prog_mode) *dl_def_prog_mode;
static __typeof__(noecho) *dl_noecho;
static __typeof__(nonl) *dl_nonl;
static __typeof__(keypad) *dl_keypad;
static __typeof__(nodelay) *dl_nodelay;
static __typeof__(curs_set) *dl_curs_set;
static __typeof__(has_colors) *dl_has_colors;
static __typeof__(start_color) *dl_start_color;
static __typeof__(use_default_colors) *dl_use_default_colors;
static __typeof__(init_pair) *dl_init_pair;
static __typeof__(wmove) *dl_wmove;
static __typeof__(waddnstr) *dl_waddnstr;
static __typeof__(wattr_set) *dl_wattr_set;
static __typeof__(werase) *dl_werase;
static __typeof__(wrefresh) *dl_wrefresh;
static __typeof__(wgetch) *dl_wgetch;
static __typeof__(resizeterm) *dl_resizeterm;
static __typeof__(set_escdelay) *dl_set_escdelay;
static __typeof__(tigetstr) *dl_tigetstr;
static __typeof__(define_key) *dl_define_key;
static WINDOW **dl_stdscr;

static int load(struct err *err)
{
	static const struct dl_sym syms[] = {
		DL_SYM(newterm),    DL_SYM(delscreen),     DL_SYM(endwin),
		DL_SYM(cbreak),     DL_SYM(def_prog_mode), DL_SYM(noecho),
		DL_SYM(nonl),       DL_SYM(keypad),        DL_SYM(nodelay),
		DL_SYM(curs_set),   DL_SYM(has_colors),    DL_SYM(start_color),
		DL_SYM(init_pair),  DL_SYM(wmove),         DL_SYM(waddnstr),
		DL_SYM(wattr_set),  DL_SYM(werase),        DL_SYM(wrefresh),
		DL_SYM(wgetch),     DL_SYM(resizeterm),    DL_SYM(set_escdelay),
		DL_SYM(tigetstr),   DL_SYM(stdscr),        DL_SYM(use_default_colors),
		DL_SYM(define_key),
	};
	static void *handle;

	return dl_load("libncursesw.so.6", syms, ARRAY_SIZE(syms), &handle, err);
}

struct screen {
	SCREEN *scr;
	int sigfd;
	sigset_t old_mask;
	size_t w, h;
	bool utf8, color;
	unsigned empty_reads;
};

/* ---- what is left when the program ends by a signal ---- */

static struct {
	struct termios saved;
	char restore[64]; /* bytes that leave the full screen */
	size_t n;
	volatile sig_atomic_t on;
} crash;

static const int crashes[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };

static void on_crash(int sig)
{
	if (crash.on) {
		(void)!write(STDOUT_FILENO, crash.restore, crash.n);
		tcsetattr(STDIN_FILENO, TCSANOW, &crash.saved);
		crash.on = 0;
	}
	raise(sig); /* SA_RESETHAND: this time it is deadly */
}

static void add_restore(const char *cap)
{
	const char *s = dl_tigetstr(cap);
	size_t n = s && s != (char *)-1 ? strlen(s) : 0;

	if (n && crash.n + n <= sizeof(crash.restore)) {
		memcpy(crash.restore + crash.n, s, n);
		crash.n += n;
	}
}

static void watch_crashes(void)
{
	struct sigaction sa = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };

	crash.n = 0;
	add_restore("sgr0");
	add_restore("rmcup");
	add_restore("rmkx");
	add_restore("cnorm");
	crash.on = 1;
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		sigaction(crashes[i], &sa, NULL);
}

/* ---- opening ---- */

static bool is_name(const char *s)
{
	size_t n = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789+-_.")
		     : 0;

	return n && n < 64 && !s[n] && *s != '.';
}

/*
 * A node lacks the descriptions of newer terminals, which are all made to be taken for
 * one of these.
 */
static const char *relative_of(const char *term)
{
	static const struct {
		const char *prefix, *term;
	} kin[] = {
		{ "xterm", "xterm-256color" },
		{ "tmux", "screen" },
		{ "screen", "screen" },
		{ "rxvt", "xterm-256color" },
		{ "alacritty", "xterm-256color" },
		{ "foot", "xterm-256color" },
		{ "kitty", "xterm-256color" },
		{ "wezterm", "xterm-256color" },
		{ "ghostty", "xterm-256color" },
		{ "vte", "xterm-256color" },
		{ "gnome", "xterm-256color" },
		{ "konsole", "xterm-256color" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kin); i++)
		if (str_starts(term, kin[i].prefix))
			return kin[i].term;
	return NULL;
}

/* Whoever set these might be anybody: root's terminal library reads no file they name. */
static void clean_environment(void)
{
	static const char *const names[] = {
		"TERMINFO",
		"TERMINFO_DIRS",
		"TERMCAP",
		"TERMPATH",
		"HOME",
		"LOCPATH",
		"ESCDELAY",
		"COLUMNS",
		"LINES",
		"NCURSES_TRACE",
		"BAUDRATE",
		"NLSPATH",
		"CC",
		"NCURSES_ASSUMED_COLORS",
		"NCURSES_NO_PADDING",
		"NCURSES_NO_SETBUF",
		"NCURSES_NO_UTF8_ACS",
		"NCURSES_GPM_TERMS",
		"NCURSES_NO_HARD_TABS",
		"NCURSES_NO_MAGIC_COOKIE",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
}

static bool says_utf8(const char *s)
{
	const char *dot = s ? strrchr(s, '.') : NULL;

	return dot && (!strcasecmp(dot, ".UTF-8") || !strcasecmp(dot, ".utf8"));
}

/* A locale that came over ssh and was never generated here is UTF-8 all the same. */
static bool use_locale(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *set = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && (!set || !*set); i++)
		set = getenv(names[i]);
	if (!setlocale(LC_CTYPE, set && is_name(set) ? set : "C") && says_utf8(set))
		setlocale(LC_CTYPE, "C.UTF-8");
	return str_eq(nl_langinfo(CODESET), "UTF-8");
}

static void read_size(struct screen *s)
{
	struct winsize ws = { 0 };

	s->w = 80;
	s->h = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col && ws.ws_row) {
		s->w = MIN((size_t)ws.ws_col, (size_t)SURFACE_MAX_W);
		s->h = MIN((size_t)ws.ws_row, (size_t)SURFACE_MAX_H);
	}
}

/* newterm() because initscr() ends the program where it does not like the terminal. */
static SCREEN *make_term(const char *term)
{
	const char *kin = relative_of(term);
	SCREEN *scr = dl_newterm(term, stdout, stdin);

	if (!scr && kin)
		scr = dl_newterm(kin, stdout, stdin);
	return scr;
}

static void use_colors(struct screen *s)
{
	static const struct {
		enum cell_color c;
		short color;
	} pairs[] = { { COLOR_GOOD, COLOR_GREEN },
		      { COLOR_WARN, COLOR_YELLOW },
		      { COLOR_BAD, COLOR_RED } };

	s->color = s->color && dl_has_colors();
	if (!s->color)
		return;
	dl_start_color();
	dl_use_default_colors();
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		dl_init_pair((short)pairs[i].c, pairs[i].color, -1);
}

/* It is blocked: this is never called, but a signal that has a handler is not dropped. */
static void on_tstp(int sig)
{
	(void)sig;
}

/*
 * Signals come as something to read: none is handled in the middle of a picture. ncurses
 * would ignore ^Z while it draws: it leaves a SIGTSTP alone that has a handler already.
 */
static int catch_signals(struct screen *s, struct err *err)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	struct sigaction tstp;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaddset(&set, sigs[i]);
	sigaction(SIGTSTP, NULL, &tstp);
	if (tstp.sa_handler != SIG_IGN)
		sigaddset(&set, SIGTSTP);
	s->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->sigfd < 0)
		return err_set(err, -errno, "signalfd: %s", strerror(errno));
	sigprocmask(SIG_BLOCK, &set, &s->old_mask);
	if (tstp.sa_handler != SIG_IGN)
		signal(SIGTSTP, on_tstp);
	return 0;
}

/* As every program does at ^Z: the screen is the shell's until it continues us. */
static void suspend(void)
{
	sigset_t set;

	dl_endwin();
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGTSTP, on_tstp);
}

/* Many terminals send others than their description tells, or those of another mode. */
static void add_keys(void)
{
	static const struct {
		const char *seq;
		int key;
	} keys[] = {
		{ "\033[A", KEY_UP },     { "\033OA", KEY_UP },
		{ "\033[B", KEY_DOWN },   { "\033OB", KEY_DOWN },
		{ "\033[C", KEY_RIGHT },  { "\033OC", KEY_RIGHT },
		{ "\033[D", KEY_LEFT },   { "\033OD", KEY_LEFT },
		{ "\033[H", KEY_HOME },   { "\033OH", KEY_HOME },
		{ "\033[1~", KEY_HOME },  { "\033[7~", KEY_HOME },
		{ "\033[F", KEY_END },    { "\033OF", KEY_END },
		{ "\033[4~", KEY_END },   { "\033[8~", KEY_END },
		{ "\033[5~", KEY_PPAGE }, { "\033[6~", KEY_NPAGE },
		{ "\033OM", KEY_ENTER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		(void)dl_define_key(keys[i].seq, keys[i].key);
}

/*
 * A key that poll() told of may be gone when it is read: ^Z and ^C take what was typed
 * before them with them. Who reads then waits for the next one, and ncurses, which does,
 * would not see them either: a read of nothing shall end at once.
 */
static void never_wait(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) < 0)
		return;
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0)
		dl_def_prog_mode();
}

static void set_up(struct screen *s)
{
	dl_cbreak();
	dl_noecho();
	dl_nonl();
	never_wait();
	dl_keypad(*dl_stdscr, true);
	add_keys();
	dl_nodelay(*dl_stdscr, true);
	dl_set_escdelay(50);
	dl_curs_set(0);
	use_colors(s);
	s->utf8 = s->utf8 && !str_eq(getenv("TERM"), "linux");
	watch_crashes();
}

int screen_check(struct err *err)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, -ENOTTY,
			       "this is no terminal: top -b prints plain text");
	if (!term || !is_name(term) || str_eq(term, "dumb") || str_eq(term, "unknown"))
		return err_set(err, -ENOTTY,
			       "TERM=\"%.40s\" names no terminal that can be drawn on: "
			       "top -b prints plain text",
			       term ? term : "");
	return 0;
}

int screen_open(bool color, struct screen **ret, struct err *err)
{
	const char *term = getenv("TERM");
	struct screen *s;
	int r;

	r = screen_check(err);
	if (r == 0)
		r = load(err);
	if (r == 0 && tcgetattr(STDIN_FILENO, &crash.saved) < 0)
		r = err_set(err, -errno, "terminal: %s", strerror(errno));
	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	s->color = color;
	clean_environment();
	s->utf8 = use_locale();
	r = catch_signals(s, err);
	if (r < 0) {
		free(s);
		return r;
	}
	s->scr = make_term(term);
	if (!s->scr) {
		sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
		close(s->sigfd);
		free(s);
		return err_set(err, -ENOTTY,
			       "the terminal TERM=%.40s is not known here: top -b prints "
			       "plain text",
			       term);
	}
	set_up(s);
	read_size(s);
	dl_resizeterm((int)s->h, (int)s->w);
	*ret = s;
	return 0;
}

/*
 * What ends it may be told more than once: a terminal that goes away says so by itself,
 * and by SIGHUP a moment later. None of it may end the program in the middle of its end.
 */
static void drop_signals(const struct screen *s)
{
	struct signalfd_siginfo si;

	signal(SIGHUP, SIG_IGN);
	while (read(s->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	dl_endwin();
	crash.on = 0;
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
		signal(crashes[i], SIG_DFL);
	dl_delscreen(s->scr);
	drop_signals(s);
	close(s->sigfd);
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	free(s);
}

void screen_size(const struct screen *s, size_t *ret_w, size_t *ret_h)
{
	*ret_w = s->w;
	*ret_h = s->h;
}

bool screen_utf8(const struct screen *s)
{
	return s->utf8;
}

/* ---- pictures ---- */

static void set_style(const struct screen *s, struct style st)
{
	attr_t a = A_NORMAL;
	short pair = 0;

	if (st.bold)
		a |= A_BOLD;
	if (st.reverse)
		a |= A_REVERSE;
	if (st.underline)
		a |= A_UNDERLINE;
	if (st.color == COLOR_DIM)
		a |= A_DIM;
	else if (s->color)
		pair = (short)st.color;
	else if (st.color == COLOR_BAD)
		a |= A_BOLD;
	dl_wattr_set(*dl_stdscr, a, pair, NULL);
}

static bool takes_output(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLOUT);
}

static void show_row(struct screen *s, const struct surface *pic, size_t y)
{
	const struct surface_cell *row = &pic->v[y * pic->w];
	size_t w = MIN(pic->w, s->w);

	dl_wmove(*dl_stdscr, (int)y, 0);
	for (size_t x = 0; x < w; x++) {
		if (!row[x].width || x + row[x].width > w)
			continue;
		set_style(s, row[x].style);
		/* the last cell of all makes ncurses complain that it cannot go on */
		(void)dl_waddnstr(*dl_stdscr, row[x].text, -1);
	}
}

void screen_show(struct screen *s, const struct surface *pic)
{
	if (!takes_output())
		return;
	dl_werase(*dl_stdscr);
	for (size_t y = 0; y < pic->h && y < s->h; y++)
		show_row(s, pic, y);
	dl_wrefresh(*dl_stdscr);
}

/* ---- what happens ---- */

static int translate(int key)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ KEY_UP, TOPKEY_UP },
		{ KEY_DOWN, TOPKEY_DOWN },
		{ KEY_LEFT, TOPKEY_LEFT },
		{ KEY_RIGHT, TOPKEY_RIGHT },
		{ KEY_HOME, TOPKEY_HOME },
		{ KEY_END, TOPKEY_END },
		{ KEY_PPAGE, TOPKEY_PAGE_UP },
		{ KEY_NPAGE, TOPKEY_PAGE_DOWN },
		{ KEY_BACKSPACE, TOPKEY_BACKSPACE },
		{ KEY_DC, TOPKEY_BACKSPACE },
		{ 0x7f, TOPKEY_BACKSPACE },
		{ '\b', TOPKEY_BACKSPACE },
		{ KEY_ENTER, TOPKEY_ENTER },
		{ '\r', TOPKEY_ENTER },
		{ '\n', TOPKEY_ENTER },
		{ 0x1b, TOPKEY_ESCAPE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].curses == key)
			return keys[i].key;
	return key > 0xff ? 0 : key;
}

/* SCREEN_END, SCREEN_RESIZE or SCREEN_TIMEOUT (it was nothing). */
static enum screen_event read_signals(struct screen *s)
{
	enum screen_event ev = SCREEN_TIMEOUT;
	struct signalfd_siginfo si;

	while (read(s->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGTSTP)
			suspend();
		else if (si.ssi_signo != SIGWINCH)
			return SCREEN_END;
		ev = SCREEN_RESIZE;
	}
	if (ev == SCREEN_RESIZE) {
		read_size(s);
		dl_resizeterm((int)s->h, (int)s->w);
	}
	return ev;
}

/*
 * Escape, or the rest of a sequence that nobody knows: its bytes are no keys. false: it
 * was one.
 */
static bool is_escape(void)
{
	int key = dl_wgetch(*dl_stdscr);

	if (key == ERR || key == 0x1b)
		return true;
	if (key == 'O')
		(void)dl_wgetch(*dl_stdscr);
	for (int i = 0; key == '[' && i < 32; i++) {
		int c = dl_wgetch(*dl_stdscr);

		if (c == ERR || (c >= '@' && c <= '~'))
			break;
	}
	return false;
}

static bool read_key(struct screen *s, int *ret)
{
	int key = dl_wgetch(*dl_stdscr);

	if (key == ERR)
		return false;
	s->empty_reads = 0;
	if (key == 0x1b && !is_escape())
		return false;
	*ret = translate(key);
	return *ret != 0;
}

enum screen_event screen_wait(struct screen *s, uint64_t timeout_usec, int *ret_key)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			       { .fd = s->sigfd, .events = POLLIN } };
	enum screen_event ev;
	int r;

	/* ncurses may hold keys that it has read already */
	if (read_key(s, ret_key))
		return SCREEN_KEY;
	r = poll(p, 2, (int)MIN(timeout_usec / 1000, (uint64_t)600000));
	if (r <= 0)
		return SCREEN_TIMEOUT;
	if (p[1].revents) {
		ev = read_signals(s);
		if (ev != SCREEN_TIMEOUT)
			return ev;
	}
	if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		return SCREEN_END;
	if (!(p[0].revents & POLLIN))
		return SCREEN_TIMEOUT;
	if (read_key(s, ret_key))
		return SCREEN_KEY;
	/* readable, again and again, and nothing to read: the other side has closed */
	return ++s->empty_reads > 20 ? SCREEN_END : SCREEN_TIMEOUT;
}
