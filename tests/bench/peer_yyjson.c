/* peer_yyjson.c: yyjson for bench_json (json_peer.h): a document with its own
 * memory, as its documentation reads one. */
#include <stdlib.h>

#include "tests/bench/json_peer.h"

#if __has_include(<yyjson.h>)
#include <yyjson.h>

const char json_peer_name[] = "yyjson";

size_t json_peer_read(const char *text, size_t length, float *out)
{
    yyjson_doc *doc = yyjson_read(text, length, 0);
    yyjson_val *row, *number;
    yyjson_arr_iter rows, numbers;
    size_t count = 0;

    yyjson_arr_iter_init(yyjson_obj_get(yyjson_doc_get_root(doc), "sequence"),
                         &rows);
    while ((row = yyjson_arr_iter_next(&rows))) {
        yyjson_arr_iter_init(row, &numbers);
        while ((number = yyjson_arr_iter_next(&numbers)))
            out[count++] = (float)yyjson_get_num(number);
    }
    yyjson_doc_free(doc);
    return count;
}

size_t json_peer_write(const float *numbers, size_t count)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    size_t length = 0;
    char *text;

    yyjson_mut_doc_set_root(doc,
                            yyjson_mut_arr_with_float(doc, numbers, count));
    text = yyjson_mut_write(doc, YYJSON_WRITE_FP_TO_FLOAT, &length);
    free(text);
    yyjson_mut_doc_free(doc);
    return length;
}

#endif
