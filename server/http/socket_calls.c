/* socket_calls.c: recv() and sendmsg() of this program, libmicrohttpd's too.
 *
 * In a process of several threads those of the C library can be cancelled,
 * which takes a locked instruction before and one behind each call: 120 ns of
 * a request, as much as its guards and its route.  Nobody cancels a thread
 * here.  What a program defines is found before the library's; syscall() is
 * the same call without that.
 *
 * A short answer is brought together here and sent by sendto(): the kernel
 * then has no list of pieces to fetch, check and walk, which takes it longer
 * than the copy.  A stream cannot tell.
 *
 * Sanitizers have their own, and keep them.
 */
#include <stdbool.h>
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

ssize_t direct_recv(int socket, void *bytes, size_t size,
                    int flags) __asm__("recv");
ssize_t direct_sendmsg(int socket, const struct msghdr *message,
                       int flags) __asm__("sendmsg");

ssize_t direct_recv(int socket, void *bytes, size_t size, int flags)
{
    return syscall(SYS_recvfrom, socket, bytes, size, flags, NULL, NULL);
}

#define SHORT_BYTES ((size_t)1024)

/* The pieces of `message` in `bytes`, if that is all of it and they fit. */
static bool join(const struct msghdr *message, char bytes[SHORT_BYTES],
                 size_t *size)
{
    size_t used = 0;

    if (message->msg_name || message->msg_controllen)
        return false;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const struct iovec *piece = &message->msg_iov[i];

        if (piece->iov_len > SHORT_BYTES - used)
            return false;
        memcpy(bytes + used, piece->iov_base, piece->iov_len);
        used += piece->iov_len;
    }
    *size = used;
    return true;
}

ssize_t direct_sendmsg(int socket, const struct msghdr *message, int flags)
{
    char bytes[SHORT_BYTES];
    size_t size;

    if (join(message, bytes, &size))
        return syscall(SYS_sendto, socket, bytes, size, flags, NULL, 0);
    return syscall(SYS_sendmsg, socket, message, flags);
}

#endif
