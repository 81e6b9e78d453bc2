/*
 * replay.c - the engine for every compiler: replay FOLDER|FILE... runs the target once on nothing
 * and once on each file, from memory of exactly its size. A bug ends it by a signal or a sanitizer.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20 };

static unsigned runs;

static int run_file(const char *path)
{
    auto_buf struct cmn_buf bytes = {0};
    struct cmn_err err = {0};

    if (cmn_file_read(path, INPUT_MAX, &bytes, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    uint8_t *exact = malloc(bytes.len ? bytes.len : 1);
    FUZZ_CHECK(exact != NULL);
    if (bytes.len)
        memcpy(exact, bytes.data, bytes.len);
    (void)LLVMFuzzerTestOneInput(exact, bytes.len);
    free(exact);
    runs++;
    return 0;
}

static int run_folder(const char *path)
{
    struct dirent **list = NULL;
    int n = scandir(path, &list, NULL, alphasort), r = n < 0 ? -1 : 0;

    if (n < 0)
        perror(path);
    for (int i = 0; i < n; i++) {
        auto_free char *file = NULL;
        if (list[i]->d_name[0] != '.' && r == 0)
            r = asprintf(&file, "%s/%s", path, list[i]->d_name) < 0 ? -1 : run_file(file);
        free(list[i]);
    }
    free(list);
    return r;
}

int main(int argc, char **argv)
{
    static const uint8_t nothing[1];
    struct stat st;

    (void)LLVMFuzzerTestOneInput(nothing, 0);
    for (int i = 1; i < argc; i++)
        if ((stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? run_folder(argv[i])
                                                            : run_file(argv[i])) < 0)
            return 1;
    (void)printf("%u inputs replayed\n", runs);
    return runs ? 0 : 1;
}
