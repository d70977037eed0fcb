#include <string.h>

#include "server/routes/predict.h"

/* No number, with its share of brackets and commas, is longer. */
#define NUMBER_BYTES ((size_t)48)
#define NULL_BYTES   ((size_t)5)
#define FRAME_BYTES  ((size_t)256)

/* A kept reply: this, then X-Shape, then the body. */
struct kept {
    uint64_t step, window_filled;
    uint16_t status;
    uint8_t media, shape_length;
    bool has_window, has_body;
};

size_t predict_kept_bytes(const struct predict *p)
{
    const struct rnn_model_info *info = p->model->info;
    bool is_window = p->base->plan.mode == SESSION_WINDOW;
    size_t timesteps =
        is_window ? p->base->plan.window : p->sequences[0].timesteps;
    size_t entries =
        is_window && p->body.every_step ? p->sequences[0].timesteps : 1;
    size_t bytes = sizeof(struct kept) + FRAME_BYTES + SESSION_ID_SIZE +
                   entries * NULL_BYTES;

    for (size_t o = 0; o < info->output_count; o++) {
        size_t shape[RNN_MAX_RANK];
        size_t size = entries;
        size_t rank =
            rnn_output_shape(p->model->model, o, timesteps,
                             p->body.every_step && !is_window, shape);

        for (size_t a = 0; a < rank; a++)
            size *= shape[a];
        bytes += size * NUMBER_BYTES + 6 * strlen(info->outputs[o].name);
    }
    return bytes;
}

const void *predict_pack(const struct predict *p, size_t *length)
{
    const struct predict_reply *reply = &p->reply;
    size_t shape_length = strlen(reply->shape);
    size_t bytes = sizeof(struct kept) + shape_length + reply->length;
    struct kept kept;
    unsigned char *packed;

    *length = bytes;
    if (bytes > SESSION_REPLY_BYTES)
        return "";
    memset(&kept, 0, sizeof(kept)); /* no stray byte in its gaps */
    kept.step = reply->step;
    kept.window_filled = reply->window_filled;
    kept.status = (uint16_t)reply->status;
    kept.media = (uint8_t)reply->media;
    kept.shape_length = (uint8_t)shape_length;
    kept.has_window = reply->has_window;
    kept.has_body = reply->body != NULL;
    packed = arena_alloc(p->request->arena, bytes, 1, 8);
    if (!packed)
        return NULL;
    memcpy(packed, &kept, sizeof(kept));
    memcpy(packed + sizeof(kept), reply->shape, shape_length);
    if (reply->body)
        memcpy(packed + sizeof(kept) + shape_length, reply->body,
               reply->length);
    return packed;
}

bool predict_unpack(struct predict *p, const struct session_call *call,
                    struct problem *problem)
{
    const unsigned char *text = call->bytes + sizeof(struct kept);
    struct arena *arena = p->request->arena;
    size_t length;
    struct kept kept = {.status = 0};
    char *shape, *body;

    /* It may have come from a store. */
    if (call->reply_length >= sizeof(kept))
        memcpy(&kept, call->bytes, sizeof(kept));
    if (call->reply_length < sizeof(kept) + kept.shape_length)
        return problem_set(problem, PROBLEM_INTERNAL,
                           "the kept reply of this call is damaged");
    length = call->reply_length - sizeof(kept) - kept.shape_length;
    shape = arena_copy_text(arena, (const char *)text, kept.shape_length);
    body =
        arena_copy_text(arena, (const char *)text + kept.shape_length, length);
    if (!shape || !body)
        return predict_no_memory(problem);
    p->reply =
        (struct predict_reply){.status = kept.status,
                               .media = (enum http_media)kept.media,
                               .body = kept.has_body ? body : NULL,
                               .length = length,
                               .shape = shape,
                               .has_session = true,
                               .step = kept.step,
                               .has_window = kept.has_window,
                               .window_filled = (size_t)kept.window_filled};
    return true;
}
