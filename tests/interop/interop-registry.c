/*
 * interop-registry.c - for test-images.sh: copies an image into an OCI layout of ours and serves it
 * by the embedded registry until its standard input ends.
 *
 *     interop-registry SRC-LAYOUT TAG DST-LAYOUT REFERENCE     prints "port N"
 */
#include "sim/image/encrypt.h"
#include "sim/registry/registry.h"

#include <stdio.h>
#include <unistd.h>

static int run(char **argv, struct cmn_err *err)
{
    auto_oci_store struct sim_oci_store *src = NULL, *dst = NULL;
    struct sim_registry *reg = NULL;
    struct cmn_http_server *server = NULL;
    char byte;
    int r = sim_oci_store_open(argv[1], &src, err);

    if (r == 0)
        r = sim_oci_store_create(argv[3], &dst, err);
    if (r == 0)
        r = sim_image_copy(src, argv[2], dst, argv[2], err);
    if (r == 0)
        r = sim_registry_new(&reg, err);
    if (r == 0)
        r = sim_registry_add(reg, argv[4], dst, argv[2], err);
    if (r == 0)
        r = cmn_http_server_new(&(struct cmn_http_server_opts){.listen_fd = -1,
                                                               .address = "127.0.0.1",
                                                               .body_limit = 1024,
                                                               .handle = sim_registry_handle,
                                                               .ctx = reg},
                                &server, err);
    if (r == 0) {
        (void)printf("port %u\n", (unsigned)cmn_http_server_port(server));
        (void)fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0)
            ;
    }
    cmn_http_server_free(server);
    sim_registry_free(reg);
    return r;
}

int main(int argc, char **argv)
{
    struct cmn_err err = {0};

    if (argc != 5 || run(argv, &err) < 0) {
        (void)fprintf(stderr, "interop-registry: %s\n", argc == 5 ? err.msg : "usage");
        return 1;
    }
    return 0;
}
