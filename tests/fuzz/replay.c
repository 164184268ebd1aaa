/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

/*
 * The main() of a fuzz target that is not linked with libFuzzer: gives it every file of
 * its corpus (the crashes of the past are among them), or the files named on the command
 * line. Every input lies in a block of exactly its size, so that a sanitizer or valgrind
 * sees one byte too many; of a small one every shorter beginning is given too.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX    (4u << 20)
#define PREFIXES_MAX 1024

static size_t runs;

static void give(const uint8_t *data, size_t size)
{
	uint8_t *exact = xmalloc(size ? size : 1);

	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	runs++;
}

static bool replay_file(const char *path)
{
	_cleanup_free_ uint8_t *data = xmalloc(INPUT_MAX);
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f) {
		printf("# %s: %s\n", path, strerror(errno));
		return false;
	}
	n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	give(data, n);
	for (size_t i = 0; i < n && n <= PREFIXES_MAX; i++)
		give(data, i);
	return true;
}

static bool replay_dir(const char *path)
{
	bool ok = true;
	struct dirent *e;
	DIR *d = opendir(path);

	while (d && (e = readdir(d))) {
		_cleanup_free_ char *file = NULL;

		if (e->d_name[0] == '.')
			continue;
		file = xasprintf("%s/%s", path, e->d_name);
		/* said before it is tried: the last one said is the one that crashed */
		printf("# %s\n", e->d_name);
		fflush(stdout);
		ok = replay_file(file) && ok;
	}
	if (d)
		closedir(d);
	return ok;
}

int main(int argc, char **argv)
{
	const char *src = getenv("CTSCOPE_SOURCE"), *name = strrchr(argv[0], '/');
	_cleanup_free_ char *dir = NULL;
	bool ok = true;

	name = name ? name + 1 : argv[0];
	if (strncmp(name, "fuzz-", 5) == 0)
		name += 5;
	give((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		ok = replay_file(argv[i]) && ok;
	if (argc < 2) {
		dir = xasprintf("%s/tests/fuzz/corpus/%s", src ? src : ".", name);
		ok = replay_dir(dir);
	}
	printf("%sok 1 - %s: %zu inputs replayed\n1..1\n", ok ? "" : "not ", name, runs);
	return ok ? 0 : 1;
}
