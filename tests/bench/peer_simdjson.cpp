/* peer_simdjson.cpp: simdjson for bench_json (json_peer.h): On Demand or, with
 * JSON_PEER_DOCUMENT, its document; the parser is kept from one text to the
 * next, which is its fastest way. */
#include <simdjson.h>

extern "C" {
#include "tests/bench/json_peer.h"
}

#ifdef JSON_PEER_DOCUMENT
const char json_peer_name[] = "simdjson document";

extern "C" size_t json_peer_read(const char *text, size_t length, float *out)
{
    static simdjson::dom::parser parser;
    size_t count = 0;
    auto doc = parser.parse(text, length, false);

    for (auto row : doc["sequence"].get_array())
        for (auto number : row.get_array())
            out[count++] = static_cast<float>(number.get_double().value());
    return count;
}

#else
const char json_peer_name[] = "simdjson on demand";

extern "C" size_t json_peer_read(const char *text, size_t length, float *out)
{
    static simdjson::ondemand::parser parser;
    size_t count = 0;
    auto doc = parser.iterate(text, length, length + JSON_PEER_PADDING);

    for (auto row : doc["sequence"].get_array())
        for (auto number : row.get_array())
            out[count++] = static_cast<float>(number.get_double().value());
    return count;
}
#endif
