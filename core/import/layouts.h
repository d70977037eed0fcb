/* layouts.h: where each generation of Keras puts the weights.
 *
 * Both fill the list with every weight of the inventory, in its order, and
 * both refuse a weight that is missing and one that belongs to no layer.
 */
#ifndef CORE_IMPORT_LAYOUTS_H
#define CORE_IMPORT_LAYOUTS_H

#include "core/import/weight.h"

/* model.weights.h5 of a .keras file: groups named after the class and
 * numbered in the order of the architecture (layout_keras.c). */
RNN_CHECKED enum rnn_status layout_keras(hid_t file,
                                         struct rnn_inventory *inventory,
                                         struct weight_list *list,
                                         struct rnn_error *err);

/* .h5: groups named after the layer, each with the list of its weights
 * (layout_h5.c). */
RNN_CHECKED enum rnn_status layout_h5(hid_t file,
                                      struct rnn_inventory *inventory,
                                      struct weight_list *list,
                                      struct rnn_error *err);

#endif
