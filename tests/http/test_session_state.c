/* test_session_state.c: docs/api-2-sessions.md, export and import, and the
 * bounds of the store, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/api.h"
#include "tests/support/api_models.h"

#define SAFETENSORS "application/x-safetensors"

static struct api_world world;
static struct api *const api = &world.api;

static int set_up(void **state)
{
    (void)state;
    api_world_open(&world, (const char *[]){"--session-ttl", "90min", NULL});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_world_close(&world);
    return 0;
}

/* A copy of the last answer's body. */
struct document {
    char bytes[16384];
    size_t length;
};

static void take(struct document *document)
{
    api_assert_status(api, 200);
    assert_true(api->length < sizeof(document->bytes));
    memcpy(document->bytes, api->body, api->length + 1);
    document->length = api->length;
}

static void put(const char *path, const char *type,
                const struct document *document)
{
    api->content_type = type;
    api_call(api, "PUT", path, document->bytes, document->length);
    api->content_type = NULL;
}

static void get_as(const char *path, const char *accept)
{
    api->accept = accept;
    api_get(api, path);
    api->accept = NULL;
}

/* `document` with the first `from` replaced. */
static struct document *replaced(const struct document *document,
                                 const char *from, const char *to)
{
    static struct document changed;
    const char *at = strstr(document->bytes, from);

    assert_non_null(at);
    changed.length = (size_t)snprintf(changed.bytes, sizeof(changed.bytes),
                                      "%.*s%s%s", (int)(at - document->bytes),
                                      document->bytes, to, at + strlen(from));
    return &changed;
}

static void make_sessions(void)
{
    api_post(api, "/predict",
             "{\"model\": \"free\", \"sequence\": [[0.1,0.2,0.3],[7,-8,1e-7]],"
             "\"session\": \"carry\", \"start\": \"restart\"}");
    api_assert_status(api, 200);
    api_post(api, "/predict",
             "{\"model\": \"free\", \"sequence\": [[0.1,0.2,0.3],[7,-8,1e-7]],"
             "\"session\": \"window\", \"start\": \"restart\", \"mode\":"
             "\"window\", \"window\": 3}");
    api_assert_status(api, 200);
}

/* rows: S5 S30 */
static void a_state_is_exported_as_json(void **state)
{
    (void)state;
    make_sessions();
    api_get(api, "/sessions/carry/state");
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "Content-Type"), "application/json");
    assert_string_equal(api_text(api, "model"), "free");
    assert_int_equal(strlen(api_text(api, "fingerprint")), 64);
    assert_string_equal(api_text(api, "mode"), "carry");
    assert_true(api_is_null(api, "window"));
    assert_int_equal(api_number(api, "step"), 2);
    assert_true(api_has(api, "state.lstm/h.3"));
    assert_false(api_has(api, "state.lstm/h.4"));
    assert_true(api_has(api, "state.lstm/c.3"));
    api_get(api, "/sessions/window/state");
    assert_string_equal(api_text(api, "mode"), "window");
    assert_int_equal(api_number(api, "window"), 3);
    assert_true(api_number(api, "state.window/input_layer.1.1") == -8);
    assert_false(api_has(api, "state.window/input_layer.2"));
    api_get(api, "/sessions/never/state");
    api_assert_problem(api, 404, "no-such-session", NULL);
    get_as("/sessions/carry/state", "text/html");
    api_assert_problem(api, 406, "not-acceptable", NULL);
}

/* rows: S6 S31 */
static void a_state_is_exported_as_safetensors(void **state)
{
    uint64_t header = 0;
    char text[2048];

    (void)state;
    make_sessions();
    get_as("/sessions/window/state", SAFETENSORS);
    api_assert_status(api, 200);
    assert_string_equal(api_header(api, "Content-Type"), SAFETENSORS);
    memcpy(&header, api->body, 8); /* little-endian, as this machine */
    assert_int_equal(header % 8, 0);
    assert_int_equal(8 + header + 2 * 3 * 4, api->length);
    snprintf(text, sizeof(text), "%.*s", (int)header, api->body + 8);
    assert_non_null(strstr(text, "\"__metadata__\""));
    assert_non_null(strstr(text, "\"mode\":\"window\""));
    assert_non_null(strstr(text, "\"window\":\"3\""));
    assert_non_null(strstr(text, "\"step\":\"2\""));
    assert_non_null(strstr(text, "\"window/input_layer\":{\"dtype\":\"F32\","
                                 "\"shape\":[2,3],\"data_offsets\":[0,24]}"));
}

static void goes_round(const char *name, const char *media)
{
    struct document before, after;
    char from[64], to[64], next[512];

    snprintf(from, sizeof(from), "/sessions/%s/state", name);
    snprintf(to, sizeof(to), "/sessions/%s-new/state", name);
    get_as(from, media);
    take(&before);
    put(to, media, &before);
    api_assert_status(api, 201);
    snprintf(next, sizeof(next), "/sessions/%s-new", name);
    assert_string_equal(api_header(api, "Location"), next);
    assert_int_equal(api_number(api, "step"), 2);
    assert_string_equal(api_text(api, "mode"), name);
    assert_string_equal(api_text(api, "ttl"), "90min");
    get_as(to, media);
    take(&after);
    assert_int_equal(after.length, before.length);
    assert_memory_equal(after.bytes, before.bytes, before.length);
    /* Both go on alike. */
    api_post(api, "/predict", "{\"sequence\": [[3,2,1]], \"session\": \"%s\"}",
             name);
    api_keep(api, "output", next, sizeof(next));
    api_post(api, "/predict",
             "{\"sequence\": [[3,2,1]], \"session\": \"%s-new\"}", name);
    api_assert_status(api, 200);
    assert_string_equal(api_raw(api, "output"), next);
    /* Back into a live one. */
    put(to, media, &before);
    api_assert_status(api, 200);
    assert_int_equal(api_number(api, "step"), 2);
    get_as(to, media);
    assert_int_equal(api->length, before.length);
    assert_memory_equal(api->body, before.bytes, before.length);
    snprintf(to, sizeof(to), "/sessions/%s-new", name);
    api_delete(api, to);
    api_assert_status(api, 204);
}

/* rows: S7 S8 S33 */
static void export_and_import_lose_no_bit(void **state)
{
    (void)state;
    make_sessions();
    goes_round("carry", "application/json");
    make_sessions();
    goes_round("carry", SAFETENSORS);
    make_sessions();
    goes_round("window", "application/json");
    make_sessions();
    goes_round("window", SAFETENSORS);
}

/* rows: S8 S33 */
static void a_state_before_the_first_step_goes_round_too(void **state)
{
    static const char *const media[] = {"application/json", SAFETENSORS};
    struct document document;

    (void)state;
    api_post(api, "/sessions", "{\"id\": \"fresh\", \"mode\": \"window\"}");
    for (size_t i = 0; i < 2; i++) {
        get_as("/sessions/fresh/state", media[i]);
        take(&document);
        put("/sessions/fresh2/state", media[i], &document);
        api_assert_status(api, i ? 200 : 201);
        assert_int_equal(api_number(api, "window_filled"), 0);
    }
}

/* rows: S9 S32 */
static void a_state_goes_to_its_own_model_only(void **state)
{
    static const char zeros[] = "0000000000000000000000000000000000000000"
                                "000000000000000000000000";
    struct document document, changed;
    char fingerprint[80];

    (void)state;
    make_sessions();
    api_get(api, "/sessions/carry/state");
    take(&document);
    snprintf(fingerprint, sizeof(fingerprint), "%s",
             api_text(api, "fingerprint"));
    put("/sessions/s9/state", "application/json",
        replaced(&document, fingerprint, zeros));
    api_assert_problem(api, 409, "other-model", "/fingerprint");
    /* A live session of another model. */
    api_post(api, "/sessions", "{\"id\": \"s9\", \"model\": \"one\"}");
    put("/sessions/s9/state", "application/json", &document);
    api_assert_problem(api, 409, "other-model", "/fingerprint");
    /* The fingerprint counts, not the name. */
    changed = *replaced(&document, "\"model\":\"free\"", "\"model\":\"x\"");
    put("/sessions/s9b/state", "application/json", &changed);
    api_assert_status(api, 201);
    assert_string_equal(api_text(api, "model"), "free");
}

/* rows: S34 */
static void other_numerics_are_told_from_another_model(void **state)
{
    static const char zeros[] = "0000000000000000000000000000000000000000"
                                "000000000000000000000000";
    struct document document, changed;
    char fingerprint[80], numerics[32], older[32];

    (void)state;
    make_sessions();
    api_get(api, "/sessions/carry/state");
    take(&document);
    snprintf(fingerprint, sizeof(fingerprint), "%s",
             api_text(api, "fingerprint"));
    snprintf(numerics, sizeof(numerics), "\"numerics\":%.0f",
             api_number(api, "numerics"));
    snprintf(older, sizeof(older), "\"numerics\":%.0f",
             api_number(api, "numerics") - 1);
    changed = *replaced(&document, fingerprint, zeros);
    put("/sessions/s34/state", "application/json",
        replaced(&changed, numerics, older));
    api_assert_problem(api, 409, "other-model", "/numerics");
    /* Who does not say it is of this version. */
    changed = *replaced(&document, numerics, "\"window\":null");
    changed = *replaced(&changed, ",\"window\":null,\"mode\"", ",\"mode\"");
    put("/sessions/s34/state", "application/json", &changed);
    api_assert_status(api, 201);
}

/* rows: S10 S11 */
static void a_forged_state_is_refused(void **state)
{
    static const struct {
        const char *from, *to;
        long status;
        const char *type;
    } cases[] = {
        {"\"lstm/h\"", "\"lstm/x\"", 422, "shape-mismatch"},
        {"\"lstm/h\":[", "\"lstm/h\":[0.5,", 422, "shape-mismatch"},
        {"\"lstm/h\":[", "\"lstm/x\":[1],\"lstm/h\":[", 422, "shape-mismatch"},
        {"\"lstm/h\":[", "\"lstm/h\":[[1],", 422, "shape-mismatch"},
        {"\"lstm/h\":[", "\"lstm/h\":[1e39,", 422, "shape-mismatch"},
        {"\"lstm/h\":[", "\"lstm/h\":[1e999,", 422, "number-out-of-range"},
        {"\"step\":2", "\"step\":-2", 400, "bad-field"},
        {"\"step\":2", "\"steps\":2", 400, "unknown-field"},
        {"\"mode\":\"carry\"", "\"mode\":\"window\"", 400, "bad-field"},
        {"\"window\":null", "\"window\":3", 400, "bad-field"},
    };
    struct document document;

    (void)state;
    make_sessions();
    api_get(api, "/sessions/carry/state");
    take(&document);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char type[64];

        put("/sessions/s10/state", "application/json",
            replaced(&document, cases[i].from, cases[i].to));
        snprintf(type, sizeof(type), "/problems/%s", cases[i].type);
        if (api->status != cases[i].status ||
            strcmp(api_text(api, "type"), type) != 0)
            fail_msg("%s: %ld %s", cases[i].to, api->status, api->body);
        api_get(api, "/sessions/s10");
        api_assert_problem(api, 404, "no-such-session", NULL);
    }
}

/* rows: S10 */
static void a_live_session_keeps_its_mode_and_window(void **state)
{
    struct document document;

    (void)state;
    make_sessions();
    api_get(api, "/sessions/carry/state");
    take(&document);
    put("/sessions/window/state", "application/json", &document);
    api_assert_problem(api, 422, "shape-mismatch", "/mode");
    api_get(api, "/sessions/window/state");
    take(&document);
    put("/sessions/window/state", "application/json",
        replaced(&document, "\"window\":3", "\"window\":4"));
    api_assert_problem(api, 422, "shape-mismatch", "/window");
    /* Rows and step must agree. */
    put("/sessions/window/state", "application/json",
        replaced(&document, "\"step\":2", "\"step\":1"));
    api_assert_problem(api, 422, "shape-mismatch",
                       "/state/window~1input_layer");
}

/* rows: S11 */
static void numbers_of_an_import_must_be_finite(void **state)
{
    struct document document;
    const uint32_t nan = 0x7fc00000u, infinite = 0xff800000u;

    (void)state;
    make_sessions();
    get_as("/sessions/carry/state", SAFETENSORS);
    take(&document);
    memcpy(document.bytes + document.length - 4, &nan, 4);
    put("/sessions/s11/state", SAFETENSORS, &document);
    api_assert_status(api, 422);
    assert_string_equal(api_text(api, "type"), "/problems/not-finite");
    memcpy(document.bytes + document.length - 4, &infinite, 4);
    put("/sessions/s11/state", SAFETENSORS, &document);
    api_assert_status(api, 422);
    assert_string_equal(api_text(api, "type"), "/problems/not-finite");
    api_get(api, "/sessions/carry/state");
    take(&document);
    put("/sessions/s11/state", "application/json",
        replaced(&document, "\"lstm/c\":[", "\"lstm/c\":[1e39],\"x\":["));
    api_assert_status(api, 422);
}

/* rows: S11 S31 */
static void damaged_safetensors_are_refused(void **state)
{
    struct document document, cut;

    (void)state;
    make_sessions();
    get_as("/sessions/carry/state", SAFETENSORS);
    take(&document);
    /* Cut at every byte, and with every byte of the header changed. */
    for (size_t length = 0; length < document.length; length++) {
        cut = document;
        cut.length = length;
        put("/sessions/cut/state", SAFETENSORS, &cut);
        if (api->status != 400 && api->status != 422)
            fail_msg("cut at %zu: %ld", length, api->status);
    }
    for (size_t i = 0; i < document.length - 32; i++) {
        cut = document;
        cut.bytes[i] = (char)(cut.bytes[i] ^ 1);
        put("/sessions/cut/state", SAFETENSORS, &cut);
        if (api->status == 201) /* a name of a model, white space */
            api_delete(api, "/sessions/cut");
        else if (api->status < 400 || api->status > 422)
            fail_msg("byte %zu: %ld %s", i, api->status, api->body);
    }
}

/* ---- bounds ------------------------------------------------------------- */

/* rows: S25 E-too-many-sessions E6 */
static void a_full_store_refuses_the_new_and_keeps_the_old(void **state)
{
    struct daemon small;
    struct api other;

    (void)state;
    api_models_serve(&world.models,
                     (const char *[]){"--max-sessions", "2", NULL}, &small);
    api_init(&other, small.url);
    api_post(&other, "/sessions", "{\"id\": \"a\", \"ttl\": \"300ms\"}");
    api_post(&other, "/sessions", "{\"id\": \"b\"}");
    api_post(&other, "/sessions", "{\"id\": \"c\"}");
    api_assert_problem(&other, 429, "too-many-sessions", NULL);
    assert_string_equal(api_header(&other, "Retry-After"), "1");
    api_post(&other, "/predict",
             "{\"sequence\": [[1,2,3]], \"session\": \"c\", \"start\":"
             "true}");
    api_assert_problem(&other, 429, "too-many-sessions", NULL);
    api_get(&other, "/sessions/a");
    api_assert_status(&other, 200);
    api_get(&other, "/sessions/b");
    api_assert_status(&other, 200);
    api_delete(&other, "/sessions/b");
    api_post(&other, "/sessions", "{\"id\": \"c\"}");
    api_assert_status(&other, 201);
    api_release(&other);
    daemon_stop(&small);
    api_models_serve(&world.models,
                     (const char *[]){"--max-session-memory", "4k", NULL},
                     &small);
    api_init(&other, small.url);
    api_post(&other, "/sessions",
             "{\"model\": \"free\", \"mode\": \"window\", \"window\":"
             "1000}");
    api_assert_problem(&other, 429, "too-many-sessions", NULL);
    api_post(&other, "/sessions", "{}");
    api_assert_status(&other, 201);
    api_release(&other);
    daemon_stop(&small);
}

/* rows: S16 E-not-allowed */
static void listing_needs_the_option(void **state)
{
    (void)state;
    api_get(api, "/sessions");
    api_assert_problem(api, 403, "not-allowed", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_exported_as_json),
        cmocka_unit_test(a_state_is_exported_as_safetensors),
        cmocka_unit_test(export_and_import_lose_no_bit),
        cmocka_unit_test(a_state_before_the_first_step_goes_round_too),
        cmocka_unit_test(a_state_goes_to_its_own_model_only),
        cmocka_unit_test(other_numerics_are_told_from_another_model),
        cmocka_unit_test(a_forged_state_is_refused),
        cmocka_unit_test(a_live_session_keeps_its_mode_and_window),
        cmocka_unit_test(numbers_of_an_import_must_be_finite),
        cmocka_unit_test(damaged_safetensors_are_refused),
        cmocka_unit_test(a_full_store_refuses_the_new_and_keeps_the_old),
        cmocka_unit_test(listing_needs_the_option),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
