#include "server/json/json_text.h"

#include <stdint.h>
#include <string.h>

static bool is_tail(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_length(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    unsigned char lead = byte[0], low = 0x80, high = 0xbf;

    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    /* The second byte keeps out overlong forms, surrogates and what lies
     * beyond U+10FFFF. */
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    if (byte[1] < low || byte[1] > high)
        return 0;
    if (lead < 0xe0)
        return 2;
    if (!is_tail(byte[2]))
        return 0;
    if (lead < 0xf0)
        return 3;
    return is_tail(byte[3]) ? 4 : 0;
}

size_t utf8_cut(const char *text, size_t length)
{
    while (length && is_tail((unsigned char)text[length]))
        length--;
    return length;
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits; `*bad` is the first byte that is none, or NULL. */
static uint32_t hex4(const char *at, const char **bad)
{
    uint32_t value = 0;
    int i;

    *bad = NULL;
    for (i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);

        if (digit < 0) {
            *bad = at + i;
            return 0;
        }
        value = value << 4 | (uint32_t)digit;
    }
    return value;
}

static bool is_high_surrogate(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The \u escape whose backslash is at `at`, surrogate pairs joined.  Returns
 * what follows it, or NULL with string->end and string->fault set. */
static const char *unicode_escape(const char *at, uint32_t *code,
                                  struct json_string *string)
{
    const char *bad;
    uint32_t low;

    *code = hex4(at + 2, &bad);
    if (bad) {
        string->end = bad;
        string->fault = "\\u needs four hexadecimal digits";
        return NULL;
    }
    if (!is_high_surrogate(*code) && !is_low_surrogate(*code))
        return at + 6;
    string->end = at;
    string->fault = "half of a surrogate pair stands alone";
    if (is_low_surrogate(*code) || at[6] != '\\' || at[7] != 'u')
        return NULL;
    low = hex4(at + 8, &bad);
    if (bad || !is_low_surrogate(low))
        return NULL;
    string->end = string->fault = NULL;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return at + 12;
}

static const char *check_escape(const char *at, struct json_string *string)
{
    uint32_t code;

    string->is_escaped = true;
    if (at[1] == 'u') {
        at = unicode_escape(at, &code, string);
        if (at && !code)
            string->holds_nul = true;
        return at;
    }
    if (at[1] && strchr("\"\\/bfnrt", at[1]))
        return at + 2;
    string->end = at + 1;
    string->fault = "no such escape";
    return NULL;
}

struct json_string json_string_check(const char *at)
{
    struct json_string string = {NULL, NULL, false, false};

    for (;;) {
        unsigned char byte = (unsigned char)*at;
        size_t length;

        if (byte == '"') {
            string.end = at;
            return string;
        }
        if (byte == '\\') {
            at = check_escape(at, &string);
            if (!at)
                return string;
            continue;
        }
        if (byte >= 0x20 && byte < 0x80) {
            at++;
            continue;
        }
        length = byte < 0x20 ? 0 : utf8_length(at);
        if (!length) {
            string.end = at;
            string.fault = byte < 0x20 ? "a control character in a string"
                                       : "this is not UTF-8";
            return string;
        }
        at += length;
    }
}

static size_t utf8_encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t json_string_unescape(const char *at, const char *end, char *out)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    struct json_string ignored;
    char *start = out;
    uint32_t code;

    while (at < end) {
        const char *name;

        if (*at != '\\') {
            *out++ = *at++;
        } else if (at[1] == 'u') {
            at = unicode_escape(at, &code, &ignored);
            if (!at)
                break; /* json_string_check() has not been asked */
            out += utf8_encode(code, out);
        } else {
            name = strchr(names, at[1]);
            *out++ = name ? values[name - names] : at[1];
            at += 2;
        }
    }
    return (size_t)(out - start);
}
