/* address.h: a host and a port, as text and as the kernel has it. */
#ifndef SERVER_HTTP_ADDRESS_H
#define SERVER_HTTP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } of;
    socklen_t length;
};

/* "host:port": an IPv4 address, an IPv6 address in brackets, or the word
 * localhost (127.0.0.1); names are not looked up. */
bool address_parse(const char *text, struct address *address);

/* An address without a port: "127.0.0.1", "[::1]".  The port is 0. */
bool address_parse_host(const char *text, size_t length,
                        struct address *address);

#define ADDRESS_TEXT_SIZE 64
/* "127.0.0.1:8080", "[::1]:8080" */
void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_SIZE]);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
bool address_is_loopback(const struct address *address);
bool address_is_any(const struct address *address); /* 0.0.0.0, :: */
/* Ports do not count. */
bool address_same_host(const struct address *a, const struct address *b);

/* Cut "host", "host:port" or "[v6]:port" in two.  `*port` is -1 when none is
 * given.  false: it is none of these. */
bool address_split(const char *text, size_t *host_length, int *port);

/* Is it "localhost" or a name below it (RFC 6761)? */
bool address_is_loopback_name(const char *host, size_t length);

#endif
