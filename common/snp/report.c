/* report.c - the binary layout of the attestation report; see report.h. */
#include "common/snp/report.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint8_t family, model, step;
} products[SNP_PRODUCT_COUNT] = {
    [SNP_MILAN] = {"Milan", 0x19, 0x01, 0x01},
    [SNP_GENOA] = {"Genoa", 0x19, 0x11, 0x01},
    [SNP_TURIN] = {"Turin", 0x1A, 0x02, 0x01},
};

const char *snp_product_name(enum snp_product product)
{
    return (unsigned)product < SNP_PRODUCT_COUNT ? products[product].name : "unknown";
}

int snp_product_by_name(const char *name, enum snp_product *ret)
{
    for (unsigned i = 0; i < SNP_PRODUCT_COUNT; i++)
        if (strcasecmp(products[i].name, name) == 0) {
            *ret = (enum snp_product)i;
            return 0;
        }
    return -EINVAL;
}

int snp_product_from_cpuid(uint8_t family, uint8_t model, enum snp_product *ret)
{
    if (family == 0x19 && model <= 0x0F)
        *ret = SNP_MILAN;
    else if (family == 0x19 &&
             ((model >= 0x10 && model <= 0x1F) || (model >= 0xA0 && model <= 0xAF)))
        *ret = SNP_GENOA;
    else if (family == 0x1A && model <= 0x11)
        *ret = SNP_TURIN;
    else
        return -ENOENT;
    return 0;
}

void snp_product_cpuid(enum snp_product product, uint8_t *family, uint8_t *model, uint8_t *step)
{
    *family = products[product].family;
    *model = products[product].model;
    *step = products[product].step;
}

void snp_tcb_encode(const struct snp_tcb *tcb, bool turin, uint8_t out[8])
{
    memset(out, 0, 8);
    if (turin) {
        out[0] = tcb->fmc;
        out[1] = tcb->bootloader;
        out[2] = tcb->tee;
        out[3] = tcb->snp;
    } else {
        out[0] = tcb->bootloader;
        out[1] = tcb->tee;
        out[6] = tcb->snp;
    }
    out[7] = tcb->microcode;
}

void snp_tcb_decode(const uint8_t in[8], bool turin, struct snp_tcb *ret)
{
    *ret = turin ? (struct snp_tcb){in[0], in[1], in[2], in[3], in[7]}
                 : (struct snp_tcb){0, in[0], in[1], in[6], in[7]};
}

/* A TCB field; its reserved bytes must be zero. */
static int rd_tcb(struct cmn_rd *c, const char *name, bool turin, struct snp_tcb *ret,
                  struct cmn_err *err)
{
    uint8_t raw[8], again[8];
    int r = cmn_rd_bytes(c, raw, sizeof(raw));

    if (r < 0)
        return cmn_err_set(err, EBADMSG, "report ends inside %s", name);
    snp_tcb_decode(raw, turin, ret);
    snp_tcb_encode(ret, turin, again);
    if (memcmp(raw, again, sizeof(raw)) != 0)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_TCB_RESERVED,
                              "reserved bytes of %s are not zero", name);
    return 0;
}

static int rd_zero(struct cmn_rd *c, size_t len, size_t offset, struct cmn_err *err)
{
    const uint8_t *p = c->p;

    if (cmn_rd_skip(c, len) < 0)
        return cmn_err_set(err, EBADMSG, "report ends at reserved bytes");
    for (size_t i = 0; i < len; i++)
        if (p[i])
            return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_RESERVED_NONZERO,
                                  "reserved byte at 0x%zX is 0x%02X, want zero", offset + i, p[i]);
    return 0;
}

/* build, minor, major, one reserved byte */
static int rd_version(struct cmn_rd *c, size_t offset, struct snp_version *v, struct cmn_err *err)
{
    if (cmn_rd_u8(c, &v->build) < 0 || cmn_rd_u8(c, &v->minor) < 0 || cmn_rd_u8(c, &v->major) < 0)
        return cmn_err_set(err, EBADMSG, "report ends inside the firmware version");
    return rd_zero(c, 1, offset + 3, err);
}

/* Which TCB layout applies: by CPUID from version 3 on, by the short chip id before. */
static bool is_turin(const uint8_t *raw, uint32_t version)
{
    enum snp_product product;

    if (version >= 3)
        return snp_product_from_cpuid(raw[0x188], raw[0x189], &product) == 0 &&
               product == SNP_TURIN;
    return cmn_all_zero(raw + 0x1A8, 56) && !cmn_all_zero(raw + 0x1A0, 8);
}

static int decode_body(const uint8_t *raw, struct snp_report *p, struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(raw, SNP_REPORT_BYTES);
    int r = cmn_rd_u32le(&c, &p->version);

    if (r < 0 || p->version < 2)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_VERSION_TOO_OLD,
                              "report version is %u, want 2 or later", p->version);
    p->turin_tcb = is_turin(raw, p->version);
    p->has_cpuid = p->version >= 3;
    p->has_mit = p->version >= 5;
    if (cmn_rd_u32le(&c, &p->guest_svn) || cmn_rd_u64le(&c, &p->policy) ||
        cmn_rd_bytes(&c, p->family_id, 16) || cmn_rd_bytes(&c, p->image_id, 16) ||
        cmn_rd_u32le(&c, &p->vmpl) || cmn_rd_u32le(&c, &p->sig_algo))
        return -EBADMSG;
    if ((r = rd_tcb(&c, "CURRENT_TCB", p->turin_tcb, &p->current_tcb, err)) < 0)
        return r;
    if (cmn_rd_u64le(&c, &p->plat_info) || cmn_rd_u32le(&c, &p->key_info))
        return -EBADMSG;
    if ((r = rd_zero(&c, 4, 0x4C, err)) < 0)
        return r;
    if (cmn_rd_bytes(&c, p->report_data, 64) || cmn_rd_bytes(&c, p->measurement, 48) ||
        cmn_rd_bytes(&c, p->host_data, 32) || cmn_rd_bytes(&c, p->id_key_digest, 48) ||
        cmn_rd_bytes(&c, p->author_key_digest, 48) || cmn_rd_bytes(&c, p->report_id, 32) ||
        cmn_rd_bytes(&c, p->report_id_ma, 32))
        return -EBADMSG;
    if ((r = rd_tcb(&c, "REPORTED_TCB", p->turin_tcb, &p->reported_tcb, err)) < 0)
        return r;
    if (p->has_cpuid) {
        if (cmn_rd_u8(&c, &p->cpuid_fam_id) || cmn_rd_u8(&c, &p->cpuid_mod_id) ||
            cmn_rd_u8(&c, &p->cpuid_step))
            return -EBADMSG;
        r = rd_zero(&c, 21, 0x18B, err);
    } else {
        r = rd_zero(&c, 24, 0x188, err);
    }
    if (r < 0)
        return r;
    if (cmn_rd_bytes(&c, p->chip_id, 64))
        return -EBADMSG;
    if ((r = rd_tcb(&c, "COMMITTED_TCB", p->turin_tcb, &p->committed_tcb, err)) < 0 ||
        (r = rd_version(&c, 0x1E8, &p->current, err)) < 0 ||
        (r = rd_version(&c, 0x1EC, &p->committed, err)) < 0 ||
        (r = rd_tcb(&c, "LAUNCH_TCB", p->turin_tcb, &p->launch_tcb, err)) < 0)
        return r;
    if (p->has_mit) {
        if (cmn_rd_u64le(&c, &p->launch_mit_vector) || cmn_rd_u64le(&c, &p->current_mit_vector))
            return -EBADMSG;
        r = rd_zero(&c, 152, 0x208, err);
    } else {
        r = rd_zero(&c, 168, 0x1F8, err);
    }
    if (r < 0)
        return r;
    if (cmn_rd_bytes(&c, p->sig_r, 72) || cmn_rd_bytes(&c, p->sig_s, 72))
        return -EBADMSG;
    return rd_zero(&c, 368, 0x330, err);
}

int snp_report_decode(const void *data, size_t len, struct snp_report *ret, struct cmn_err *err)
{
    struct snp_report report = {0};

    if (len != SNP_REPORT_BYTES)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_REPORT_MALFORMED,
                              "attestation report is %zu bytes, want 1184 (0x4A0)", len);
    int r = decode_body(data, &report, err);
    if (r == 0)
        *ret = report;
    return r;
}

static void put_version(const struct snp_version *v, uint8_t *out)
{
    out[0] = v->build;
    out[1] = v->minor;
    out[2] = v->major;
}

void snp_report_encode(const struct snp_report *p, uint8_t out[SNP_REPORT_BYTES])
{
    memset(out, 0, SNP_REPORT_BYTES);
    cmn_put_u32le(out + 0x000, p->version);
    cmn_put_u32le(out + 0x004, p->guest_svn);
    cmn_put_u64le(out + 0x008, p->policy);
    memcpy(out + 0x010, p->family_id, 16);
    memcpy(out + 0x020, p->image_id, 16);
    cmn_put_u32le(out + 0x030, p->vmpl);
    cmn_put_u32le(out + 0x034, p->sig_algo);
    snp_tcb_encode(&p->current_tcb, p->turin_tcb, out + 0x038);
    cmn_put_u64le(out + 0x040, p->plat_info);
    cmn_put_u32le(out + 0x048, p->key_info);
    memcpy(out + 0x050, p->report_data, 64);
    memcpy(out + 0x090, p->measurement, 48);
    memcpy(out + 0x0C0, p->host_data, 32);
    memcpy(out + 0x0E0, p->id_key_digest, 48);
    memcpy(out + 0x110, p->author_key_digest, 48);
    memcpy(out + 0x140, p->report_id, 32);
    memcpy(out + 0x160, p->report_id_ma, 32);
    snp_tcb_encode(&p->reported_tcb, p->turin_tcb, out + 0x180);
    if (p->has_cpuid) {
        out[0x188] = p->cpuid_fam_id;
        out[0x189] = p->cpuid_mod_id;
        out[0x18A] = p->cpuid_step;
    }
    memcpy(out + 0x1A0, p->chip_id, 64);
    snp_tcb_encode(&p->committed_tcb, p->turin_tcb, out + 0x1E0);
    put_version(&p->current, out + 0x1E8);
    put_version(&p->committed, out + 0x1EC);
    snp_tcb_encode(&p->launch_tcb, p->turin_tcb, out + 0x1F0);
    if (p->has_mit) {
        cmn_put_u64le(out + 0x1F8, p->launch_mit_vector);
        cmn_put_u64le(out + 0x200, p->current_mit_vector);
    }
    memcpy(out + 0x2A0, p->sig_r, 72);
    memcpy(out + 0x2E8, p->sig_s, 72);
}
