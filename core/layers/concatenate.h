/* concatenate.h: along which axis a Concatenate works, for its mask. */
#ifndef CORE_LAYERS_CONCATENATE_H
#define CORE_LAYERS_CONCATENATE_H

#include <stddef.h>

#include "core/layers/layer.h"

/* Of the output of a connected node, without batch. */
size_t concatenate_axis(const struct node *node);

/* As the file has it: from the batch, or from the end. */
long concatenate_given_axis(const struct layer *layer);

#endif
