#include "server/http/listener.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void every_loop_gets_a_socket_on_the_same_port(void **state)
{
    struct listener listener;
    struct rnn_error err;

    (void)state;
    assert_int_equal(listener_init(&listener, "127.0.0.1:0", 4, &err), RNN_OK);
    assert_int_equal(listener.count, 4);
    assert_true(address_port(&listener.address) != 0);
    for (size_t i = 0; i < 4; i++) {
        struct address bound = {.length = sizeof(bound.of)};

        assert_int_equal(
            getsockname(listener.sockets[i], &bound.of.any, &bound.length), 0);
        assert_int_equal(address_port(&bound),
                         address_port(&listener.address));
    }
    assert_int_equal(listener_start(&listener, &err), RNN_OK);
    listener_release(&listener);
}

/* Sharing a port silently with another server would split its clients. */
static void a_port_that_another_holds_is_an_error(void **state)
{
    struct listener first, second;
    struct rnn_error err;
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t loops = 1; loops <= 2; loops++) {
        assert_int_equal(listener_init(&first, "127.0.0.1:0", loops, &err),
                         RNN_OK);
        assert_int_equal(listener_start(&first, &err), RNN_OK);
        address_format(&first.address, text);
        for (size_t others = 1; others <= 2; others++) {
            assert_int_equal(listener_init(&second, text, others, &err),
                             RNN_IO);
            assert_non_null(strstr(err.message, text));
        }
        listener_release(&first);
    }
}

static void a_text_that_is_no_address_is_named(void **state)
{
    struct listener listener;
    struct rnn_error err;

    (void)state;
    assert_int_equal(listener_init(&listener, "nowhere", 1, &err),
                     RNN_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "\"nowhere\""));
}

static bool can_connect(const struct address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct pollfd ready = {fd, POLLOUT, 0};
    bool connected;

    connect(fd, &address->of.any, address->length);
    connected = poll(&ready, 1, 200) == 1 && !(ready.revents & POLLERR);
    close(fd);
    return connected;
}

static void refusing_lets_in_who_has_come_but_no_one_new(void **state)
{
    struct listener listener;
    struct rnn_error err;
    int fd = socket(AF_INET, SOCK_STREAM, 0), accepted;
    char byte;

    (void)state;
    assert_int_equal(listener_init(&listener, "127.0.0.1:0", 1, &err), RNN_OK);
    assert_int_equal(listener_start(&listener, &err), RNN_OK);
    assert_int_equal(
        connect(fd, &listener.address.of.any, listener.address.length), 0);
    listener_refuse(&listener);
    assert_false(can_connect(&listener.address));
    /* The one in the queue is whole: its bytes arrive. */
    assert_int_equal(write(fd, "x", 1), 1);
    accepted = accept(listener.sockets[0], NULL, NULL);
    assert_true(accepted >= 0);
    assert_int_equal(read(accepted, &byte, 1), 1);
    close(accepted);
    close(fd);
    listener_release(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loop_gets_a_socket_on_the_same_port),
        cmocka_unit_test(a_port_that_another_holds_is_an_error),
        cmocka_unit_test(a_text_that_is_no_address_is_named),
        cmocka_unit_test(refusing_lets_in_who_has_come_but_no_one_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
