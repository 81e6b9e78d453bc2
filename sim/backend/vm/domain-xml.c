/* domain-xml.c - the domain; see vm.h. Elements as in libvirt's docs/formatdomain. */
#include "sim/backend/vm/vm.h"

#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <string.h>

struct out {
    xmlTextWriterPtr w;
    bool failed;
};

static void open_tag(struct out *o, const char *name)
{
    o->failed |= xmlTextWriterStartElement(o->w, BAD_CAST name) < 0;
}

static void close_tag(struct out *o)
{
    o->failed |= xmlTextWriterEndElement(o->w) < 0;
}

static void attribute(struct out *o, const char *name, const char *value)
{
    o->failed |= xmlTextWriterWriteAttribute(o->w, BAD_CAST name, BAD_CAST value) < 0;
}

static void text(struct out *o, const char *value)
{
    o->failed |= xmlTextWriterWriteString(o->w, BAD_CAST value) < 0;
}

static void text_tag(struct out *o, const char *name, const char *value)
{
    open_tag(o, name);
    text(o, value);
    close_tag(o);
}

/* <name a="x"/>; a may be NULL */
static void empty_tag(struct out *o, const char *name, const char *a, const char *x)
{
    open_tag(o, name);
    if (a)
        attribute(o, a, x);
    close_tag(o);
}

static void write_os(struct out *o, const struct vm_shape *s)
{
    open_tag(o, "os");
    open_tag(o, "type");
    attribute(o, "arch", "x86_64");
    attribute(o, "machine", s->snp ? "q35" : "pc");
    text(o, "hvm");
    close_tag(o);
    if (s->snp) { /* QEMU refuses SNP with flash: its memory has no read-only slots */
        open_tag(o, "loader");
        attribute(o, "type", "rom");
        text(o, s->snp->firmware);
        close_tag(o);
    }
    text_tag(o, "kernel", s->kernel);
    text_tag(o, "initrd", s->initrd);
    text_tag(o, "cmdline", s->cmdline);
    close_tag(o);
}

static void write_unix(struct out *o, const char *path)
{
    open_tag(o, "source");
    attribute(o, "mode", "bind");
    attribute(o, "path", path);
    close_tag(o);
}

static void write_channel(struct out *o, const char *name, const char *path)
{
    open_tag(o, "channel");
    attribute(o, "type", "unix");
    write_unix(o, path);
    open_tag(o, "target");
    attribute(o, "type", "virtio");
    attribute(o, "name", name);
    close_tag(o);
    close_tag(o);
}

/* The first console is the serial line; this one becomes /dev/hvc0. */
static void write_shell(struct out *o)
{
    open_tag(o, "console");
    attribute(o, "type", "unix");
    write_unix(o, VM_SHELL);
    open_tag(o, "target");
    attribute(o, "type", "virtio");
    attribute(o, "port", "1");
    close_tag(o);
    close_tag(o);
}

static void write_devices(struct out *o, const struct vm_shape *s)
{
    open_tag(o, "devices");
    text_tag(o, "emulator", s->emulator);
    open_tag(o, "controller");
    attribute(o, "type", "usb");
    attribute(o, "model", "none");
    close_tag(o);
    if (s->snp) { /* its memory is encrypted: devices go through bounce buffers */
        open_tag(o, "controller");
        attribute(o, "type", "virtio-serial");
        attribute(o, "index", "0");
        empty_tag(o, "driver", "iommu", "on");
        close_tag(o);
    }
    open_tag(o, "serial");
    attribute(o, "type", "unix");
    write_unix(o, VM_SERIAL);
    close_tag(o);
    write_channel(o, "cocobox.console", VM_CONSOLE);
    write_channel(o, "cocobox.mux", VM_MUX);
    if (s->shell)
        write_shell(o);
    empty_tag(o, "memballoon", "model", "none");
    close_tag(o);
}

/* Without a source of random numbers an emulated guest's first getrandom() waits for seconds. */
static void write_cpu(struct out *o, const struct vm_shape *s)
{
    open_tag(o, "cpu");
    attribute(o, "mode", s->kvm && !s->snp ? "host-passthrough" : "custom");
    attribute(o, "check", "none");
    if (s->snp) { /* the model is measured: it must not depend on the host */
        attribute(o, "match", "exact");
        text_tag(o, "model", "EPYC-v4");
    } else if (!s->kvm) {
        attribute(o, "match", "exact");
        text_tag(o, "model", "qemu64");
        open_tag(o, "feature");
        attribute(o, "policy", "require");
        attribute(o, "name", "rdrand");
        close_tag(o);
    }
    close_tag(o);
}

static void write_memory_backing(struct out *o)
{
    open_tag(o, "memoryBacking");
    empty_tag(o, "source", "type", "memfd");
    empty_tag(o, "access", "mode", "shared");
    close_tag(o);
}

/* C-bit position and physical bits are left to libvirt, which asks the host. */
static void write_launch_security(struct out *o, const struct vm_snp *snp)
{
    char policy[24];

    open_tag(o, "launchSecurity");
    attribute(o, "type", "sev-snp");
    attribute(o, "kernelHashes", "yes");
    (void)snprintf(policy, sizeof(policy), "0x%08llx", (unsigned long long)snp->policy);
    text_tag(o, "policy", policy);
    if (snp->id_block) {
        text_tag(o, "idBlock", snp->id_block);
        text_tag(o, "idAuth", snp->id_auth);
    }
    if (snp->host_data)
        text_tag(o, "hostData", snp->host_data);
    close_tag(o);
}

static void write_domain(struct out *o, const struct vm_shape *s)
{
    char number[32];

    open_tag(o, "domain");
    attribute(o, "type", s->kvm || s->snp ? "kvm" : "qemu");
    text_tag(o, "name", s->name);
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)s->memory_mib);
    open_tag(o, "memory");
    attribute(o, "unit", "MiB");
    text(o, number);
    close_tag(o);
    (void)snprintf(number, sizeof(number), "%u", s->vcpus);
    text_tag(o, "vcpu", number);
    if (s->snp)
        write_memory_backing(o);
    write_os(o, s);
    open_tag(o, "features");
    empty_tag(o, "acpi", NULL, NULL);
    close_tag(o);
    write_cpu(o, s);
    /* a guest that panics reboots (panic=-1), and a reboot ends it: one run, one boot */
    text_tag(o, "on_poweroff", "destroy");
    text_tag(o, "on_reboot", "destroy");
    text_tag(o, "on_crash", "destroy");
    write_devices(o, s);
    if (s->snp)
        write_launch_security(o, s->snp);
    close_tag(o);
}

/* XML 1.0 has no way to write these. */
static bool is_xml_text(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 && !strchr("\t\n\r", *s))
            return false;
    return true;
}

int vm_domain_xml(const struct vm_shape *shape, struct cmn_buf *ret, struct cmn_err *err)
{
    if (!is_xml_text(shape->cmdline) || !xmlCheckUTF8(BAD_CAST shape->cmdline) ||
        strchr(shape->cmdline, '\n'))
        return cmn_err_set(err, EINVAL,
                           "the kernel's command line has control characters or is no UTF-8");
    if (shape->snp && (!shape->snp->firmware || !shape->snp->id_block != !shape->snp->id_auth))
        return cmn_err_set(err, EINVAL, "%s",
                           shape->snp->firmware ? "an ID block goes with its authentication only"
                                                : "a SNP guest needs a firmware");
    xmlBufferPtr buffer = xmlBufferCreate();
    struct out o = {.w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL};
    if (!o.w) {
        xmlBufferFree(buffer);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    o.failed |= xmlTextWriterSetIndent(o.w, 1) < 0 ||
                xmlTextWriterStartDocument(o.w, NULL, "UTF-8", NULL) < 0;
    write_domain(&o, shape);
    o.failed |= xmlTextWriterEndDocument(o.w) < 0;
    xmlFreeTextWriter(o.w); /* writes what is left */
    int r =
        o.failed || cmn_buf_put(ret, xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer)) < 0
            ? cmn_err_set(err, ENOMEM, "no memory for the domain's XML")
            : 0;
    xmlBufferFree(buffer);
    return r;
}
