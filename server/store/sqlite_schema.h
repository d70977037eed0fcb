/* sqlite_schema.h: what stands in the database, version by version.
 *
 * The version is SQLite's user_version.  A file of an older one is brought
 * forward, one version after the other, in one transaction; one of a newer
 * rnnd, or of another program, is refused and left as it is.
 */
#ifndef SERVER_STORE_SQLITE_SCHEMA_H
#define SERVER_STORE_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "core/status.h"

#define SQLITE_SCHEMA_VERSION 2
#define SQLITE_SCHEMA_ID      0x726e6e64 /* "rnnd", as application_id */

/* Make `db`, the file at `path`, one of the newest version.
 * IO: foreign, newer, damaged, locked, read-only, full. */
RNN_CHECKED enum rnn_status sqlite_schema_bring(sqlite3 *db, const char *path,
                                                struct rnn_error *err);

/* The same up to `version`; for tests of the steps. */
RNN_CHECKED enum rnn_status sqlite_schema_bring_to(sqlite3 *db,
                                                   const char *path,
                                                   int version,
                                                   struct rnn_error *err);

#endif
