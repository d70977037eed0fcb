/* log.h: one line to stderr for each event.
 *
 * Event name first and unbroken, then key=value; or one JSON object a line.
 * What a client sent is escaped: no control character reaches the log.
 *
 * Threads  Any.  A line is written by one write(2) and never blocks a loop
 *          for longer than that; a sink that is closed or full is ignored.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
    enum log_level level; /* lines above it are not written */
    bool json;            /* log_format = json */
};

struct log_field {
    const char *key;
    const char *text; /* value, or NULL: then number */
    int64_t number;
};

/* Write `event` with fields up to the one whose key is NULL:
 *   log_event(log, LOG_INFO, "model_loaded",
 *             (struct log_field[]){{"model", name, 0}, {"bytes", NULL, n},
 *                                  {NULL, NULL, 0}}); */
void log_event(const struct log *log, enum log_level level, const char *event,
               const struct log_field *fields);

/* One sentence that stands as it is ("listening on http://...").  In JSON it
 * is the field "message". */
void log_line(const struct log *log, enum log_level level, const char *format,
              ...) __attribute__((format(printf, 3, 4)));

bool log_level_parse(const char *name, enum log_level *level);

#endif
