/* metadata.json of a .keras file. */
#include <string.h>

#include "core/format/inventory.h"
#include "core/format/json.h"

enum rnn_status rnn_metadata_version(const char *text, size_t length,
                                     struct arena *arena, const char **version,
                                     struct rnn_error *err)
{
    struct rnn_json *root = NULL;
    const char *found, *copy;
    enum rnn_status status =
        rnn_json_parse(text, length, "metadata.json", &root, err);

    if (status)
        return status;
    found = rnn_json_text(rnn_json_member(root, "keras_version"));
    copy = found ? arena_copy_text(arena, found, strlen(found)) : NULL;
    if (!found)
        status = rnn_fail(err, RNN_BAD_MODEL,
                          "metadata.json says no keras_version");
    else if (!copy)
        status = rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    else
        *version = copy;
    rnn_json_free(root);
    return status;
}
