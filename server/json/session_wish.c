#include "server/json/session_wish.h"

#include <inttypes.h>
#include <string.h>

#include "server/json/json_fields.h"

#define ID_LENGTH_MAX 128

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '~' ||
           c == '-';
}

bool session_id_is_valid(const char *id, size_t length)
{
    size_t i;

    if (!length || length > ID_LENGTH_MAX)
        return false;
    if (id[0] == '.' && (length == 1 || (length == 2 && id[1] == '.')))
        return false;
    for (i = 0; i < length; i++)
        if (!is_id_char(id[i]))
            return false;
    return true;
}

/* The milliseconds of a unit; 0: there is no such unit. */
static uint64_t unit_ms(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};
    size_t i;

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (!strcmp(unit, units[i].name))
            return units[i].ms;
    return 0;
}

bool duration_parse(const char *text, uint64_t *ms)
{
    const uint64_t max = INT64_MAX; /* added to a clock it must not wrap */
    uint64_t count = 0, unit;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (count > (max - digit) / 10)
            return false;
        count = count * 10 + digit;
    }
    if (at == text)
        return false;
    unit = unit_ms(at);
    if (!*at && !count)
        unit = 1;
    if (!unit || count > max / unit)
        return false;
    *ms = count * unit;
    return true;
}

bool session_mode_parse(const char *text, enum session_mode *mode)
{
    if (!strcmp(text, "carry"))
        *mode = SESSION_CARRY;
    else if (!strcmp(text, "window"))
        *mode = SESSION_WINDOW;
    else
        return false;
    return true;
}

bool session_wish_read_mode(struct json_scan *scan, struct session_wish *wish)
{
    const char *text;

    if (!json_read_string(scan, &text))
        return false;
    if (!session_mode_parse(text, &wish->mode))
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be \"carry\" or \"window\", not \"%.32s\"",
                         text);
    return true;
}

bool session_wish_read_window(struct json_scan *scan,
                              struct session_wish *wish)
{
    uint64_t window;

    if (!json_read_whole(scan, &window))
        return false;
    if (!window || window > SIZE_MAX)
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be 1 or more, not %" PRIu64, window);
    wish->has_window = true;
    wish->window = (size_t)window;
    return true;
}

bool session_wish_read_ttl(struct json_scan *scan, struct session_wish *wish)
{
    const char *text;

    if (!json_read_string(scan, &text))
        return false;
    if (!duration_parse(text, &wish->ttl_ms))
        return json_fail(scan, PROBLEM_BAD_FIELD,
                         "must be a time as \"30s\" (ms, s, min, h) or "
                         "\"0\", not \"%.32s\"",
                         text);
    wish->has_ttl = true;
    return true;
}

bool session_id_read(struct json_scan *scan, const char **id)
{
    const char *text;

    if (!json_read_string(scan, &text))
        return false;
    if (!session_id_is_valid(text, strlen(text)))
        return json_fail(scan, PROBLEM_BAD_ID,
                         "must be 1 to 128 of A-Z a-z 0-9 . _ ~ - and "
                         "neither \".\" nor \"..\"");
    *id = text;
    return true;
}

const char *session_wish_window_fault(const struct session_wish *wish)
{
    if (wish->has_window && wish->mode != SESSION_WINDOW)
        return "goes with \"mode\" \"window\" only";
    return NULL;
}
