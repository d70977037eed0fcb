/* model.h: a trained network, loaded once and afterwards only read.
 *
 * A model is weights and the order in which layers apply them.  It remembers
 * nothing about any sequence: that is `struct rnn_state` (state.h).  Keeping
 * the two apart is what lets every thread share one model without a lock.
 *
 * The bytes are a safetensors file whose __metadata__ holds the Keras
 * architecture (`keras_config`) and `keras_version`; tensors are named
 * `<layer path>/<weight>`.  rnn-import makes one from .keras and .h5.
 * Nothing in the bytes is trusted: every offset, size, shape and name is
 * checked, and what is not understood is refused by name.
 *
 * Ownership  rnn_model_load() gives the caller the model; rnn_model_free()
 *            takes it back.  What the questions below return lives as long.
 *            Weights are repacked: the bytes may go away after the load.
 * Threads    Between load and free, any function taking a
 *            `const struct rnn_model *` may be called from any thread.
 * Shapes     Row-major, last index fastest.  The batch axis is never named.
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/digest.h"
#include "core/isa.h"
#include "core/status.h"

/* The version of the numerics: it changes whenever any output bit may. */
#define RNN_NUMERICS 2

#define RNN_MAX_RANK 6
#define RNN_FREE     ((size_t)0) /* a dimension that the model leaves open */

struct rnn_model;

struct rnn_model_options {
    enum rnn_isa isa; /* RNN_ISA_AUTO: the best this CPU can run */
    /* The file that the bytes were imported from, if rnn-import made them for
     * rnnd: large tensors lie there.  NULL: all lie in the bytes. */
    const void *origin;
    size_t origin_size;
    /* NULL, or who has the fingerprint of these bytes when it is asked for,
     * at the end of the load: rnn_model_fingerprint() may have run on another
     * thread meanwhile. */
    enum rnn_status (*fingerprint)(void *arg,
                                   unsigned char digest[RNN_DIGEST_BYTES],
                                   struct rnn_error *err);
    void *arg;
};

/* One input or output of the model.
 *
 * Inputs with time may have different numbers of timesteps unless a layer
 * needs them equal: then they have one clock.  In a session all are equal. */
struct rnn_io {
    const char *name;
    size_t rank;                /* axes without the batch axis */
    size_t shape[RNN_MAX_RANK]; /* RNN_FREE where the model leaves it open */
    bool has_time;              /* shape[0] counts timesteps */
    size_t clock; /* with time: the first input with as many timesteps, or of
                     an output, the input whose timesteps it follows */
    size_t least_timesteps;    /* of an input: fewer are too few for a layer */
    const char *least_because; /* that layer's name; NULL */
    size_t features;   /* floats in one timestep, or in all without time; of an
                          output RNN_FREE where they follow from timesteps */
    size_t vocabulary; /* token ids: ids are 0 .. vocabulary-1; else 0 */
};

struct rnn_layer_info {
    const char *name;       /* "lstm_1" */
    const char *class_name; /* Keras' class, "LSTM" */
    size_t depth;           /* 0; 1 inside a nested model, and so on */
    size_t rank;            /* output shape without the batch axis */
    size_t shape[RNN_MAX_RANK];
    /* of a model that is a layer: those of all layers inside it, which have
     * lines of their own below */
    uint64_t parameters;
    bool streams; /* can take its timesteps in pieces */
    size_t state_bytes;
};

/* One named array inside a state, as it is exported: "lstm/h" [units]. */
struct rnn_state_entry {
    const char *name;
    enum { RNN_F32, RNN_F64, RNN_I64 } dtype;
    size_t rank;
    size_t shape[RNN_MAX_RANK];
    size_t offset; /* bytes from the start of the state */
};

struct rnn_model_info {
    const char *keras_version; /* "3.15.1"; "" when the file does not say */
    const char *format;        /* what it came from: "keras", "h5", ... */
    unsigned char fingerprint[RNN_DIGEST_BYTES]; /* of architecture, weights
                                                    and RNN_NUMERICS */
    const struct rnn_io *inputs;
    size_t input_count;
    const struct rnn_io *outputs;
    size_t output_count;
    size_t least_timesteps;    /* of all inputs; at least 1 */
    const char *least_because; /* that layer's name; NULL */
    const struct rnn_layer_info *layers;
    size_t layer_count;
    uint64_t parameters;
    uint64_t trainable_parameters;
    bool streams;                      /* `carry` sessions are possible */
    const char *cannot_stream_because; /* a sentence naming the layer; NULL */
    const struct rnn_state_entry *state_entries;
    size_t state_entry_count;
    size_t state_bytes;
    enum rnn_isa isa; /* what it runs on; never AUTO */
};

/* Load a model from `size` bytes of safetensors.
 *
 * On RNN_OK `*model` is set; on anything else it is left alone.
 *
 * BAD_MODEL    damaged, or layers, shapes and weights that do not fit
 * UNSUPPORTED  a layer, a field or an instruction set that is not there
 * NOT_FINITE   a weight is NaN or infinite
 * NO_MEMORY    the weights do not fit
 */
RNN_CHECKED enum rnn_status rnn_model_load(
    const void *bytes, size_t size, const struct rnn_model_options *options,
    struct rnn_model **model, struct rnn_error *err);

/* The fingerprint of the model in these bytes, which may be loaded at the same
 * time.  Of the options, which may be NULL, the origin counts.
 *
 * BAD_MODEL  no safetensors
 * NO_MEMORY
 */
RNN_CHECKED enum rnn_status rnn_model_fingerprint(
    const void *bytes, size_t size, const struct rnn_model_options *options,
    unsigned char fingerprint[RNN_DIGEST_BYTES], struct rnn_error *err);

/* Release the model and everything borrowed from it.  NULL is fine. */
void rnn_model_free(struct rnn_model *model);

const struct rnn_model_info *rnn_model_info(const struct rnn_model *model);

#endif
