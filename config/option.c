#include "config/option.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"

/* `max` is a number, or for some types a text. */
#define MAX_COUNT(max)  (max), NULL
#define MAX_SIZE(max)   (max), NULL
#define MAX_TIME(max)   (max), NULL
#define MAX_BOOL(max)   0, NULL
#define MAX_TEXT(max)   0, NULL
#define MAX_LIST(max)   0, (max)
#define MAX_CHOICE(max) 0, (max)

const struct config_option config_options[CONFIG_OPTION_COUNT] = {
#define OPTION(type, name, initial, min, max, meaning)                        \
    {#name,                                                                   \
     OPTION_##type,                                                           \
     initial,                                                                 \
     min,                                                                     \
     MAX_##type(max),                                                         \
     meaning,                                                                 \
     offsetof(struct config, name)},
#include "config/options.def"
#undef OPTION
};

const struct config_option *option_find(const char *name)
{
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
        if (!strcmp(config_options[i].name, name))
            return &config_options[i];
    return NULL;
}

const char *option_quote(const char *text, char quoted[OPTION_QUOTED_BYTES])
{
    size_t i = 0;

    for (; i < OPTION_QUOTED_BYTES - 8 && text[i]; i++) {
        unsigned char c = (unsigned char)text[i];

        quoted[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
    memcpy(quoted + i, text[i] ? "..." : "", text[i] ? 4 : 1);
    return quoted;
}

static void *field(const struct config_option *option, struct config *config)
{
    return (char *)config + option->offset;
}

static enum rnn_status bad_value(const char *label, const char *text,
                                 const char *why, struct rnn_error *err)
{
    char quoted[OPTION_QUOTED_BYTES];

    return rnn_fail(err, RNN_INVALID_ARGUMENT, "%s is \"%s\", %s", label,
                    option_quote(text, quoted), why);
}

static enum rnn_status set_number(const struct config_option *option,
                                  const char *label, const char *text,
                                  void *target, struct rnn_error *err)
{
    bool is_time = option->type == OPTION_TIME;
    void (*print)(uint64_t, char *) =
        is_time ? units_print_time : units_print_size;
    char limit[UNITS_TEXT_BYTES];
    uint64_t number = 0;

    if (!(is_time ? units_parse_time : units_parse_size)(text, &number))
        return bad_value(label, text,
                         is_time ? "not a time: a whole number with ms, s, "
                                   "min or h"
                         : option->type == OPTION_SIZE
                             ? "not a size: a whole number of bytes, or "
                               "with k, M or G of 1024"
                             : "not a whole number",
                         err);
    print(number < option->min ? option->min : option->max, limit);
    if (number < option->min)
        return rnn_fail(err, RNN_INVALID_ARGUMENT, "%s is %s, the least is %s",
                        label, text, limit);
    if (number > option->max)
        return rnn_fail(err, RNN_INVALID_ARGUMENT, "%s is %s, the most is %s",
                        label, text, limit);
    if (is_time)
        *(uint64_t *)target = number;
    else
        *(size_t *)target = (size_t)number;
    return RNN_OK;
}

static enum rnn_status set_bool(const char *label, const char *text,
                                bool *target, struct rnn_error *err)
{
    bool yes = !strcmp(text, "yes") || !strcmp(text, "true");

    if (!yes && strcmp(text, "no") && strcmp(text, "false"))
        return bad_value(label, text, "neither yes nor no", err);
    *target = yes;
    return RNN_OK;
}

static enum rnn_status set_text(const char *text, char **target,
                                struct rnn_error *err)
{
    char *copy = NULL;

    if (*text && !(copy = strdup(text)))
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    free(*target);
    *target = copy;
    return RNN_OK;
}

static bool is_word_of(const char *words, const char *text)
{
    size_t length = strlen(text);

    if (!length || strchr(text, '|'))
        return false;
    for (const char *p = words; p;
         p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (!strncmp(p, text, length) && (!p[length] || p[length] == '|'))
            return true;
    return false;
}

static enum rnn_status set_choice(const struct config_option *option,
                                  const char *label, const char *text,
                                  char **target, struct rnn_error *err)
{
    char why[128] = "none of ";
    size_t used = strlen(why);

    if (is_word_of(option->words, text))
        return set_text(text, target, err);
    for (const char *p = option->words; *p && used + 3 < sizeof(why); p++) {
        why[used++] = *p == '|' ? ',' : *p;
        if (*p == '|')
            why[used++] = ' ';
    }
    why[used] = '\0';
    return bad_value(label, text, why, err);
}

/* host:port; an IPv6 address stands in brackets. */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[256];
    struct in6_addr ignored;
    size_t length, digits;

    if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
        return false;
    digits = strspn(colon + 1, "0123456789");
    if (!digits || digits > 5 || colon[1 + digits] ||
        strtoul(colon + 1, NULL, 10) > 65535)
        return false;
    length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';
    if (*host != '[')
        return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == length;
    if (host[length - 1] != ']')
        return false;
    host[length - 1] = '\0';
    return inet_pton(AF_INET6, host + 1, &ignored) == 1;
}

static enum rnn_status append(const char *item, size_t length,
                              struct config_list *list, struct rnn_error *err)
{
    char **items = reallocarray(list->items, list->count + 1, sizeof(*items));
    char *copy;

    if (items)
        list->items = items;
    copy = items ? strndup(item, length) : NULL;
    if (!copy)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    list->items[list->count++] = copy;
    return RNN_OK;
}

static enum rnn_status set_list(const struct config_option *option,
                                const char *label, const char *text,
                                struct config_list *list,
                                struct rnn_error *err)
{
    const char *p = text;

    if (!*text && !option->initial)
        return RNN_OK;
    for (;; p++) {
        size_t length;
        const char *start = p += strspn(p, " \t");
        const char *item;
        enum rnn_status status;

        p += strcspn(p, ",");
        for (length = (size_t)(p - start);
             length && strchr(" \t", start[length - 1]); length--)
            ;
        if (!length)
            return bad_value(label, text, "a list with an empty place", err);
        status = append(start, length, list, err);
        if (status)
            return status;
        item = list->items[list->count - 1];
        if (option->words && !is_address(item))
            return bad_value(label, item,
                             "not an address: host:port, IPv6 in brackets",
                             err);
        if (!*p)
            return RNN_OK;
    }
}

enum rnn_status option_set(const struct config_option *option,
                           const char *label, const char *text,
                           struct config *config, struct rnn_error *err)
{
    void *target = field(option, config);

    switch (option->type) {
    case OPTION_COUNT:
    case OPTION_SIZE:
    case OPTION_TIME:
        return set_number(option, label, text, target, err);
    case OPTION_BOOL:
        return set_bool(label, text, target, err);
    case OPTION_TEXT:
        return set_text(text, target, err);
    case OPTION_LIST:
        return set_list(option, label, text, target, err);
    case OPTION_CHOICE:
        return set_choice(option, label, text, target, err);
    }
    return rnn_fail(err, RNN_INTERNAL, "%s has no type", label);
}

void option_clear(const struct config_option *option, struct config *config)
{
    void *target = field(option, config);

    if (option->type == OPTION_TEXT || option->type == OPTION_CHOICE) {
        char **text = target;

        free(*text);
        *text = NULL;
    } else if (option->type == OPTION_LIST) {
        struct config_list *list = target;

        for (size_t i = 0; i < list->count; i++)
            free(list->items[i]);
        free(list->items);
        *list = (struct config_list){NULL, 0};
    }
}
