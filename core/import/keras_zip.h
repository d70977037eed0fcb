/* keras_zip.h: members of a .keras file, by libzip, out of memory.
 *
 * Ownership  The caller holds the structs.  The archive's bytes must outlive
 *            it; members are copies, checked against their CRC.
 * Threads    One archive, one thread.
 */
#ifndef CORE_IMPORT_KERAS_ZIP_H
#define CORE_IMPORT_KERAS_ZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/status.h"

struct zip;

struct keras_zip {
    struct zip *archive;
};

struct keras_member {
    unsigned char *bytes; /* followed by a NUL that is not counted */
    size_t size;
};

/* BAD_MODEL  not a zip that can be read
 * NO_MEMORY */
RNN_CHECKED enum rnn_status keras_zip_open(const void *bytes, size_t size,
                                           struct keras_zip *zip,
                                           struct rnn_error *err);
void keras_zip_close(struct keras_zip *zip);

bool keras_zip_has(const struct keras_zip *zip, const char *name);

/* Read one member whole.
 *
 * BAD_MODEL  it is not there, is damaged, or says that it unpacks to more
 *            than 64 MiB and 100 times its size, as zip bombs do
 * LIMIT      larger than `max_bytes`
 * NO_MEMORY */
RNN_CHECKED enum rnn_status keras_zip_read(const struct keras_zip *zip,
                                           const char *name, size_t max_bytes,
                                           struct keras_member *member,
                                           struct rnn_error *err);
void keras_member_release(struct keras_member *member);

#endif
