#include "server/json/json_names.h"

#include <stdint.h>

/* A leaf has no children and holds a name. */
struct json_name_node {
    struct json_name_node *child[2];
    struct json_text name;
    size_t byte; /* of the bit in which the names below differ */
    unsigned char bit;
};

/* Behind its end a name goes on with NULs, so that "ab" and "abc" differ. */
static unsigned char byte_of(struct json_text name, size_t index)
{
    return index < name.length ? (unsigned char)name.bytes[index] : 0;
}

static int side_of(struct json_text name, const struct json_name_node *node)
{
    return (byte_of(name, node->byte) & node->bit) != 0;
}

static struct json_name_node *new_leaf(struct arena *arena,
                                       struct json_text name)
{
    struct json_name_node *leaf =
        arena_zalloc(arena, 1, sizeof(*leaf), _Alignof(struct json_name_node));

    if (leaf)
        leaf->name = name;
    return leaf;
}

/* Does `node` stand above a node for bit `bit` of byte `byte`? */
static bool is_above(const struct json_name_node *node, size_t byte,
                     unsigned char bit)
{
    return node->child[0] &&
           (node->byte < byte || (node->byte == byte && node->bit > bit));
}

enum json_names_result json_names_add(struct json_names *names,
                                      struct arena *arena,
                                      struct json_text name)
{
    struct json_name_node *nearest = names->root, *inner, *leaf, **place;
    unsigned char differ = 0;
    size_t byte, length;

    while (nearest && nearest->child[0])
        nearest = nearest->child[side_of(name, nearest)];
    length = nearest && nearest->name.length > name.length
                 ? nearest->name.length
                 : name.length;
    for (byte = 0; nearest && byte < length && !differ; byte++)
        differ = byte_of(name, byte) ^ byte_of(nearest->name, byte);
    if (nearest && !differ)
        return JSON_NAMES_PRESENT;
    leaf = new_leaf(arena, name);
    if (!leaf)
        return JSON_NAMES_OUT;
    if (!nearest) {
        names->root = leaf;
        return JSON_NAMES_ADDED;
    }
    inner = new_leaf(arena, name);
    if (!inner)
        return JSON_NAMES_OUT;
    inner->byte = byte - 1;
    inner->bit = (unsigned char)(0x80 >> (__builtin_clz(differ) - 24));
    place = &names->root;
    while (is_above(*place, inner->byte, inner->bit))
        place = &(*place)->child[side_of(name, *place)];
    inner->child[side_of(name, inner)] = leaf;
    inner->child[!side_of(name, inner)] = *place;
    *place = inner;
    return JSON_NAMES_ADDED;
}
