/* The order in which a Functional model's calls run.
 *
 * Any that is topological gives the same numbers but for one thing: in Keras
 * 3 a MultiHeadAttention takes the masks away from what it is called on, and
 * calls of the same tensors that run after it do not see them.  So there it
 * is Keras' own:
 *
 *     the calls in the order in which a search for what comes before them,
 * from the outputs on, has done with them, are walked from the end; each is
 * one deeper than the deepest call that reads it, and at least as deep as
 * other calls of its layer so far; the deepest run first, and of one depth
 * those that were met first
 *
 * Keras: keras/src/ops/function.py, map_graph() and _run_through_graph()
 */
#include <stdlib.h>
#include <string.h>

#include "core/format/graph.h"
#include "core/layers/layer.h"

static size_t node_of(const struct graph *graph, const struct graph_ref *ref)
{
    return graph->layers[ref->layer].first_node + ref->node;
}

/* What has to run before `node`: the layer's call before, so that the calls
 * of a layer stay in order, and what it is called on.  SIZE_MAX: nothing. */
static size_t dependency(const struct graph *graph, size_t node, size_t index)
{
    const struct graph_node *it = &graph->nodes[node];

    if (!index)
        return node > graph->layers[it->layer].first_node ? node - 1
                                                          : SIZE_MAX;
    return node_of(graph, &it->refs[index - 1]);
}

/* Where the search stands: `next` dependencies of a node are done. */
struct visit {
    size_t next, below; /* below: the node that waits for this one */
    enum { NEW, WAITING, DONE } state;
};

static enum rnn_status order_from(const struct graph *graph,
                                  struct visit *visits, size_t start,
                                  size_t *order, size_t *ordered,
                                  struct rnn_error *err)
{
    size_t node = start;

    visits[start].below = SIZE_MAX;
    while (node != SIZE_MAX) {
        struct visit *visit = &visits[node];
        size_t before;

        visit->state = WAITING;
        if (visit->next > graph->nodes[node].ref_count) {
            visit->state = DONE;
            order[(*ordered)++] = node;
            node = visit->below;
            continue;
        }
        before = dependency(graph, node, visit->next++);
        if (before == SIZE_MAX || visits[before].state == DONE)
            continue;
        if (visits[before].state == WAITING)
            return rnn_fail(err, RNN_BAD_MODEL,
                            "layer \"%.100s\" waits for its own output",
                            graph->layers[graph->nodes[node].layer].name);
        visits[before].below = node;
        node = before;
    }
    return RNN_OK;
}

/* A topological order that keeps the file's own where that is one. */
static enum rnn_status order_as_file(const struct graph *graph,
                                     struct visit *visits, size_t *order,
                                     struct rnn_error *err)
{
    size_t ordered = 0;
    enum rnn_status status = RNN_OK;

    for (size_t i = 0; i < graph->node_count && !status; i++)
        if (visits[i].state == NEW)
            status = order_from(graph, visits, i, order, &ordered, err);
    return status;
}

/* ---- Keras 3 -------------------------------------------------------------*/

/* A call on its way to its place. */
struct place {
    size_t node;
    size_t *before, before_count; /* nodes, in the order of Keras */
    size_t next;                  /* of these, in the search */
    size_t below;                 /* the node that waits for this one */
    bool found, met;
    size_t depth, turn; /* the how manieth it was met */
};

static int by_keyword(const void *a, const void *b)
{
    const struct call_argument *left = a, *right = b;

    return strcmp(left->keyword, right->keyword);
}

/* What a call is given: by position, then by keywords, which are sorted. */
static enum rnn_status find_before(struct plan_builder *builder,
                                   const struct graph *graph,
                                   struct place *place, struct rnn_error *err)
{
    const struct graph_node *node = &graph->nodes[place->node];
    size_t count = node->argument_count, first = 0;
    struct call_argument *sorted =
        graph_zalloc(builder, count, sizeof(*sorted));

    place->before =
        graph_zalloc(builder, node->ref_count, sizeof(place->before[0]));
    if (!sorted || !place->before)
        return graph_no_memory(graph->name, err);
    if (count)
        memcpy(sorted, node->arguments, count * sizeof(*sorted));
    while (first < count && !sorted[first].keyword)
        first++;
    qsort(sorted + first, count - first, sizeof(*sorted), by_keyword);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sorted[i].count; k++)
            place->before[place->before_count++] =
                node_of(graph, &node->refs[sorted[i].first + k]);
    for (size_t i = 0; !count && i < node->ref_count; i++)
        place->before[place->before_count++] = node_of(graph, &node->refs[i]);
    return RNN_OK;
}

/* Put what comes before `start`, and then itself, behind what has been done;
 * there is no cycle. */
static void search_from(struct place *places, size_t start, size_t *done,
                        size_t *done_count)
{
    size_t node = start;

    if (places[start].found)
        return;
    places[start].below = SIZE_MAX;
    places[start].found = true;
    while (node != SIZE_MAX) {
        struct place *place = &places[node];
        size_t before;

        if (place->next == place->before_count) {
            done[(*done_count)++] = node;
            node = place->below;
            continue;
        }
        before = place->before[place->next++];
        if (places[before].found)
            continue;
        places[before].found = true;
        places[before].below = node;
        node = before;
    }
}

static void meet(struct place *place, size_t depth, size_t *turn)
{
    if (!place->met)
        place->turn = (*turn)++;
    place->met = true;
    if (place->depth < depth)
        place->depth = depth;
}

/* `deepest` holds a number for each layer. */
static void find_depths(const struct graph *graph, struct place *places,
                        const size_t *done, size_t done_count, size_t *deepest)
{
    size_t turn = 0;

    for (size_t i = done_count; i > 0; i--) {
        struct place *place = &places[done[i - 1]];
        size_t *layer = &deepest[graph->nodes[place->node].layer];

        meet(place, *layer, &turn);
        *layer = place->depth;
        for (size_t k = 0; k < place->before_count; k++)
            meet(&places[place->before[k]], place->depth + 1, &turn);
    }
}

/* Those that no output asks for come last. */
static int by_depth(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (left->met != right->met)
        return left->met ? -1 : 1;
    if (left->depth != right->depth)
        return left->depth > right->depth ? -1 : 1;
    if (left->turn != right->turn)
        return left->turn < right->turn ? -1 : 1;
    return left->node < right->node ? -1 : left->node > right->node;
}

/* Is everything there when a call needs it? */
static bool can_run(const struct graph *graph, const size_t *order, bool *done)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[order[i]];

        for (size_t r = 0; r < node->ref_count; r++)
            if (!done[node_of(graph, &node->refs[r])])
                return false;
        done[order[i]] = true;
    }
    return true;
}

static enum rnn_status order_as_keras_3(struct plan_builder *builder,
                                        const struct graph *graph,
                                        size_t *order, struct rnn_error *err)
{
    size_t count = graph->node_count, done_count = 0;
    struct place *places = graph_zalloc(builder, count, sizeof(*places));
    size_t *done = graph_zalloc(builder, count, sizeof(*done));
    size_t *deepest =
        graph_zalloc(builder, graph->layer_count, sizeof(*deepest));
    enum rnn_status status = RNN_OK;

    if (!places || !done || !deepest)
        return graph_no_memory(graph->name, err);
    for (size_t i = 0; i < count && !status; i++) {
        places[i].node = i;
        status = find_before(builder, graph, &places[i], err);
    }
    if (status)
        return status;
    for (size_t i = 0; i < graph->output_count; i++)
        search_from(places, node_of(graph, &graph->outputs[i]), done,
                    &done_count);
    find_depths(graph, places, done, done_count, deepest);
    qsort(places, count, sizeof(*places), by_depth);
    for (size_t i = 0; i < count; i++)
        order[i] = places[i].node;
    return RNN_OK;
}

static bool takes_masks_away(const struct graph *graph)
{
    for (size_t i = 0; i < graph->layer_count; i++)
        if (graph->layers[i].layer &&
            graph->layers[i].layer->class == &layer_multi_head_attention)
            return graph->keras_3;
    return false;
}

enum rnn_status functional_order(struct plan_builder *builder,
                                 struct graph *graph, struct rnn_error *err)
{
    size_t count = graph->node_count;
    struct visit *visits = graph_zalloc(builder, count, sizeof(*visits));
    size_t *order = graph_zalloc(builder, count, sizeof(*order));
    bool *done = graph_zalloc(builder, count, sizeof(*done));
    enum rnn_status status;

    if (!visits || !order || !done)
        return graph_no_memory(graph->name, err);
    status = order_as_file(graph, visits, graph->order, err);
    if (status || !takes_masks_away(graph))
        return status;
    status = order_as_keras_3(builder, graph, order, err);
    if (!status && can_run(graph, order, done))
        graph->order = order;
    return status;
}
