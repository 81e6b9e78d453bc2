/*
 * layer.h - one layer of an image: download, decryption, decompression and unpacking as one stream.
 */
#ifndef CDH_LAYER_H
#define CDH_LAYER_H

#include "sim/guest/cdh/registry-client.h"
#include "sim/image/unpack.h"

struct cdh_layer_job {
    struct cdh *cdh;
    struct cmn_http_client *http; /* used by the downloading thread meanwhile */
    const struct cdh_source *source;
    const struct sim_layer *layer;
    const char *diff_id;
    struct sim_unpack *unpack;
};

/*
 * Applies the layer. Nothing of it is held in memory as a whole. All checks are made when the
 * stream is at its end, the outermost first, so that a changed blob is called that and not what it
 * breaks further in: transfer, length, blob digest, HMAC, archive, diff_id.
 */
int cdh_layer_apply(const struct cdh_layer_job *job, struct cmn_err *err) CMN_MUST_USE;

#endif
