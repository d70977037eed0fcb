#include "config/ini_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

struct source {
    FILE *file;
    const char *path;
    unsigned line; /* the one that was read last, from 1 */
    ini_file_entry *entry;
    void *arg;
    enum rnn_status status; /* the first fault, and its sentence */
    struct rnn_error *err;
};

/* Up to and with the newline; -1 at the end, -2 if it does not fit. */
static int read_line(FILE *file, char *text, int size)
{
    int length = 0, c;

    while ((c = getc_unlocked(file)) != EOF) {
        if (length == size - 1)
            return -2;
        if (length == 0 && (c == ' ' || c == '\t'))
            continue; /* an indented line would go on with the one above */
        text[length++] = (char)c;
        if (c == '\n')
            break;
    }
    text[length] = '\0';
    return length == 0 && c == EOF ? -1 : length;
}

static char *on_read(char *text, int size, void *stream)
{
    struct source *source = stream;
    int length;

    if (source->status)
        return NULL;
    length = read_line(source->file, text, size);
    if (length == -1) {
        if (ferror(source->file))
            source->status = rnn_fail(source->err, RNN_INVALID_ARGUMENT,
                                      "%s: %s", source->path, strerror(errno));
        return NULL;
    }
    source->line++;
    if (length == -2)
        source->status = rnn_fail(source->err, RNN_INVALID_ARGUMENT,
                                  "%s:%u: the line is longer than %d bytes",
                                  source->path, source->line, size - 2);
    else if (strlen(text) != (size_t)length)
        source->status = rnn_fail(source->err, RNN_INVALID_ARGUMENT,
                                  "%s:%u: the line has a NUL character",
                                  source->path, source->line);
    return source->status ? NULL : text;
}

static int on_entry(void *user, const char *section, const char *name,
                    const char *value)
{
    struct source *source = user;

    if (source->status)
        return 0;
    if (*section)
        source->status = rnn_fail(source->err, RNN_INVALID_ARGUMENT,
                                  "%s:%u: options stand in no section, but "
                                  "[%.50s] stands above this one",
                                  source->path, source->line, section);
    else
        source->status =
            source->entry(source->arg, source->line, name, value, source->err);
    return source->status == RNN_OK;
}

enum rnn_status ini_file_read(const char *path, ini_file_entry *entry,
                              void *arg, struct rnn_error *err)
{
    struct source source = {.path = path, .entry = entry, .arg = arg};
    struct rnn_error fault = {RNN_OK, ""};
    int bad_line;

    source.err = &fault;
    source.file = fopen(path, "re");
    if (!source.file)
        return errno == ENOMEM ? rnn_fail(err, RNN_NO_MEMORY, "out of memory")
                               : rnn_fail(err, RNN_INVALID_ARGUMENT, "%s: %s",
                                          path, strerror(errno));
    bad_line = ini_parse_stream(on_read, &source, on_entry, &source);
    fclose(source.file);
    if (bad_line < 0)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    /* libinih reads on after a line it cannot split, so its fault may be the
     * earlier one. */
    if (bad_line > 0 && (!source.status || (unsigned)bad_line < source.line))
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "%s:%d: not of the form name = value", path, bad_line);
    if (source.status)
        return rnn_fail(err, source.status, "%s", fault.message);
    return RNN_OK;
}
