#include "server/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/clock.h"

/* No longer than PIPE_BUF: a line that a pipe has room for is written whole
 * and at once. */
#define LINE_SIZE 2048

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct line {
    char text[LINE_SIZE];
    size_t length;
};

/* Room for the newline is always kept. */
static void put_char(struct line *line, char c)
{
    if (line->length < LINE_SIZE - 2)
        line->text[line->length++] = c;
}

static void put(struct line *line, const char *text)
{
    while (*text)
        put_char(line, *text++);
}

static void put_escaped(struct line *line, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char code[8];

        if (c == '"' || c == '\\') {
            put_char(line, '\\');
            put_char(line, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(code, sizeof(code), "\\u%04x", c);
            put(line, code);
        } else {
            put_char(line, (char)c);
        }
    }
}

static void put_quoted(struct line *line, const char *text)
{
    put_char(line, '"');
    put_escaped(line, text);
    put_char(line, '"');
}

static void put_number(struct line *line, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    put(line, text);
}

/* Quotes are only where a value would not be one word. */
static void put_text_value(struct line *line, const char *text)
{
    bool is_word = *text != '\0';

    for (const char *c = text; *c && is_word; c++)
        is_word = (unsigned char)*c > 0x20 && *c != '"' && *c != '=' &&
                  *c != '\\' && *c != 0x7f;
    if (is_word)
        put(line, text);
    else
        put_quoted(line, text);
}

static void begin(const struct log *log, enum log_level level,
                  struct line *line)
{
    char time[CLOCK_TEXT_SIZE];

    line->length = 0;
    clock_format(clock_wall_ms(), time);
    if (log->json) {
        put(line, "{\"time\":\"");
        put(line, time);
        put(line, "\",\"level\":\"");
        put(line, level_names[level]);
        put(line, "\"");
    } else {
        put(line, time);
        put_char(line, ' ');
        put(line, level_names[level]);
        put(line, level_names[level][4] ? " " : "  ");
    }
}

static void end(const struct log *log, struct line *line)
{
    struct pollfd fd = {STDERR_FILENO, POLLOUT, 0};
    ssize_t written;

    if (log->json)
        put_char(line, '}');
    line->text[line->length++] = '\n';
    /* A reader that has stopped reading must not stop us. */
    if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLOUT))
        return;
    written = write(STDERR_FILENO, line->text, line->length);
    (void)written; /* a sink that takes nothing is ignored */
}

void log_event(const struct log *log, enum log_level level, const char *event,
               const struct log_field *fields)
{
    struct line line;

    if (level > log->level)
        return;
    begin(log, level, &line);
    put(&line, log->json ? ",\"event\":\"" : "");
    put(&line, event);
    put(&line, log->json ? "\"" : "");
    for (; fields->key; fields++) {
        put(&line, log->json ? ",\"" : " ");
        put(&line, fields->key);
        put(&line, log->json ? "\":" : "=");
        if (!fields->text)
            put_number(&line, fields->number);
        else if (log->json)
            put_quoted(&line, fields->text);
        else
            put_text_value(&line, fields->text);
    }
    end(log, &line);
}

void log_line(const struct log *log, enum log_level level, const char *format,
              ...)
{
    char text[LINE_SIZE];
    struct line line;
    va_list args;

    if (level > log->level)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    begin(log, level, &line);
    if (log->json) {
        put(&line, ",\"message\":");
        put_quoted(&line, text);
    } else {
        /* It is a sentence: quotes inside it stay as they are. */
        for (const char *c = text; *c; c++)
            put_char(&line, (unsigned char)*c < 0x20 ? ' ' : *c);
    }
    end(log, &line);
}

bool log_level_parse(const char *name, enum log_level *level)
{
    for (int i = 0; i <= LOG_DEBUG; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}
