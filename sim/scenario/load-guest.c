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
    sim_platform_spec_default(ret->product, &ret->platform);
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

/* abi_major and abi_minor: the least firmware ABI the policy asks for. */
static int load_policy(struct sim_reader *r, const json_t *guest, struct sim_guest_spec *g)
{
    static const struct sim_bit bits[] = {
        {"smt", SNP_POLICY_SMT},
        {"migrate_ma", SNP_POLICY_MIGRATE_MA},
        {"debug", SNP_POLICY_DEBUG},
        {"single_socket", SNP_POLICY_SINGLE_SOCKET},
        {"cxl", SNP_POLICY_CXL},
        {"aes_256_xts", SNP_POLICY_AES_256_XTS},
        {"rapl_disabled", SNP_POLICY_RAPL_DIS},
        {"ciphertext_hiding", SNP_POLICY_CIPHERTEXT_HIDING},
        {"page_swap_disabled", SNP_POLICY_PAGE_SWAP_DISABLE},
    };
    unsigned major = (unsigned)(g->policy >> 8 & 0xFF), minor = (unsigned)(g->policy & 0xFF);

    const json_t *obj = NULL;
    int x = sim_read_object(r, guest, "policy", &obj);
    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "smt", "migrate_ma", "debug", "single_socket", "cxl", "aes_256_xts",
                 "rapl_disabled", "ciphertext_hiding", "page_swap_disabled", "abi_major",
                 "abi_minor");
    if (x == 0)
        x = sim_read_bits(r, obj, bits, CMN_ARRAY_SIZE(bits), &g->policy);
    if (x == 0)
        x = sim_read_uint(r, obj, "abi_major", 0, 255, &major);
    if (x == 0)
        x = sim_read_uint(r, obj, "abi_minor", 0, 255, &minor);
    g->policy = (g->policy & ~0xFFFFull) | (uint64_t)major << 8 | minor;
    return x;
}

static int load_tee_key(struct sim_reader *r, const json_t *obj, struct sim_guest_spec *g)
{
    static const char *const keys[] = {"ec-p256", "ec-p521", "rsa"};
    size_t key = g->tee_key;
    int x = sim_read_word(r, obj, "tee_key", keys, CMN_ARRAY_SIZE(keys), &key);

    g->tee_key = (enum sim_tee_key)key;
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
    if (product != g->product) /* another machine: nothing of the first one's firmware holds */
        sim_platform_spec_default((enum snp_product)product, &g->platform);
    g->product = (enum snp_product)product;
    return x;
}

int sim_load_guest(struct sim_reader *r, const json_t *obj, struct sim_guest_spec *g)
{
    int64_t version = g->report_version;

    if (!obj)
        return 0;
    int x = SIM_KEYS(r, obj, "tee", "product", "vcpus", "memory", "cmdline", "policy", "chip",
                     "report_version", "retry_delay_ms", "vek", "platform", "cpuid", "abi", "tcb",
                     "mask_chip_id", "mask_chip_key", "vmpl", "mit_vector", "id_block", "certs",
                     "tee_key");
    if (x == 0)
        x = load_machine(r, obj, g);
    if (x == 0)
        x = load_tee_key(r, obj, g);
    if (x == 0)
        x = sim_read_text(r, obj, "cmdline", &g->cmdline);
    if (x == 0)
        x = load_policy(r, obj, g);
    if (x == 0)
        x = sim_load_platform(r, obj, g->product, &g->platform);
    if (x == 0)
        x = sim_read_int(r, obj, "report_version", 2, 5, &version);
    if (x == 0)
        x = sim_read_uint(r, obj, "retry_delay_ms", 0, 60000, &g->retry_delay_ms);
    g->report_version = (uint32_t)version;
    if (x == 0 && strlen(g->cmdline) > 2047)
        return cmn_yaml_fail(r->doc, obj, "cmdline", r->err, "'cmdline' is longer than 2047 bytes");
    return x;
}
