/* load-platform.c - the machine below the guest: TCBs, platform bits, keys, masks, ID block and
 * certificate table. Keys are explained in docs/scenarios-guest.md. */
#include "sim/scenario/read.h"

#include "common/enc/enc.h"
#include "fake-tee/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_platform_spec_default(enum snp_product product, struct sim_platform_spec *ret)
{
    *ret = (struct sim_platform_spec){.info = SNP_PLAT_SMT, .abi = {1, 55, 40}};
    snp_product_cpuid(product, &ret->cpuid[0], &ret->cpuid[1], &ret->cpuid[2]);
    ret->current = ret->committed = ret->reported = ret->launch = ftee_default_tcb(product);
}

static int load_info(struct sim_reader *r, const json_t *guest, uint64_t *info)
{
    static const struct sim_bit bits[] = {
        {"smt", SNP_PLAT_SMT},
        {"tsme", SNP_PLAT_TSME},
        {"ecc", SNP_PLAT_ECC},
        {"rapl_disabled", SNP_PLAT_RAPL_DIS},
        {"ciphertext_hiding", SNP_PLAT_CIPHERTEXT_HIDING},
        {"alias_check_complete", SNP_PLAT_ALIAS_CHECK},
        {"tio", SNP_PLAT_TIO},
    };
    const json_t *obj;
    int x = sim_read_object(r, guest, "platform", &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "smt", "tsme", "ecc", "rapl_disabled", "ciphertext_hiding",
                 "alias_check_complete", "tio");
    return x < 0 ? x : sim_read_bits(r, obj, bits, CMN_ARRAY_SIZE(bits), info);
}

static int read_u8(struct sim_reader *r, const json_t *obj, const char *key, uint8_t *ret)
{
    unsigned v = *ret;
    int x = sim_read_uint(r, obj, key, 0, 255, &v);

    *ret = (uint8_t)v;
    return x;
}

static int load_cpuid(struct sim_reader *r, const json_t *guest, enum snp_product product,
                      uint8_t cpuid[3])
{
    enum snp_product found;
    const json_t *obj;
    int x = sim_read_object(r, guest, "cpuid", &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "model", "stepping");
    if (x == 0)
        x = read_u8(r, obj, "model", &cpuid[1]);
    if (x == 0)
        x = read_u8(r, obj, "stepping", &cpuid[2]);
    if (x == 0 && (snp_product_from_cpuid(cpuid[0], cpuid[1], &found) < 0 || found != product))
        x = cmn_yaml_fail(r->doc, obj, "model", r->err, "model %u is none of %s", cpuid[1],
                          snp_product_name(product));
    return x;
}

/* "1.55" or "1.55.40" */
static int load_abi(struct sim_reader *r, const json_t *guest, struct snp_version *ret)
{
    auto_free char *text = NULL;
    unsigned major, minor, build = ret->build;
    int end = 0, x = sim_read_text(r, guest, "abi", &text);

    if (x < 0 || !text)
        return x;
    bool ok = sscanf(text, "%3u.%3u%n", &major, &minor, &end) == 2 && !text[end];
    if (!ok)
        ok = sscanf(text, "%3u.%3u.%3u%n", &major, &minor, &build, &end) == 3 && !text[end];
    if (!ok || major > 255 || minor > 255 || build > 255 || strpbrk(text, " +-"))
        return cmn_yaml_fail(
            r->doc, guest, "abi", r->err,
            "'abi' is '%.32s', a version such as \"1.55\" or \"1.55.40\" is wanted", text);
    *ret = (struct snp_version){(uint8_t)major, (uint8_t)minor, (uint8_t)build};
    return 0;
}

static int load_tcb(struct sim_reader *r, const json_t *tcbs, const char *key,
                    enum snp_product product, struct snp_tcb *ret)
{
    const json_t *obj;
    int x = sim_read_object(r, tcbs, key, &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "fmc", "bootloader", "tee", "snp", "microcode");
    if (x == 0)
        x = read_u8(r, obj, "fmc", &ret->fmc);
    if (x == 0)
        x = read_u8(r, obj, "bootloader", &ret->bootloader);
    if (x == 0)
        x = read_u8(r, obj, "tee", &ret->tee);
    if (x == 0)
        x = read_u8(r, obj, "snp", &ret->snp);
    if (x == 0)
        x = read_u8(r, obj, "microcode", &ret->microcode);
    if (x == 0 && ret->fmc && product != SNP_TURIN)
        x = cmn_yaml_fail(r->doc, obj, "fmc", r->err, "only Turin has 'fmc' in its TCB");
    return x;
}

static int check_order(struct sim_reader *r, const json_t *tcbs, const char *low_name,
                       const struct snp_tcb *low, const char *high_name, const struct snp_tcb *high)
{
    if (ftee_tcb_le(low, high))
        return 0;
    return cmn_yaml_fail(r->doc, tcbs, low_name, r->err,
                         "TCB '%s' is above '%s' in a component, which no hardware does", low_name,
                         high_name);
}

/* What is not named follows the one above it: current, then committed, then reported. */
static int load_tcbs(struct sim_reader *r, const json_t *guest, enum snp_product product,
                     struct sim_platform_spec *p)
{
    const json_t *obj;
    int x = sim_read_object(r, guest, "tcb", &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "current", "committed", "reported", "launch");
    if (x == 0)
        x = load_tcb(r, obj, "current", product, &p->current);
    p->committed = p->launch = p->current;
    if (x == 0)
        x = load_tcb(r, obj, "committed", product, &p->committed);
    p->reported = p->committed;
    if (x == 0)
        x = load_tcb(r, obj, "reported", product, &p->reported);
    if (x == 0)
        x = load_tcb(r, obj, "launch", product, &p->launch);
    if (x == 0)
        x = check_order(r, obj, "committed", &p->committed, "current", &p->current);
    if (x == 0)
        x = check_order(r, obj, "reported", &p->reported, "committed", &p->committed);
    return x < 0 ? x : check_order(r, obj, "launch", &p->launch, "current", &p->current);
}

/* Hex text of exactly len bytes. */
static int read_hex(struct sim_reader *r, const json_t *obj, const char *key, size_t len,
                    uint8_t *ret, bool *present)
{
    auto_free char *text = NULL;
    auto_buf struct cmn_buf bytes = {0};
    int x = sim_read_text(r, obj, key, &text);

    if (x < 0 || !text)
        return x;
    if (cmn_unhex(text, strlen(text), &bytes, NULL) < 0 || bytes.len != len)
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' wants %zu hex digits", key, 2 * len);
    memcpy(ret, bytes.data, len);
    if (present)
        *present = true;
    return 0;
}

static int load_id_block(struct sim_reader *r, const json_t *guest, struct sim_id_block *id)
{
    const json_t *obj;
    int x = sim_read_object(r, guest, "id_block", &obj);

    if (x < 0 || !obj)
        return x;
    id->present = true;
    x = SIM_KEYS(r, obj, "guest_svn", "family_id", "image_id", "author_key", "measurement");
    if (x == 0)
        x = sim_read_uint(r, obj, "guest_svn", 0, UINT32_MAX, &id->guest_svn);
    if (x == 0)
        x = read_hex(r, obj, "family_id", 16, id->family_id, NULL);
    if (x == 0)
        x = read_hex(r, obj, "image_id", 16, id->image_id, NULL);
    if (x == 0)
        x = sim_read_bool(r, obj, "author_key", &id->author_key);
    return x < 0 ? x : read_hex(r, obj, "measurement", 48, id->measurement, &id->has_measurement);
}

/* A list of vek (also vcek, vlek), ask (also asvk), ark, crl; what is not in it is left out. */
static int load_include(struct sim_reader *r, const json_t *certs, struct sim_platform_spec *p)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"vek", SIM_CERTS_OMIT_VEK},
                 {"vcek", SIM_CERTS_OMIT_VEK},
                 {"vlek", SIM_CERTS_OMIT_VEK},
                 {"ask", SIM_CERTS_OMIT_ASK},
                 {"asvk", SIM_CERTS_OMIT_ASK},
                 {"ark", SIM_CERTS_OMIT_ARK},
                 {"crl", 0}};
    struct sim_strings list = {0};
    int x = sim_read_list(r, certs, "include", &list);

    if (x == 0 && json_object_get(certs, "include"))
        p->certs_omit = SIM_CERTS_OMIT_VEK | SIM_CERTS_OMIT_ASK | SIM_CERTS_OMIT_ARK;
    for (size_t i = 0; i < list.n && x == 0; i++) {
        size_t k = 0;
        while (k < CMN_ARRAY_SIZE(known) && strcmp(known[k].name, list.items[i]) != 0)
            k++;
        if (k == CMN_ARRAY_SIZE(known))
            x = cmn_yaml_fail(
                r->doc, certs, "include", r->err,
                "'%.32s' is no certificate; known are: vcek, vlek, ask, asvk, ark, crl",
                list.items[i]);
        else if (known[k].bit)
            p->certs_omit &= ~known[k].bit;
        else
            p->certs_crl = true;
    }
    for (size_t i = 0; i < list.n; i++)
        free(list.items[i]);
    free(list.items);
    return x;
}

static int load_certs(struct sim_reader *r, const json_t *guest, struct sim_platform_spec *p)
{
    static const char *const forms[] = {"der", "pem"};
    size_t form = p->certs_pem;
    const json_t *obj;
    int x = sim_read_object(r, guest, "certs", &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "form", "include");
    if (x == 0)
        x = sim_read_word(r, obj, "form", forms, CMN_ARRAY_SIZE(forms), &form);
    p->certs_pem = form == 1;
    return x < 0 ? x : load_include(r, obj, p);
}

int sim_load_platform(struct sim_reader *r, const json_t *guest, enum snp_product product,
                      struct sim_platform_spec *p)
{
    static const char *const veks[] = {"vcek", "vlek"};
    size_t vek = p->vek;
    int64_t mit = (int64_t)p->mit_vector;
    int x = sim_read_word(r, guest, "vek", veks, CMN_ARRAY_SIZE(veks), &vek);

    p->vek = (enum sim_vek)vek;
    if (x == 0)
        x = load_info(r, guest, &p->info);
    if (x == 0)
        x = load_cpuid(r, guest, product, p->cpuid);
    if (x == 0)
        x = load_abi(r, guest, &p->abi);
    if (x == 0)
        x = load_tcbs(r, guest, product, p);
    if (x == 0)
        x = sim_read_bool(r, guest, "mask_chip_id", &p->mask_chip_id);
    if (x == 0)
        x = sim_read_bool(r, guest, "mask_chip_key", &p->mask_chip_key);
    if (x == 0)
        x = sim_read_uint(r, guest, "vmpl", 0, 3, &p->vmpl);
    if (x == 0)
        x = sim_read_int(r, guest, "mit_vector", 0, INT64_MAX, &mit);
    p->mit_vector = (uint64_t)mit;
    if (x == 0)
        x = load_id_block(r, guest, &p->id_block);
    return x < 0 ? x : load_certs(r, guest, p);
}
