/* manifest.c - Kubernetes manifests: what kinds, and what their ConfigMaps hold. */
#include "common/yaml/yaml.h"
#include "sim/diagnose/inspect/inspect-internal.h"
#include "sim/diagnose/yaml-docs.h"

#include <string.h>

static void view_object(struct insp *in, json_t *doc, const json_t *root)
{
    const char *kind = cmn_json_str(root, "kind"), *key;
    const char *name = cmn_json_str(json_object_get(root, "metadata"), "name");
    json_t *value, *item;
    size_t i;

    if (!kind)
        return;
    if (json_is_array(json_object_get(root, "items"))) {
        json_array_foreach(json_object_get(root, "items"), i, item)
            view_object(in, doc, item);
        return;
    }
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, kind, "%s", name ? name : "");
    if (strcmp(kind, "Secret") == 0)
        sim_view_doubt(doc, CMN_REASON_NONE,
                       "a Secret: its values are not shown; keep it out of tickets");
    if (strcmp(kind, "ConfigMap") != 0)
        return;
    json_object_foreach(json_object_get(root, "data"), key, value) {
        const char *text = json_string_value(value);
        if (text)
            sim_view_part(doc, insp_bytes(in, cmn_bytes(text, strlen(text))));
    }
}

json_t *insp_manifest(struct insp *in, struct cmn_bytes text)
{
    struct sim_yaml_docs docs = sim_yaml_docs(text);
    json_t *doc;

    if (!memmem(text.data, text.len, "apiVersion", 10) || !memmem(text.data, text.len, "kind", 4))
        return NULL;
    doc = sim_view_new("manifest", "Kubernetes objects");
    while (sim_yaml_docs_next(&docs)) {
        auto_yaml struct cmn_yaml *yaml = NULL;
        if (docs.doc.len && cmn_yaml_load("manifest", docs.doc, &yaml, NULL) == 0)
            view_object(in, doc, cmn_yaml_root(yaml));
    }
    if (!json_object_get(doc, "fields")) {
        json_decref(doc);
        return NULL;
    }
    return doc;
}
