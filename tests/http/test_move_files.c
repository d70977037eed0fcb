/* test_move_files.c: docs/sessions.md, «Moving»: files that are no session's,
 * or come from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/move_fixture.h"

#define PATH_BYTES 256

/* Replace `from` in a file by as many bytes. */
static void change(const char *name, const char *from, const char *to)
{
    char path[PATH_BYTES], bytes[16384];
    size_t length, at = 0, wanted = strlen(from);
    FILE *file;

    assert_int_equal(strlen(from), strlen(to));
    snprintf(path, sizeof(path), "%s/%s.safetensors", w.files, name);
    file = fopen(path, "r+");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof(bytes), file);
    while (at + wanted <= length && memcmp(bytes + at, from, wanted) != 0)
        at++;
    assert_true(at + wanted <= length);
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(to, 1, wanted, file), wanted);
    assert_int_equal(fclose(file), 0);
}

static void copy(const char *from, const char *to)
{
    char path[PATH_BYTES], bytes[16384];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.safetensors", w.files, from);
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/%s.safetensors", w.files, to);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void cut(const char *name, long bytes)
{
    char path[PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s.safetensors", w.files, name);
    assert_int_equal(truncate(path, bytes), 0);
}

/* rows: S93 */
static void what_cannot_go_on_is_left_out_by_its_name(void **state)
{
    char fingerprint[80], zeros[80];

    (void)state;
    store_daemon_start(d, "step", NULL, NULL);
    store_daemon_step(d, "good", 0, 2, ", \"start\": true, \"ttl\": \"2h\"");
    store_daemon_step(d, "ttl", 0, 2, ", \"start\": true, \"ttl\": \"2h\"");
    store_daemon_step(d, "step", 0, 2, ", \"start\": true");
    store_daemon_step(d, "short", 0, 2, ", \"start\": true");
    store_daemon_step(d, "old", 0, 2, ", \"start\": true");
    store_daemon_step(d, "alien", 0, 2, ", \"start\": true");
    api_get(api, "/sessions/old/state");
    snprintf(fingerprint, sizeof(fingerprint), "%s",
             api_text(api, "fingerprint"));
    store_daemon_stop(d);
    /* Of models that are not given: the third is "free". */
    move("--export-sessions", d->folder, 2, NULL, 1,
         "rnnd: the session \"good\" is left out: it belongs to the model "
         "\"free\" with the fingerprint ");
    move("--export-sessions", d->folder, 2, NULL, 1,
         "exported 0 sessions and 0 tombstones to ");
    move_world_export(&w, "exported 6 sessions and 0 tombstones to ");
    memset(zeros, '0', sizeof(zeros));
    zeros[strlen(fingerprint)] = '\0';
    change("alien", fingerprint, zeros);
    change("old", fingerprint, zeros);
    change("old", "\"numerics\":\"2\"", "\"numerics\":\"1\"");
    change("ttl", "\"7200000\"", "\"7200001\"");
    change("step", "\"step\":\"2\"", "\"step\":\"3\"");
    cut("short", 700);
    copy("good", "renamed");
    copy("good", "not an id");
    move_world_import(
        &w, 1,
        "/alien.safetensors is left out: the state is of a model "
        "with the fingerprint 0000");
    move_world_import(&w, 1,
                      "/old.safetensors is left out: the state was made by "
                      "version 1 of the numerics, this rnnd has version 2");
    move_world_import(
        &w, 1,
        "/ttl.safetensors is left out: \"row\" in __metadata__ is "
        "not the digest of what the file holds");
    move_world_import(&w, 1, "/step.safetensors is left out: \"row\" ");
    move_world_import(&w, 1, "/short.safetensors is left out: ");
    move_world_import(&w, 1,
                      "/renamed.safetensors is left out: \"session\" in "
                      "__metadata__ is another than the file's name");
    move_world_import(&w, 1,
                      "/not an id.safetensors is left out: its name is no "
                      "session id");
    move_world_import(&w, 1, ", 1 were there already, 7 left out");
}

/* rows: S94 */
static void a_state_that_was_got_alone_is_taken_too(void **state)
{
    char path[PATH_BYTES], wanted[256];
    FILE *file;

    (void)state;
    store_daemon_start(d, "step", NULL, NULL);
    store_daemon_step(d, "a", 0, 3, ", \"start\": true, \"ttl\": \"2h\"");
    api->accept = "application/x-safetensors";
    api_get(api, "/sessions/a/state");
    api->accept = NULL;
    snprintf(path, sizeof(path), "%s/b.safetensors", w.files);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(api->body, 1, api->length, file), api->length);
    assert_int_equal(fclose(file), 0);
    store_daemon_stop(d);
    move_world_import(&w, 0, "imported 1 sessions and 0 tombstones from ");
    move_world_swap(&w);
    store_daemon_start(d, "step", NULL, NULL);
    store_daemon_reference(d, 0, 5, wanted, sizeof(wanted));
    store_daemon_step(d, "b", 3, 5, "");
    store_daemon_assert(d, wanted);
    api_get(api, "/sessions/b");
    assert_string_equal(api_text(api, "ttl"), "1h");
    /* A whole file goes the other way, too. */
    store_daemon_stop(d);
    move_world_remove_files(&w);
    move_world_export(&w, "exported 1 sessions");
    store_daemon_start(d, "step", NULL, NULL);
    file = fopen(path, "r");
    assert_non_null(file);
    static char bytes[16384];
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    api->content_type = "application/x-safetensors";
    api_call(api, "PUT", "/sessions/c/state", bytes, length);
    api->content_type = NULL;
    api_assert_status(api, 201);
    store_daemon_reference(d, 0, 6, wanted, sizeof(wanted));
    store_daemon_step(d, "c", 5, 6, "");
    store_daemon_assert(d, wanted);
    store_daemon_stop(d);
    move_world_swap(&w);
}

/* rows: S93 */
static void it_needs_a_store_that_lasts(void **state)
{
    static char output[65536];
    const char *const memory[] = {"--export-sessions", w.files,
                                  d->models.arguments[0], NULL};
    const char *const nothing[] = {"--export-sessions",    w.files,
                                   "--state-dir",          "/nonexistent",
                                   d->models.arguments[0], NULL};

    (void)state;
    assert_int_equal(daemon_run(memory, output, sizeof(output)), 2);
    assert_non_null(strstr(output, "sessions in memory end with their "
                                   "process"));
    assert_int_equal(daemon_run(nothing, output, sizeof(output)), 1);
    assert_non_null(strstr(output, "state_dir /nonexistent cannot be opened"));
    move("--import-sessions", "/proc", 1, NULL, 1, "cannot be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_cannot_go_on_is_left_out_by_its_name),
        TEST(a_state_that_was_got_alone_is_taken_too),
        TEST(it_needs_a_store_that_lasts),
    };

    if (!store_daemon_is_possible())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
