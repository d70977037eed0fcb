/* recv() and sendmsg() of server/http/socket_calls.c, by the names that the
 * library has them under. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST ((size_t)3000)

static int ends[2];

static int open_ends(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int close_ends(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Pieces of these lengths arrive as they were, one behind the other. */
static void check_pieces(const size_t *lengths, size_t count)
{
    static unsigned char sent[MOST], got[MOST];
    struct iovec pieces[4];
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    size_t total = 0, arrived = 0;

    for (size_t i = 0; i < MOST; i++)
        sent[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = (struct iovec){sent + total, lengths[i]};
        total += lengths[i];
    }
    assert_int_equal(sendmsg(ends[0], &message, MSG_NOSIGNAL), total);
    while (arrived < total) {
        ssize_t some = recv(ends[1], got + arrived, MOST - arrived, 0);

        assert_true(some > 0);
        arrived += (size_t)some;
    }
    assert_memory_equal(got, sent, total);
    assert_int_equal(recv(ends[1], got, MOST, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void pieces_arrive_in_their_order_short_or_long(void **state)
{
    (void)state;
    check_pieces((const size_t[]){5}, 1);
    check_pieces((const size_t[]){200, 46}, 2);
    check_pieces((const size_t[]){0, 1, 0, 30}, 4);
    check_pieces((const size_t[]){1000, 24}, 2);
    check_pieces((const size_t[]){1000, 25}, 2);
    check_pieces((const size_t[]){1025}, 1);
    check_pieces((const size_t[]){10, 2900, 10}, 3);
}

/* What goes beside the bytes is not lost with few of them. */
static void a_descriptor_is_passed_on(void **state)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    char byte = 'x';
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    (void)state;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &ends[0], sizeof(int));
    assert_int_equal(sendmsg(ends[0], &message, 0), 1);
    memset(&control, 0, sizeof(control));
    assert_int_equal(recvmsg(ends[1], &message, 0), 1);
    head = CMSG_FIRSTHDR(&message);
    assert_non_null(head);
    assert_int_equal(head->cmsg_type, SCM_RIGHTS);
    close(ends[0]);
    memcpy(&ends[0], CMSG_DATA(head), sizeof(int));
    assert_int_equal(send(ends[0], &byte, 1, 0), 1);
    assert_int_equal(recv(ends[1], &byte, 1, 0), 1);
}

static void who_has_gone_is_an_error_and_no_signal(void **state)
{
    char byte = 'x';
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    (void)state;
    shutdown(ends[1], SHUT_RDWR);
    assert_int_equal(sendmsg(ends[0], &message, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(recv(ends[0], &byte, 1, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            pieces_arrive_in_their_order_short_or_long, open_ends, close_ends),
        cmocka_unit_test_setup_teardown(a_descriptor_is_passed_on, open_ends,
                                        close_ends),
        cmocka_unit_test_setup_teardown(who_has_gone_is_an_error_and_no_signal,
                                        open_ends, close_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
