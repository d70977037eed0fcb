#include "tests/bench/peer_simdjson.h"

#include <simdjson.h>

namespace
{

size_t read_document(const char *text, size_t length, float *out)
{
    static simdjson::dom::parser parser;
    simdjson::dom::element document;
    size_t count = 0;

    /* false: the text is not copied, since it is padded. */
    if (parser.parse(text, length, false).get(document))
        return 0;
    for (simdjson::dom::element row : document["sequence"])
        for (double number : row)
            out[count++] = static_cast<float>(number);
    return count;
}

size_t read_on_demand(const char *text, size_t length, float *out)
{
    static simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    size_t count = 0;

    if (parser.iterate(text, length, length + simdjson::SIMDJSON_PADDING)
            .get(document))
        return 0;
    for (auto row : document["sequence"].get_array())
        for (auto number : row.get_array())
            out[count++] = static_cast<float>(number.get_double().value());
    return count;
}

} // namespace

size_t peer_simdjson(const char *text, size_t length, int lazily, float *out)
{
    return lazily ? read_on_demand(text, length, out)
                  : read_document(text, length, out);
}
