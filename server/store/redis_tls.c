#include "server/store/redis_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

struct redis_tls {
    gnutls_certificate_credentials_t credentials;
};

struct redis_tls_session {
    gnutls_session_t session;
    char why[256];
};

enum rnn_status redis_tls_create(const char *ca, const char *cert,
                                 const char *key, struct redis_tls **tls,
                                 struct rnn_error *err)
{
    struct redis_tls *made = calloc(1, sizeof(*made));
    enum rnn_status status = RNN_OK;
    int result;

    if (!made || gnutls_certificate_allocate_credentials(&made->credentials)) {
        free(made);
        return rnn_fail(err, RNN_NO_MEMORY, "out of memory for TLS");
    }
    result = ca ? gnutls_certificate_set_x509_trust_file(made->credentials, ca,
                                                         GNUTLS_X509_FMT_PEM)
                : gnutls_certificate_set_x509_system_trust(made->credentials);
    if (result <= 0)
        status = rnn_fail(
            err, RNN_INVALID_ARGUMENT,
            ca ? "redis_ca = %s holds no certificate that can be trusted%s%s"
               : "%sthe system trusts no certificate: say with redis_ca which "
                 "one a rediss:// server has%s%s",
            ca ? ca : "", result < 0 ? ": " : "",
            result < 0 ? gnutls_strerror(result) : "");
    if (!status && !cert != !key)
        status = rnn_fail(err, RNN_INVALID_ARGUMENT,
                          "redis_cert and redis_key need each other");
    if (!status && cert) {
        result = gnutls_certificate_set_x509_key_file(
            made->credentials, cert, key, GNUTLS_X509_FMT_PEM);
        if (result)
            status = rnn_fail(err, RNN_INVALID_ARGUMENT,
                              "redis_cert = %s and redis_key = %s cannot be "
                              "used: %s",
                              cert, key, gnutls_strerror(result));
    }
    if (status) {
        redis_tls_free(made);
        return status;
    }
    *tls = made;
    return RNN_OK;
}

void redis_tls_free(struct redis_tls *tls)
{
    if (!tls)
        return;
    gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

/* ---- one connection ----------------------------------------------------- */

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

struct redis_tls_session *redis_tls_begin(const struct redis_tls *tls,
                                          const char *host, int fd)
{
    struct redis_tls_session *made = calloc(1, sizeof(*made));
    unsigned flags = GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;

    if (!made || gnutls_init(&made->session, flags)) {
        free(made);
        return NULL;
    }
    if (gnutls_set_default_priority(made->session) ||
        gnutls_credentials_set(made->session, GNUTLS_CRD_CERTIFICATE,
                               tls->credentials) ||
        (!is_address(host) &&
         gnutls_server_name_set(made->session, GNUTLS_NAME_DNS, host,
                                strlen(host)))) {
        redis_tls_end(made);
        return NULL;
    }
    gnutls_session_set_verify_cert(made->session, host, 0);
    gnutls_transport_set_int(made->session, fd);
    return made;
}

void redis_tls_end(struct redis_tls_session *session)
{
    if (!session)
        return;
    gnutls_deinit(session->session);
    free(session);
}

/* The server's certificate, in the words of the library. */
static void explain(struct redis_tls_session *session, long result)
{
    unsigned status = gnutls_session_get_verify_cert_status(session->session);
    gnutls_datum_t text = {.data = NULL};
    const char *reason = gnutls_strerror((int)result);

    if (result == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
        !gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509,
                                                      &text, 0))
        reason = (const char *)text.data;
    snprintf(session->why, sizeof(session->why), "TLS: %s", reason);
    gnutls_free(text.data);
}

int redis_tls_shake(struct redis_tls_session *session, short *events)
{
    int result;

    do
        result = gnutls_handshake(session->session);
    while (result < 0 && result != GNUTLS_E_AGAIN &&
           !gnutls_error_is_fatal(result));
    if (result >= 0)
        return 1;
    if (result == GNUTLS_E_AGAIN) {
        *events =
            gnutls_record_get_direction(session->session) ? POLLOUT : POLLIN;
        return 0;
    }
    explain(session, result);
    return -1;
}

static ssize_t answer(struct redis_tls_session *session, ssize_t result)
{
    if (result >= 0)
        return result;
    if (result == GNUTLS_E_AGAIN || !gnutls_error_is_fatal((int)result)) {
        errno = EAGAIN;
        return -1;
    }
    explain(session, result);
    errno = EPROTO;
    return -1;
}

ssize_t redis_tls_read(struct redis_tls_session *session, void *bytes,
                       size_t size)
{
    ssize_t result;

    do
        result = gnutls_record_recv(session->session, bytes, size);
    while (result < 0 && result != GNUTLS_E_AGAIN &&
           !gnutls_error_is_fatal((int)result));
    return answer(session, result);
}

ssize_t redis_tls_write(struct redis_tls_session *session, const void *bytes,
                        size_t size)
{
    return answer(session, gnutls_record_send(session->session, bytes, size));
}

const char *redis_tls_why(const struct redis_tls_session *session)
{
    return session->why;
}
