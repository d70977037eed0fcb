/* ini_file.h: a configuration file, one `name = value` at a time.
 *
 * The only home of libinih.  What it would let pass is refused here: a line
 * that is longer than its buffer (it would read the rest as a line of its
 * own), a NUL, a section.  An indented line is a line like any other.
 */
#ifndef CONFIG_INI_FILE_H
#define CONFIG_INI_FILE_H

#include "core/status.h"

/* Called for each `name = value`; anything but RNN_OK ends the reading. */
typedef enum rnn_status ini_file_entry(void *arg, unsigned line,
                                       const char *name, const char *value,
                                       struct rnn_error *err);

/* INVALID_ARGUMENT  `path` cannot be read, or a line is not of the form; or
 *                   what `entry` answered */
RNN_CHECKED enum rnn_status ini_file_read(const char *path,
                                          ini_file_entry *entry, void *arg,
                                          struct rnn_error *err);

#endif
