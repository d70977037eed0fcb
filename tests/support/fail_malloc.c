#include "tests/support/fail_malloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

static atomic_bool on;
static atomic_size_t calls;   /* since the start */
static atomic_size_t fail_at; /* which one fails; 0: none */
static atomic_long balance;   /* allocated and not freed */
static atomic_bool has_failed;
static atomic_bool for_good;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
int __real_posix_memalign(void **memory, size_t align, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t length);
void __real_free(void *memory);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
int __wrap_posix_memalign(void **memory, size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
void __wrap_free(void *memory);

static void start(size_t n, bool stays)
{
    cJSON_Hooks hooks = {__wrap_malloc, __wrap_free};

    cJSON_InitHooks(&hooks);
    for_good = stays;
    calls = 0;
    balance = 0;
    has_failed = false;
    fail_at = n;
    on = true;
}

void fail_malloc_start(size_t n)
{
    start(n, false);
}

void fail_malloc_start_for_good(size_t n)
{
    start(n, true);
}

size_t fail_malloc_stop(void)
{
    on = false;
    return calls;
}

bool fail_malloc_happened(void)
{
    return has_failed;
}

long fail_malloc_live(void)
{
    return balance;
}

/* Count a call; true if it shall fail. */
static bool fails(void)
{
    size_t call;

    if (!on)
        return false;
    call = ++calls;
    if (!fail_at || call < fail_at || (call > fail_at && !for_good))
        return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

static void *count(void *memory)
{
    if (memory && on)
        balance++;
    return memory;
}

/* What `memory` has become, or NULL with `memory` left as it was. */
static void *count_again(const void *memory, void *grown)
{
    if (!memory)
        count(grown);
    return grown;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t number, size_t size)
{
    return fails() ? NULL : count(__real_calloc(number, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : count_again(memory, __real_realloc(memory, size));
}

void *__wrap_reallocarray(void *memory, size_t number, size_t size)
{
    return fails() ? NULL
                   : count_again(memory,
                                 __real_reallocarray(memory, number, size));
}

int __wrap_posix_memalign(void **memory, size_t align, size_t size)
{
    int error = fails() ? ENOMEM : __real_posix_memalign(memory, align, size);

    if (!error)
        count(*memory);
    return error;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : count(__real_aligned_alloc(align, size));
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : count(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t length)
{
    return fails() ? NULL : count(__real_strndup(text, length));
}

void __wrap_free(void *memory)
{
    if (memory && on)
        balance--;
    __real_free(memory);
}
