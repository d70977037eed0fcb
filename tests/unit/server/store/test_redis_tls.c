/* rediss://: whom it trusts, whom it does not, and who we are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <hiredis/hiredis.h>

#include "tests/support/redis_server.h"
#include "tests/support/store_world.h"

static struct redis_server server;
static struct store_world world;
static char folder[] = "/tmp/rnnd-tls-XXXXXX";
static char cert[64], key[64], other_cert[64], other_key[64], url[64],
    name_url[64];

static void save(const char *path, const gnutls_datum_t *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
    assert_int_equal(fclose(file), 0);
}

/* A certificate for 127.0.0.1 that has signed itself. */
static void make_certificate(const char *cert_path, const char *key_path)
{
    static const unsigned char address[] = {127, 0, 0, 1};
    gnutls_x509_privkey_t private;
    gnutls_x509_crt_t made;
    gnutls_datum_t text;
    time_t now = time(NULL);

    gnutls_x509_privkey_init(&private);
    assert_int_equal(gnutls_x509_privkey_generate(
                         private, GNUTLS_PK_ECDSA,
                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    gnutls_x509_crt_init(&made);
    gnutls_x509_crt_set_version(made, 3);
    gnutls_x509_crt_set_serial(made, "\1", 1);
    gnutls_x509_crt_set_activation_time(made, now - 60);
    gnutls_x509_crt_set_expiration_time(made, now + 3600);
    gnutls_x509_crt_set_dn(made, "CN=a test", NULL);
    gnutls_x509_crt_set_subject_alt_name(made, GNUTLS_SAN_IPADDRESS, address,
                                         sizeof(address), 0);
    gnutls_x509_crt_set_basic_constraints(made, 1, -1);
    gnutls_x509_crt_set_key(made, private);
    assert_int_equal(
        gnutls_x509_crt_sign2(made, made, private, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(made, GNUTLS_X509_FMT_PEM, &text),
                     0);
    save(cert_path, &text);
    gnutls_free(text.data);
    assert_int_equal(
        gnutls_x509_privkey_export2(private, GNUTLS_X509_FMT_PEM, &text), 0);
    save(key_path, &text);
    gnutls_free(text.data);
    gnutls_x509_crt_deinit(made);
    gnutls_x509_privkey_deinit(private);
}

static int start(void **state)
{
    static char tls_port[8];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
    snprintf(key, sizeof(key), "%s/key.pem", folder);
    snprintf(other_cert, sizeof(other_cert), "%s/other-cert.pem", folder);
    snprintf(other_key, sizeof(other_key), "%s/other-key.pem", folder);
    make_certificate(cert, key);
    make_certificate(other_cert, other_key);
    redis_server_start(
        &server, (const char *[]){"--tls-cert-file", cert, "--tls-key-file",
                                  key, "--tls-ca-cert-file", cert,
                                  "--tls-auth-clients", "no", NULL});
    for (unsigned port = 20000 + server.port % 10000; port < 32000; port++) {
        snprintf(tls_port, sizeof(tls_port), "%u", port);
        if (redis_server_command(&server, "CONFIG SET tls-port %s", tls_port)
                ->type == REDIS_REPLY_STATUS)
            break;
    }
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%s", tls_port);
    snprintf(name_url, sizeof(name_url), "rediss://localhost:%s", tls_port);
    return 0;
}

static int stop(void **state)
{
    char command[128];

    (void)state;
    redis_server_stop(&server);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static int set_up(void **state)
{
    (void)state;
    store_world_init(&world);
    world.config.store = "redis";
    world.config.redis_url = url;
    world.config.store_timeout = 1000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_world_release(&world);
    return 0;
}

static void a_trusted_server_keeps_sessions(void **state)
{
    char id[16];

    (void)state;
    world.config.redis_ca = cert;
    world.config.store_timeout = 20000;
    store_world_open(&world);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_put(&world, id, (uint64_t)i + 1, (float)i);
    }
    store_world_close(&world);
    store_world_open(&world);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        store_world_assert(&world, id, (uint64_t)i + 1, (float)i);
    }
}

static void assert_distrust(const char *why)
{
    store_world_open(&world);
    store_world_refuse(&world, "s", PROBLEM_STORE_UNREACHABLE);
    if (!strstr(world.problem.detail, why))
        fail_msg("not «%s» but «%s»", why, world.problem.detail);
}

static void another_server_is_not_trusted(void **state)
{
    (void)state;
    world.config.redis_ca = other_cert;
    assert_distrust("TLS: ");
}

static void the_name_must_be_its_own(void **state)
{
    (void)state;
    world.config.redis_ca = cert;
    world.config.redis_url = name_url; /* its certificate is for 127.0.0.1 */
    assert_distrust("name");
}

static void a_client_without_its_certificate_is_refused(void **state)
{
    (void)state;
    redis_server_command(&server, "CONFIG SET tls-auth-clients yes");
    world.config.redis_ca = cert;
    store_world_open(&world);
    store_world_refuse(&world, "s", PROBLEM_STORE_UNREACHABLE);
    store_world_close(&world);
    world.config.redis_cert = cert;
    world.config.redis_key = key;
    world.config.store_timeout = 20000;
    store_world_open(&world);
    store_world_put(&world, "s", 1, 1.0f);
    redis_server_command(&server, "CONFIG SET tls-auth-clients no");
}

static void files_that_cannot_be_used_are_refused_at_once(void **state)
{
    struct rnn_error err;

    (void)state;
    world.config.redis_ca = key; /* no certificate */
    assert_int_equal(store_world_try(&world, &err), RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "redis_ca"));
    world.config.redis_ca = "/no/such/file";
    assert_int_equal(store_world_try(&world, &err), RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "/no/such/file"));
    world.config.redis_ca = cert;
    world.config.redis_cert = cert;
    assert_int_equal(store_world_try(&world, &err), RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "need each other"));
    world.config.redis_key = other_key;
    assert_int_equal(store_world_try(&world, &err), RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "cannot be used"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_trusted_server_keeps_sessions),
        TEST(another_server_is_not_trusted),
        TEST(the_name_must_be_its_own),
        TEST(a_client_without_its_certificate_is_refused),
        TEST(files_that_cannot_be_used_are_refused_at_once),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
