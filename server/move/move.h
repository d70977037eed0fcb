/* move.h: all sessions of a store into a folder, and back into any store.
 *
 *     rnnd --export-sessions DIR --state-dir S MODEL...
 *     rnnd --import-sessions DIR --state-dir T MODEL...
 *
 * One file for each session, ID.safetensors, as GET /sessions/{id}/state
 * writes it, and in __metadata__ all else that its row has (move_file.h): a
 * call that is repeated after the move gets its reply again.  Tombstones are
 * files without tensors.  Whatever the store is: rows are read and written by
 * its jobs (server/store/store.h), from here, while nobody serves.
 *
 * What cannot be moved is left out, said on stderr by its name, and counted;
 * the rest goes on.
 *
 * Threads  One; the store has its own.
 */
#ifndef SERVER_MOVE_MOVE_H
#define SERVER_MOVE_MOVE_H

#include "server/app.h"

/* What has become of them. */
struct move_tally {
    size_t sessions, tombstones; /* moved */
    size_t present;              /* import: were there already, the same */
    size_t left_out;
};

/* Write a file for each session.  A file has its name once it is whole and
 * on the disk.
 *
 * IO         the store or the folder fails; the folder has sessions of
 *            another export
 * NO_MEMORY */
RNN_CHECKED enum rnn_status move_export(const struct app *app,
                                        const char *folder,
                                        struct move_tally *tally,
                                        struct rnn_error *err);

/* Write a row for each file.  An id that the store has, be it a tombstone,
 * is left out, unless it is the same or replace_sessions is on.
 *
 * IO         the store or the folder fails
 * NO_MEMORY */
RNN_CHECKED enum rnn_status move_import(const struct app *app,
                                        const char *folder,
                                        struct move_tally *tally,
                                        struct rnn_error *err);

/* The whole of --export-sessions and --import-sessions: opens the store that
 * the configuration asks for, moves, closes it, and ends with a line of counts
 * on stdout.  `*is_whole`: nothing was left out.
 *
 * INVALID_ARGUMENT  there is no store that outlives a process
 * IO                also: another process owns the store
 * NO_MEMORY */
RNN_CHECKED enum rnn_status move_command(struct app *app, bool *is_whole,
                                         struct rnn_error *err);

#endif
