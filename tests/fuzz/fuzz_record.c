/* fuzz_record.c: any bytes as a stored session.
 *
 * Input: two bytes, the length of the head, then the head and the body.  They
 * are tried as they are, and again with both checksums made right, as if
 * somebody had written nonsense on purpose.  What is understood must lie
 * within the bytes, and must come back when it is written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/checksum.h"
#include "server/store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void put_u64(unsigned char *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static void check_inside(const void *part, size_t length, const void *whole,
                         size_t size)
{
    uintptr_t at = (uintptr_t)part, from = (uintptr_t)whole;

    if (length && (at < from || length > size || at - from > size - length))
        abort();
}

static void check(const unsigned char *head, size_t head_length,
                  const unsigned char *body, size_t body_length)
{
    unsigned char again[RECORD_HEAD_BYTES], *kept;
    struct record record, second;
    size_t length;

    if (record_decode(head, head_length, body, body_length, &record))
        return;
    check_inside(record.id.text, record.id.length, head, head_length);
    check_inside(record.fingerprint.text, record.fingerprint.length, head,
                 head_length);
    check_inside(record.model.text, record.model.length, head, head_length);
    check_inside(record.state, record.state_length, body, body_length);
    check_inside(record.call, record.call_length, body, body_length);
    kept = malloc(record_body_length(&record) + 1);
    if (!kept)
        abort();
    length = record_encode(&record, again, kept);
    if (record_decode(again, length, kept, record_body_length(&record),
                      &second) ||
        second.step != record.step || second.fate != record.fate ||
        second.state_length != record.state_length ||
        second.has_call != record.has_call ||
        second.id.length != record.id.length)
        abort();
    free(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    unsigned char *copy;
    size_t head, body;

    if (size < 2)
        return 0;
    head = (size_t)bytes[0] | (size_t)bytes[1] << 8;
    if (head > size - 2)
        return 0;
    body = size - 2 - head;
    copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, bytes + 2, size - 2);
    check(copy, head, copy + head, body);
    if (head >= 16) {
        put_u64(copy + head - 16, store_checksum(0, copy + head, body));
        put_u64(copy + head - 8, store_checksum(0, copy, head - 8));
        check(copy, head, copy + head, body);
    }
    free(copy);
    return 0;
}
