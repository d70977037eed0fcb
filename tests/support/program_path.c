#include "tests/support/program_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void program_path(const char *name, char path[PROGRAM_PATH_BYTES])
{
    ssize_t length = readlink("/proc/self/exe", path, PROGRAM_PATH_BYTES - 1);
    char *tests;

    path[length > 0 ? length : 0] = '\0';
    tests = strstr(path, "/tests/");
    if (tests)
        snprintf(tests + 1, PROGRAM_PATH_BYTES - (size_t)(tests + 1 - path),
                 "%s", name);
    if (!tests || access(path, X_OK) != 0) {
        fprintf(stderr, "%s is not there; build it first\n", path);
        abort();
    }
}
