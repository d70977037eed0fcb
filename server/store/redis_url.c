#include "server/store/redis_url.h"

#include <stdlib.h>
#include <string.h>

#include "server/json/json_text.h"

static enum rnn_status refuse(struct rnn_error *err, const char *why)
{
    return rnn_fail(err, RNN_INVALID_ARGUMENT,
                    "redis_url %s; it is written redis://host:port, "
                    "rediss://user:password@host:port/db",
                    why);
}

/* In place; false: a '%' without two digits, or a NUL. */
static bool decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++, to++) {
        int high, low;

        *to = *from;
        if (*from != '%')
            continue;
        high = hex_value(from[1]);
        low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static bool is_number(const char *text, unsigned long most)
{
    unsigned long value = 0;

    if (!*text || strlen(text) > 5)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = 10 * value + (unsigned long)(*text - '0');
    }
    return value <= most;
}

/* `text` is "user:password", "password" has no form here. */
static const char *read_who(char *text, struct redis_url *url)
{
    char *colon = strchr(text, ':');

    if (!colon)
        return "has a user without a password";
    *colon = '\0';
    url->password = colon + 1;
    if (*text)
        url->user = text;
    if (!decode(text) || !decode(colon + 1))
        return "has a % without two digits in its user or password";
    return *url->password ? NULL : "has an empty password";
}

/* `text` is "host", "host:port" or "[address]:port". */
static const char *read_where(char *text, struct redis_url *url)
{
    char *end = *text == '[' ? strchr(text, ']') : NULL;
    char *colon = strchr(end ? end : text, ':');

    if (*text == '[' && !end)
        return "has a [ without a ]";
    if (end && end[1] && end[1] != ':')
        return "has something other than a port after its ]";
    url->host = end ? text + 1 : text;
    url->port = "6379";
    if (end)
        *end = '\0';
    if (colon) {
        *colon = '\0';
        url->port = colon + 1;
    }
    if (!*url->host)
        return "names no host";
    if (!is_number(url->port, 65535))
        return "has a port that is no number up to 65535";
    return NULL;
}

static const char *read_rest(char *rest, struct redis_url *url)
{
    char *slash, *at;
    const char *fault = NULL;

    if (strpbrk(rest, "?# "))
        return "has a query, a fragment or a blank, which it cannot have";
    at = strrchr(rest, '@');
    slash = strchr(at ? at : rest, '/');
    url->db = "0";
    if (slash) {
        *slash = '\0';
        if (slash[1])
            url->db = slash + 1;
    }
    if (at) {
        *at = '\0';
        fault = read_who(rest, url);
    }
    if (!fault)
        fault = read_where(at ? at + 1 : rest, url);
    if (!fault && !is_number(url->db, 65535))
        fault = "has a database that is no number";
    return fault;
}

enum rnn_status redis_url_read(const char *text, struct redis_url *url,
                               struct rnn_error *err)
{
    struct redis_url read = {.is_tls = !strncmp(text, "rediss://", 9)};
    const char *fault;

    if (!read.is_tls && strncmp(text, "redis://", 8) != 0)
        return refuse(err, "begins with neither redis:// nor rediss://");
    read.block = strdup(text + (read.is_tls ? 9 : 8));
    if (!read.block)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for redis_url");
    fault = read_rest(read.block, &read);
    if (fault) {
        redis_url_release(&read);
        return refuse(err, fault);
    }
    *url = read;
    return RNN_OK;
}

void redis_url_release(struct redis_url *url)
{
    free(url->block);
    *url = (struct redis_url){.block = NULL};
}
