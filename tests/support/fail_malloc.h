/* fail_malloc.h: count a program's allocations, and let one of them fail.
 *
 * Include it in exactly one file of a test program: it DEFINES malloc and its
 * kin, in front of those of the C library (or of a sanitizer), so that calls
 * from shared libraries are caught as well.  It must not be in an archive:
 * every program that links it would get it.
 *
 *     for (size_t n = 1;; n++) {
 *         fail_malloc_start(n);
 *         status = thing_create(...);
 *         fail_malloc_stop();
 *         if (!fail_malloc_happened())
 *             break;                    -- fewer than n allocations: done
 *         assert_int_equal(status, RNN_NO_MEMORY);
 *         assert_int_equal(fail_malloc_live(), 0);
 *     }
 *
 * Threads  Counts are atomic; start and stop from one thread.
 */
#ifndef TESTS_SUPPORT_FAIL_MALLOC_H
#define TESTS_SUPPORT_FAIL_MALLOC_H

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static _Atomic bool fail_malloc_on;
static _Atomic size_t fail_malloc_calls; /* since the start */
static _Atomic size_t fail_malloc_at;    /* which one fails; 0: none */
static _Atomic long fail_malloc_balance; /* allocated and not freed */
static _Atomic bool fail_malloc_has_failed;
static _Atomic bool fail_malloc_for_good;

/* From here on call number `n` fails; 0: none does. */
static inline void fail_malloc_start(size_t n)
{
    fail_malloc_for_good = false;
    fail_malloc_calls = 0;
    fail_malloc_balance = 0;
    fail_malloc_has_failed = false;
    fail_malloc_at = n;
    fail_malloc_on = true;
}

/* The same, and every one after it too. */
static inline void fail_malloc_start_for_good(size_t n)
{
    fail_malloc_start(n);
    fail_malloc_for_good = true;
}

/* Calls since the start. */
static inline size_t fail_malloc_stop(void)
{
    fail_malloc_on = false;
    return fail_malloc_calls;
}

static inline bool fail_malloc_happened(void)
{
    return fail_malloc_has_failed;
}

/* Blocks allocated since the start and not freed before the stop. */
static inline long fail_malloc_live(void)
{
    return fail_malloc_balance;
}

/* ---- the functions in front of the C library's ---------------------------*/

static bool fail_malloc_now(void)
{
    size_t call;

    if (!fail_malloc_on)
        return false;
    call = ++fail_malloc_calls;
    if (call != fail_malloc_at &&
        !(fail_malloc_for_good && fail_malloc_at && call > fail_malloc_at)) {
        fail_malloc_balance++;
        return false;
    }
    fail_malloc_has_failed = true;
    return true;
}

static void *fail_malloc_next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* A pointer to a function cannot come from a pointer to void in ISO C; POSIX
 * says that this is how dlsym() is used. */
#define FAIL_MALLOC_NEXT(type, variable, name)                                \
    static type;                                                              \
    if (!(variable))                                                          \
    *(void **)&(variable) = fail_malloc_next(name)

void *malloc(size_t size)
{
    FAIL_MALLOC_NEXT(void *(*next)(size_t), next, "malloc");
    return fail_malloc_now() ? NULL : next(size);
}

void *calloc(size_t count, size_t size)
{
    FAIL_MALLOC_NEXT(void *(*next)(size_t, size_t), next, "calloc");
    return fail_malloc_now() ? NULL : next(count, size);
}

void *realloc(void *memory, size_t size)
{
    FAIL_MALLOC_NEXT(void *(*next)(void *, size_t), next, "realloc");
    if (fail_malloc_now())
        return NULL;
    if (memory && fail_malloc_on)
        fail_malloc_balance--;
    return next(memory, size);
}

int posix_memalign(void **memory, size_t align, size_t size)
{
    FAIL_MALLOC_NEXT(int (*next)(void **, size_t, size_t), next,
                     "posix_memalign");
    return fail_malloc_now() ? ENOMEM : next(memory, align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    FAIL_MALLOC_NEXT(void *(*next)(size_t, size_t), next, "aligned_alloc");
    return fail_malloc_now() ? NULL : next(align, size);
}

void free(void *memory)
{
    FAIL_MALLOC_NEXT(void (*next)(void *), next, "free");
    if (memory && fail_malloc_on)
        fail_malloc_balance--;
    next(memory);
}

#endif
