#include "server/store/record.h"

#include <string.h>

#include "server/store/checksum.h"

#define FIXED_BYTES ((size_t)128)
#define SUM_BYTES   ((size_t)16)
#define NAME_BYTES  ((size_t)255)

/* What a head can hold: the id, 64 digits, what is left for the name. */
_Static_assert(FIXED_BYTES + 128 + 64 + NAME_BYTES + SUM_BYTES <=
                   RECORD_HEAD_BYTES,
               "a head has room for every field");

/* ---- one field after the other ------------------------------------------ */

static void put_u32(unsigned char **at, uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        *(*at)++ = (unsigned char)(value >> shift);
}

static void put_u64(unsigned char **at, uint64_t value)
{
    put_u32(at, (uint32_t)value);
    put_u32(at, (uint32_t)(value >> 32));
}

static void put_bytes(unsigned char **at, const void *bytes, size_t length)
{
    if (length)
        memcpy(*at, bytes, length);
    *at += length;
}

static uint32_t get_u32(const unsigned char **at)
{
    uint32_t value = 0;

    for (int shift = 0; shift < 32; shift += 8)
        value |= (uint32_t) * (*at)++ << shift;
    return value;
}

static uint64_t get_u64(const unsigned char **at)
{
    uint64_t low = get_u32(at);

    return low | (uint64_t)get_u32(at) << 32;
}

static struct record_text get_text(const unsigned char **at, size_t length)
{
    struct record_text text = {.text = (const char *)*at, .length = length};

    *at += length;
    return text;
}

/* ---- writing ------------------------------------------------------------ */

size_t record_body_length(const struct record *record)
{
    return record->state_length + (record->has_call ? record->call_length : 0);
}

static size_t name_length(const struct record *record)
{
    size_t room = RECORD_HEAD_BYTES - FIXED_BYTES - SUM_BYTES -
                  record->id.length - record->fingerprint.length;

    if (room > NAME_BYTES)
        room = NAME_BYTES;
    return record->model.length < room ? record->model.length : room;
}

/* One record is always the same bytes: without a call, its fields are 0. */
static void put_numbers(unsigned char **at, const struct record *record)
{
    static const unsigned char none[RNN_DIGEST_BYTES];
    bool has = record->has_call;

    put_u32(at, record->window);
    put_u32(at, record->filled);
    put_u32(at, has ? record->filled_before : 0);
    put_u32(at, has ? record->reply_length : 0);
    put_u64(at, record->step);
    put_u64(at, record->ttl_ms);
    put_u64(at, record->created_ms);
    put_u64(at, record->used_ms);
    put_u64(at, has ? record->step_before : 0);
    put_u64(at, has ? record->step_after : 0);
    put_u64(at, record->state_length);
    put_u64(at, has ? record->call_length : 0);
    put_bytes(at, has ? record->digest : none, sizeof(none));
}

void record_put_body(const struct record *record, unsigned char *body)
{
    put_bytes(&body, record->state, record->state_length);
    if (record->has_call)
        put_bytes(&body, record->call, record->call_length);
}

size_t record_put_head(const struct record *record,
                       unsigned char head[RECORD_HEAD_BYTES],
                       const unsigned char *body)
{
    size_t names = name_length(record);
    unsigned char *at = head;

    put_u32(&at, RECORD_FORMAT);
    put_u32(&at, record->numerics);
    *at++ = (unsigned char)record->fate;
    *at++ = (unsigned char)record->mode;
    *at++ = record->has_call;
    *at++ = (unsigned char)record->id.length;
    *at++ = (unsigned char)record->fingerprint.length;
    *at++ = (unsigned char)names;
    *at++ = 0;
    *at++ = 0;
    put_numbers(&at, record);
    put_bytes(&at, record->id.text, record->id.length);
    put_bytes(&at, record->fingerprint.text, record->fingerprint.length);
    put_bytes(&at, record->model.text, names);
    put_u64(&at, store_checksum(0, body, record_body_length(record)));
    put_u64(&at, store_checksum(0, head, (size_t)(at - head)));
    return (size_t)(at - head);
}

size_t record_encode(const struct record *record,
                     unsigned char head[RECORD_HEAD_BYTES],
                     unsigned char *body)
{
    record_put_body(record, body);
    return record_put_head(record, head, body);
}

/* ---- reading ------------------------------------------------------------ */

static void get_numbers(const unsigned char **at, struct record *record)
{
    record->window = get_u32(at);
    record->filled = get_u32(at);
    record->filled_before = get_u32(at);
    record->reply_length = get_u32(at);
    record->step = get_u64(at);
    record->ttl_ms = get_u64(at);
    record->created_ms = get_u64(at);
    record->used_ms = get_u64(at);
    record->step_before = get_u64(at);
    record->step_after = get_u64(at);
    record->state_length = (size_t)get_u64(at);
    record->call_length = (size_t)get_u64(at);
    memcpy(record->digest, *at, sizeof(record->digest));
    *at += sizeof(record->digest);
}

/* Does the head end where its last field says, with its checksum? */
static const char *check_head(const unsigned char *head, size_t length)
{
    const unsigned char *at = head;

    if (length < FIXED_BYTES + SUM_BYTES)
        return "its head is too short";
    if (length > RECORD_HEAD_BYTES)
        return "its head is too long";
    at = head + length - sizeof(uint64_t);
    if (get_u64(&at) != store_checksum(0, head, length - sizeof(uint64_t)))
        return "the checksum of its head is another";
    at = head;
    if (get_u32(&at) != RECORD_FORMAT)
        return "its head is of a format that is not known here";
    if (length !=
        FIXED_BYTES + SUM_BYTES + (size_t)head[11] + head[12] + head[13])
        return "its head has another length than it says";
    if (head[8] > RECORD_DELETED || head[10] > 1)
        return "its head holds a value that is not known here";
    return NULL;
}

static const char *check_body(const void *body, size_t length, uint64_t sum,
                              struct record *record)
{
    if (record->state_length > length ||
        record->call_length != length - record->state_length)
        return "its body has another length than its head says";
    if (store_checksum(0, body, length) != sum)
        return "the checksum of its body is another";
    record->state = body;
    record->call = (const unsigned char *)body + record->state_length;
    return NULL;
}

const char *record_decode(const void *head, size_t head_length,
                          const void *body, size_t body_length,
                          struct record *record)
{
    const char *fault = check_head(head, head_length);
    const unsigned char *bytes = head;
    const unsigned char *at = bytes + 4;
    struct record read = {.numerics = 0};

    if (fault)
        return fault;
    read.numerics = get_u32(&at);
    read.fate = (enum record_fate)bytes[8];
    read.mode = bytes[9];
    read.has_call = bytes[10];
    at += 8;
    get_numbers(&at, &read);
    read.id = get_text(&at, bytes[11]);
    read.fingerprint = get_text(&at, bytes[12]);
    read.model = get_text(&at, bytes[13]);
    if (body)
        fault = check_body(body, body_length, get_u64(&at), &read);
    if (!fault)
        *record = read;
    return fault;
}
