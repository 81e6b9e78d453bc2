/*
 * test-psp-key.c - MSG_KEY_REQ: requests the firmware refuses, what does and does not change a key,
 * and the same over the socket.
 */
#include "tests/unit/fake-tee/world.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static EVP_PKEY *id_key;

/* SVN 5, families and all; chip and policy as given. */
static struct ftee_psp *guest(unsigned chip, uint64_t policy, uint8_t family, uint8_t image,
                              uint8_t page_byte, struct ftee_platform *platform)
{
    uint8_t page[4096] = {page_byte}, block[SNP_ID_BLOCK_BYTES], auth[SNP_ID_AUTH_BYTES];
    struct snp_id_block id = {.version = 1, .guest_svn = 5, .policy = policy};
    const struct ftee_launch launch = {
        .chip = chip, .policy = policy, .report_version = 5, .platform = platform};
    struct ftee_psp *psp = NULL;
    struct cmn_err err = {0};

    T_OK(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA), &launch, &psp, &err), &err);
    T_OK(ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, 0, page, &err), &err);
    if (!id_key)
        T_OK(cmn_ec_generate(env, "P-384", &id_key, &err), &err);
    ftee_psp_measurement(psp, id.digest);
    id.family_id[0] = family;
    id.image_id[0] = image;
    snp_id_block_encode(&id, block);
    T_OK(snp_id_auth_make(env, block, id_key, NULL, auth, &err), &err);
    T_OK(ftee_psp_launch_finish_id(psp, NULL, block, auth, false, &err), &err);
    return psp;
}

static struct ftee_psp *usual(void)
{
    (void)ca_of(SNP_GENOA);
    return guest(0, 0x30000, 1, 1, 1, NULL);
}

static uint32_t key_of(struct ftee_psp *psp, const struct snp_key_req *req, uint8_t out[32])
{
    uint32_t status = 99;
    struct cmn_err err = {0};

    T_OK(ftee_psp_derive_key(psp, req, out, &status, &err), &err);
    return status;
}

static void what_the_firmware_refuses(void)
{
    const struct {
        struct snp_key_req req;
        uint32_t want;
    } cases[] = {
        {{.root_key_select = 8}, 0x16},
        {{.root_key_select = 6}, 0x16},
        {{.root_key_select = 4}, 0x27}, /* VLEK, not loaded */
        {{.fields = SNP_KEY_FIELD_MIT_VECTOR}, 0x16},
        {{.fields = 0x80, .v2 = true}, 0x16},
        {{.fields = 1ull << 63}, 0x16},
        {{.vmpl = 4}, 0x16},
        {{.guest_svn = 6}, 0x16},
        {{.tcb = {11, 0, 0, 0, 0, 0, 23, 84}}, 0x16},
        {{.tcb = {10, 0, 0, 0, 0, 0, 24, 84}}, 0x16},
        {{.tcb = {10, 0, 1, 0, 0, 0, 23, 84}}, 0x16},
        {{.mit_vector = 1, .v2 = true}, 0x16},
        {{.guest_svn = 5, .tcb = {10, 0, 0, 0, 0, 0, 23, 84}, .vmpl = 3, .fields = 0x3F}, 0},
        {{.fields = 0x7F, .v2 = true}, 0},
        {{.root_key_select = 1}, 0},
        {{.root_key_select = 2}, 0},
    };
    struct ftee_psp *psp = usual();

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        uint8_t key[32] = {1};
        T_EQ_INT(key_of(psp, &cases[i].req, key), cases[i].want);
        T_EQ_INT(cmn_all_zero(key, 32), cases[i].want != 0);
    }
    ftee_psp_free(psp);
}

static void a_guest_that_is_not_launched_gets_no_key(void)
{
    struct ftee_psp *psp = NULL;
    uint8_t key[32];
    uint32_t status;
    struct cmn_err err = {0};

    T_OK(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA), &(struct ftee_launch){0}, &psp, &err),
         &err);
    T_ERR(ftee_psp_derive_key(psp, &(struct snp_key_req){0}, key, &status, &err), -EBUSY, &err,
          "not launched");
    ftee_psp_free(psp);
}

static void a_masked_key_is_no_root(void)
{
    struct ftee_platform *p = platform_of(SNP_GENOA, &(struct ftee_platform_opts){0});
    struct ftee_psp *psp = guest(0, 0x30000, 1, 1, 1, p);
    uint8_t key[32];

    T_OK(ftee_platform_config(p, NULL, false, true, NULL), NULL);
    T_EQ_INT(key_of(psp, &(struct snp_key_req){0}, key), 0x27);
    T_EQ_INT(key_of(psp, &(struct snp_key_req){.root_key_select = 1}, key), 0);
    ftee_psp_free(psp);
    ftee_platform_unref(p);
}

/* Each guest or request differs from the first in one thing; the key differs exactly when the field
 * is selected. */
static void exactly_the_selected_fields_change_the_key(void)
{
    struct ftee_psp *base = usual(),
                    *others[] = {guest(0, 0xB0000, 1, 1, 1, NULL), guest(0, 0x30000, 1, 2, 1, NULL),
                                 guest(0, 0x30000, 2, 1, 1, NULL),
                                 guest(0, 0x30000, 1, 1, 2, NULL)};
    uint8_t a[32], b[32];

    for (unsigned bit = 0; bit < 6; bit++)
        for (unsigned fields = 0; fields < 64; fields++) {
            struct snp_key_req req = {.fields = fields}, other = req;
            other.guest_svn = bit == 4;
            other.tcb[7] = bit == 5;
            T_EQ_INT(key_of(base, &req, a), 0);
            T_EQ_INT(key_of(bit < 4 ? others[bit] : base, &other, b), 0);
            T_EQ_INT(memcmp(a, b, 32) != 0, fields >> bit & 1);
        }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(others); i++)
        ftee_psp_free(others[i]);
    ftee_psp_free(base);
}

static void chip_mask_vmpl_and_root_always_count(void)
{
    struct ftee_psp *one = usual(), *again = usual(), *chip = guest(1, 0x30000, 1, 1, 1, NULL);
    struct ftee_platform *p = platform_of(SNP_GENOA, &(struct ftee_platform_opts){0});
    T_OK(ftee_platform_load_vlek(p, NULL, NULL), NULL);
    struct ftee_psp *vlek = guest(0, 0x30000, 1, 1, 1, p);
    uint8_t key[8][32];

    T_EQ_INT(key_of(one, &(struct snp_key_req){0}, key[0]), 0);
    T_EQ_INT(key_of(again, &(struct snp_key_req){0}, key[7]), 0);
    T_EQ_MEM(key[0], key[7], 32); /* another launch of the same guest: the same key */
    T_EQ_INT(key_of(chip, &(struct snp_key_req){0}, key[1]), 0);
    T_EQ_INT(key_of(one, &(struct snp_key_req){.vmpl = 1}, key[2]), 0);
    T_EQ_INT(key_of(one, &(struct snp_key_req){.fields = 1}, key[3]), 0);
    T_EQ_INT(key_of(one, &(struct snp_key_req){.root_key_select = 1}, key[4]), 0);
    T_EQ_INT(key_of(again, &(struct snp_key_req){.root_key_select = 1}, key[5]), 0);
    T_EQ_INT(key_of(vlek, &(struct snp_key_req){0}, key[6]), 0);
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < i; k++)
            T_TRUE(memcmp(key[i], key[k], 32) != 0);
    T_EQ_INT(key_of(vlek, &(struct snp_key_req){.root_key_select = 2}, key[1]), 0);
    T_EQ_MEM(key[1], key[0], 32); /* the VCEK by name */
    ftee_psp_free(one);
    ftee_psp_free(again);
    ftee_psp_free(chip);
    ftee_psp_free(vlek);
    ftee_platform_unref(p);
}

static void request_has_amds_offsets(void)
{
    const struct snp_key_req req = {.root_key_select = 0x01020304,
                                    .fields = 0x1112131415161718,
                                    .vmpl = 0x21222324,
                                    .guest_svn = 0x31323334,
                                    .tcb = {0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48},
                                    .mit_vector = 0x5152535455565758,
                                    .v2 = true};
    static const uint8_t want[40] = {0x04, 0x03, 0x02, 0x01, 0,    0,    0,    0,    0x18, 0x17,
                                     0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
                                     0x34, 0x33, 0x32, 0x31, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
                                     0x47, 0x48, 0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51};
    uint8_t raw[SNP_KEY_REQ_V2_BYTES];
    struct snp_key_req back;
    struct cmn_err err = {0};

    T_EQ_INT(snp_key_req_encode(&req, raw), 40);
    T_EQ_MEM(raw, want, 40);
    T_OK(snp_key_req_decode(raw, 40, &back, &err), &err);
    T_TRUE(back.mit_vector == req.mit_vector && back.fields == req.fields && back.v2);
    T_OK(snp_key_req_decode(raw, 32, &back, &err), &err);
    T_TRUE(!back.v2 && back.mit_vector == 0);
    raw[5] = 1;
    T_ERR(snp_key_req_decode(raw, 40, &back, &err), -EBADMSG, &err, "reserved");
    T_ERR(snp_key_req_decode(raw, 33, &back, &err), -EBADMSG, &err, "33 bytes");
}

static void keys_come_over_the_socket(void)
{
    struct ftee_psp *psp = usual();
    struct ftee_psp_server *server = NULL;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct snp_key_req good = {.fields = 9, .guest_svn = 5}, v2 = {.fields = 9, .v2 = true},
                             bad = {.guest_svn = 6};
    uint8_t direct[32], over[32], raw[SNP_REPORT_BYTES], data[64] = {1};
    struct cmn_err err = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/key.sock", t_tmpdir());
    T_EQ_INT(bind(fd, (void *)&addr, sizeof(addr)), 0);
    T_EQ_INT(listen(fd, 8), 0);
    T_OK(ftee_psp_server_new(psp, &(struct ftee_psp_server_opts){.listen_fd = fd}, &server, &err),
         &err);
    T_ERR(snp_psp_get_key(addr.sun_path, &bad, over, &err), -EINVAL, &err, "0x16");
    T_EQ_INT(err.reason, CMN_REASON_PSP_REQUEST_INVALID);
    T_OK(snp_psp_get_key(addr.sun_path, &good, over, &err), &err);
    T_EQ_INT(key_of(psp, &good, direct), 0);
    T_EQ_MEM(over, direct, 32);
    T_OK(snp_psp_get_key(addr.sun_path, &v2, over, &err), &err);
    T_EQ_INT(key_of(psp, &v2, direct), 0);
    T_EQ_MEM(over, direct, 32);
    T_OK(snp_psp_get_report(addr.sun_path, data, 0, raw, NULL, &err), &err);
    ftee_psp_server_free(server);
    ftee_psp_free(psp);
}

static void a_guest_at_vmpl_2_gets_reports_at_2_and_no_keys_below(void)
{
    struct ftee_psp *psp = usual();
    struct ftee_psp_server *server = NULL;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    uint8_t key[32], raw[SNP_REPORT_BYTES], data[64] = {1};
    struct cmn_err err = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/vmpl.sock", t_tmpdir());
    T_EQ_INT(bind(fd, (void *)&addr, sizeof(addr)), 0);
    T_EQ_INT(listen(fd, 8), 0);
    T_OK(ftee_psp_server_new(psp, &(struct ftee_psp_server_opts){.listen_fd = fd, .vmpl_floor = 2},
                             &server, &err),
         &err);
    T_ERR(snp_psp_get_key(addr.sun_path, &(struct snp_key_req){.vmpl = 1}, key, &err), -EINVAL,
          &err, "0x16");
    T_OK(snp_psp_get_key(addr.sun_path, &(struct snp_key_req){.vmpl = 2}, key, &err), &err);
    T_OK(snp_psp_get_report(addr.sun_path, data, 0, raw, NULL, &err), &err);
    T_EQ_INT(raw[0x30], 2);
    T_OK(snp_psp_get_report(addr.sun_path, data, 3, raw, NULL, &err), &err);
    T_EQ_INT(raw[0x30], 3);
    ftee_psp_server_free(server);
    ftee_psp_free(psp);
}

static void all_is_freed(void)
{
    EVP_PKEY_free(id_key);
    world_end();
}

TEST_MAIN("psp-key", {"what the firmware refuses", what_the_firmware_refuses},
          {"a guest that is not launched gets no key", a_guest_that_is_not_launched_gets_no_key},
          {"a masked key is no root", a_masked_key_is_no_root},
          {"exactly the selected fields change the key",
           exactly_the_selected_fields_change_the_key},
          {"chip, mask, VMPL and root always count", chip_mask_vmpl_and_root_always_count},
          {"request has AMD's offsets", request_has_amds_offsets},
          {"keys come over the socket", keys_come_over_the_socket},
          {"a guest at VMPL 2 gets reports at 2 and no keys below",
           a_guest_at_vmpl_2_gets_reports_at_2_and_no_keys_below},
          {"all is freed", all_is_freed})
