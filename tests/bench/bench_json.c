/* bench_json.c [PEER.so ...]: tensors in and out, beside cJSON and the
 * libraries of these shared objects (json_peer.h).
 *
 * Prints, as CSV, the ns of processor time for each body read and each float
 * written: for every reader and writer the middle of several rounds in which
 * all take turns.  Every round of a size reads other bodies, so that branch
 * predictors cannot learn one by heart.  A peer that reads other numbers than
 * ours ends the program.
 */
#include <cjson/cJSON.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/arena.h"
#include "server/http/message.h"
#include "server/json/json_writer.h"
#include "server/json/predict_body.h"
#include "tests/bench/json_peer.h"

#define ROUNDS  15
#define BODIES  16
#define READERS 8

/* One library; either function may be NULL. */
struct reader {
    const char *name;
    size_t (*read)(const char *text, size_t length, float *out);
    size_t (*write)(const float *numbers, size_t count);
    double times[ROUNDS];
};

struct text {
    char *bytes;
    size_t length;
};

static struct arena arena;

static void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(EXIT_FAILURE);
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- the libraries -------------------------------------------------------*/

/* The numbers lie where a request's would: there is nothing to copy. */
static size_t read_ours(const char *text, size_t length, float *out)
{
    static const struct predict_limits limits = {2097152, 65536, 1024};
    const struct json_tensor *tensor;
    struct predict_body body;
    struct problem problem;

    arena_reset(&arena, SIZE_MAX);
    if (!predict_body_read(text, length, &limits, &arena, &body, &problem))
        fail(problem.detail);
    tensor = body.samples->tensors;
    out[0] = tensor->data[0];
    out[tensor->count - 1] = tensor->data[tensor->count - 1];
    return tensor->count;
}

static size_t write_ours(const float *numbers, size_t count)
{
    struct json_writer writer;

    arena_reset(&arena, SIZE_MAX);
    json_writer_init(&writer, &arena);
    json_write_tensor(&writer, numbers, 1, &count);
    return writer.length;
}

static size_t read_cjson(const char *text, size_t length, float *out)
{
    cJSON *root = cJSON_ParseWithLength(text, length);
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
    return count;
}

static size_t write_cjson(const float *numbers, size_t count)
{
    cJSON *array = cJSON_CreateFloatArray(numbers, (int)count);
    char *text = cJSON_PrintUnformatted(array);
    size_t length = strlen(text);

    free(text);
    cJSON_Delete(array);
    return length;
}

static struct reader open_peer(const char *path)
{
    struct reader peer = {.name = NULL};
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        fail(dlerror());
    peer.name = dlsym(library, "json_peer_name");
    *(void **)&peer.read = dlsym(library, "json_peer_read");
    *(void **)&peer.write = dlsym(library, "json_peer_write");
    if (!peer.name || !peer.read)
        fail("a peer without a name or a reader");
    return peer;
}

/* ---- what is read and written --------------------------------------------*/

static double random_number(uint64_t *seed)
{
    double sum = 0;

    for (int i = 0; i < 12; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) +
                UINT64_C(1442695040888963407);
        sum += (double)(*seed >> 33) / 2147483648.0;
    }
    return sum - 6;
}

static struct text make_body(size_t timesteps, size_t features,
                             const char *format, uint64_t *seed)
{
    size_t size = timesteps * (features * 28 + 4) + 64;
    struct text text = {calloc(1, size + HTTP_BODY_PADDING), 0};
    char *at = text.bytes;

    if (!at)
        fail("no memory");
    at += sprintf(at, "{\"sequence\": [");
    for (size_t t = 0; t < timesteps; t++) {
        at += sprintf(at, t ? ", [" : "[");
        for (size_t d = 0; d < features; d++) {
            at += sprintf(at, d ? ", " : "");
            at += sprintf(at, format, random_number(seed));
        }
        *at++ = ']';
    }
    at += sprintf(at, "]}");
    text.length = (size_t)(at - text.bytes);
    return text;
}

/* ---- measuring -----------------------------------------------------------*/

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

/* All must find the same first and last number. */
static void check_reader(const struct reader *reader, const struct text *text,
                         float *out, size_t count)
{
    float first, last;

    read_ours(text->bytes, text->length, out);
    first = out[0];
    last = out[count - 1];
    out[0] = out[count - 1] = NAN;
    if (reader->read(text->bytes, text->length, out) != count ||
        !(fabsf(out[0] - first) <= 1e-6f * fabsf(first)) ||
        !(fabsf(out[count - 1] - last) <= 1e-6f * fabsf(last)))
        fail(reader->name);
}

static void bench_read(struct reader *readers, size_t count, size_t timesteps,
                       size_t features, const char *format)
{
    const size_t numbers = timesteps * features;
    const size_t repeats = 100000 / numbers + 1;
    struct text bodies[BODIES];
    float *out = calloc(numbers, sizeof(*out));
    uint64_t seed = 1;

    if (!out)
        fail("no memory");
    for (size_t i = 0; i < BODIES; i++)
        bodies[i] = make_body(timesteps, features, format, &seed);
    for (size_t r = 0; r < count; r++)
        check_reader(&readers[r], &bodies[0], out, numbers);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t r = 0; r < count; r++) {
            double start = now_ns();

            for (size_t i = 0; i < repeats; i++) {
                const struct text *body =
                    &bodies[(round * repeats + i) % BODIES];

                readers[r].read(body->bytes, body->length, out);
            }
            readers[r].times[round] = (now_ns() - start) / (double)repeats;
        }
    for (size_t r = 0; r < count; r++)
        printf("read,%zux%zu,%s,%zu,%s,%.1f\n", timesteps, features, format,
               bodies[0].length, readers[r].name, middle(readers[r].times));
    for (size_t i = 0; i < BODIES; i++)
        free(bodies[i].bytes);
    free(out);
}

static void bench_write(struct reader *readers, size_t count, size_t floats)
{
    const size_t repeats = 50000 / floats + 1;
    float *numbers = calloc(floats, sizeof(*numbers));
    uint64_t seed = 1;

    if (!numbers)
        fail("no memory");
    for (size_t i = 0; i < floats; i++)
        numbers[i] = (float)random_number(&seed);
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t r = 0; r < count; r++) {
            double start = now_ns();

            for (size_t i = 0; readers[r].write && i < repeats; i++)
                readers[r].write(numbers, floats);
            readers[r].times[round] =
                (now_ns() - start) / (double)(repeats * floats);
        }
    for (size_t r = 0; r < count; r++)
        if (readers[r].write)
            printf("write,%zu,float32,%zu,%s,%.2f\n", floats,
                   readers[r].write(numbers, floats), readers[r].name,
                   middle(readers[r].times));
    free(numbers);
}

int main(int argc, char **argv)
{
    static const char *const formats[] = {"%.8g", "%.3f", "%.17g"};
    struct reader readers[READERS] = {
        {.name = "rnnd", .read = read_ours, .write = write_ours},
        {.name = "cJSON", .read = read_cjson, .write = write_cjson},
    };
    size_t count = 2;

    for (int i = 1; i < argc && count < READERS; i++)
        readers[count++] = open_peer(argv[i]);
    arena_init(&arena, 0);
    puts("what,size,format,bytes,library,ns");
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        bench_read(readers, count, 10, 3, formats[i]);
        bench_read(readers, count, 100, 16, formats[i]);
        bench_read(readers, count, 1000, 32, formats[i]);
    }
    bench_write(readers, count, 2);
    bench_write(readers, count, 100);
    bench_write(readers, count, 10000);
    arena_release(&arena);
    return 0;
}
