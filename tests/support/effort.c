#include "tests/support/effort.h"

#include <stdlib.h>

bool effort_is_slow(void)
{
    return getenv("RNND_SLOW") != NULL;
}

bool effort_is_quick(void)
{
    return getenv("RNND_TEST_QUICK") != NULL;
}

size_t effort_count(size_t usual)
{
    if (effort_is_slow())
        return 10 * usual;
    if (effort_is_quick())
        return usual < 10 ? 1 : usual / 10;
    return usual;
}
