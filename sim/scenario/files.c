/* files.c - which files a path on the command line stands for; see scenario.h. */
#include "sim/scenario/scenario.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n > m && strcmp(s + n - m, end) == 0;
}

static int is_scenario(const struct dirent *e)
{
    return ends_with(e->d_name, ".yaml") && !ends_with(e->d_name, ".pod.yaml");
}

static int append(struct sim_strings *list, char *path /* taken over */)
{
    char **more = path ? realloc(list->items, (list->n + 1) * sizeof(*more)) : NULL;

    if (!more) {
        free(path);
        return -ENOMEM;
    }
    list->items = more;
    list->items[list->n++] = path;
    return 0;
}

static int add_folder(const char *path, struct sim_strings *list, struct cmn_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, is_scenario, alphasort), r = 0;

    if (n < 0)
        return cmn_err_set(err, errno, "folder '%s': %s", path, strerror(errno));
    if (n == 0)
        r = cmn_err_set(err, ENOENT, "folder '%s' holds no scenario (*.yaml)", path);
    for (int i = 0; i < n; i++) {
        char *file = NULL;
        if (r == 0 &&
            (asprintf(&file, "%s/%s", path, names[i]->d_name) < 0 || append(list, file) < 0))
            r = cmn_err_set(err, ENOMEM, "no memory");
        free(names[i]);
    }
    free(names);
    return r;
}

int sim_scenario_files(const char *path, struct sim_strings *list, struct cmn_err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return add_folder(path, list, err);
    return append(list, strdup(path)) < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}
