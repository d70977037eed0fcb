#include "core/format/json_check.h"

#include <stdint.h>
#include <string.h>

#include "core/format/json.h"

#define NUMBER_CHARACTERS 60 /* cJSON reads no more than 63 */

struct scanner {
    const unsigned char *text;
    size_t length, at;
    size_t constants;
    struct json_fault *fault;
};

static bool fail(struct scanner *s, const char *what)
{
    s->fault->offset = s->at;
    s->fault->what = what;
    return false;
}

static int peek(const struct scanner *s)
{
    return s->at < s->length ? s->text[s->at] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct scanner *s)
{
    int c;

    while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        s->at++;
}

static bool take_word(struct scanner *s, const char *word)
{
    size_t length = strlen(word);

    if (s->length - s->at < length || memcmp(s->text + s->at, word, length))
        return false;
    s->at += length;
    return true;
}

static bool check_number(struct scanner *s)
{
    size_t start = s->at;

    if (peek(s) == '-')
        s->at++;
    if (!is_digit(peek(s)))
        return fail(s, "a value was expected");
    if (s->text[s->at++] != '0')
        while (is_digit(peek(s)))
            s->at++;
    if (peek(s) == '.') {
        s->at++;
        if (!is_digit(peek(s)))
            return fail(s, "a digit was expected");
        while (is_digit(peek(s)))
            s->at++;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!is_digit(peek(s)))
            return fail(s, "a digit was expected");
        while (is_digit(peek(s)))
            s->at++;
    }
    if (s->at - start > NUMBER_CHARACTERS)
        return fail(s, "a number has more than 60 characters");
    return true;
}

/* Four hexadecimal digits; the value or -1. */
static long take_hex(struct scanner *s)
{
    long value = 0;

    for (int i = 0; i < 4; i++) {
        int c = peek(s);

        if (is_digit(c))
            value = 16 * value + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            value = 16 * value + ((c | 32) - 'a' + 10);
        else
            return -1;
        s->at++;
    }
    return value;
}

static bool check_escape(struct scanner *s)
{
    int c = peek(s);
    long code;

    s->at++;
    if (c > 0 && strchr("\"\\/bfnrt", c))
        return true;
    if (c != 'u')
        return fail(s, "an unknown escape");
    code = take_hex(s);
    if (code < 0)
        return fail(s, "four hexadecimal digits were expected");
    if (!code)
        return fail(s, "a text holds the character NUL");
    if (code < 0xd800 || code > 0xdfff)
        return true;
    if (code > 0xdbff || !take_word(s, "\\u"))
        return fail(s, "half a surrogate pair");
    code = take_hex(s);
    if (code < 0xdc00 || code > 0xdfff)
        return fail(s, "half a surrogate pair");
    return true;
}

/* One character of several bytes (Unicode 15, table 3-7). */
static bool check_utf8(struct scanner *s)
{
    unsigned char c = s->text[s->at++];
    unsigned low = 0x80, high = 0xbf, more;

    if (c >= 0xc2 && c <= 0xdf)
        more = 1;
    else if (c >= 0xe0 && c <= 0xef)
        more = 2;
    else if (c >= 0xf0 && c <= 0xf4)
        more = 3;
    else
        return fail(s, "a text is not UTF-8");
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    for (; more; more--) {
        int next = peek(s);

        if (next < (int)low || next > (int)high)
            return fail(s, "a text is not UTF-8");
        low = 0x80;
        high = 0xbf;
        s->at++;
    }
    return true;
}

static bool check_text(struct scanner *s)
{
    if (peek(s) != '"')
        return fail(s, "a quote was expected");
    s->at++;
    for (;;) {
        int c = peek(s);

        if (c < 0)
            return fail(s, "a text does not end");
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20)
            return fail(s, "a text holds a control character");
        if (c >= 0x80) {
            if (!check_utf8(s))
                return false;
            continue;
        }
        s->at++;
        if (c == '\\' && !check_escape(s))
            return false;
    }
}

static bool check_value(struct scanner *s, unsigned depth);

static bool check_array(struct scanner *s, unsigned depth)
{
    s->at++;
    skip_space(s);
    if (take_word(s, "]"))
        return true;
    for (;;) {
        if (!check_value(s, depth))
            return false;
        skip_space(s);
        if (take_word(s, "]"))
            return true;
        if (!take_word(s, ","))
            return fail(s, "a comma or ] was expected");
    }
}

static bool check_object(struct scanner *s, unsigned depth)
{
    s->at++;
    skip_space(s);
    if (take_word(s, "}"))
        return true;
    for (;;) {
        skip_space(s);
        if (!check_text(s))
            return false;
        skip_space(s);
        if (!take_word(s, ":"))
            return fail(s, "a colon was expected");
        if (!check_value(s, depth))
            return false;
        skip_space(s);
        if (take_word(s, "}"))
            return true;
        if (!take_word(s, ","))
            return fail(s, "a comma or } was expected");
    }
}

static bool check_value(struct scanner *s, unsigned depth)
{
    skip_space(s);
    if (peek(s) == '{' || peek(s) == '[') {
        if (!depth)
            return fail(s, "arrays and objects are nested too deeply");
        return peek(s) == '{' ? check_object(s, depth - 1)
                              : check_array(s, depth - 1);
    }
    if (peek(s) == '"')
        return check_text(s);
    if (take_word(s, "true") || take_word(s, "false") || take_word(s, "null"))
        return true;
    if (take_word(s, "NaN") || take_word(s, "Infinity") ||
        take_word(s, "-Infinity")) {
        s->constants++;
        return true;
    }
    return check_number(s);
}

bool rnn_json_check(const char *text, size_t length, size_t *constants,
                    struct json_fault *fault)
{
    struct scanner s = {
        .text = (const unsigned char *)text,
        .length = length,
        .fault = fault,
    };

    if (!check_value(&s, RNN_JSON_DEPTH))
        return false;
    skip_space(&s);
    if (s.at < length)
        return fail(&s, "something follows the value");
    *constants = s.constants;
    return true;
}

size_t rnn_json_quote_constants(const char *text, size_t length, char *copy)
{
    static const char *const constants[] = {"NaN", "Infinity", "-Infinity"};
    bool inside = false; /* a text */
    size_t used = 0;

    for (size_t at = 0; at < length;) {
        size_t word = 0;

        for (size_t i = 0; !inside && i < 3; i++)
            if (length - at >= strlen(constants[i]) &&
                !memcmp(text + at, constants[i], strlen(constants[i])))
                word = strlen(constants[i]);
        if (word) {
            copy[used++] = '"';
            memcpy(copy + used, text + at, word);
            used += word;
            at += word;
            copy[used++] = '"';
            continue;
        }
        if (inside && text[at] == '\\')
            copy[used++] = text[at++];
        else if (text[at] == '"')
            inside = !inside;
        copy[used++] = text[at++];
    }
    return used;
}
