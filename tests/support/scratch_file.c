#include "tests/support/scratch_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void scratch_file(const void *bytes, size_t size,
                  char path[SCRATCH_PATH_BYTES])
{
    int file;

    strcpy(path, "/tmp/rnnd-test-XXXXXX");
    file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, size), size);
    close(file);
}

void scratch_file_remove(const char *path)
{
    unlink(path);
}
