/*
 * fixture.h - tars and small images in memory for the tests of images.
 */
#ifndef SIM_TEST_FIXTURE_H
#define SIM_TEST_FIXTURE_H

#include "sim/image/oci-store.h"

struct fx_entry {
    const char *name;
    char type;        /* 'f' file, 'd' folder, 'l' symlink, 'h' hard link, 'c' device, 'p' fifo */
    const char *text; /* content, or target of a link */
    unsigned mode;    /* 0: 0644, folders 0755 */
    int uid;
};

/* A tar (pax) of the entries; filter "none", "gzip" or "zstd". Caller: cmn_buf_done. */
struct cmn_buf fx_tar(const struct fx_entry *entries, size_t n, const char *filter);
/* A memory store with a plain image of two layers (the second deletes /gone) under tag "1". */
struct sim_oci_store *fx_image(void);

#endif
