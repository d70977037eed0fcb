#include "server/json/json_tensor.h"

#include <stdint.h>
#include <string.h>

#include "server/json/json_number.h"
#include "server/json/json_row.h"
#include "server/json/json_text.h"

#define DATA_ALIGN ((size_t)64)

/* One reading.  Levels count from 1, the outermost array. */
struct walk {
    struct json_tensors *tensors;
    struct json_scan *scan;
    json_row_reader *read_row;
    struct json_row row;
    size_t max_rows;
    const char *rows_limit;
    size_t rank;                      /* 0 until the first number is seen */
    size_t level;                     /* open arrays */
    size_t taken;                     /* numbers */
    size_t shape[JSON_MAX_RANK + 1];  /* 0: not known yet */
    size_t counts[JSON_MAX_RANK + 1]; /* elements taken of the open arrays */
};

static size_t element_bytes(const struct json_tensors *tensors)
{
    return tensors->is_wide ? sizeof(double) : sizeof(float);
}

/* Room for every number that the rest of the text can hold. */
static bool make_room(struct json_tensors *tensors, size_t *room)
{
    struct json_scan *scan = tensors->scan;
    size_t count = (size_t)(scan->end - scan->at) / 2 + 1;
    size_t left = tensors->max_elements - tensors->elements;
    size_t skip = -(uintptr_t)tensors->room & (DATA_ALIGN - 1);
    size_t bytes;

    if (count > left)
        count = left;
    *room = count;
    bytes = count * element_bytes(tensors);
    if (tensors->room && skip <= tensors->room_bytes &&
        bytes <= tensors->room_bytes - skip) {
        tensors->room += skip;
        tensors->room_bytes -= skip;
        return true;
    }
    /* Many small tensors lose some bytes each to their alignment.  Doubling
     * keeps the number of blocks small. */
    if (bytes < 2 * tensors->block_bytes)
        bytes = 2 * tensors->block_bytes;
    if (bytes < DATA_ALIGN)
        bytes = DATA_ALIGN;
    tensors->room = arena_alloc(scan->arena, bytes, 1, DATA_ALIGN);
    if (!tensors->room)
        return json_out_of_memory(scan);
    tensors->room_bytes = tensors->block_bytes = bytes;
    return true;
}

static void take_room(struct json_tensors *tensors, size_t count)
{
    size_t bytes = count * element_bytes(tensors);

    tensors->elements += count;
    tensors->room += bytes;
    tensors->room_bytes -= bytes;
}

/* ---- faults --------------------------------------------------------------*/

/* Lead the scan's path to element counts[level] of the open array of each
 * level up to `levels`.  For faults only: it is not led back. */
static void lead_path(struct walk *walk, size_t levels)
{
    struct json_scan *scan = walk->scan;
    size_t level;

    for (level = 1; level <= levels && scan->depth < JSON_MAX_DEPTH; level++)
        scan->path[scan->depth++] =
            (struct json_step){.index = walk->counts[level]};
}

/* What stands at the cursor is not what has to stand there. */
static bool wrong_element(struct walk *walk, const char *wanted)
{
    struct json_scan *scan = walk->scan;

    if (*scan->at == ']' && !walk->counts[walk->level]) {
        lead_path(walk, walk->level - 1);
        return json_fail(scan, PROBLEM_SHAPE_MISMATCH, "is empty");
    }
    lead_path(walk, walk->level);
    return json_wrong_kind(scan, PROBLEM_SHAPE_MISMATCH, wanted);
}

static bool no_end_of_array(struct walk *walk)
{
    return json_malformed(walk->scan, walk->scan->at,
                          "a comma or a closing bracket is expected");
}

static bool too_many_elements(struct walk *walk)
{
    size_t max = walk->tensors->max_elements;

    return json_fail(walk->scan, PROBLEM_TOO_LARGE,
                     "makes the tensors hold %zu numbers or more, "
                     "max_elements is %zu",
                     max + 1, max);
}

static bool too_many_rows(struct walk *walk)
{
    return json_fail(walk->scan, PROBLEM_TOO_LARGE,
                     "has %zu timesteps or more, %s is %zu",
                     walk->max_rows + 1, walk->rows_limit, walk->max_rows);
}

static bool out_of_range(struct walk *walk)
{
    const char *type = walk->tensors->is_wide ? "float64" : "float32";

    lead_path(walk, walk->level);
    return json_fail(walk->scan, PROBLEM_NUMBER_OUT_OF_RANGE,
                     "is too large for a %s", type);
}

/* ---- the walk ------------------------------------------------------------*/

/* An array that is deeper than any tensor may be. */
static bool too_deep(struct walk *walk)
{
    struct json_scan *scan = walk->scan;

    lead_path(walk, walk->level);
    if (!json_skip_value(scan))
        return false;
    return json_fail(scan, PROBLEM_SHAPE_MISMATCH,
                     "is an array, but a tensor has at most %d axes",
                     JSON_MAX_RANK);
}

/* Open brackets down to the level of numbers, of which the first path of
 * brackets decides which it is. */
static inline bool descend(struct walk *walk)
{
    struct json_scan *scan = walk->scan;

    while (!walk->rank || walk->level < walk->rank) {
        scan->at = json_after_space(scan->at);
        if (*scan->at != '[') {
            if (walk->rank || !walk->level)
                return wrong_element(walk, "an array");
            walk->rank = walk->level;
            break;
        }
        if (walk->level == JSON_MAX_RANK)
            return too_deep(walk);
        scan->at++;
        walk->counts[++walk->level] = 0;
    }
    scan->at = json_after_space(scan->at);
    return true;
}

static bool row_fault(struct walk *walk, enum json_row_end end)
{
    walk->counts[walk->level] = walk->row.count;
    switch (end) {
    case JSON_ROW_OTHER:
        return wrong_element(walk, "a number");
    case JSON_ROW_COMMA:
        return no_end_of_array(walk);
    case JSON_ROW_FAULT:
        return json_malformed(walk->scan, walk->row.at, walk->row.fault);
    case JSON_ROW_RANGE:
        return out_of_range(walk);
    case JSON_ROW_FULL:
        return too_many_elements(walk);
    case JSON_ROW_CLOSED:
        break;
    }
    return true;
}

/* Numbers up to and with the closing bracket, of as many rows as follow each
 * other without anything that the rules below must look at. */
static inline bool read_rows(struct walk *walk)
{
    struct json_row *row = &walk->row;
    size_t level = walk->level;
    enum json_row_end end;

    row->at = walk->scan->at;
    row->length = walk->shape[level];
    row->rows = row->more = 0;
    if (level > 1 && walk->counts[level - 1] < walk->max_rows)
        row->more = walk->max_rows - walk->counts[level - 1] - 1;
    end = walk->read_row(row);
    walk->scan->at = row->at;
    if (row->rows) {
        walk->shape[level] = row->length;
        walk->counts[level - 1] += row->rows;
        walk->taken += row->rows * row->length;
    }
    if (end != JSON_ROW_CLOSED)
        return row_fault(walk, end);
    walk->counts[level] = row->count;
    walk->taken += row->count;
    row->room -= row->count;
    row->out = (char *)row->out + row->count * element_bytes(walk->tensors);
    return true;
}

/* An array has been closed: it must be as long as those before it. */
static inline bool check_length(struct walk *walk)
{
    size_t level = walk->level, count = walk->counts[level];

    if (walk->shape[level] == count)
        return true;
    if (!walk->shape[level]) {
        walk->shape[level] = count;
        return level > 1 || count <= walk->max_rows || too_many_rows(walk);
    }
    lead_path(walk, level - 1);
    return json_fail(walk->scan, PROBLEM_SHAPE_MISMATCH,
                     "has %zu %s, those before it have %zu", count,
                     level == walk->rank ? "numbers" : "elements",
                     walk->shape[level]);
}

/* Close arrays until one goes on; when none does, level is 0. */
static inline bool ascend(struct walk *walk)
{
    struct json_scan *scan = walk->scan;

    for (;;) {
        if (!check_length(walk))
            return false;
        if (!--walk->level)
            return true;
        walk->counts[walk->level]++;
        scan->at = json_after_space(scan->at);
        if (*scan->at == ',') {
            scan->at++;
            if (walk->level == 1 && walk->counts[1] >= walk->max_rows)
                return too_many_rows(walk);
            return true;
        }
        if (*scan->at != ']')
            return no_end_of_array(walk);
        scan->at++;
    }
}

static bool start_walk(struct json_tensors *tensors, struct walk *walk)
{
    size_t room;

    memset(walk, 0, sizeof(*walk));
    walk->tensors = tensors;
    walk->scan = tensors->scan;
    walk->read_row =
        tensors->is_wide ? json_row_doubles : json_row_floats_best();
    if (!make_room(tensors, &room))
        return false;
    walk->row.out = tensors->room;
    walk->row.room = room;
    return true;
}

/* Take `[]`, if that is what stands at the cursor. */
static bool take_empty(struct json_scan *scan)
{
    const char *at = json_after_space(scan->at);

    if (*at != '[')
        return false;
    at = json_after_space(at + 1);
    if (*at != ']')
        return false;
    scan->at = at + 1;
    return true;
}

bool json_tensors_read(struct json_tensors *tensors, size_t max_rows,
                       const char *rows_limit, struct json_array *array)
{
    struct walk walk;

    if (!start_walk(tensors, &walk))
        return false;
    walk.max_rows = rows_limit ? max_rows : SIZE_MAX;
    walk.rows_limit = rows_limit;
    if (tensors->may_be_empty && take_empty(tensors->scan)) {
        *array = (struct json_array){.rank = 1, .data = tensors->room};
        return true;
    }
    do {
        if (!descend(&walk))
            return false;
        if (!read_rows(&walk) || !ascend(&walk))
            return false;
    } while (walk.level);
    array->rank = walk.rank;
    memcpy(array->shape, walk.shape + 1, sizeof(array->shape));
    array->data = tensors->room;
    array->count = walk.taken;
    take_room(tensors, walk.taken);
    return true;
}

bool json_tensors_read_number(struct json_tensors *tensors,
                              struct json_array *array)
{
    struct json_scan *scan = tensors->scan;
    struct json_number number;
    struct walk walk;
    bool is_finite;

    if (!start_walk(tensors, &walk))
        return false;
    if (!walk.row.room)
        return too_many_elements(&walk);
    if (!json_number_read(scan->at, &number))
        return json_malformed(scan, number.end, number.fault);
    is_finite = tensors->is_wide ? json_number_double(&number, walk.row.out)
                                 : json_number_float(&number, walk.row.out);
    if (!is_finite)
        return out_of_range(&walk);
    scan->at = number.end;
    *array = (struct json_array){.data = walk.row.out, .count = 1};
    take_room(tensors, 1);
    return true;
}
