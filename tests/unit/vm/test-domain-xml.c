/* test-domain-xml.c - the domain of the vm backend: what it says, what cannot be said, and
 * libvirt's own schema about it. */
#include "tests/testlib/testlib.h"

#include "sim/backend/vm/vm.h"

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/xpath.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"

static const struct vm_shape shape = {.name = "cocobox",
                                      .emulator = "/usr/bin/qemu-system-x86_64",
                                      .kernel = VM_IMAGE "/vmlinuz",
                                      .initrd = VM_IMAGE "/initramfs",
                                      .cmdline = "console=ttyS0 quiet",
                                      .memory_mib = 256,
                                      .vcpus = 2};

static xmlDocPtr make(const struct vm_shape *s)
{
    auto_buf struct cmn_buf xml = {0};
    struct cmn_err err = {0};

    T_OK(vm_domain_xml(s, &xml, &err), &err);
    xmlDocPtr doc = xmlReadMemory((const char *)xml.data, (int)xml.len, "domain", NULL, 0);
    T_TRUE(doc != NULL);
    return doc;
}

/* The text that an XPath gives; the caller frees it with xmlFree. */
static char *find(xmlDocPtr doc, const char *path)
{
    xmlXPathContextPtr c = xmlXPathNewContext(doc);
    xmlXPathObjectPtr o = xmlXPathEvalExpression(BAD_CAST path, c);
    char *text = o ? (char *)xmlXPathCastToString(o) : NULL;

    xmlXPathFreeObject(o);
    xmlXPathFreeContext(c);
    return text;
}

static void expect(xmlDocPtr doc, const char *path, const char *want)
{
    char *got = find(doc, path);

    T_EQ_STR(got, want);
    xmlFree(got);
}

static void command_line_that_xml_cannot_hold_is_refused(void)
{
    static const char *const bad[] = {"a\001b", "a\nb", "a\x1b[0m", "\xff\xfe"};
    auto_buf struct cmn_buf xml = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        struct vm_shape s = shape;
        struct cmn_err err = {0};
        s.cmdline = bad[i];
        T_ERR(vm_domain_xml(&s, &xml, &err), -EINVAL, &err, "command line");
    }
}

static void command_line_cannot_become_an_element(void)
{
    struct vm_shape s = shape;

    s.cmdline = "quiet</cmdline><loader>/etc/shadow</loader><cmdline>&amp; \"x\" 'y'";
    xmlDocPtr doc = make(&s);
    expect(doc, "/domain/os/cmdline", s.cmdline);
    expect(doc, "count(/domain/os/loader)", "0");
    xmlFreeDoc(doc);
}

static void guest_has_two_ports_one_serial_line_and_no_way_out(void)
{
    xmlDocPtr doc = make(&shape);

    expect(doc, "/domain/@type", "qemu");
    expect(doc, "/domain/memory", "256");
    expect(doc, "/domain/memory/@unit", "MiB");
    expect(doc, "/domain/vcpu", "2");
    expect(doc, "count(/domain/devices/channel)", "2");
    expect(doc, "/domain/devices/channel[1]/target/@name", "cocobox.console");
    expect(doc, "/domain/devices/channel[2]/target/@name", "cocobox.mux");
    expect(doc, "count(/domain/devices/serial)", "1");
    expect(doc, "count(/domain/devices/interface)", "0");
    expect(doc, "count(/domain/devices/disk)", "0");
    expect(doc, "count(/domain/devices/tpm)", "0"); /* it would be taken for another TEE */
    expect(doc, "count(/domain/devices/graphics)", "0");
    expect(doc, "/domain/on_reboot", "destroy"); /* a panic reboots: one run, one boot */
    expect(doc, "/domain/on_crash", "destroy");
    xmlFreeDoc(doc);
}

static void kvm_is_used_when_it_is_said_to_work(void)
{
    struct vm_shape s = shape;

    s.kvm = true;
    xmlDocPtr doc = make(&s);
    expect(doc, "/domain/@type", "kvm");
    expect(doc, "/domain/cpu/@mode", "host-passthrough");
    xmlFreeDoc(doc);
}

static const struct vm_snp snp = {.policy = 0x30000,
                                  .firmware = "/usr/share/edk2/ovmf/OVMF.amdsev.fd",
                                  .host_data = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};

/* The schema of libvirt before 10.5 does not know it: its documentation is the measure. */
static void snp_guest_says_what_the_processor_must_know(void)
{
    struct vm_shape s = shape;

    s.snp = &snp;
    xmlDocPtr doc = make(&s);
    expect(doc, "/domain/@type", "kvm");
    expect(doc, "/domain/os/type/@machine", "q35");
    expect(doc, "/domain/os/loader/@type", "rom");
    expect(doc, "/domain/os/loader", snp.firmware);
    expect(doc, "/domain/cpu/model", "EPYC-v4");
    expect(doc, "/domain/memoryBacking/source/@type", "memfd");
    expect(doc, "/domain/memoryBacking/access/@mode", "shared");
    expect(doc, "/domain/launchSecurity/@type", "sev-snp");
    expect(doc, "/domain/launchSecurity/@kernelHashes", "yes");
    expect(doc, "/domain/launchSecurity/policy", "0x00030000");
    expect(doc, "/domain/launchSecurity/hostData", snp.host_data);
    expect(doc, "count(/domain/launchSecurity/idBlock)", "0");
    expect(doc, "/domain/devices/controller[@type='virtio-serial']/driver/@iommu", "on");
    expect(doc, "count(/domain/devices/tpm)", "0");
    xmlFreeDoc(doc);
}

static void snp_guest_with_half_an_id_block_or_no_firmware_is_refused(void)
{
    auto_buf struct cmn_buf xml = {0};
    struct vm_snp half = snp;
    struct vm_shape s = shape;
    struct cmn_err err = {0};

    s.snp = &half;
    half.id_block = "AAAA";
    T_ERR(vm_domain_xml(&s, &xml, &err), -EINVAL, &err, "authentication");
    half.id_auth = "BBBB";
    xmlDocPtr doc = make(&s);
    expect(doc, "/domain/launchSecurity/idBlock", "AAAA");
    expect(doc, "/domain/launchSecurity/idAuth", "BBBB");
    xmlFreeDoc(doc);
    half = snp;
    half.firmware = NULL;
    T_ERR(vm_domain_xml(&s, &xml, &err), -EINVAL, &err, "firmware");
}

/* Where the installed schema knows sev-snp, it is asked too. */
static bool schema_knows_snp(void)
{
    auto_buf struct cmn_buf text = {0};

    return cmn_file_read("/usr/share/libvirt/schemas/domaincommon.rng", 8 << 20, &text, NULL) ==
               0 &&
           strstr((const char *)text.data, "sev-snp") != NULL;
}

static void libvirts_schema_takes_it(void)
{
    if (access(SCHEMA, R_OK) < 0) {
        (void)printf("SKIP: " SCHEMA " is not installed (libvirt-daemon or libvirt-common)\n");
        return;
    }
    xmlRelaxNGParserCtxtPtr p = xmlRelaxNGNewParserCtxt(SCHEMA);
    xmlRelaxNGPtr schema = xmlRelaxNGParse(p);
    xmlRelaxNGValidCtxtPtr v = xmlRelaxNGNewValidCtxt(schema);
    for (int kind = 0; kind < (schema_knows_snp() ? 3 : 2); kind++) {
        struct vm_shape s = shape;
        s.kvm = kind == 1;
        s.snp = kind == 2 ? &snp : NULL;
        xmlDocPtr doc = make(&s);
        T_EQ_INT(xmlRelaxNGValidateDoc(v, doc), 0);
        /* and it would not take just anything */
        xmlNodePtr wrong = xmlNewChild(xmlDocGetRootElement(doc), NULL, BAD_CAST "nonsense", NULL);
        T_TRUE(wrong != NULL && xmlRelaxNGValidateDoc(v, doc) != 0);
        xmlFreeDoc(doc);
    }
    xmlRelaxNGFreeValidCtxt(v);
    xmlRelaxNGFree(schema);
    xmlRelaxNGFreeParserCtxt(p);
}

TEST_MAIN("domain-xml",
          {"a command line that XML cannot hold is refused",
           command_line_that_xml_cannot_hold_is_refused},
          {"a command line cannot become an element", command_line_cannot_become_an_element},
          {"the guest has two ports, one serial line and no way out",
           guest_has_two_ports_one_serial_line_and_no_way_out},
          {"KVM is used when it is said to work", kvm_is_used_when_it_is_said_to_work},
          {"a SNP guest says what the processor must know",
           snp_guest_says_what_the_processor_must_know},
          {"a SNP guest with half an ID block or no firmware is refused",
           snp_guest_with_half_an_id_block_or_no_firmware_is_refused},
          {"libvirt's schema takes it", libvirts_schema_takes_it})
