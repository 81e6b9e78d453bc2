/* load-guest.c - the guest: block of a scenario. */
#include "sim/scenario/read.h"

#include <stdlib.h>
#include <string.h>

int sim_guest_spec_default(struct sim_guest_spec *ret)
{
    *ret = (struct sim_guest_spec){
        .tee = SIM_TEE_SNP,
        .product = SNP_GENOA,
        .vcpus = 1,
        .memory_bytes = 256ull << 20,
        .policy = SNP_POLICY_SMT | SNP_POLICY_ONE,
        .report_version = 3,
        .retry_delay_ms = 1000,
    };
    ret->cmdline = strdup("quiet");
    return ret->cmdline ? 0 : -ENOMEM;
}

int sim_guest_spec_copy(const struct sim_guest_spec *from, struct sim_guest_spec *ret)
{
    char *cmdline = strdup(from->cmdline);

    if (!cmdline)
        return -ENOMEM;
    free(ret->cmdline);
    *ret = *from;
    ret->cmdline = cmdline;
    return 0;
}

static int policy_bit(struct sim_reader *r, const json_t *obj, const char *key, uint64_t bit,
                      uint64_t *policy)
{
    bool on = *policy & bit;
    int x = sim_read_bool(r, obj, key, &on);

    *policy = on ? *policy | bit : *policy & ~bit;
    return x;
}

static int load_policy(struct sim_reader *r, const json_t *obj, struct sim_guest_spec *g)
{
    static const struct {
        const char *key;
        uint64_t bit;
    } bits[] = {
        {"smt", SNP_POLICY_SMT},
        {"migrate_ma", SNP_POLICY_MIGRATE_MA},
        {"debug", SNP_POLICY_DEBUG},
        {"single_socket", SNP_POLICY_SINGLE_SOCKET},
    };

    if (!obj)
        return 0;
    int x = SIM_KEYS(r, obj, "smt", "migrate_ma", "debug", "single_socket");
    for (size_t i = 0; x == 0 && i < CMN_ARRAY_SIZE(bits); i++)
        x = policy_bit(r, obj, bits[i].key, bits[i].bit, &g->policy);
    return x;
}

static int load_machine(struct sim_reader *r, const json_t *obj, struct sim_guest_spec *g)
{
    static const char *const tees[] = {"snp", "sample"};
    static const char *const products[] = {"milan", "genoa", "turin"};
    size_t tee = g->tee, product = g->product;
    int x = sim_read_word(r, obj, "tee", tees, CMN_ARRAY_SIZE(tees), &tee);

    if (x == 0)
        x = sim_read_word(r, obj, "product", products, CMN_ARRAY_SIZE(products), &product);
    if (x == 0)
        x = sim_read_uint(r, obj, "vcpus", 1, 255, &g->vcpus);
    if (x == 0)
        x = sim_read_size(r, obj, "memory", &g->memory_bytes);
    if (x == 0)
        x = sim_read_uint(r, obj, "chip", 0, 65535, &g->chip);
    g->tee = (enum sim_tee)tee;
    g->product = (enum snp_product)product;
    return x;
}

int sim_load_guest(struct sim_reader *r, const json_t *obj, struct sim_guest_spec *g)
{
    int64_t version = g->report_version;

    if (!obj)
        return 0;
    int x = SIM_KEYS(r, obj, "tee", "product", "vcpus", "memory", "cmdline", "policy", "chip",
                     "report_version", "retry_delay_ms");
    if (x == 0)
        x = load_machine(r, obj, g);
    if (x == 0)
        x = sim_read_text(r, obj, "cmdline", &g->cmdline);
    if (x == 0)
        x = load_policy(r, json_object_get(obj, "policy"), g);
    if (x == 0)
        x = sim_read_int(r, obj, "report_version", 2, 5, &version);
    if (x == 0)
        x = sim_read_uint(r, obj, "retry_delay_ms", 0, 60000, &g->retry_delay_ms);
    g->report_version = (uint32_t)version;
    if (x == 0 && strlen(g->cmdline) > 2047)
        return cmn_yaml_fail(r->doc, obj, "cmdline", r->err, "'cmdline' is longer than 2047 bytes");
    return x;
}
