/* bench_json.c: tensors in and out, beside cJSON and simdjson.
 *
 * Prints ns (of processor time) for each body read and each float written, the
 * middle of several rounds in which all take turns, and how many times faster
 * ours is.  simdjson is there twice, through its document and on demand, and
 * is left out where it is not installed.  Every round of a size reads another
 * body, so that branch predictors cannot learn one by heart.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/arena.h"
#include "server/http/message.h"
#include "server/json/json_writer.h"
#include "server/json/predict_body.h"
#include "tests/bench/peer_simdjson.h"

#define ROUNDS 15
#define BODIES 16

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t random_bits(uint64_t *seed)
{
    *seed =
        *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static double random_number(uint64_t *seed)
{
    double sum = 0;
    int i;

    for (i = 0; i < 12; i++)
        sum += (double)random_bits(seed) / 2147483648.0;
    return sum - 6;
}

struct text {
    char *bytes;
    size_t length;
};

static struct text make_body(size_t timesteps, size_t features,
                             const char *format, uint64_t *seed)
{
    size_t size = timesteps * (features * 28 + 4) + 64, t, d;
    struct text text = {calloc(1, size + HTTP_BODY_PADDING), 0};
    char *at = text.bytes;

    if (!at)
        exit(1);
    at += sprintf(at, "{\"sequence\": [");
    for (t = 0; t < timesteps; t++) {
        at += sprintf(at, t ? ", [" : "[");
        for (d = 0; d < features; d++) {
            at += sprintf(at, d ? ", " : "");
            at += sprintf(at, format, random_number(seed));
        }
        *at++ = ']';
    }
    at += sprintf(at, "]}");
    text.length = (size_t)(at - text.bytes);
    return text;
}

static float read_ours(const struct text *text, struct arena *arena)
{
    static const struct predict_limits limits = {2097152, 65536, 1024};
    struct predict_body body;
    struct problem problem;

    arena_reset(arena, SIZE_MAX);
    if (!predict_body_read(text->bytes, text->length, &limits, arena, &body,
                           &problem)) {
        fprintf(stderr, "%s\n", problem.detail);
        exit(1);
    }
    return body.samples->tensors->data[body.samples->tensors->count - 1];
}

static float read_cjson(const struct text *text, float *out)
{
    cJSON *root = cJSON_ParseWithLength(text->bytes, text->length);
    const cJSON *row, *number;
    size_t count = 0;

    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "sequence"))
    {
        cJSON_ArrayForEach(number, row)
        {
            out[count++] = (float)number->valuedouble;
        }
    }
    cJSON_Delete(root);
    return out[count - 1];
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double middle(double *times)
{
    qsort(times, ROUNDS, sizeof(*times), compare);
    return times[ROUNDS / 2];
}

/* ---- reading -------------------------------------------------------------*/

enum reader { OURS, CJSON, DOCUMENT, ON_DEMAND, READERS };

static const char *const reader_names[READERS] = {
    "ours", "cJSON", "simdjson document", "simdjson on demand"};

/* What one round of a reader reads. */
struct reading {
    struct text bodies[BODIES];
    struct arena arena;
    float *out;
    size_t repeats; /* of ours */
};

static float read_with(enum reader reader, const struct text *text,
                       struct reading *reading)
{
    switch (reader) {
    case OURS:
        return read_ours(text, &reading->arena);
    case CJSON:
        return read_cjson(text, reading->out);
    case DOCUMENT:
    case ON_DEMAND:
    case READERS:
        break;
    }
    if (!peer_simdjson(text->bytes, text->length, reader == ON_DEMAND,
                       reading->out))
        exit(1);
    return reading->out[0];
}

/* ns for each body. */
static double time_reader(enum reader reader, struct reading *reading)
{
    size_t repeats = reading->repeats / (reader == CJSON ? 4 : 1) + 1, i;
    volatile float sink = 0;
    double start = now_ns();

    for (i = 0; i < repeats; i++)
        sink += read_with(reader, &reading->bodies[i % BODIES], reading);
    (void)sink;
    return (now_ns() - start) / (double)repeats;
}

static void bench_read(size_t timesteps, size_t features, const char *format)
{
    size_t readers = peer_simdjson ? READERS : DOCUMENT, r, i;
    struct reading reading = {.repeats = 400000 / (timesteps * features)};
    double times[READERS][ROUNDS];
    uint64_t seed = 1;
    int round;

    reading.out = calloc(timesteps * features, sizeof(*reading.out));
    if (!reading.out)
        exit(1);
    arena_init(&reading.arena, 0);
    for (i = 0; i < BODIES; i++)
        reading.bodies[i] = make_body(timesteps, features, format, &seed);
    for (round = 0; round < ROUNDS; round++)
        for (r = 0; r < readers; r++)
            times[r][round] = time_reader((enum reader)r, &reading);
    printf("read,%zux%zu,%s,%zu bytes,%.0f ns", timesteps, features, format,
           reading.bodies[0].length, middle(times[OURS]));
    for (r = CJSON; r < readers; r++)
        printf(",%s %.0f ns,%.2f times", reader_names[r], middle(times[r]),
               middle(times[r]) / middle(times[OURS]));
    printf("\n");
    for (i = 0; i < BODIES; i++)
        free(reading.bodies[i].bytes);
    free(reading.out);
    arena_release(&reading.arena);
}

/* ---- writing -------------------------------------------------------------*/

static void bench_write(size_t count)
{
    size_t repeats = 400000 / count + 1, i;
    float *numbers = calloc(count, sizeof(*numbers));
    double ours[ROUNDS], theirs[ROUNDS];
    struct json_writer writer;
    struct arena arena;
    uint64_t seed = 1;
    int round;

    if (!numbers)
        exit(1);
    for (i = 0; i < count; i++)
        numbers[i] = (float)random_number(&seed);
    arena_init(&arena, 0);
    for (round = 0; round < ROUNDS; round++) {
        double start = now_ns();

        for (i = 0; i < repeats; i++) {
            arena_reset(&arena, SIZE_MAX);
            json_writer_init(&writer, &arena);
            json_write_tensor(&writer, numbers, 1, &count);
        }
        ours[round] = (now_ns() - start) / (double)(repeats * count);
        start = now_ns();
        for (i = 0; i < repeats / 16 + 1; i++) {
            cJSON *array = cJSON_CreateFloatArray(numbers, (int)count);

            free(cJSON_PrintUnformatted(array));
            cJSON_Delete(array);
        }
        theirs[round] =
            (now_ns() - start) / (double)((repeats / 16 + 1) * count);
    }
    printf("write,%zu,%zu bytes,%.1f ns/float,cJSON %.1f ns/float,%.1f "
           "times\n",
           count, writer.length, middle(ours), middle(theirs),
           middle(theirs) / middle(ours));
    free(numbers);
    arena_release(&arena);
}

int main(void)
{
    static const char *const formats[] = {"%.8g", "%.3f", "%.17g"};
    size_t i;

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        bench_read(10, 3, formats[i]);
        bench_read(100, 16, formats[i]);
        bench_read(1000, 32, formats[i]);
    }
    bench_write(2);
    bench_write(100);
    bench_write(10000);
    return 0;
}
