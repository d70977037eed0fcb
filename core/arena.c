#include "core/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_ALIGN ((size_t)64)
#define BLOCK_BYTES ((size_t)4096 - BLOCK_ALIGN)
/* Weights of megabytes are walked through at each step: fewer, larger pages
 * are found faster, and need fewer faults when they are filled. */
#define HUGE_PAGE ((size_t)2 << 20)

/* The bytes of a block follow it at the next multiple of BLOCK_ALIGN. */
struct arena_block {
    struct arena_block *older;
    size_t size; /* bytes that can be handed out */
};

static unsigned char *block_bytes(struct arena_block *block)
{
    return (unsigned char *)block + BLOCK_ALIGN;
}

static struct arena_block *add_block(struct arena *arena, size_t bytes)
{
    struct arena_block *block;
    void *memory = NULL;
    bool is_large = bytes >= HUGE_PAGE;

    if (bytes > SIZE_MAX - 2 * BLOCK_ALIGN)
        return NULL;
    bytes = (bytes + BLOCK_ALIGN - 1) & ~(BLOCK_ALIGN - 1);
    if (arena->limit &&
        (bytes > arena->limit || arena->total > arena->limit - bytes))
        return NULL;
    if (posix_memalign(&memory, is_large ? HUGE_PAGE : BLOCK_ALIGN,
                       bytes + BLOCK_ALIGN))
        return NULL;
    if (is_large) /* a wish: most systems grant it, nothing depends on it */
        madvise(memory, bytes + BLOCK_ALIGN, MADV_HUGEPAGE);
    block = memory;
    block->older = arena->blocks;
    block->size = bytes;
    arena->blocks = block;
    arena->used = 0;
    arena->total += bytes;
    return block;
}

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit = limit_bytes};
}

void arena_release(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    while (block) {
        struct arena_block *older = block->older;

        free(block);
        block = older;
    }
    arena_init(arena, arena->limit);
}

/* Apart from arena_alloc(), which a request calls some twenty times: without
 * it that needs no register but those it may spoil. */
static __attribute__((noinline)) void *alloc_in_new(struct arena *arena,
                                                    size_t bytes)
{
    size_t grown = arena->total < BLOCK_BYTES ? BLOCK_BYTES : arena->total;
    /* Doubling keeps the number of blocks small; close to the limit only what
     * is needed is asked for. */
    struct arena_block *block =
        add_block(arena, bytes > grown ? bytes : grown);

    if (!block)
        block = add_block(arena, bytes);
    if (!block)
        return NULL;
    arena->used = bytes;
    return block_bytes(block);
}

void *arena_alloc(struct arena *arena, size_t count, size_t size, size_t align)
{
    struct arena_block *block = arena->blocks;
    size_t bytes, start;

    if (size && count > SIZE_MAX / size)
        return NULL;
    bytes = count * size;
    start = (arena->used + align - 1) & ~(align - 1);
    if (!block || start > block->size || bytes > block->size - start)
        return alloc_in_new(arena, bytes);
    arena->used = start + bytes;
    return block_bytes(block) + start;
}

void *arena_zalloc(struct arena *arena, size_t count, size_t size,
                   size_t align)
{
    void *memory = arena_alloc(arena, count, size, align);

    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

char *arena_copy_text(struct arena *arena, const char *text, size_t length)
{
    char *copy;

    if (length == SIZE_MAX)
        return NULL;
    copy = arena_alloc(arena, length + 1, 1, 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void arena_reset(struct arena *arena, size_t keep_bytes)
{
    size_t total = arena->total;

    arena->used = 0;
    if (!arena->blocks || (!arena->blocks->older && total <= keep_bytes))
        return;
    arena_release(arena);
    if (total <= keep_bytes)
        add_block(arena, total);
}
