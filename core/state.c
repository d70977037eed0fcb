#include "core/state.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/layers/loaded.h"
#include "core/tensor.h"

size_t rnn_state_size(const struct rnn_model *model)
{
    return model->plan.state_bytes;
}

void rnn_state_zero(const struct rnn_model *model, struct rnn_state *state)
{
    /* +0.0, 0 and an empty fold are all made of zero bytes. */
    if (model->plan.state_bytes)
        memset(state, 0, model->plan.state_bytes);
}

void rnn_state_copy(const struct rnn_model *model, struct rnn_state *to,
                    const struct rnn_state *from)
{
    if (model->plan.state_bytes)
        memcpy(to, from, model->plan.state_bytes);
}

static bool is_finite(const struct rnn_state_entry *entry,
                      const unsigned char *bytes, size_t size)
{
    switch (entry->dtype) {
    case RNN_F32:
        return rnn_all_finite((const float *)(const void *)bytes,
                              size / sizeof(float));
    case RNN_F64:
        for (size_t i = 0; i < size / sizeof(double); i++) {
            double number;

            memcpy(&number, bytes + i * sizeof(number), sizeof(number));
            if (!isfinite(number))
                return false;
        }
        return true;
    case RNN_I64:
        for (size_t i = 0; i < size / sizeof(int64_t); i++) {
            int64_t number;

            memcpy(&number, bytes + i * sizeof(number), sizeof(number));
            if (number < 0)
                return false;
        }
        return true;
    }
    return false;
}

bool rnn_state_is_finite(const struct rnn_model *model,
                         const struct rnn_state *state)
{
    const unsigned char *bytes = (const unsigned char *)state;

    for (const struct state_slot *slot = model->plan.state; slot;
         slot = slot->next)
        if (!is_finite(&slot->entry, bytes + slot->entry.offset, slot->bytes))
            return false;
    return true;
}
