#include "server/clock.h"

#include <stdio.h>
#include <time.h>

/* About 127 years: the system's clock begins when the machine does, and a
 * session may have been used long before that. */
#define START_NS ((uint64_t)4000000000000000000)

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return START_NS + (uint64_t)now.tv_sec * 1000000000u +
           (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000u;
}

uint64_t clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t clock_wall_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (uint64_t)now.tv_sec;
}

void clock_format(uint64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000u);
    struct tm utc;
    char date[20];

    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, CLOCK_TEXT_SIZE, "%s.%03uZ", date,
             (unsigned)(wall_ms % 1000u));
}

void clock_format_http(uint64_t wall_s, char text[CLOCK_HTTP_SIZE])
{
    const uint64_t last = 253402300799u; /* of the year 9999 */
    time_t seconds = (time_t)(wall_s > last ? last : wall_s);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(text, CLOCK_HTTP_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}
