/* peer_onednn.c: oneDNN (Debian's libdnnl-dev, version 2) as a worker
 * (worker.h): its vanilla RNN, LSTM and linear-before-reset GRU, whose gates
 * and layouts are Keras' own.
 *
 * Weights are reordered once into what the primitive asks for; inputs are
 * [timesteps, batch, features], as it likes them best.  It writes the outputs
 * of all timesteps, whether wanted or not.
 */
#include "tests/bench/worker.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>

enum kind { RNN, LSTM, GRU };

struct shape {
    enum kind kind;
    int64_t inputs, units, batch, timesteps, gates, bias_gates;
};

struct peer {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[8];
    int arg_count;
    float *last; /* the last state: [batch][units] */
    struct shape shape;
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void check(dnnl_status_t status)
{
    if (status != dnnl_success) {
        fprintf(stderr, "oneDNN: status %d\n", (int)status);
        exit(EXIT_FAILURE);
    }
}

static dnnl_memory_desc_t describe(int rank, const int64_t *dims,
                                   dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t desc;

    check(dnnl_memory_desc_init_by_tag(&desc, rank, dims, dnnl_f32, tag));
    return desc;
}

/* Memory of its own (data NULL) or around `data`. */
static dnnl_memory_t memory(const dnnl_memory_desc_t *desc, void *data)
{
    dnnl_memory_t made;

    check(dnnl_memory_create(&made, desc, engine,
                             data ? data : DNNL_MEMORY_ALLOCATE));
    return made;
}

static dnnl_memory_t reordered(dnnl_memory_t from,
                               const dnnl_memory_desc_t *to)
{
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t reorder;
    dnnl_memory_t made = memory(to, NULL);
    const dnnl_memory_desc_t *is;

    check(dnnl_memory_get_memory_desc(from, &is));
    check(dnnl_reorder_primitive_desc_create(&desc, is, engine, to, engine,
                                             NULL));
    check(dnnl_primitive_create(&reorder, desc));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, made}};
    check(dnnl_primitive_execute(reorder, stream, 2, args));
    check(dnnl_stream_wait(stream));
    return made;
}

/* The dimensions of what goes in and out. */
struct descs {
    dnnl_memory_desc_t x, u, w, bias, y, state;
};

static struct descs describe_all(const struct shape *s, bool any)
{
    const dnnl_format_tag_t weights = any ? dnnl_format_tag_any : dnnl_ldigo;
    struct descs d;

    d.x = describe(3, (dnnl_dims_t){s->timesteps, s->batch, s->inputs},
                   dnnl_tnc);
    d.w = describe(5, (dnnl_dims_t){1, 1, s->inputs, s->gates, s->units},
                   weights);
    d.u = describe(5, (dnnl_dims_t){1, 1, s->units, s->gates, s->units},
                   weights);
    d.bias =
        describe(4, (dnnl_dims_t){1, 1, s->bias_gates, s->units}, dnnl_ldgo);
    d.y =
        describe(3, (dnnl_dims_t){s->timesteps, s->batch, s->units}, dnnl_tnc);
    d.state = describe(4, (dnnl_dims_t){1, 1, s->batch, s->units}, dnnl_ldnc);
    return d;
}

static dnnl_primitive_desc_t describe_cell(const struct shape *s,
                                           const struct descs *d)
{
    const dnnl_prop_kind_t how = dnnl_forward_inference;
    const dnnl_rnn_direction_t way = dnnl_unidirectional_left2right;
    dnnl_primitive_desc_t made;
    dnnl_rnn_desc_t desc;

    if (s->kind == RNN)
        check(dnnl_vanilla_rnn_forward_desc_init(
            &desc, how, dnnl_eltwise_tanh, way, &d->x, NULL, &d->w, &d->u,
            &d->bias, &d->y, &d->state, dnnl_rnn_flags_undef, 0.0f, 0.0f));
    else if (s->kind == LSTM)
        check(dnnl_lstm_forward_desc_init(
            &desc, how, way, &d->x, NULL, NULL, &d->w, &d->u, &d->bias, &d->y,
            &d->state, &d->state, dnnl_rnn_flags_undef));
    else
        check(dnnl_lbr_gru_forward_desc_init(&desc, how, way, &d->x, NULL,
                                             &d->w, &d->u, &d->bias, &d->y,
                                             &d->state, dnnl_rnn_flags_undef));
    check(dnnl_primitive_desc_create(&made, &desc, NULL, engine, NULL));
    return made;
}

static void give(struct peer *peer, int which, dnnl_memory_t what)
{
    peer->args[peer->arg_count++] = (dnnl_exec_arg_t){which, what};
}

/* Keras' GRU has biases for the input and for the recurrent product; those of
 * the first two gates are added, the last is apart. */
static float *gru_bias(const float *bias, size_t units)
{
    float *made = calloc(4 * units, sizeof(*made));

    for (size_t i = 0; i < 2 * units; i++)
        made[i] = bias[i] + bias[3 * units + i];
    for (size_t i = 0; i < units; i++) {
        made[2 * units + i] = bias[2 * units + i];
        made[3 * units + i] = bias[5 * units + i];
    }
    return made;
}

static float *transposed(const char *path, const struct shape *s)
{
    const size_t d = (size_t)s->inputs, b = (size_t)s->batch;
    const size_t t = (size_t)s->timesteps;
    size_t size;
    float *all = worker_read(path, "", &size);
    float *made = calloc(t * b * d, sizeof(*made));

    for (size_t i = 0; i < t * b; i++)
        memcpy(made + i * d, all + (i % b * WORKER_STRIDE + i / b) * d, d * 4);
    free(all);
    return made;
}

static void prepare(struct peer *peer, const struct worker_case *wanted,
                    float *weights)
{
    const struct shape *s = &peer->shape;
    const size_t columns = (size_t)(s->gates * s->units);
    struct descs plain = describe_all(s, false), any = describe_all(s, true);
    dnnl_primitive_desc_t desc = describe_cell(s, &any);
    float *u = weights + (size_t)s->inputs * columns;
    float *bias = u + (size_t)s->units * columns;
    void *last;

    if (s->kind == GRU)
        bias = gru_bias(bias, (size_t)s->units);
    give(peer, DNNL_ARG_SRC_LAYER,
         memory(&plain.x, transposed(wanted->numbers, s)));
    give(peer, DNNL_ARG_WEIGHTS_LAYER,
         reordered(
             memory(&plain.w, weights),
             dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0)));
    give(peer, DNNL_ARG_WEIGHTS_ITER,
         reordered(memory(&plain.u, u), dnnl_primitive_desc_query_md(
                                            desc, dnnl_query_weights_md, 1)));
    give(peer, DNNL_ARG_BIAS, memory(&plain.bias, bias));
    give(peer, DNNL_ARG_DST_LAYER, memory(&plain.y, NULL));
    dnnl_memory_t state = memory(&plain.state, NULL);
    give(peer, DNNL_ARG_DST_ITER, state);
    if (s->kind == LSTM)
        give(peer, DNNL_ARG_DST_ITER_C, memory(&plain.state, NULL));
    check(dnnl_memory_get_data_handle(state, &last));
    peer->last = last;
    check(dnnl_primitive_create(&peer->primitive, desc));
}

static bool read_shape(const struct worker_case *wanted, struct shape *s)
{
    static const char *const names[] = {"SimpleRNN", "LSTM", "GRU"};
    static const int64_t gates[] = {1, 4, 3}, bias_gates[] = {1, 4, 4};
    const char *name = strrchr(wanted->model, '/');
    char cell[32];
    long d, m;

    if (!name || sscanf(name + 1, "%31[^-]-%ld-%ld", cell, &d, &m) != 3)
        return false;
    for (int k = 0; k < 3; k++)
        if (strcmp(cell, names[k]) == 0) {
            *s = (struct shape){(enum kind)k,
                                d,
                                m,
                                (int64_t)wanted->batch,
                                (int64_t)wanted->timesteps,
                                gates[k],
                                bias_gates[k]};
            return true;
        }
    return false;
}

static void *make(const struct worker_case *wanted, const char **why)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    size_t size;

    if (!peer || !read_shape(wanted, &peer->shape)) {
        *why = "the model's name says no cell and shape";
        return NULL;
    }
    prepare(peer, wanted, worker_read(wanted->model, ".bin", &size));
    return peer;
}

static void run(void *made)
{
    struct peer *peer = made;

    check(dnnl_primitive_execute(peer->primitive, stream, peer->arg_count,
                                 peer->args));
    check(dnnl_stream_wait(stream));
}

static const float *outputs_of(void *made, size_t *count)
{
    struct peer *peer = made;

    *count = (size_t)peer->shape.units;
    return peer->last + (peer->shape.batch - 1) * peer->shape.units;
}

int main(void)
{
    static const struct worker_engine peer = {make, run, outputs_of};

    check(dnnl_engine_create(&engine, dnnl_cpu, 0));
    check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    return worker_main(&peer);
}

#else

int main(void)
{
    fprintf(stderr, "libdnnl-dev was not there\n");
    return EXIT_FAILURE;
}

#endif
