#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/option.h"

#define TEXT_COLUMN 28
#define LINE_BYTES  80 /* 79 columns */

struct printer {
    void (*write)(void *arg, const char *line);
    void *arg;
    char line[LINE_BYTES];
};

static const char *const usage[] = {
    "usage: rnnd [--option value ...] [NAME=]MODEL ...",
    "",
    "Serves recurrent Keras networks over HTTP.  MODEL is a .keras, .h5 or",
    ".safetensors file; without NAME its stem is the name.  The first one",
    "answers where a request names none.",
    "",
    "  --config FILE             options as lines of the form name = value",
    "  --check                   load everything, say what would be served",
    "  --summary                 print the layers of each model",
    "  --healthcheck             ask the daemon that listens here; 0 is well",
    "  --export-sessions DIR     write all sessions of the store to files",
    "  --import-sessions DIR     and take them into another store",
    "  --help, --version",
    "",
    "Options (in the environment RNND_NAME, in the file name = value):",
    "",
};

static const char *const type_words[] = {
    [OPTION_COUNT] = "N",    [OPTION_SIZE] = "SIZE",
    [OPTION_TIME] = "TIME",  [OPTION_BOOL] = "yes|no",
    [OPTION_TEXT] = "TEXT",  [OPTION_LIST] = "A,B,...",
    [OPTION_CHOICE] = "WORD"};

static void flush(struct printer *printer)
{
    printer->write(printer->arg, printer->line);
    snprintf(printer->line, sizeof(printer->line), "%*s", TEXT_COLUMN - 1, "");
}

/* Append `text` word by word, from TEXT_COLUMN on. */
static void wrap(struct printer *printer, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, " ");
        size_t used = strlen(printer->line);

        if (used + 1 + length >= LINE_BYTES && used >= TEXT_COLUMN) {
            flush(printer);
            used = strlen(printer->line);
        }
        snprintf(printer->line + used, LINE_BYTES - used, " %.*s", (int)length,
                 text);
        text += length + strspn(text + length, " ");
    }
}

static void print_option(struct printer *printer,
                         const struct config_option *option)
{
    char head[TEXT_COLUMN * 2], tail[128] = "";

    snprintf(head, sizeof(head), "  --%s %s", option->name,
             type_words[option->type]);
    for (size_t i = 4; i < 4 + strlen(option->name); i++)
        if (head[i] == '_')
            head[i] = '-';
    snprintf(printer->line, sizeof(printer->line), "%-*s", TEXT_COLUMN - 1,
             head);
    if (strlen(head) > TEXT_COLUMN - 1)
        flush(printer);
    wrap(printer, option->meaning);
    if (option->type == OPTION_CHOICE && !option->initial)
        snprintf(tail, sizeof(tail), "(%s)", option->words);
    else if (option->type == OPTION_CHOICE)
        snprintf(tail, sizeof(tail), "(%s; default %s)", option->words,
                 option->initial);
    else if (option->initial)
        snprintf(tail, sizeof(tail), "(default %s)", option->initial);
    wrap(printer, tail);
    printer->write(printer->arg, printer->line);
}

void config_help(void (*write)(void *arg, const char *line), void *arg)
{
    struct printer printer = {.write = write, .arg = arg};

    for (size_t i = 0; i < sizeof(usage) / sizeof(*usage); i++)
        write(arg, usage[i]);
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
        print_option(&printer, &config_options[i]);
    write(arg, "");
    write(arg, "SIZE: bytes, or k, M, G of 1024.  TIME: ms, s, min, h; 0 "
               "needs no unit.");
}
