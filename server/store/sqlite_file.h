/* sqlite_file.h: the database of one state directory.
 *
 *     state_dir/lock              held (flock) by the one process that owns it
 *     state_dir/sessions.sqlite   the rows, and -wal beside it while in use
 *
 * Opened in WAL mode with an exclusive lock, so that there is no shared memory
 * that a full disk could take away under our feet.  The write-ahead log is
 * written back by sqlite_file_checkpoint() alone, when nobody waits.
 *
 * Threads  One at a time.
 * Errors   false, or FAILED: sqlite_file_why() has the sentence.  Nothing has
 *          changed then: what had begun is rolled back.
 */
#ifndef SERVER_STORE_SQLITE_FILE_H
#define SERVER_STORE_SQLITE_FILE_H

#include "server/store/store.h"

struct sqlite_file;

RNN_CHECKED enum rnn_status sqlite_file_open(const char *folder,
                                             bool survives_power,
                                             struct sqlite_file **file,
                                             struct rnn_error *err);
/* Writes the log back, unlocks.  NULL is fine. */
void sqlite_file_close(struct sqlite_file *file);

/* Why the last call failed.  Valid until the next one. */
const char *sqlite_file_why(const struct sqlite_file *file);

bool sqlite_file_begin(struct sqlite_file *file);
bool sqlite_file_put(struct sqlite_file *file, const struct store_row *row);
/* With survives_power it is on the disk when this returns. */
bool sqlite_file_commit(struct sqlite_file *file);
void sqlite_file_rollback(struct sqlite_file *file);

/* The row of row->id; its bytes are valid until sqlite_file_let_go(). */
enum store_result sqlite_file_get(struct sqlite_file *file,
                                  struct store_row *row);
void sqlite_file_let_go(struct sqlite_file *file);

/* Rows for a LIST job, one after the other. */
bool sqlite_file_list(struct sqlite_file *file, struct store_job *job);

/* Forget rows whose time is over, and the oldest dead ones beyond
 * `tombstones`; at most `most` of each. */
bool sqlite_file_purge(struct sqlite_file *file, uint64_t now_ms,
                       size_t tombstones, size_t most);

/* Write the log back if it has grown to `pages` (of 4 KiB). */
void sqlite_file_checkpoint(struct sqlite_file *file, int pages);

/* Rows that it holds; 0 before sqlite_file_count(), which reads an index. */
size_t sqlite_file_rows(const struct sqlite_file *file);
void sqlite_file_count(struct sqlite_file *file);

/* Is there no row?  true as well when that cannot be read. */
bool sqlite_file_is_empty(struct sqlite_file *file);

#endif
