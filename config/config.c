#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/ini_file.h"
#include "config/model_list.h"
#include "config/option.h"
#include "config/spelling.h"

struct loader {
    struct config config;
    unsigned char layer[CONFIG_OPTION_COUNT]; /* that set the option last */
    const char *file;                         /* --config, or NULL */
    bool has_action;
};

/* One option of the command line; applied after the environment. */
struct assignment {
    const struct config_option *option;
    const char *value;
};

static const struct {
    const char *name;
    enum config_action action;
    bool takes_folder;
} actions[] = {{"check", CONFIG_CHECK, false},
               {"summary", CONFIG_SUMMARY, false},
               {"help", CONFIG_HELP, false},
               {"healthcheck", CONFIG_HEALTHCHECK, false},
               {"export-sessions", CONFIG_EXPORT, true},
               {"import-sessions", CONFIG_IMPORT, true},
               {"version", CONFIG_VERSION, false}};
enum { ACTION_COUNT = sizeof(actions) / sizeof(*actions) };

/* A layer replaces what the ones below said; only a list may be given more
 * than once in one layer, and grows. */
static enum rnn_status assign(struct loader *loader, enum layer layer,
                              const struct config_option *option,
                              const char *label, const char *value,
                              struct rnn_error *err)
{
    unsigned char *last = &loader->layer[option - config_options];

    if (*last == layer && layer != LAYER_DEFAULT &&
        option->type != OPTION_LIST)
        return rnn_fail(err, RNN_INVALID_ARGUMENT, "%s is given twice", label);
    if (*last != layer)
        option_clear(option, &loader->config);
    *last = (unsigned char)layer;
    return option_set(option, label, value, &loader->config, err);
}

static enum rnn_status load_defaults(struct loader *loader,
                                     struct rnn_error *err)
{
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];
        enum rnn_status status = RNN_OK;

        if (option->initial)
            status = assign(loader, LAYER_DEFAULT, option, option->name,
                            option->initial, err);
        if (status)
            return status;
    }
    return RNN_OK;
}

static enum rnn_status on_file_entry(void *arg, unsigned line,
                                     const char *name, const char *value,
                                     struct rnn_error *err)
{
    struct loader *loader = arg;
    const struct config_option *option = option_find(name);
    char where[SPELLED_BYTES], label[SPELLED_BYTES];

    snprintf(where, sizeof(where), "%.150s:%u: ", loader->file, line);
    if (!option)
        return spell_unknown(LAYER_FILE, where, name, name, err);
    snprintf(label, sizeof(label), "%.180s%s", where, option->name);
    return assign(loader, LAYER_FILE, option, label, value, err);
}

/* What is not ours: the tests' own variables, and those that Kubernetes
 * makes for a service called rnnd. */
static bool is_foreign(const char *variable)
{
    static const char *const prefixes[] = {"RNND_TEST_", "RNND_SERVICE_",
                                           "RNND_PORT_"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
            return true;
    return !strncmp(variable, "RNND_SLOW=", 10) ||
           !strncmp(variable, "RNND_PORT=", 10);
}

static enum rnn_status load_variable(struct loader *loader,
                                     const char *variable,
                                     struct rnn_error *err)
{
    size_t length = strcspn(variable, "=");
    char given[SPELLED_BYTES], spelled[SPELLED_BYTES];

    snprintf(given, sizeof(given), "%.*s", (int)length, variable);
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];

        spell_option(LAYER_ENVIRONMENT, option->name, spelled);
        if (!strcmp(spelled, given) && variable[length])
            return assign(loader, LAYER_ENVIRONMENT, option, spelled,
                          variable + length + 1, err);
    }
    return spell_unknown(LAYER_ENVIRONMENT, "", given, given + strlen("RNND_"),
                         err);
}

static enum rnn_status load_environment(struct loader *loader,
                                        char *const *environment,
                                        struct rnn_error *err)
{
    for (; environment && *environment; environment++) {
        enum rnn_status status = RNN_OK;

        if (!strncmp(*environment, "RNND_", 5) && !is_foreign(*environment))
            status = load_variable(loader, *environment, err);
        if (status)
            return status;
    }
    return RNN_OK;
}

/* What is left of the command line while it is read. */
struct command {
    char *const *next; /* NULL behind the last one */
    struct assignment *assignments;
    size_t count;
};

/* What stands after the = of `argument`, or the argument after it. */
static enum rnn_status take_value(struct command *command,
                                  const char *argument, const char **value,
                                  struct rnn_error *err)
{
    const char *equals = strchr(argument, '=');
    char quoted[OPTION_QUOTED_BYTES];

    if (equals) {
        *value = equals + 1;
        return RNN_OK;
    }
    if (!*command->next || !strncmp(*command->next, "--", 2))
        return rnn_fail(err, RNN_INVALID_ARGUMENT, "%s needs a value",
                        option_quote(argument, quoted));
    *value = *command->next++;
    return RNN_OK;
}

static enum rnn_status set_action(struct loader *loader, size_t index,
                                  struct command *command,
                                  const char *argument, struct rnn_error *err)
{
    const char **folder = &loader->config.move_folder;
    enum rnn_status status;

    if (actions[index].takes_folder) {
        if (*folder)
            return rnn_fail(err, RNN_INVALID_ARGUMENT, "--%s is given twice",
                            actions[index].name);
        status = take_value(command, argument, folder, err);
        if (status)
            return status;
    } else if (strchr(argument, '='))
        return rnn_fail(err, RNN_INVALID_ARGUMENT, "--%s takes no value",
                        actions[index].name);
    if (loader->has_action && loader->config.action != actions[index].action)
        return rnn_fail(err, RNN_INVALID_ARGUMENT,
                        "--%s cannot be done together with another of "
                        "--check, --summary, --healthcheck, "
                        "--export-sessions and --import-sessions",
                        actions[index].name);
    loader->has_action = true;
    loader->config.action = actions[index].action;
    return RNN_OK;
}

static enum rnn_status read_option(struct loader *loader,
                                   struct command *command,
                                   const char *argument, struct rnn_error *err)
{
    size_t length = strcspn(argument, "=");
    char given[SPELLED_BYTES], spelled[SPELLED_BYTES];

    snprintf(given, sizeof(given), "%.*s", (int)length, argument);
    for (size_t i = 0; i < ACTION_COUNT; i++)
        if (!strcmp(given + 2, actions[i].name))
            return set_action(loader, i, command, argument, err);
    if (!strcmp(given, "--config")) {
        if (loader->file)
            return rnn_fail(err, RNN_INVALID_ARGUMENT,
                            "--config is given twice");
        return take_value(command, argument, &loader->file, err);
    }
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
        struct assignment *assignment = &command->assignments[command->count];

        if (strcmp(
                spell_option(LAYER_COMMAND, config_options[i].name, spelled),
                given))
            continue;
        assignment->option = &config_options[i];
        command->count++;
        return take_value(command, argument, &assignment->value, err);
    }
    return spell_unknown(LAYER_COMMAND, "", given, given + 2, err);
}

/* Models and actions go into the struct, options wait for their turn. */
static enum rnn_status read_command(struct loader *loader,
                                    struct command *command,
                                    struct rnn_error *err)
{
    enum rnn_status status = RNN_OK;
    bool options_ended = false;

    while (!status && *command->next) {
        const char *argument = *command->next++;
        char quoted[OPTION_QUOTED_BYTES];

        if (options_ended || *argument != '-')
            status = model_list_add(argument, &loader->config, err);
        else if (!strcmp(argument, "--"))
            options_ended = true;
        else if (argument[1] == '-')
            status = read_option(loader, command, argument, err);
        else
            status = rnn_fail(err, RNN_INVALID_ARGUMENT,
                              "%s is not an option: they begin with two "
                              "dashes, and rnnd --help lists them",
                              option_quote(argument, quoted));
        if (loader->config.action == CONFIG_HELP ||
            loader->config.action == CONFIG_VERSION)
            break;
    }
    return status;
}

static enum rnn_status load_command(struct loader *loader,
                                    const struct command *command,
                                    struct rnn_error *err)
{
    for (size_t i = 0; i < command->count; i++) {
        const struct assignment *assignment = &command->assignments[i];
        char label[SPELLED_BYTES];
        enum rnn_status status = assign(
            loader, LAYER_COMMAND, assignment->option,
            spell_option(LAYER_COMMAND, assignment->option->name, label),
            assignment->value, err);

        if (status)
            return status;
    }
    return RNN_OK;
}

static enum rnn_status load_layers(struct loader *loader,
                                   struct command *command,
                                   char *const *environment,
                                   struct rnn_error *err)
{
    enum rnn_status status = load_defaults(loader, err);

    if (!status)
        status = read_command(loader, command, err);
    if (status || loader->config.action == CONFIG_HELP ||
        loader->config.action == CONFIG_VERSION)
        return status;
    if (loader->file)
        status = ini_file_read(loader->file, on_file_entry, loader, err);
    if (!status)
        status = load_environment(loader, environment, err);
    if (!status)
        status = load_command(loader, command, err);
    if (!status && !loader->config.model_count &&
        loader->config.action != CONFIG_HEALTHCHECK)
        status = rnn_fail(err, RNN_INVALID_ARGUMENT,
                          "no model is given: rnnd [--option value ...] "
                          "[NAME=]MODEL ...");
    return status;
}

enum rnn_status config_load(int argc, char *const *argv,
                            char *const *environment, struct config *config,
                            struct rnn_error *err)
{
    struct loader loader = {0};
    struct command command = {.next = argv + (argc > 0)};
    enum rnn_status status;

    command.assignments =
        calloc((size_t)argc + 1, sizeof(*command.assignments));
    if (!command.assignments)
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory");
    status = load_layers(&loader, &command, environment, err);
    free(command.assignments);
    if (status)
        config_release(&loader.config);
    else
        *config = loader.config;
    return status;
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
        option_clear(&config_options[i], config);
    model_list_clear(config);
}
