/* product.c - see replay.h, products.def. */
#include "sim/diagnose/replay/replay.h"

#include <string.h>

static const struct sim_product products[] = {
#define PRODUCT(name, era, policy_set, source) {name, era, policy_set, source},
#include "sim/diagnose/replay/products.def"
#undef PRODUCT
};

const struct sim_product *sim_product_list(size_t *ret_n)
{
    *ret_n = CMN_ARRAY_SIZE(products);
    return products;
}

const struct sim_product *sim_product_find(const char *name)
{
    for (size_t i = 0; name && i < CMN_ARRAY_SIZE(products); i++)
        if (strcmp(products[i].name, name) == 0)
            return &products[i];
    return NULL;
}
