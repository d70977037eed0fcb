/* run_program.h: start a program and keep what it says.
 *
 * Every failure of the system aborts: this is for tests.
 */
#ifndef TESTS_SUPPORT_RUN_PROGRAM_H
#define TESTS_SUPPORT_RUN_PROGRAM_H

#include <stddef.h>

struct program_result {
    int exit_code; /* -1: ended by a signal */
    char out[4096], err[4096];
};

/* Run argv[0] with these arguments (NULL at the end) to its end. */
struct program_result run_program(char *const argv[]);

#endif
