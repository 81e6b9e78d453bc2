/*
 * firmware.c - guest firmware (OVMF): the table of GUIDs at its end and the SEV metadata. Source:
 * OVMF ResetVector; AMD SEV metadata as QEMU reads it.
 */
#include "sim/diagnose/inspect/inspect-internal.h"

#include <stdio.h>
#include <string.h>

enum { FOOTER_FROM_END = 50, ENTRY_TAIL = 18, ENTRIES = 32, SECTIONS = 64 };

static const struct {
    const char *guid;
    const char *name;
    const char *meaning;
} known[] = {
    {"96b582de-1fb2-45f7-baea-a366c55a082d", "footer", "the table itself"},
    {"00f771de-1a7e-4fcb-890e-68c77e2fb44e", "AP reset", "start address of the other vCPUs"},
    {"4c2eb361-7d9b-4cc3-8081-127c90d3d294", "secret area", "base, size"},
    {"7255371f-3a3b-4b04-927b-1da6efa8d454", "hash table area", "base, size of kernel hashes"},
    {"dc886566-984a-4798-a75e-5585a7bf67cc", "SEV metadata", "offset from the end"},
    {"e47a6535-984a-4798-865e-4685a7bf8ec2", "TDX metadata", "offset from the end"},
    {"784fa70e-3176-4677-8a20-04b68699e374", "IGVM metadata", "offset from the end"},
    {"a789a612-0597-4c4b-a49f-cbb1fe9d1ddd", "SVSM info", "launch offset"},
};

static const char *section_name(uint32_t type)
{
    switch (type) {
    case 1:
        return "SNP_SEC_MEM: zero pages";
    case 2:
        return "SNP_SECRETS: one secrets page";
    case 3:
        return "CPUID: one CPUID page";
    case 4:
        return "SVSM_CAA: zero pages";
    case 0x10:
        return "SNP_KERNEL_HASHES: hashes of kernel, initrd, command line";
    default:
        return "unknown section";
    }
}

/* Mixed-endian, as edk2 writes them. */
static void guid_text(const uint8_t *g, char out[37])
{
    (void)snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12],
                   g[13], g[14], g[15]);
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool view_metadata(json_t *doc, struct cmn_bytes fw, uint32_t from_end)
{
    bool hashes = false;

    if (from_end > fw.len || from_end < 16) {
        sim_view_doubt(doc, CMN_REASON_HOST_FIRMWARE_TYPE, "SEV metadata lie outside the image");
        return false;
    }
    size_t at = fw.len - from_end;
    const uint8_t *m = fw.data + at;
    uint32_t count = le32(m + 12);
    json_t *f = sim_view_field(doc, (long)at, 16, "SEV metadata", "%.4s, version %u, %u sections",
                               (const char *)m, le32(m + 8), count);
    if (memcmp(m, "ASEV", 4) != 0)
        sim_view_doubt(f, CMN_REASON_HOST_FIRMWARE_TYPE, "it does not begin with ASEV");
    for (uint32_t i = 0; i < count && i < SECTIONS && 16 + (size_t)(i + 1) * 12 <= from_end; i++) {
        const uint8_t *s = m + 16 + (size_t)i * 12;
        f = sim_view_field(doc, (long)(at + 16 + (size_t)i * 12), 12, "section",
                           "gpa 0x%x, size 0x%x, type 0x%x", le32(s), le32(s + 4), le32(s + 8));
        sim_view_meaning(f, "%s", section_name(le32(s + 8)));
        hashes = hashes || le32(s + 8) == 0x10;
    }
    return hashes;
}

/* One entry of the table, found from its end; how long it is, 0 when it is broken. */
static size_t view_entry(json_t *doc, struct cmn_bytes fw, size_t end, uint32_t *metadata)
{
    const uint8_t *tail = fw.data + end - ENTRY_TAIL;
    size_t size = (size_t)tail[0] | (size_t)tail[1] << 8, n = size - ENTRY_TAIL;
    char guid[37];

    if (size < ENTRY_TAIL || size > end)
        return 0;
    guid_text(tail + 2, guid);
    json_t *f = sim_view_field(doc, (long)(end - size), size, "entry", "%s", guid);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(known); i++) {
        if (strcmp(known[i].guid, guid) != 0)
            continue;
        uint32_t a = n >= 4 ? le32(tail - n) : 0, b = n >= 8 ? le32(tail - n + 4) : 0;
        sim_view_meaning(f, "%s (%s): 0x%x%s0x%x", known[i].name, known[i].meaning, a,
                         n >= 8 ? ", " : "; ", b);
        if (i == 4 && n >= 4)
            *metadata = a;
    }
    return size;
}

json_t *insp_firmware(struct insp *in, struct cmn_bytes data)
{
    char guid[37];
    uint32_t metadata = 0;

    (void)in;
    if (data.len < 4096 || data.len > (64u << 20))
        return NULL;
    const uint8_t *footer = data.data + data.len - FOOTER_FROM_END;
    guid_text(footer + 2, guid);
    if (strcmp(guid, known[0].guid) != 0)
        return NULL;
    json_t *doc = sim_view_new("firmware", "guest firmware (OVMF) with a table of GUIDs");
    size_t total = (size_t)footer[0] | (size_t)footer[1] << 8, end = data.len - 32 - ENTRY_TAIL;
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "bytes", "%zu", data.len);
    json_t *f =
        sim_view_field(doc, (long)(data.len - FOOTER_FROM_END), ENTRY_TAIL, "footer", "%s", guid);
    sim_view_meaning(f, "table of %zu bytes", total);
    if (total < ENTRY_TAIL || total > data.len - 32) {
        sim_view_doubt(f, CMN_REASON_HOST_FIRMWARE_TYPE, "its length does not fit the image");
        return doc;
    }
    size_t first = data.len - 32 - total;
    for (unsigned i = 0; i < ENTRIES && end >= first + ENTRY_TAIL; i++) {
        size_t n = view_entry(doc, data, end, &metadata);
        if (!n || n > end - first) {
            sim_view_doubt(doc, CMN_REASON_HOST_FIRMWARE_TYPE,
                           "the table is broken at offset 0x%zx", end);
            break;
        }
        end -= n;
    }
    if (!metadata)
        sim_view_doubt(doc, CMN_REASON_HOST_FIRMWARE_TYPE,
                       "no SEV metadata: QEMU cannot launch an SNP guest with it");
    else if (!view_metadata(doc, data, metadata))
        sim_view_doubt(
            doc, CMN_REASON_HOST_FIRMWARE_TYPE,
            "no SNP_KERNEL_HASHES section: no direct kernel boot (use the AmdSev build)");
    return doc;
}
