#include "core/layers/subscripts.h"

#include <stdint.h>
#include <string.h>

/* One part, up to `*text`'s comma or arrow.  `*dots` axes are under its dots,
 * found where it has `axes` in all, or given with SIZE_MAX. */
static bool read_part(const char **text, size_t axes, size_t *dots,
                      char labels[SUBSCRIPTS_ROOM])
{
    const char *end = *text + strcspn(*text, ",-");
    size_t letters = 0, count = 0;

    for (const char *at = *text; at < end; at++)
        letters += *at != ' ' && *at != '.';
    if (axes != SIZE_MAX)
        *dots = axes > letters ? axes - letters : 0;
    for (; *text < end; ++*text) {
        bool is_dots = !strncmp(*text, "...", 3);
        size_t left = is_dots ? *dots : 0;

        if (count + left + 1 >= SUBSCRIPTS_ROOM)
            return false;
        if ((**text | 32) >= 'a' && (**text | 32) <= 'z')
            labels[count++] = **text;
        else if (is_dots)
            *text += 2;
        else if (**text != ' ')
            return false;
        while (left-- > 0)
            labels[count++] = (char)('0' + left);
    }
    labels[count] = '\0';
    return true;
}

/* `labels` without the batch; false: it is missing, or there again. */
static bool drop_batch(char batch, bool has_it, char *labels)
{
    if (has_it) {
        if (!batch || labels[0] != batch)
            return false;
        memmove(labels, labels + 1, strlen(labels));
    }
    return !strchr(labels, batch);
}

bool subscripts_read(const char *text, struct subscripts_operand *operands,
                     size_t count, char output[SUBSCRIPTS_ROOM])
{
    size_t most = 0;
    char batch;

    for (size_t i = 0; i < count; i++) {
        size_t dots = 0;

        if (!read_part(&text, operands[i].axes, &dots, operands[i].labels) ||
            (i + 1 < count && *text++ != ','))
            return false;
        most = dots > most ? dots : most;
    }
    if (strncmp(text, "->", 2) != 0)
        return false;
    text += 2;
    if (!read_part(&text, SIZE_MAX, &most, output) || *text)
        return false;
    batch = output[0];
    for (size_t i = 0; i < count; i++)
        if (!drop_batch(batch, operands[i].is_tensor, operands[i].labels))
            return false;
    return drop_batch(batch, true, output);
}
