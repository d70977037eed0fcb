/* socket_calls.c: recv() and sendmsg() of this program, libmicrohttpd's too.
 *
 * In a process of several threads those of the C library can be cancelled,
 * which takes a locked instruction before and one behind each call: 120 ns of
 * a request, as much as its guards and its route.  Nobody cancels a thread
 * here.  What a program defines is found before the library's; syscall() is
 * the same call without that.
 *
 * libmicrohttpd gives a head and its body to sendmsg() as two pieces.  Short
 * ones are put side by side and sent as one, so that the kernel has neither a
 * list of pieces nor the message that names it to copy and to check.
 *
 * Sanitizers have their own, and keep them.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#define IS_SANITIZED                                                          \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define IS_SANITIZED 0
#endif

#if !IS_SANITIZED

#define JOINED_MOST ((size_t)1024) /* bytes that are cheaper to copy */

ssize_t direct_recv(int socket, void *bytes, size_t size,
                    int flags) __asm__("recv");
ssize_t direct_sendmsg(int socket, const struct msghdr *message,
                       int flags) __asm__("sendmsg");

ssize_t direct_recv(int socket, void *bytes, size_t size, int flags)
{
    return syscall(SYS_recvfrom, socket, bytes, size, flags, NULL, NULL);
}

/* The pieces of a short message side by side; its length, 0: it is not one. */
static size_t join(const struct msghdr *message, char *whole)
{
    size_t length = 0;

    if (message->msg_name || message->msg_control)
        return 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const struct iovec *piece = &message->msg_iov[i];

        if (piece->iov_len > JOINED_MOST - length)
            return 0;
        memcpy(whole + length, piece->iov_base, piece->iov_len);
        length += piece->iov_len;
    }
    return length;
}

ssize_t direct_sendmsg(int socket, const struct msghdr *message, int flags)
{
    char whole[JOINED_MOST];
    size_t length = join(message, whole);

    if (length)
        return syscall(SYS_sendto, socket, whole, length, flags, NULL, 0);
    return syscall(SYS_sendmsg, socket, message, flags);
}

#endif
