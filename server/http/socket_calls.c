/* socket_calls.c: recv() and sendmsg() of this program, libmicrohttpd's too.
 *
 * In a process of several threads those of the C library can be cancelled,
 * which takes a locked instruction before and one behind each call: 120 ns of
 * a request, as much as its guards and its route.  Nobody cancels a thread
 * here.  What a program defines is found before the library's; syscall() is
 * the same call without that.
 *
 * Sanitizers have their own, and keep them.
 */
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

ssize_t direct_sendmsg(int socket, const struct msghdr *message, int flags)
{
    return syscall(SYS_sendmsg, socket, message, flags);
}

#endif
