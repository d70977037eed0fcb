#include "tests/support/move_world.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void move_world_open(struct move_world *w)
{
    char unused[SCRATCH_STORE_BYTES];

    store_daemon_open(&w->d);
    scratch_folder(w->target, unused);
    scratch_folder(w->files, unused);
}

void move_world_remove_files(struct move_world *w)
{
    DIR *list = opendir(w->files);
    const struct dirent *entry;
    char path[512];

    assert_non_null(list);
    while ((entry = readdir(list)))
        if (strstr(entry->d_name, ".safetensors")) {
            snprintf(path, sizeof(path), "%s/%s", w->files, entry->d_name);
            assert_int_equal(unlink(path), 0);
        }
    closedir(list);
}

void move_world_close(struct move_world *w)
{
    store_daemon_close(&w->d);
    scratch_folder_remove(w->target);
    move_world_remove_files(w);
    scratch_folder_remove(w->files);
}

void move_world_run(struct move_world *w, struct move_call call)
{
    static char output[65536];
    const char *arguments[16] = {call.action, w->files, call.option,
                                 call.value, "--log-level=error"};
    size_t n = 5;

    if (call.more)
        arguments[n++] = call.more;
    for (size_t i = 0; i < call.models; i++)
        arguments[n++] = w->d.models.arguments[i];
    if (daemon_run(arguments, output, sizeof(output)) != call.code ||
        !strstr(output, call.words))
        fail_msg("%s: %s", call.action, output);
}

void move_world_export(struct move_world *w, const char *words)
{
    move_world_run(w, (struct move_call){.action = "--export-sessions",
                                         .option = "--state-dir",
                                         .value = w->d.folder,
                                         .models = API_MODELS,
                                         .words = words});
}

void move_world_import(struct move_world *w, int code, const char *words)
{
    move_world_run(w, (struct move_call){.action = "--import-sessions",
                                         .option = "--state-dir",
                                         .value = w->target,
                                         .models = API_MODELS,
                                         .code = code,
                                         .words = words});
}

void move_world_swap(struct move_world *w)
{
    char own[SCRATCH_FOLDER_BYTES];

    memcpy(own, w->d.folder, sizeof(own));
    memcpy(w->d.folder, w->target, sizeof(own));
    memcpy(w->target, own, sizeof(own));
    snprintf(w->d.file, sizeof(w->d.file), "%s/sessions.sqlite", w->d.folder);
}
