/*
 * test-tee.c - what /dev/sev-guest and configfs-tsm do, without a kernel, over a PSP of this test
 * that counts and can fail. Expected values are Linux 6.12's (drivers/virt/coco).
 */
#include "tests/testlib/testlib.h"

#include "sim/guest/tee/tee.h"

#include <string.h>

enum { TABLE_BYTES = 5000 };

static struct {
    unsigned calls;
    uint32_t vmpl, status;
    int fail;
    size_t table_len, answer_len;
} psp;

static void fill_table(struct cmn_buf *table)
{
    /* one entry (GUID of 16 times 0x11) of 100 bytes right behind the terminator, then padding */
    CU_ASSERT_FATAL(cmn_buf_resize(table, psp.table_len) == 0);
    memset(table->data, 0x11, 16);
    cmn_put_u32le(table->data + 16, 48);
    cmn_put_u32le(table->data + 20, 100);
    memset(table->data + 48, 0xCE, psp.table_len < 148 ? psp.table_len - 48 : 100);
}

static int fake_call(void *ctx, uint8_t type, struct cmn_bytes body, struct cmn_buf *ret_body,
                     struct cmn_buf *ret_table, struct cmn_err *err)
{
    (void)ctx;
    psp.calls++;
    if (psp.fail)
        return cmn_err_set(err, -psp.fail, "the PSP is gone");
    CU_ASSERT_FATAL(cmn_buf_resize(ret_body, psp.answer_len) == 0);
    cmn_put_u32le(ret_body->data, psp.status);
    if (type == SNP_MSG_REPORT_REQ) {
        struct cmn_rd c = cmn_rd_init(body.data + 64, 4);
        T_EQ_INT(body.len, 96);
        T_EQ_INT(cmn_rd_u32le(&c, &psp.vmpl), 0);
        cmn_put_u32le(ret_body->data + 4, psp.status ? 0 : SNP_REPORT_BYTES);
        memcpy(ret_body->data + 32, body.data, 64); /* the "report" begins with what was asked */
        ret_body->data[32 + 100] = (uint8_t)psp.calls;
    }
    if (ret_table && psp.table_len)
        fill_table(ret_table);
    return 0;
}

static struct tee_device device;
static struct tsm tsm;

static void reset(void)
{
    for (size_t i = 0; i < TSM_ENTRIES_MAX; i++)
        if (tsm.entries[i].serial)
            tsm_remove(&tsm.entries[i]);
    memset(&psp, 0, sizeof(psp));
    psp.table_len = TABLE_BYTES;
    psp.answer_len = SNP_REPORT_RSP_BYTES;
    device = (struct tee_device){.call = fake_call};
    tsm.device = &device;
}

static int ext(uint32_t certs_len, uint8_t *certs, uint32_t *need, uint64_t *exitinfo2)
{
    static const uint8_t req[SNP_REPORT_REQ_BYTES] = {1, 2, 3};
    uint8_t resp[4000];

    return tee_device_ext_report(&device, req, resp, certs, certs_len, need, exitinfo2);
}

/* ---- /dev/sev-guest ---- */

static void odd_and_large_certs_len_are_refused_without_a_message(void)
{
    static const uint32_t bad[] = {1, 4095, 4097, 0x4001, 0x5000, 0xFFFFF000, UINT32_MAX};
    uint64_t exitinfo2;
    uint32_t need = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        reset();
        T_EQ_INT(ext(bad[i], NULL, &need, &exitinfo2), -EINVAL);
        T_EQ_INT(exitinfo2, 0xFF);
        T_EQ_INT(psp.calls, 0);
    }
}

static void too_small_certs_len_says_how_many_pages_and_the_second_call_gets_them(void)
{
    uint8_t certs[8192];
    uint64_t exitinfo2 = 0;
    uint32_t need = 0;

    reset();
    T_EQ_INT(ext(0, NULL, &need, &exitinfo2), -EIO);
    T_EQ_INT(exitinfo2, 0x100000000ll);
    T_EQ_INT(need, 8192);
    T_EQ_INT(ext(4096, certs, &need, &exitinfo2), -EIO);
    memset(certs, 0xAA, sizeof(certs));
    T_OK(ext(8192, certs, &need, &exitinfo2), NULL);
    T_EQ_INT(exitinfo2, 0);
    T_EQ_INT(certs[48], 0xCE);
    T_EQ_INT(certs[TABLE_BYTES], 0); /* nothing of before behind the table */
    T_EQ_INT(psp.calls, 2);          /* once its length is known the PSP is not asked in vain */
    T_TRUE(!device.vmpck_gone);      /* a length is no failure */
}

static void a_host_without_certificates_answers_at_once(void)
{
    uint64_t exitinfo2 = 9;
    uint32_t need = 7;

    reset();
    psp.table_len = 0;
    T_OK(ext(0, NULL, &need, &exitinfo2), NULL);
    T_EQ_INT(exitinfo2, 0);
    T_EQ_INT(need, 7);
}

static void a_table_longer_than_the_kernel_takes_ends_the_key(void)
{
    uint64_t exitinfo2;
    uint32_t need = 0;

    reset();
    psp.table_len = TEE_CERTS_MAX + 1;
    T_EQ_INT(ext(0, NULL, &need, &exitinfo2), -EIO);
    T_EQ_INT(exitinfo2, 0xFF);
    T_TRUE(device.vmpck_gone);
}

static void a_failed_message_disables_the_key_for_ever(void)
{
    static const uint8_t req[SNP_REPORT_REQ_BYTES];
    uint8_t resp[4000];
    uint64_t exitinfo2 = 0;

    reset();
    psp.fail = -EPIPE;
    T_EQ_INT(tee_device_request(&device, SNP_MSG_REPORT_REQ, cmn_bytes(req, sizeof(req)), resp,
                                sizeof(resp), &exitinfo2),
             -EIO);
    T_EQ_INT(exitinfo2, 0xFF);
    psp.fail = 0;
    T_EQ_INT(tee_device_request(&device, SNP_MSG_REPORT_REQ, cmn_bytes(req, sizeof(req)), resp,
                                sizeof(resp), &exitinfo2),
             -ENOTTY);
    T_EQ_INT(psp.calls, 1);
}

static void a_refusal_of_the_firmware_is_an_answer_and_no_failure(void)
{
    uint8_t req[SNP_REPORT_REQ_BYTES] = {0}, resp[4000];
    uint64_t exitinfo2 = 1;

    reset();
    psp.status = 0x16;
    T_OK(tee_device_request(&device, SNP_MSG_REPORT_REQ, cmn_bytes(req, sizeof(req)), resp,
                            sizeof(resp), &exitinfo2),
         NULL);
    T_EQ_INT(exitinfo2, 0);
    T_EQ_INT(resp[0], 0x16);
    T_TRUE(!device.vmpck_gone);
}

static void the_response_is_padded_with_zeros(void)
{
    uint8_t req[SNP_REPORT_REQ_BYTES] = {5}, resp[4000];
    uint64_t exitinfo2;

    reset();
    memset(resp, 0xAA, sizeof(resp));
    T_OK(tee_device_request(&device, SNP_MSG_REPORT_REQ, cmn_bytes(req, sizeof(req)), resp,
                            sizeof(resp), &exitinfo2),
         NULL);
    T_EQ_INT(resp[32], 5);
    T_TRUE(cmn_all_zero(resp + SNP_REPORT_RSP_BYTES, sizeof(resp) - SNP_REPORT_RSP_BYTES));
}

static void an_answer_longer_than_the_response_ends_the_key(void)
{
    uint8_t req[SNP_KEY_REQ_BYTES] = {0}, resp[SNP_KEY_RSP_BYTES];
    uint64_t exitinfo2;

    reset();
    psp.answer_len = 65;
    T_EQ_INT(tee_device_request(&device, SNP_MSG_KEY_REQ, cmn_bytes(req, sizeof(req)), resp,
                                sizeof(resp), &exitinfo2),
             -EIO);
    T_TRUE(device.vmpck_gone);
}

/* ---- configfs-tsm ---- */

static struct tsm_entry *make(const char *name)
{
    struct tsm_entry *e = NULL;

    T_OK(tsm_make(&tsm, name, &e), NULL);
    CU_ASSERT_FATAL(e != NULL);
    return e;
}

static int write_blob(struct tsm_entry *e, size_t len)
{
    uint8_t blob[128];

    memset(blob, 0x42, sizeof(blob));
    return tsm_write(e, TSM_INBLOB, cmn_bytes(blob, len));
}

static int read_attr(struct tsm_entry *e, enum tsm_attr attr, struct cmn_buf *ret)
{
    cmn_buf_done(ret);
    return tsm_read(&tsm, e, attr, ret);
}

static void outblob_before_inblob_is_refused(void)
{
    auto_buf struct cmn_buf b = {0};

    reset();
    struct tsm_entry *e = make("r");
    T_EQ_INT(read_attr(e, TSM_OUTBLOB, &b), -EINVAL);
    T_EQ_INT(read_attr(e, TSM_AUXBLOB, &b), -EINVAL);
    T_EQ_INT(psp.calls, 0);
}

static void inblob_of_another_length_than_64_is_refused_at_the_read(void)
{
    auto_buf struct cmn_buf b = {0};

    reset();
    struct tsm_entry *e = make("r");
    T_EQ_INT(write_blob(e, 65), -EFBIG);
    T_OK(write_blob(e, 63), NULL);
    T_EQ_INT(read_attr(e, TSM_OUTBLOB, &b), -EINVAL);
    T_EQ_INT(psp.calls, 0);
}

static void privlevel_takes_0_to_3_as_text(void)
{
    static const struct {
        const char *text;
        int want;
    } cases[] = {{"0", 0},
                 {"3\n", 0},
                 {"0x2", 0},
                 {"4", -EINVAL},
                 {"-1", -EINVAL},
                 {"", -EINVAL},
                 {"\n", -EINVAL},
                 {" 1", -EINVAL},
                 {"1 ", -EINVAL},
                 {"1\n\n", -EINVAL},
                 {"x", -EINVAL},
                 {"+1", -EINVAL},
                 {"99999999999999999999", -EINVAL}};

    reset();
    struct tsm_entry *e = make("r");
    uint64_t generation = 0;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        T_EQ_INT(tsm_write(e, TSM_PRIVLEVEL, cmn_bytes(cases[i].text, strlen(cases[i].text))),
                 cases[i].want);
        generation += cases[i].want == 0;
        T_EQ_INT(e->write_generation, generation); /* a refused write does not count */
    }
}

static void one_inblob_makes_one_report_until_the_generation_moves(void)
{
    auto_buf struct cmn_buf first = {0}, again = {0}, aux = {0};

    reset();
    struct tsm_entry *e = make("r");
    T_OK(write_blob(e, 64), NULL);
    T_OK(read_attr(e, TSM_OUTBLOB, &first), NULL);
    T_OK(read_attr(e, TSM_OUTBLOB, &again), NULL);
    T_OK(read_attr(e, TSM_AUXBLOB, &aux), NULL);
    T_EQ_INT(psp.calls, 1);
    T_EQ_INT(first.len, SNP_REPORT_BYTES); /* the report, without the response's header */
    T_EQ_INT(again.len, first.len);
    T_EQ_MEM(again.data, first.data, first.len);
    T_EQ_INT(first.data[0], 0x42);
    T_EQ_INT(aux.len, 148); /* cut behind the last certificate */
    T_OK(tsm_write(e, TSM_PRIVLEVEL, cmn_bytes("1", 1)), NULL);
    T_OK(read_attr(e, TSM_OUTBLOB, &again), NULL);
    T_EQ_INT(psp.calls, 2);
    T_EQ_INT(psp.vmpl, 1);
}

static void generation_counts_writes(void)
{
    auto_buf struct cmn_buf b = {0};

    reset();
    struct tsm_entry *e = make("r");
    T_OK(read_attr(e, TSM_GENERATION, &b), NULL);
    T_EQ_STR((const char *)b.data, "0\n");
    T_OK(write_blob(e, 64), NULL);
    T_OK(tsm_write(e, TSM_PRIVLEVEL, cmn_bytes("0", 1)), NULL);
    T_OK(read_attr(e, TSM_GENERATION, &b), NULL);
    T_EQ_STR((const char *)b.data, "2\n");
}

static void a_write_that_would_meet_the_read_generation_is_busy(void)
{
    auto_buf struct cmn_buf b = {0};

    reset();
    struct tsm_entry *e = make("r");
    T_OK(write_blob(e, 64), NULL);
    T_OK(read_attr(e, TSM_OUTBLOB, &b), NULL);
    e->write_generation = e->read_generation - 1; /* as after 2^64 - 1 writes */
    T_EQ_INT(write_blob(e, 64), -EBUSY);
    T_EQ_INT(tsm_write(e, TSM_PRIVLEVEL, cmn_bytes("1", 1)), -EBUSY);
}

static void firmware_status_becomes_einval_or_enxio(void)
{
    static const struct {
        uint32_t status;
        int want;
    } cases[] = {{0x16, -EINVAL}, {0x27, -EINVAL}, {0x1, -ENXIO}};
    auto_buf struct cmn_buf b = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        reset();
        struct tsm_entry *e = make("r");
        psp.status = cases[i].status;
        T_OK(write_blob(e, 64), NULL);
        T_EQ_INT(read_attr(e, TSM_OUTBLOB, &b), cases[i].want);
        psp.status = 0; /* a failure is not kept */
        T_OK(read_attr(e, TSM_OUTBLOB, &b), NULL);
    }
}

static void auxblob_is_empty_without_certificates_or_when_the_table_lies(void)
{
    auto_buf struct cmn_buf b = {0};

    reset();
    psp.table_len = 0;
    struct tsm_entry *e = make("r");
    T_OK(write_blob(e, 64), NULL);
    T_OK(read_attr(e, TSM_AUXBLOB, &b), NULL);
    T_EQ_INT(b.len, 0);
    psp.table_len = 60; /* the entry claims bytes 48 to 148 */
    T_OK(write_blob(e, 64), NULL);
    /* the buffer that the kernel gives is 16 KiB: the table is cut there, not at its own length */
    T_OK(read_attr(e, TSM_AUXBLOB, &b), NULL);
    T_EQ_INT(b.len, 148);
}

static void names_are_unique_and_bounded(void)
{
    char name[TSM_NAME_MAX + 2];
    struct tsm_entry *e = NULL;

    reset();
    uint32_t serial = make("r")->serial;
    T_EQ_INT(tsm_make(&tsm, "r", &e), -EEXIST);
    memset(name, 'n', sizeof(name));
    name[TSM_NAME_MAX + 1] = '\0';
    T_EQ_INT(tsm_make(&tsm, name, &e), -ENAMETOOLONG);
    tsm_remove(tsm_by_name(&tsm, "r"));
    T_TRUE(tsm_by_serial(&tsm, serial) == NULL);
    T_TRUE(make("r")->serial !=
           serial); /* an open file of the old one must not reach the new one */
    for (int i = 1; i < TSM_ENTRIES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "e%d", i);
        (void)make(name);
    }
    T_EQ_INT(tsm_make(&tsm, "one-more", &e), -ENOSPC);
    reset();
}

static void attributes_have_the_kernels_names_and_modes(void)
{
    static const struct {
        enum tsm_attr attr;
        const char *name;
        unsigned mode;
    } want[] = {{TSM_INBLOB, "inblob", 0200},
                {TSM_OUTBLOB, "outblob", 0400},
                {TSM_AUXBLOB, "auxblob", 0400},
                {TSM_PROVIDER, "provider", 0444},
                {TSM_GENERATION, "generation", 0444},
                {TSM_PRIVLEVEL, "privlevel", 0200},
                {TSM_PRIVLEVEL_FLOOR, "privlevel_floor", 0444}};
    auto_buf struct cmn_buf b = {0};

    reset();
    for (size_t i = 0; i < CMN_ARRAY_SIZE(want); i++) {
        T_EQ_STR(tsm_attr_name(want[i].attr), want[i].name);
        T_EQ_INT(tsm_attr_mode(want[i].attr), want[i].mode);
    }
    T_OK(read_attr(make("r"), TSM_PROVIDER, &b), NULL);
    T_EQ_STR((const char *)b.data, "sev_guest\n");
    reset();
}

TEST_MAIN(
    "tee",
    {"odd and large certs_len are refused without a message",
     odd_and_large_certs_len_are_refused_without_a_message},
    {"too small certs_len says how many pages and the second call gets them",
     too_small_certs_len_says_how_many_pages_and_the_second_call_gets_them},
    {"a host without certificates answers at once", a_host_without_certificates_answers_at_once},
    {"a table longer than the kernel takes ends the key",
     a_table_longer_than_the_kernel_takes_ends_the_key},
    {"a failed message disables the key for ever", a_failed_message_disables_the_key_for_ever},
    {"a refusal of the firmware is an answer and no failure",
     a_refusal_of_the_firmware_is_an_answer_and_no_failure},
    {"the response is padded with zeros", the_response_is_padded_with_zeros},
    {"an answer longer than the response ends the key",
     an_answer_longer_than_the_response_ends_the_key},
    {"outblob before inblob is refused", outblob_before_inblob_is_refused},
    {"inblob of another length than 64 is refused at the read",
     inblob_of_another_length_than_64_is_refused_at_the_read},
    {"privlevel takes 0 to 3 as text", privlevel_takes_0_to_3_as_text},
    {"one inblob makes one report until the generation moves",
     one_inblob_makes_one_report_until_the_generation_moves},
    {"generation counts writes", generation_counts_writes},
    {"a write that would meet the read generation is busy",
     a_write_that_would_meet_the_read_generation_is_busy},
    {"firmware status becomes EINVAL or ENXIO", firmware_status_becomes_einval_or_enxio},
    {"auxblob is empty without certificates or when the table lies",
     auxblob_is_empty_without_certificates_or_when_the_table_lies},
    {"names are unique and bounded", names_are_unique_and_bounded},
    {"attributes have the kernel's names and modes", attributes_have_the_kernels_names_and_modes})
