/* move_world.h: a store that is moved into files and into another one, by the
 * real rnnd.
 *
 *     move_world_open(&w);
 *     store_daemon_start(&w.d, ...);            sessions are made
 *     move_world_export(&w, "exported 2 sessions");
 *     move_world_import(&w, 0, "imported 2 sessions");
 *     move_world_swap(&w);                      w.d is of the other store
 *     ...
 *     move_world_close(&w);
 */
#ifndef TESTS_SUPPORT_MOVE_WORLD_H
#define TESTS_SUPPORT_MOVE_WORLD_H

#include "tests/support/store_daemon.h"

struct move_world {
    struct store_daemon d;
    char target[SCRATCH_FOLDER_BYTES]; /* the other state_dir */
    char files[SCRATCH_FOLDER_BYTES];  /* what is moved */
};

void move_world_open(struct move_world *w);
void move_world_close(struct move_world *w);
/* All that an export wrote. */
void move_world_remove_files(struct move_world *w);

/* rnnd with `action`, --state-dir (or whatever `option` is) and the first
 * `models` models, and one more option (NULL: none): how it must end, and what
 * it must say. */
struct move_call {
    const char *action, *option, *value, *more;
    size_t models;
    int code;
    const char *words;
};
void move_world_run(struct move_world *w, struct move_call call);

/* From the daemon's store to the files, from these to the other one, with all
 * models. */
void move_world_export(struct move_world *w, const char *words);
void move_world_import(struct move_world *w, int code, const char *words);

/* The daemon is one of the other folder from here on. */
void move_world_swap(struct move_world *w);

#endif
