/* config.h: what can be tuned, read once at start.
 *
 * Defaults < file (INI, name = value) < environment (RNND_NAME) < command
 * line (--name, with - for _).  options.def is the only list of options;
 * every complaint is one sentence with file and line, or the name as it was
 * given.
 *
 * Ownership  config_load() fills a struct the caller holds;
 *            config_release() frees what it points to.
 * Threads    Read-only after loading.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"

struct config_list {
    char **items;
    size_t count;
};

/* One [NAME=]MODEL of the command line. */
struct config_model {
    char *name; /* as given, or the file's stem */
    char *path;
};

enum config_action {
    CONFIG_SERVE,
    CONFIG_CHECK,       /* --check */
    CONFIG_SUMMARY,     /* --summary */
    CONFIG_HEALTHCHECK, /* --healthcheck */
    CONFIG_EXPORT,      /* --export-sessions DIR */
    CONFIG_IMPORT,      /* --import-sessions DIR */
    CONFIG_HELP,
    CONFIG_VERSION,
};

#define CONFIG_TYPE_COUNT  size_t
#define CONFIG_TYPE_SIZE   size_t
#define CONFIG_TYPE_TIME   uint64_t /* milliseconds */
#define CONFIG_TYPE_BOOL   bool
#define CONFIG_TYPE_TEXT   char *
#define CONFIG_TYPE_LIST   struct config_list
#define CONFIG_TYPE_CHOICE char *

struct config {
    enum config_action action;
    const char *move_folder; /* EXPORT, IMPORT: of the command line */
    struct config_model *models;
    size_t model_count;
#define OPTION(type, name, initial, min, max, meaning) CONFIG_TYPE_##type name;
#include "config/options.def"
#undef OPTION
};

/* Read file (when --config names one), environment and command line.
 *
 * INVALID_ARGUMENT  an unknown name, a bad value, no model where one is
 *                   needed, two models of one name: exit code 2
 * NO_MEMORY
 */
RNN_CHECKED enum rnn_status config_load(int argc, char *const *argv,
                                        char *const *environment,
                                        struct config *config,
                                        struct rnn_error *err);
void config_release(struct config *config);

/* The text of --help, made from options.def, to `write` line by line (without
 * a newline). */
void config_help(void (*write)(void *arg, const char *line), void *arg);

#endif
