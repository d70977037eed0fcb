/* sandbox.h: what this process gives up before it reads a foreign byte.
 *
 * libhdf5 has a long record of memory errors on crafted files, so a model
 * file is treated as code: after sandbox_enter() the process can compute,
 * read and write the descriptors it has, and end.  It cannot open a file,
 * make a socket, start a program or another process, or grow without end.
 *
 * Limits    address space, CPU time, size of a written file, no core dump
 * Landlock  every right to the file system is dropped, where the kernel has it
 * seccomp   a short list of calls is allowed, all others fail with EPERM
 */
#ifndef CORE_IMPORT_SANDBOX_H
#define CORE_IMPORT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

struct sandbox_limits {
    size_t memory_bytes;  /* address space of the process; 0: no limit */
    unsigned cpu_seconds; /* then SIGXCPU, a second later SIGKILL */
    size_t file_bytes;    /* most that may be written to one file */
};

/* True in builds whose sanitizer reserves terabytes of address space, so that
 * memory_bytes cannot be set; the others are. */
bool sandbox_memory_is_unlimited(void);

/* Enter for good.  IO: the kernel refused a part that it must have (Landlock
 * alone may be missing). */
RNN_CHECKED enum rnn_status sandbox_enter(const struct sandbox_limits *limits,
                                          struct rnn_error *err);

#endif
