/*
 * psp-key.c - MSG_KEY_REQ. FAKE: real firmware's KDF is not public; here HKDF-SHA-384 with the root
 * key as input and the selected fields, each with its length, as info. The root of VCEK and VLEK
 * does not depend on the TCB: a guest that wants its key bound to one selects the field, and can
 * have the old key again after an update, as TCB_VERSION's rule (not above COMMITTED_TCB) means.
 */
#include "ca-internal.h"
#include "psp-internal.h"
#include "status.h"

#include <string.h>

enum root { ROOT_VCEK, ROOT_VLEK, ROOT_VMRK };

/* Status of a request, and the root it asks for. */
static enum ftee_status judge(const struct ftee_psp *psp, const struct snp_key_req *req,
                              const struct ftee_platform_status *s, enum root *root)
{
    bool turin = psp->base.turin_tcb;
    uint64_t known = req->v2 ? 2 * SNP_KEY_FIELD_MIT_VECTOR - 1 : SNP_KEY_FIELD_MIT_VECTOR - 1;
    unsigned sel = req->root_key_select >> 1 & 3;
    struct snp_tcb tcb;
    uint8_t again[8];

    snp_tcb_decode(req->tcb, turin, &tcb);
    snp_tcb_encode(&tcb, turin, again);
    if (req->root_key_select >> 3 || sel > SNP_KEY_SEL_VLEK || req->fields & ~known ||
        req->vmpl > 3 || req->guest_svn > psp->base.guest_svn ||
        memcmp(again, req->tcb, sizeof(again)) != 0 || !ftee_tcb_le(&tcb, &s->committed_tcb) ||
        req->mit_vector & ~psp->base.launch_mit_vector)
        return FTEE_STATUS_INVALID_PARAM;
    *root = req->root_key_select & 1                                                 ? ROOT_VMRK
            : sel == SNP_KEY_SEL_VLEK || (sel == SNP_KEY_SEL_AUTO && s->vlek_loaded) ? ROOT_VLEK
                                                                                     : ROOT_VCEK;
    if (*root == ROOT_VLEK && !s->vlek_loaded)
        return FTEE_STATUS_INVALID_KEY;
    if (*root != ROOT_VMRK && s->mask_chip_key)
        return FTEE_STATUS_INVALID_KEY;
    return FTEE_STATUS_OK;
}

static int root_key(struct ftee_psp *psp, enum root root, uint8_t out[32], struct cmn_err *err)
{
    struct ftee_ca *ca = ftee_platform_ca(psp->platform);
    const char *csp = ftee_platform_csp_id(psp->platform);

    if (root == ROOT_VCEK)
        return ftee_ca_chip_secret(ca, ftee_platform_chip(psp->platform), "guest key root", out,
                                   err);
    if (root == ROOT_VLEK)
        return ftee_ca_csp_secret(ca, csp, "guest key root", out, err);
    memcpy(out, psp->vmrk, 32);
    return 0;
}

static int put(struct cmn_buf *info, const void *data, size_t len)
{
    uint8_t n[4];

    cmn_put_u32le(n, (uint32_t)len);
    int r = cmn_buf_put(info, n, sizeof(n));
    return r < 0 ? r : cmn_buf_put(info, data, len);
}

static int put_u64(struct cmn_buf *info, uint64_t v)
{
    uint8_t raw[8];

    cmn_put_u64le(raw, v);
    return put(info, raw, sizeof(raw));
}

/* Root, mask and VMPL always; then each selected field in the order of its bit. */
static int make_info(const struct ftee_psp *psp, const struct snp_key_req *req, enum root root,
                     struct cmn_buf *info)
{
    const struct snp_report *g = &psp->base;
    static const char label[] = "cocobox fake-tee guest key 1";
    int r = put(info, label, sizeof(label));

    r = r < 0 ? r : put_u64(info, root);
    r = r < 0 ? r : put_u64(info, req->fields);
    r = r < 0 ? r : put_u64(info, req->vmpl);
    if (r == 0 && req->fields & SNP_KEY_FIELD_POLICY)
        r = put_u64(info, g->policy);
    if (r == 0 && req->fields & SNP_KEY_FIELD_IMAGE_ID)
        r = put(info, g->image_id, sizeof(g->image_id));
    if (r == 0 && req->fields & SNP_KEY_FIELD_FAMILY_ID)
        r = put(info, g->family_id, sizeof(g->family_id));
    if (r == 0 && req->fields & SNP_KEY_FIELD_MEASUREMENT)
        r = put(info, g->measurement, sizeof(g->measurement));
    if (r == 0 && req->fields & SNP_KEY_FIELD_GUEST_SVN)
        r = put_u64(info, req->guest_svn);
    if (r == 0 && req->fields & SNP_KEY_FIELD_TCB)
        r = put(info, req->tcb, sizeof(req->tcb));
    if (r == 0 && req->fields & SNP_KEY_FIELD_MIT_VECTOR)
        r = put_u64(info, req->mit_vector);
    return r;
}

int ftee_psp_derive_key(struct ftee_psp *psp, const struct snp_key_req *req, uint8_t out[32],
                        uint32_t *ret_status, struct cmn_err *err)
{
    auto_buf struct cmn_buf info = {0};
    struct ftee_platform_status s;
    enum root root = ROOT_VCEK;
    uint8_t secret[32];

    if (!psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is not launched yet");
    ftee_platform_status(psp->platform, &s);
    enum ftee_status status = judge(psp, req, &s, &root);
    memset(out, 0, 32);
    if (status != FTEE_STATUS_OK) {
        *ret_status = status;
        return 0;
    }
    if (make_info(psp, req, root, &info) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = root_key(psp, root, secret, err);
    if (r == 0)
        r = cmn_hkdf(psp->env, cmn_bytes(secret, sizeof(secret)), "cocobox fake-tee",
                     cmn_buf_bytes(&info), out, 32, err);
    explicit_bzero(secret, sizeof(secret));
    if (r == 0)
        *ret_status = FTEE_STATUS_OK;
    return r;
}
