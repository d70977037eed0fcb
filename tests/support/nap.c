#include "tests/support/nap.h"

#include <time.h>

void nap_ms(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&time, NULL);
}
