#include "tests/support/padded_text.h"

#include <stdlib.h>
#include <string.h>

#include "server/http/message.h"

struct padded_text padded_bytes(const void *bytes, size_t length)
{
    struct padded_text text = {calloc(1, length + HTTP_BODY_PADDING), length};

    if (!text.bytes)
        abort();
    if (length)
        memcpy(text.bytes, bytes, length);
    return text;
}

struct padded_text padded_text(const char *text)
{
    return padded_bytes(text, strlen(text));
}

struct padded_text padded_splice(const char *text, const char *insert)
{
    size_t before = strcspn(text, "%"), middle = strlen(insert);
    const char *rest = text + before + (text[before] == '%');
    size_t length = before + middle + strlen(rest);
    struct padded_text spliced = {calloc(1, length + HTTP_BODY_PADDING),
                                  length};

    if (!spliced.bytes)
        abort();
    memcpy(spliced.bytes, text, before);
    memcpy(spliced.bytes + before, insert, middle);
    memcpy(spliced.bytes + before + middle, rest, strlen(rest));
    return spliced;
}

void padded_text_free(struct padded_text *text)
{
    free(text->bytes);
    text->bytes = NULL;
}
