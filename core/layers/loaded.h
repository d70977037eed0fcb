/* loaded.h: the inside of `struct rnn_model`, for core/ alone.
 *
 * Threads  Written while it is loaded, afterwards only read.
 */
#ifndef CORE_LAYERS_LOADED_H
#define CORE_LAYERS_LOADED_H

#include "core/arena.h"
#include "core/layers/plan.h"
#include "core/model.h"

struct rnn_model {
    struct arena arena; /* holds everything, this struct too */
    struct plan plan;
    struct rnn_model_info info;
};

#endif
