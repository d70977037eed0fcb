#include "tests/support/fail_alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t allocations;
static atomic_size_t fail_at; /* 0: none */
static atomic_bool failed;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_reallocarray(void *memory, size_t count, size_t bytes);
int __real_posix_memalign(void **memory, size_t align, size_t bytes);
void *__real_aligned_alloc(size_t align, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_reallocarray(void *memory, size_t count, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);

void fail_alloc_at(size_t n)
{
    atomic_store(&failed, false);
    atomic_store(&allocations, 0);
    atomic_store(&fail_at, n);
}

bool fail_alloc_stop(void)
{
    atomic_store(&fail_at, 0);
    return atomic_load(&failed);
}

size_t fail_alloc_count(void)
{
    return atomic_load(&allocations);
}

static bool runs_dry(void)
{
    size_t n = atomic_fetch_add(&allocations, 1) + 1;

    if (n != atomic_load(&fail_at))
        return false;
    atomic_store(&failed, true);
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t bytes)
{
    return runs_dry() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return runs_dry() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return runs_dry() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t bytes)
{
    return runs_dry() ? NULL : __real_reallocarray(memory, count, bytes);
}

int __wrap_posix_memalign(void **memory, size_t align, size_t bytes)
{
    return runs_dry() ? ENOMEM : __real_posix_memalign(memory, align, bytes);
}

void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
    return runs_dry() ? NULL : __real_aligned_alloc(align, bytes);
}

char *__wrap_strdup(const char *text)
{
    return runs_dry() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t length)
{
    return runs_dry() ? NULL : __real_strndup(text, length);
}
