/* fuzz_config.c: no bytes in a file, the environment or the command line
 * crash the reader, and what it takes is within the ranges it promises.
 *
 * The first byte chooses where the rest goes: f a file, e environment
 * entries, anything else arguments; entries and arguments end with a NUL. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/option.h"

#define MOST_WORDS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int holds)
{
    if (!holds)
        abort();
}

static void check(const struct config *config)
{
    for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
        const struct config_option *option = &config_options[i];
        const char *field = (const char *)config + option->offset;
        uint64_t number = 0;

        if (option->type == OPTION_COUNT || option->type == OPTION_SIZE)
            number = *(const size_t *)field;
        else if (option->type == OPTION_TIME)
            number = *(const uint64_t *)field;
        else if (option->type == OPTION_CHOICE)
            expect(!option->initial || *(char *const *)field != NULL);
        else if (option->type == OPTION_LIST && option->initial)
            expect(((const struct config_list *)field)->count > 0);
        if (option->max)
            expect(number >= option->min && number <= option->max);
    }
    for (size_t i = 0; i < config->model_count; i++)
        expect(*config->models[i].name && *config->models[i].path);
}

/* Part `text` at its NULs into `words`, NULL behind the last. */
static int part(char *text, size_t size, char **words, int count)
{
    char *end = text + size;

    while (text < end && count < MOST_WORDS) {
        words[count++] = text;
        text += strlen(text) + 1;
    }
    words[count] = NULL;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *arguments[MOST_WORDS + 1] = {"rnnd", "a.keras", NULL};
    char *environment[MOST_WORDS + 1] = {NULL};
    char path[64], *text;
    int count = 2, file = -1;
    struct config config;
    struct rnn_error err;

    if (!size)
        return 0;
    text = malloc(size);
    expect(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (*data == 'f') {
        file = memfd_create("config", MFD_CLOEXEC);
        expect(file >= 0 &&
               write(file, text, size - 1) == (ssize_t)(size - 1));
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        arguments[count++] = "--config";
        arguments[count++] = path;
    } else if (*data == 'e') {
        part(text, size - 1, environment, 0);
    } else if (size > 1) {
        count = part(text, size - 1, arguments, 1);
    }
    if (config_load(count, arguments, environment, &config, &err)) {
        expect(err.status != RNN_OK && *err.message);
    } else {
        check(&config);
        config_release(&config);
    }
    if (file >= 0)
        close(file);
    free(text);
    return 0;
}
