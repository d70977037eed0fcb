/* two_models.h: a registry of two models, in the place of the real one.
 *
 * Include it in exactly one file of a test program: it DEFINES the functions
 * of server/model_registry.c that count and number models, over `models`,
 * which the file fills (or defines with its values).  No model has a name
 * that is found.
 */
#ifndef TESTS_SUPPORT_TWO_MODELS_H
#define TESTS_SUPPORT_TWO_MODELS_H

#include <stddef.h>

#include "server/model_registry.h"

static struct served_model models[2];

size_t model_registry_count(const struct model_registry *registry)
{
    (void)registry;
    return sizeof(models) / sizeof(models[0]);
}

const struct served_model *model_registry_at(
    const struct model_registry *registry, size_t index)
{
    (void)registry;
    return &models[index];
}

const struct served_model *model_registry_find(
    const struct model_registry *registry, const char *name)
{
    (void)registry;
    (void)name;
    return NULL;
}

#endif
