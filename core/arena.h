/* arena.h: memory that is handed out in order and given back all at once.
 *
 * Whatever shares one lifetime (a model, a request) comes from one arena, so
 * nothing has to be freed piece by piece.  An arena that is reset keeps its
 * memory: from the second request of the same size on, it never calls malloc.
 *
 * Ownership  The caller holds the struct; arena_release() frees its memory.
 * Threads    One arena, one thread at a time.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes used of the newest block */
    size_t total;               /* bytes in all blocks */
    size_t limit;               /* bytes the arena may hold; 0 = no limit */
};

/* An empty arena; allocates nothing. */
void arena_init(struct arena *arena, size_t limit_bytes);
void arena_release(struct arena *arena);

/* `count * size` bytes, not cleared, aligned to `align` (a power of two, at
 * most 64).  NULL when the product overflows, the limit is reached or memory
 * is out.  arena_zalloc() clears them. */
void *arena_alloc(struct arena *arena, size_t count, size_t size,
                  size_t align);
void *arena_zalloc(struct arena *arena, size_t count, size_t size,
                   size_t align);

/* A NUL-terminated copy of `length` bytes.  NULL as above. */
char *arena_copy_text(struct arena *arena, const char *text, size_t length);

/* Take everything back.  Memory is kept for reuse, joined into one block if
 * there were several, unless it is more than `keep_bytes`: then it is freed.
 * May call malloc once to join; when that fails the arena is simply empty. */
void arena_reset(struct arena *arena, size_t keep_bytes);

#endif
