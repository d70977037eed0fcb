#include "tests/support/scratch_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void make(const char *parent, char folder[SCRATCH_FOLDER_BYTES],
                 char file[SCRATCH_STORE_BYTES])
{
    snprintf(folder, SCRATCH_FOLDER_BYTES, "%s/rnnd-test-XXXXXX", parent);
    assert_non_null(mkdtemp(folder));
    snprintf(file, SCRATCH_STORE_BYTES, "%s/sessions.sqlite", folder);
}

void scratch_folder(char folder[SCRATCH_FOLDER_BYTES],
                    char file[SCRATCH_STORE_BYTES])
{
    make("/tmp", folder, file);
}

void scratch_folder_fast(char folder[SCRATCH_FOLDER_BYTES],
                         char file[SCRATCH_STORE_BYTES])
{
    make(access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm", folder, file);
}

void scratch_folder_remove(const char *folder)
{
    static const char *const names[] = {"sessions.sqlite",
                                        "sessions.sqlite-wal",
                                        "sessions.sqlite-journal", "lock"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[SCRATCH_STORE_BYTES];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}
