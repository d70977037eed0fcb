/* scratch_file.h: a file that lives as long as a test.
 *
 * Ownership  scratch_file() makes it, scratch_file_remove() takes it away.
 */
#ifndef TESTS_SUPPORT_SCRATCH_FILE_H
#define TESTS_SUPPORT_SCRATCH_FILE_H

#include <stddef.h>

#define SCRATCH_PATH_BYTES 64

/* Write `size` bytes to a new file and its name to `path`; ends the test if
 * that cannot be done. */
void scratch_file(const void *bytes, size_t size,
                  char path[SCRATCH_PATH_BYTES]);
void scratch_file_remove(const char *path);

#endif
