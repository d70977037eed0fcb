#include "server/http/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool address_split(const char *text, size_t *host_length, int *port)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *digits;

    if (text[0] == '[' && !end)
        return false;
    end = end ? end + 1 : text + strcspn(text, ":");
    *host_length = (size_t)(end - text);
    *port = -1;
    if (*host_length == 0)
        return false;
    if (*end == '\0')
        return true;
    digits = end + 1;
    if (*end != ':' || strlen(digits) > 5 || digits[0] == '\0' ||
        digits[strspn(digits, "0123456789")] != '\0')
        return false;
    *port = (int)strtoul(digits, NULL, 10);
    return *port <= 65535;
}

bool address_is_loopback_name(const char *host, size_t length)
{
    static const char name[] = "localhost";
    size_t name_length = sizeof(name) - 1;

    if (length && host[length - 1] == '.')
        length--;
    if (length < name_length ||
        strncasecmp(host + length - name_length, name, name_length) != 0)
        return false;
    return length == name_length || host[length - name_length - 1] == '.';
}

bool address_parse_host(const char *text, size_t length,
                        struct address *address)
{
    char host[INET6_ADDRSTRLEN];
    struct address parsed = {.length = 0};
    bool is_v6 = length > 2 && text[0] == '[' && text[length - 1] == ']';

    if (is_v6) {
        text++;
        length -= 2;
    }
    if (length >= sizeof(host))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    if (is_v6) {
        parsed.of.v6.sin6_family = AF_INET6;
        parsed.length = sizeof(parsed.of.v6);
        if (inet_pton(AF_INET6, host, &parsed.of.v6.sin6_addr) != 1)
            return false;
    } else {
        parsed.of.v4.sin_family = AF_INET;
        parsed.length = sizeof(parsed.of.v4);
        if (inet_pton(AF_INET, host, &parsed.of.v4.sin_addr) != 1)
            return false;
    }
    *address = parsed;
    return true;
}

bool address_parse(const char *text, struct address *address)
{
    size_t length;
    int port;

    if (!address_split(text, &length, &port) || port < 0)
        return false;
    if (length == strlen("localhost") &&
        address_is_loopback_name(text, length)) {
        text = "127.0.0.1";
        length = strlen(text);
    }
    if (!address_parse_host(text, length, address))
        return false;
    address_set_port(address, (uint16_t)port);
    return true;
}

void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (address->of.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->of.v6.sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host,
                 (unsigned)address_port(address));
    } else {
        inet_ntop(AF_INET, &address->of.v4.sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host,
                 (unsigned)address_port(address));
    }
}

uint16_t address_port(const struct address *address)
{
    return address->of.any.sa_family == AF_INET6
               ? ntohs(address->of.v6.sin6_port)
               : ntohs(address->of.v4.sin_port);
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->of.any.sa_family == AF_INET6)
        address->of.v6.sin6_port = htons(port);
    else
        address->of.v4.sin_port = htons(port);
}

bool address_is_loopback(const struct address *address)
{
    if (address->of.any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->of.v6.sin6_addr);
    return ntohl(address->of.v4.sin_addr.s_addr) >> 24 == 127;
}

bool address_is_any(const struct address *address)
{
    if (address->of.any.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&address->of.v6.sin6_addr);
    return address->of.v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

bool address_same_host(const struct address *a, const struct address *b)
{
    if (a->of.any.sa_family != b->of.any.sa_family)
        return false;
    if (a->of.any.sa_family == AF_INET6)
        return IN6_ARE_ADDR_EQUAL(&a->of.v6.sin6_addr, &b->of.v6.sin6_addr);
    return a->of.v4.sin_addr.s_addr == b->of.v4.sin_addr.s_addr;
}
