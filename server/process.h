/* process.h: what the kernel says about this process, under the names that
 * the Prometheus libraries use.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <stdint.h>

struct process_numbers {
    double cpu_seconds;
    double start_seconds; /* since 1970 */
    uint64_t virtual_bytes, resident_bytes;
    uint64_t open_files, max_files;
    uint64_t threads;
};

/* What cannot be read is 0. */
void process_read(struct process_numbers *numbers);

#endif
