#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/routes/predict.h"

static void RNN_PRINTF(3, 4)
    append(char *text, size_t size, const char *format, ...)
{
    size_t length = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + length, size - length, format, args);
    va_end(args);
}

/* A name as one token of a JSON pointer (RFC 6901 section 3). */
static void append_token(char *pointer, size_t size, const char *name)
{
    append(pointer, size, "/");
    for (; *name; name++) {
        if (*name == '~')
            append(pointer, size, "~0");
        else if (*name == '/')
            append(pointer, size, "~1");
        else
            append(pointer, size, "%c", *name);
    }
}

void predict_place_index(struct predict_place *place, size_t index)
{
    append(place->text, sizeof(place->text), "[%zu]", index);
    if (place->pointer[0])
        append(place->pointer, sizeof(place->pointer), "/%zu", index);
}

void predict_place(const struct predict *p, size_t sample, const char *name,
                   struct predict_place *place)
{
    bool is_list = p->body.form == PREDICT_SEQUENCES ||
                   p->body.form == PREDICT_INPUTS_LIST;
    const char *field = "inputs";

    *place = (struct predict_place){.text = ""};
    if (p->in == HTTP_MEDIA_BINARY) {
        append(place->text, sizeof(place->text), "the body");
        return;
    }
    if (p->body.form == PREDICT_SEQUENCE)
        field = "sequence";
    else if (p->body.form == PREDICT_SEQUENCES)
        field = "sequences";
    append(place->text, sizeof(place->text), "%s", field);
    append(place->pointer, sizeof(place->pointer), "/%s", field);
    if (is_list)
        predict_place_index(place, sample);
    if (name) {
        append(place->text, sizeof(place->text), ".%s", name);
        append_token(place->pointer, sizeof(place->pointer), name);
    }
}
