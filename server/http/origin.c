#include "server/http/origin.h"

#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "server/app.h"
#include "server/http/loop.h"

static bool is_own_host(const struct exchange *exchange, const char *host,
                        size_t length)
{
    const struct server_shared *shared = exchange->loop->shared;
    struct address address;

    if (address_is_loopback_name(host, length))
        return true;
    if (!address_parse_host(host, length, &address))
        return false;
    if (address_is_loopback(&address) ||
        address_same_host(&address, &exchange->connection->local))
        return true;
    for (size_t i = 0; i < shared->listener_count; i++)
        if (address_same_host(&address, &shared->listeners[i].address))
            return true;
    return false;
}

bool origin_check_origin(const struct exchange *exchange, const char *origin,
                         struct problem *problem)
{
    static const char scheme[] = "http://";
    const char *host;
    size_t length;
    int port;

    if (!origin)
        return true;
    host = origin + sizeof(scheme) - 1;
    if (strncasecmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
        address_split(host, &length, &port)) {
        if (port < 0)
            port = 80;
        if (port == address_port(&exchange->connection->local) &&
            is_own_host(exchange, host, length))
            return true;
    }
    return problem_set(problem, PROBLEM_ORIGIN_REFUSED,
                       "a page from %.128s may not use this server", origin);
}

static bool is_allowed_host(const struct config_list *allowed,
                            const char *host, size_t length)
{
    for (size_t i = 0; i < allowed->count; i++)
        if (strcasecmp(allowed->items[i], host) == 0 ||
            (strlen(allowed->items[i]) == length &&
             strncasecmp(allowed->items[i], host, length) == 0))
            return true;
    return false;
}

bool origin_check_host(const struct exchange *exchange, const char *host,
                       struct problem *problem)
{
    struct connection *connection = exchange->connection;
    struct address address;
    size_t length;
    int port;

    if (!host || !connection->is_loopback_only ||
        (*host && strcmp(host, connection->host) == 0))
        return true;
    if (!address_split(host, &length, &port))
        return problem_set(problem, PROBLEM_BAD_REQUEST,
                           "Host \"%.128s\" is not a host", host);
    if (address_is_loopback_name(host, length) ||
        address_parse_host(host, length, &address) ||
        is_allowed_host(&exchange->loop->app->config->allowed_hosts, host,
                        length)) {
        if (strlen(host) < sizeof(connection->host))
            memcpy(connection->host, host, strlen(host) + 1);
        return true;
    }
    return problem_set(problem, PROBLEM_ORIGIN_REFUSED,
                       "Host is \"%.128s\", which is neither a loopback name "
                       "nor an address nor in allowed_hosts",
                       host);
}
