/* replay.c: run a fuzz target over its corpus, without a fuzzer.
 *
 * tests/fuzz/fuzz_x.c linked with this file is replay_x: it feeds every file
 * of tests/fuzz/corpus/x (and of the folders given) to the target, so
 * that what once crashed stays mended in every flavour. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The target gets a block of exactly `size` bytes, so that a sanitizer sees
 * every read beyond them. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int ok = 0;

    if (file && !fseek(file, 0, SEEK_END))
        size = ftell(file);
    if (size >= 0 && !fseek(file, 0, SEEK_SET))
        data = malloc(size ? (size_t)size : 1);
    if (data && fread(data, 1, (size_t)size, file) == (size_t)size) {
        LLVMFuzzerTestOneInput(data, (size_t)size);
        ok = 1;
    }
    if (!ok)
        fprintf(stderr, "%s: cannot be read\n", path);
    free(data);
    if (file)
        fclose(file);
    return ok;
}

/* How many files were fed, or -1. */
static int replay_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    int count = 0;

    if (!entries) {
        fprintf(stderr, "%s: no such folder\n", folder);
        return -1;
    }
    while (count >= 0 && (entry = readdir(entries))) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        count = replay_file(path) ? count + 1 : -1;
    }
    closedir(entries);
    return count;
}

int main(int argc, char **argv)
{
    const char *name = strstr(argv[0], "replay_");
    char corpus[256];
    int count;

    snprintf(corpus, sizeof(corpus), "tests/fuzz/corpus/%s",
             name ? name + strlen("replay_") : "");
    count = replay_folder(corpus);
    for (int i = 1; count > 0 && i < argc; i++)
        if (replay_folder(argv[i]) < 0)
            return 1;
    if (count >= 0)
        printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
