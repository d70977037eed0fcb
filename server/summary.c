#include "server/summary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "server/model_registry.h"

/* Layer (type), Output Shape, Param #, Streams, State. */
enum { COLUMNS = 5, CELL_BYTES = 120 };

struct row {
    char cells[COLUMNS][CELL_BYTES];
};

static const struct row heading = {
    {"Layer (type)", "Output Shape", "Param #", "Streams", "State"}};

/* Numbers stand to the right. */
static const bool to_the_right[COLUMNS] = {false, false, true, false, true};

/* "(None, 10, 3)": the batch axis first, as Keras shows it. */
static void print_shape(char *text, size_t room, size_t rank,
                        const size_t *shape)
{
    size_t used = (size_t)snprintf(text, room, "(None");

    for (size_t axis = 0; axis < rank && used < room; axis++) {
        if (shape[axis] == RNN_FREE)
            used += (size_t)snprintf(text + used, room - used, ", None");
        else
            used += (size_t)snprintf(text + used, room - used, ", %zu",
                                     shape[axis]);
    }
    if (used < room)
        snprintf(text + used, room - used, rank ? ")" : ",)");
}

/* "1,234,567" */
static void print_count(char *text, size_t room, uint64_t number)
{
    char digits[24];
    size_t length =
        (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, number);
    size_t used = 0;

    for (size_t i = 0; i < length && used + 2 < room; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

/* "228.00 B", as Keras says the size of its parameters. */
static void print_bytes(char *text, size_t room, uint64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1024 && unit < 4) {
        size /= 1024;
        unit++;
    }
    snprintf(text, room, "%.2f %s", size, units[unit]);
}

static void fill_row(struct row *row, const struct rnn_layer_info *layer)
{
    snprintf(row->cells[0], CELL_BYTES, "%*s%.70s (%.30s)",
             (int)(2 * (layer->depth < 8 ? layer->depth : 8)), "", layer->name,
             layer->class_name);
    print_shape(row->cells[1], CELL_BYTES, layer->rank, layer->shape);
    print_count(row->cells[2], CELL_BYTES, layer->parameters);
    snprintf(row->cells[3], CELL_BYTES, "%s", layer->streams ? "yes" : "no");
    if (layer->state_bytes)
        snprintf(row->cells[4], CELL_BYTES, "%zu B", layer->state_bytes);
    else
        snprintf(row->cells[4], CELL_BYTES, "-");
}

/* Columns on a terminal; UTF-8 continues in bytes 10xxxxxx. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void widen(size_t widths[COLUMNS], const struct row *row)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        size_t width = width_of(row->cells[i]);

        if (width > widths[i])
            widths[i] = width;
    }
}

struct edge {
    const char *left, *line, *between, *right;
};

static void write_edge(FILE *out, const struct edge *edge,
                       const size_t widths[COLUMNS])
{
    fputs(edge->left, out);
    for (size_t i = 0; i < COLUMNS; i++) {
        for (size_t n = 0; n < widths[i] + 2; n++)
            fputs(edge->line, out);
        fputs(i + 1 < COLUMNS ? edge->between : edge->right, out);
    }
    fputc('\n', out);
}

static void write_row(FILE *out, const char *bar, const struct row *row,
                      const size_t widths[COLUMNS])
{
    fputs(bar, out);
    for (size_t i = 0; i < COLUMNS; i++) {
        int blanks = (int)(widths[i] - width_of(row->cells[i]));

        fprintf(out, " %*s%s%*s %s", to_the_right[i] ? blanks : 0, "",
                row->cells[i], to_the_right[i] ? 0 : blanks, "", bar);
    }
    fputc('\n', out);
}

static void write_table(FILE *out, const struct rnn_model_info *info)
{
    static const struct edge top = {"┏", "━", "┳", "┓"};
    static const struct edge under = {"┡", "━", "╇", "┩"};
    static const struct edge middle = {"├", "─", "┼", "┤"};
    static const struct edge bottom = {"└", "─", "┴", "┘"};
    size_t widths[COLUMNS] = {0};
    struct row row;

    widen(widths, &heading);
    for (size_t i = 0; i < info->layer_count; i++) {
        fill_row(&row, &info->layers[i]);
        widen(widths, &row);
    }
    write_edge(out, &top, widths);
    write_row(out, "┃", &heading, widths);
    write_edge(out, &under, widths);
    for (size_t i = 0; i < info->layer_count; i++) {
        if (i > 0)
            write_edge(out, &middle, widths);
        fill_row(&row, &info->layers[i]);
        write_row(out, "│", &row, widths);
    }
    write_edge(out, &bottom, widths);
}

static void write_parameters(FILE *out, const char *what, uint64_t count)
{
    char number[40], bytes[40];

    print_count(number, sizeof(number), count);
    print_bytes(bytes, sizeof(bytes), count * sizeof(float));
    fprintf(out, " %s params: %s (%s)\n", what, number, bytes);
}

static void write_io(FILE *out, const char *what, const struct rnn_io *io,
                     size_t count)
{
    char shape[CELL_BYTES];

    for (size_t i = 0; i < count; i++) {
        print_shape(shape, sizeof(shape), io[i].rank, io[i].shape);
        fprintf(out, " %s \"%s\": %s\n", what, io[i].name, shape);
    }
}

/* Which modes of session the model can have (docs/api.md, section 2). */
static const char *sessions_of(const struct rnn_model_info *info)
{
    bool has_time = false;

    for (size_t i = 0; i < info->input_count; i++)
        has_time = has_time || info->inputs[i].has_time;
    if (info->streams)
        return "carry and window";
    return has_time ? "window only" : "none";
}

static void write_streaming(FILE *out, const struct rnn_model_info *info)
{
    fprintf(out, " Sessions: %s; ", sessions_of(info));
    if (info->streams)
        fprintf(out, "state %zu B\n", info->state_bytes);
    else
        fprintf(out, "%s\n",
                info->cannot_stream_because ? info->cannot_stream_because
                                            : "the model cannot stream");
}

void summary_write(FILE *out, const char *name,
                   const struct rnn_model_info *info)
{
    const char *version = info->keras_version;

    fprintf(out, "Model: \"%s\" (%s%s%s)\n", name, info->format,
            *version ? ", Keras " : "", version);
    write_table(out, info);
    write_parameters(out, "Total", info->parameters);
    write_parameters(out, "Trainable", info->trainable_parameters);
    write_parameters(out, "Non-trainable",
                     info->parameters - info->trainable_parameters);
    write_io(out, "Input", info->inputs, info->input_count);
    write_io(out, "Output", info->outputs, info->output_count);
    write_streaming(out, info);
}

void summary_write_all(FILE *out, const struct model_registry *models)
{
    for (size_t i = 0; i < model_registry_count(models); i++) {
        const struct served_model *served = model_registry_at(models, i);

        if (i > 0)
            fputc('\n', out);
        summary_write(out, served->name, served->info);
    }
}

void summary_write_check(FILE *out, const struct model_registry *models)
{
    for (size_t i = 0; i < model_registry_count(models); i++) {
        const struct served_model *served = model_registry_at(models, i);
        const struct rnn_model_info *info = served->info;

        fprintf(out,
                "would serve \"%s\"%s from %s: %s%s%s, %" PRIu64
                " parameters, sessions %s, %zu bytes of state each\n",
                served->name, i ? "" : " (default)", served->path,
                info->format, *info->keras_version ? " of Keras " : "",
                info->keras_version, info->parameters, sessions_of(info),
                info->state_bytes);
    }
}
