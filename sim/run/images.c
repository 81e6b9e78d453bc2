/* images.c - what the registry serves: fixtures as they are, and variants encrypted in memory for
 * this run. */
#include "sim/image/encrypt.h"
#include "sim/image/manifest.h"
#include "sim/run/fixture.h"
#include "sim/run/run-internal.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A listener for each host:port that images are pulled from. */
static int add_host(struct sim_run *run, const char *host, struct cmn_err *err)
{
    const char *colon = strrchr(host, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 80;

    for (size_t i = 0; i < run->n_hosts; i++)
        if (strcmp(run->hosts[i].host, host) == 0)
            return 0;
    if (run->n_hosts == MAX_REGISTRIES)
        return cmn_err_set(err, E2BIG, "images of more than %d registries", MAX_REGISTRIES);
    if (port < 1 || port > 65535)
        return cmn_err_set(err, EINVAL, "registry '%.100s' has no valid port", host);
    struct sim_registry_host *h = &run->hosts[run->n_hosts++];
    (void)snprintf(h->host, sizeof(h->host), "%s", host);
    (void)snprintf(h->name, sizeof(h->name), "%.*s",
                   colon ? (int)(colon - host) : (int)strlen(host), host);
    h->port = (uint16_t)port;
    (void)snprintf(h->listener, sizeof(h->listener), port == 80 ? "registry" : "registry-%u",
                   (unsigned)port);
    return 0;
}

/* The image's key: given, or random; it is put where the guest will ask for it. */
static int image_key(struct sim_run *run, const struct sim_image *image, struct cmn_env *env,
                     uint8_t key[32], struct cmn_err *err)
{
    char path[256];
    int r = 0;

    if (image->has_key)
        memcpy(key, image->key, 32);
    else
        r = cmn_env_random(env, key, 32, err);
    if (r == 0)
        r = sim_kbs_uri_path(image->key_uri, path, sizeof(path), err);
    return r < 0 ? r : sim_run_put_resource(run, path, cmn_bytes(key, 32), err);
}

static int encrypt(struct sim_run *run, size_t i, struct cmn_err *err)
{
    const struct sim_image *image = &run->plan->images[i];
    auto_env struct cmn_env *env = NULL;
    auto_free char *label = NULL;
    uint8_t key[32];

    if (asprintf(&label, "image:%s", image->reference) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_env_derive(run->opts->env, label, &env, err);
    if (r == 0)
        r = sim_oci_store_new_memory(&run->stores[i], err);
    if (r == 0)
        r = image_key(run, image, env, key, err);
    if (r == 0)
        r = sim_image_encrypt(env, run->sources[i], NULL, run->stores[i], "run", image->key_uri,
                              key, err);
    OPENSSL_cleanse(key, sizeof(key));
    return r;
}

static int load_config(struct sim_run *run, size_t i, struct cmn_err *err)
{
    auto_manifest struct sim_manifest manifest = {0};
    auto_buf struct cmn_buf text = {0}, config = {0};
    struct sim_oci_desc desc;
    const json_t *diff_ids;
    int r = sim_oci_store_find_manifest(run->stores[i], NULL, &desc, err);

    if (r == 0)
        r = sim_oci_store_get(run->stores[i], desc.digest, SIM_MANIFEST_MAX_BYTES, &text, err);
    if (r == 0)
        r = sim_manifest_parse(cmn_buf_bytes(&text), &manifest, err);
    if (r == 0)
        r = sim_oci_store_get(run->stores[i], manifest.config.digest, SIM_CONFIG_MAX_BYTES, &config,
                              err);
    if (r == 0)
        r = sim_image_config_parse(cmn_buf_bytes(&config), &run->configs[i], &diff_ids, err);
    return r;
}

static int add_image(struct sim_run *run, size_t i, struct cmn_err *err)
{
    const struct sim_image *image = &run->plan->images[i];
    struct sim_oci_store *source = NULL;
    int r = image->from_dir
                ? sim_oci_store_open(image->from_dir, &source, err)
                : sim_fixture_open(run->opts->cache_dir, image->from, run->opts->fixture_script,
                                   run->opts->stop_fd, &source, err);

    if (r < 0)
        return r;
    if (image->key_uri) {
        run->sources[i] = source;
        r = encrypt(run, i, err);
    } else {
        run->stores[i] = source;
    }
    if (r == 0)
        r = load_config(run, i, err);
    return r < 0 ? r : sim_registry_add(run->registry, image->reference, run->stores[i], NULL, err);
}

int sim_run_images(struct sim_run *run, struct cmn_err *err)
{
    size_t n = run->plan->n_images;
    int r;

    run->stores = calloc(n, sizeof(*run->stores));
    run->sources = calloc(n, sizeof(*run->sources));
    run->configs = calloc(n, sizeof(*run->configs));
    if (!run->stores || !run->sources || !run->configs)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = sim_registry_new(&run->registry, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = add_image(run, i, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "image '%.128s'", run->plan->images[i].reference);
    }
    return r;
}

/* Every host that an image of the plan, or of the pod, names. */
int sim_run_hosts(struct sim_run *run, struct cmn_err *err)
{
    struct sim_reference ref;
    int r = 0;

    for (size_t i = 0; r == 0 && i < run->plan->n_images; i++) {
        r = sim_reference_parse(run->plan->images[i].reference, &ref, err);
        if (r == 0)
            r = add_host(run, ref.registry, err);
    }
    for (size_t i = 0; r == 0 && i < run->plan->pod.n_containers; i++)
        if (sim_reference_parse(run->plan->pod.containers[i].image, &ref, NULL) == 0)
            r = add_host(run, ref.registry, err);
    return r;
}

const json_t *sim_run_image_config(const struct sim_run *run, const char *reference)
{
    for (size_t i = 0; i < run->plan->n_images; i++)
        if (strcmp(run->plan->images[i].reference, reference) == 0)
            return run->configs[i];
    return NULL;
}

void sim_run_images_done(struct sim_run *run)
{
    sim_registry_free(run->registry);
    for (size_t i = 0; i < run->plan->n_images; i++) {
        if (run->stores)
            sim_oci_store_free(run->stores[i]);
        if (run->sources)
            sim_oci_store_free(run->sources[i]);
        if (run->configs)
            json_decref(run->configs[i]);
    }
    free(run->stores);
    free(run->sources);
    free(run->configs);
}
