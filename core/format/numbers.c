#include "core/format/numbers.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/format/json.h"

const struct rnn_json *rnn_numbers_unwrap(const struct rnn_json *json)
{
    const char *class_name =
        rnn_json_text(rnn_json_member(json, "class_name"));

    if (class_name && (!strcmp(class_name, "__numpy__") ||
                       !strcmp(class_name, "__tensor__")))
        return rnn_json_member(rnn_json_member(json, "config"), "value");
    return json;
}

/* The row inside axes of one: [[[1, 2]]] is [1, 2]. */
static const struct rnn_json *find_row(const struct rnn_json *json)
{
    json = rnn_numbers_unwrap(json);
    while (rnn_json_is_array(json) && rnn_json_count(json) == 1)
        json = rnn_json_first(json);
    return json;
}

static bool is_float(const struct rnn_json *json)
{
    double number;

    return rnn_json_number(json, &number) && fabs(number) <= FLT_MAX;
}

bool rnn_numbers_count(const struct rnn_json *json, size_t *count)
{
    const struct rnn_json *row = find_row(json);

    *count = 1;
    if (!rnn_json_is_array(row))
        return is_float(row);
    *count = rnn_json_count(row);
    for (row = rnn_json_first(row); row; row = rnn_json_next(row))
        if (!is_float(row))
            return false;
    return *count > 0;
}

void rnn_numbers_read(const struct rnn_json *json, double *numbers)
{
    const struct rnn_json *row = find_row(json);

    if (rnn_json_number(row, numbers))
        return;
    for (row = rnn_json_first(row); row; row = rnn_json_next(row))
        rnn_json_number(row, numbers++);
}

/* The reader of JSON has put them into quotes. */
bool rnn_numbers_named(const struct rnn_json *json, double *number)
{
    static const struct {
        const char *text;
        double number;
    } named[] = {
        {"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    const char *text = rnn_json_text(json);

    for (size_t i = 0; text && i < sizeof(named) / sizeof(named[0]); i++)
        if (!strcmp(text, named[i].text)) {
            *number = named[i].number;
            return true;
        }
    return false;
}
