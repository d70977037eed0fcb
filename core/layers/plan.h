/* plan.h: the checked graph that a model's architecture becomes.
 *
 * A plan is a list of nodes in the order in which they run.  A node is one
 * call of a layer: it reads values and makes values.  Shapes are known but
 * for batch and time.  While it is built, whoever reads the architecture
 * (core/format) calls plan_add_input(), plan_add_layer() and plan_call() in
 * an order that is topological by nature: a value must be there before
 * somebody can name it.
 *
 * Time     A value with time has one item for each timestep.  A value without
 *          has one for the whole sequence, made by its last timestep, or one
 *          for each timestep when the caller wants every step.  Each input
 *          with time has a clock: the number of its timesteps; a value has
 *          that of the input which it comes from.  Layers that join two
 *          values in time make one clock of two.  A value may have timesteps
 *          of its own: a fixed number of them, or as many as follow from
 *          those of its clock (pace.h).  What puts two sequences one after
 *          the other has a clock that is the sum of theirs.
 * Whole    A node may need the whole sequence at once.  Then the plan does
 *          not stream, and a chunk is the whole sequence.
 * Bare     A value may have no axis: one number of a sequence, which only some
 *          classes take (layer.h).
 * Mask     A value may have a mask: another value, with the same time and a
 *          number for each item, 0 where Keras masks it (core/layers/mask.h).
 * State    What a node keeps of a sequence: named slots.  A caller's state
 *          packs them without gaps; at work each slot begins on 64 bytes and
 *          is padded to 64, so that whole vectors may be written.
 * Scratch  The items of a value lie `stride` floats apart in a buffer that is
 *          given to another value when its last reader has run.
 * Memory   Everything lives in the model's arena.
 */
#ifndef CORE_LAYERS_PLAN_H
#define CORE_LAYERS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/format/weights.h"
#include "core/infer.h"
#include "core/layers/call.h"
#include "core/layers/pace.h"
#include "core/model.h"
#include "core/tensor.h"

#define PLAN_MAX_INPUTS 64 /* of one node */
/* Calls of all layers: models inside models that are called several times
 * multiply. */
#define PLAN_MAX_NODES ((size_t)20000)
#define PLAN_ALIGN     ((size_t)64)
/* strides are multiples of so many floats */
#define PLAN_FLOATS (PLAN_ALIGN / sizeof(float))

struct layer;
struct node;
struct scores;
struct rnn_json;

/* Timesteps of a sequence that is part of another one. */
struct clock_part {
    struct clock *clock;
    const struct pace *pace; /* NULL: as many as the clock says */
    struct clock_part *next;
};

struct clock {
    struct clock *same; /* as this one; NULL: it stands for itself */
    size_t input;       /* of the model: whose timesteps it counts */
    const struct clock_part *parts; /* NULL, or it is their sum, and `more`;
                                       `input` is that of the first */
    size_t more;
    uint64_t cost;      /* multiply-adds of a timestep, of a sum */
    struct clock *next; /* of the plan's sums */
    size_t least;       /* timesteps that a layer needs; 0: any */
    const struct layer *least_layer;
};

struct value {
    struct rnn_shape shape; /* dim[0] is time if has_time */
    bool has_time;
    size_t features;     /* floats of one item */
    size_t stride;       /* floats from one item to the next; of an input: the
                            features: it is read where the caller has it */
    size_t index;        /* among all values */
    struct clock *clock; /* with time: its timesteps; NULL: fixed ones */
    size_t fixed_steps;  /* its timesteps; 0: those of its clock */
    struct pace *pace;   /* NULL, or its timesteps follow from those */
    bool is_input;
    size_t input;        /* which */
    struct value *alias; /* the value whose memory this one shares */
    struct value *mask;  /* where its items do not count; NULL: all do */
    const struct scores *scores; /* how it is made when it is wanted, since it
                                    is as wide as there are timesteps; NULL */
    struct value *turned;        /* what it is with its axes exchanged; NULL */
    struct value *later;    /* what calls from now on see in its place; NULL */
    bool mask_is_given;     /* by the call that reads it, as its keyword */
    struct value *own_mask; /* then the one that it has without that */
    bool is_sum;            /* its clock is one */
    size_t last_reader;     /* index of the last node that reads it */
    size_t slot;            /* its buffer */
    size_t place; /* floats, times items, from the start of all buffers; of
                     an input, from the start of the gathered inputs */
    struct value *next;
};

struct state_slot {
    struct rnn_state_entry entry;
    size_t bytes;       /* in a caller's state, at entry.offset */
    size_t work_offset; /* bytes; at work */
    struct state_slot *next;
};

struct node {
    const struct layer *layer;
    size_t call; /* 0, 1, ... of its layer */
    size_t index;
    struct value **inputs; /* [input_count] */
    size_t input_count;
    struct value **outputs; /* [output_count] */
    size_t output_count;
    struct value *mask;        /* that it makes beside its outputs; NULL */
    bool mask_is_any;          /* where one of its inputs' masks is, not all */
    bool has_time;             /* runs at each timestep: an input has time */
    bool whole;                /* needs all timesteps at once */
    const char *whole_because; /* what else there is to say about it; NULL */
    size_t state_bytes;
    uint64_t cost;            /* multiply-adds of one item */
    uint64_t square_cost;     /* and of one with each timestep */
    void *own;                /* what the layer keeps about this call */
    const struct call *given; /* its arguments, while it is connected */
    struct node *next;
};

struct plan_output {
    struct value *value;
    const char *name;
};

/* Where everything lies in the scratch, in bytes from its start (layout.h). */
struct plan_layout {
    size_t views, ending, sequences, states, cell_rows;
    size_t work;    /* states at work */
    size_t slots;   /* values; item i of one begins at place * items */
    size_t items;   /* that there is room for */
    size_t inputs;  /* gathered inputs; only with several rows */
    size_t scratch; /* of the node that runs */
    size_t total;
};

struct plan {
    struct node *nodes;
    struct value *values;
    struct layer *layers;
    struct state_slot *state;
    struct rnn_io *inputs;
    struct plan_output *outputs; /* [output_count] */
    size_t node_count, value_count, layer_count, state_count;
    size_t input_count, output_count;

    size_t state_bytes; /* of a caller's state */
    size_t work_bytes;  /* of one at work */
    bool has_time;      /* an input has time */
    bool whole;         /* a node needs the whole sequence */
    size_t most_steps;  /* the largest fixed_steps */
    struct pace *paces; /* of all values that have one, each once */
    struct clock *sums;
    size_t least_steps;              /* of a sequence: at least 1 */
    const struct layer *least_layer; /* which needs them; NULL */
    bool streams;
    const char *cannot_stream_because;

    size_t *slot_strides; /* [slot_count] floats for each item */
    size_t slot_count;
    size_t slots_stride;      /* of all of them */
    size_t input_stride;      /* floats of an item of all inputs together */
    size_t block_rows;        /* sequences that run together */
    size_t chunk_items;       /* of all of them together (layout.h) */
    uint64_t timed_cost;      /* multiply-adds of a timestep */
    uint64_t square_cost;     /* of a timestep with each other */
    uint64_t untimed_cost;    /* and of an end */
    struct plan_layout ahead; /* of one short sequence; total 0: not known */
};

/* What is around while a plan grows. */
struct plan_builder {
    struct plan *plan;
    struct arena *arena; /* the model's */
    struct weights *weights;
    unsigned keras_major; /* 0: unknown */
    unsigned keras_minor;
    const char *dtype;  /* of the layers in Keras; NULL: none has said */
    bool dtypes_differ; /* of two of them */
    enum rnn_isa isa;   /* AUTO, or one that is there */
    size_t depth;       /* models around the one that is read */
    size_t calls;       /* of all layers, in plans within this one too */
    struct value **last_value;
    struct node **last_node;
    struct layer **last_layer;
    struct state_slot **last_state;
};

void plan_begin(struct plan_builder *builder, struct plan *plan,
                struct arena *arena, struct weights *weights);

/* Room for this many inputs and outputs of the model. */
RNN_CHECKED enum rnn_status plan_reserve(struct plan_builder *builder,
                                         size_t inputs, size_t outputs,
                                         struct rnn_error *err);

/* The model's next input.  `shape` is without batch; with two axes or more
 * the first is time. */
RNN_CHECKED enum rnn_status plan_add_input(struct plan_builder *builder,
                                           const char *name,
                                           const struct rnn_shape *shape,
                                           struct value **value,
                                           struct rnn_error *err);
void plan_add_output(struct plan_builder *builder, struct value *value,
                     const char *name);

/* The layer that `description` ({"class_name", "config", ...}) describes;
 * its tensors are called `<prefix><name>/...`.
 *
 * UNSUPPORTED  class, field or value that this version cannot run
 * BAD_MODEL    a description that is none
 */
RNN_CHECKED enum rnn_status plan_add_layer(struct plan_builder *builder,
                                           const struct rnn_json *description,
                                           const char *prefix,
                                           struct layer **layer,
                                           struct rnn_error *err);

/* A model that is a layer of another: a line in the list of layers before
 * those inside it.  It is never called itself. */
RNN_CHECKED enum rnn_status plan_add_model(
    struct plan_builder *builder, const char *class_name, const char *name,
    const char *prefix, struct layer **layer, struct rnn_error *err);

/* The layer inside a wrapper, called `<wrapper>/<name>`.  It is no line in
 * the list of layers; its parameters count as the wrapper's. */
RNN_CHECKED enum rnn_status plan_add_inner(struct plan_builder *builder,
                                           const struct rnn_json *description,
                                           struct layer *wrapper,
                                           const char *name,
                                           struct layer **layer,
                                           struct rnn_error *err);

/* Call `layer` on `inputs`; `*node` has its outputs. */
RNN_CHECKED enum rnn_status plan_call(struct plan_builder *builder,
                                      struct layer *layer,
                                      struct value *const *inputs,
                                      size_t input_count, struct node **node,
                                      struct rnn_error *err);

/* The same with arguments that are not just tensors by position. */
RNN_CHECKED enum rnn_status plan_call_with(struct plan_builder *builder,
                                           struct layer *layer,
                                           const struct call *given,
                                           struct node **node,
                                           struct rnn_error *err);

/* What has no axis at all is for who takes it.  A sequence without an axis of
 * features is one of ids, or of numbers for whoever says that it takes them.
 * To all others its timesteps are features, if their number is known: a
 * Flatten before `layer` makes them so.
 *
 * UNSUPPORTED  their number is not known; there is no axis
 */
RNN_CHECKED enum rnn_status plan_flatten_plain(struct plan_builder *builder,
                                               struct layer *layer,
                                               struct call *given,
                                               struct rnn_error *err);

/* Input `x` of the model has one axis: it counts timesteps after all, each of
 * one number.  Inputs behind it move up.  Nobody has read it yet. */
void plan_become_time(struct plan *plan, struct value *x);

/* A layer reads ids from `x`: an input [T] of ids counts timesteps where
 * nothing speaks against it. */
void plan_read_ids(struct plan *plan, struct value *x);

/* Check the whole and settle where everything lies. */
RNN_CHECKED enum rnn_status plan_finish(struct plan_builder *builder,
                                        struct rnn_error *err);

/* The same for a plan within another one, whose layers take weights from the
 * same file: what is left of them is not looked at. */
RNN_CHECKED enum rnn_status plan_settle(struct plan_builder *builder,
                                        struct rnn_error *err);

/* ---- for layers, while a node is connected -------------------------------*/

/* Out of memory, as a status. */
enum rnn_status plan_no_memory(const struct layer *layer,
                               struct rnn_error *err);

/* This node needs the whole sequence. */
void plan_need_whole(struct node *node);

/* Have two values with time the same number of timesteps?  When that is not
 * known of two inputs, it is asked of whoever gives them. */
bool plan_same_time(const struct value *a, const struct value *b);

/* Is `a`, known to be of one timestep, repeated beside `b`? */
static inline bool plan_is_repeated(const struct value *a,
                                    const struct value *b)
{
    return a->shape.dim[0] == 1 && b->shape.dim[0] != 1;
}

/* The clock that stands for all that are the same. */
struct clock *plan_clock(struct clock *clock);

/* This many outputs instead of one. */
RNN_CHECKED enum rnn_status plan_reserve_outputs(struct plan_builder *builder,
                                                 struct node *node,
                                                 size_t count,
                                                 struct rnn_error *err);

/* Output number `index` of `node`.  Its time is that of the first input that
 * has one, unless plan_fix_steps() says another. */
RNN_CHECKED enum rnn_status plan_make_output(struct plan_builder *builder,
                                             struct node *node, size_t index,
                                             const struct rnn_shape *shape,
                                             bool has_time,
                                             struct rnn_error *err);

/* Output `index` has `steps` timesteps, whatever the input has. */
void plan_fix_steps(struct plan_builder *builder, struct node *node,
                    size_t index, size_t steps);

/* `x`, with time, has `least` timesteps or more: shorter sequences are refused
 * before anything runs.
 *
 * BAD_MODEL    they are known to be fewer
 * UNSUPPORTED  the numbers do not fit
 */
RNN_CHECKED enum rnn_status plan_need_steps(const struct node *node,
                                            const struct value *x,
                                            size_t least,
                                            struct rnn_error *err);

/* Output `index` has as many timesteps as follow from those of the first
 * input with time: `change` (up, add, down) after its own.
 *
 * BAD_MODEL    the layer's input is known to be too short
 * UNSUPPORTED  the numbers do not fit
 */
RNN_CHECKED enum rnn_status plan_change_steps(struct plan_builder *builder,
                                              struct node *node, size_t index,
                                              const struct pace *change,
                                              struct rnn_error *err);

/* Output `index` has the timesteps of `like`, which need not be the first
 * input with time. */
void plan_take_steps(struct node *node, size_t index,
                     const struct value *like);

/* The same after those of `x`, any of the inputs with time. */
RNN_CHECKED enum rnn_status plan_change_steps_of(
    struct plan_builder *builder, struct node *node, size_t index,
    const struct value *x, const struct pace *change, struct rnn_error *err);

/* Output `index` has the timesteps of all inputs of `node`, with time, one
 * after the other, which are those of several clocks. */
RNN_CHECKED enum rnn_status plan_sum_steps(struct plan_builder *builder,
                                           struct node *node, size_t index,
                                           struct rnn_error *err);

/* Output `index` is `value` itself. */
RNN_CHECKED enum rnn_status plan_pass(struct plan_builder *builder,
                                      struct node *node, size_t index,
                                      struct value *value,
                                      struct rnn_error *err);

/* Output 0 is input 0 itself. */
RNN_CHECKED enum rnn_status plan_pass_input(struct plan_builder *builder,
                                            struct node *node,
                                            struct rnn_error *err);

/* node->mask, a mask of items like those of `value`. */
RNN_CHECKED enum rnn_status plan_make_mask(struct plan_builder *builder,
                                           struct node *node,
                                           const struct value *value,
                                           struct rnn_error *err);

/* `value` under another name, with this mask or, NULL, without one; NULL when
 * memory is out. */
struct value *plan_with_mask(struct plan_builder *builder, struct value *value,
                             struct value *mask);

/* Keep `units` floats called `<layer>/<name>`; `*work_offset` is where they
 * lie in a state at work. */
RNN_CHECKED enum rnn_status plan_keep_floats(struct plan_builder *builder,
                                             struct node *node,
                                             const char *name, size_t units,
                                             size_t *work_offset,
                                             struct rnn_error *err);

/* The same for numbers of another kind. */
RNN_CHECKED enum rnn_status plan_keep(struct plan_builder *builder,
                                      struct node *node, const char *name,
                                      const struct rnn_state_entry *entry,
                                      size_t *work_offset,
                                      struct rnn_error *err);

/* Timesteps of a value with time when the model's input has `timesteps`. */
static inline size_t plan_steps(const struct value *value, size_t timesteps)
{
    if (value->fixed_steps)
        return value->fixed_steps;
    return value->pace ? pace_steps(value->pace, timesteps) : timesteps;
}

/* Timesteps of a clock, where each input has as many as `inputs` says or,
 * NULL, `timesteps`. */
size_t plan_clock_steps(struct clock *clock, const size_t *inputs,
                        size_t timesteps);

/* Timesteps of the value that has most, or of the model's input. */
size_t plan_most_steps(const struct plan *plan, size_t timesteps);

/* sum + cost * steps; UINT64_MAX when that does not fit. */
uint64_t plan_add_cost(uint64_t sum, uint64_t cost, size_t steps);

/* Multiply-adds of a sequence of `timesteps`; saturates at UINT64_MAX. */
uint64_t plan_cost(const struct plan *plan, size_t timesteps);

/* a + b * c; SIZE_MAX when that does not fit. */
size_t plan_sum(size_t a, size_t b, size_t c);

/* `floats` rounded up to a stride; SIZE_MAX when that does not fit. */
size_t plan_stride(size_t floats);

#endif
