/* program_path.h: where the programs under test are.
 *
 * A test program lies in build/FLAVOUR/tests/..., what it tests in
 * build/FLAVOUR.
 */
#ifndef TESTS_SUPPORT_PROGRAM_PATH_H
#define TESTS_SUPPORT_PROGRAM_PATH_H

#define PROGRAM_PATH_BYTES 4096

/* The path of program `name` of this test's own flavour; aborts when it has
 * not been built. */
void program_path(const char *name, char path[PROGRAM_PATH_BYTES]);

#endif
