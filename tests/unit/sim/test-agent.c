/*
 * kata-agent's stand-in: ids, the crun configuration, RPCs; and containers by real crun in fresh
 * namespaces (this program again, under unshare).
 */
#include "sim/guest/agent/agent.h"

#include "tests/testlib/testlib.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT "grpc.AgentService"

static struct agent agent;
static struct cmn_ttrpc_server *server;
static struct cmn_ttrpc_client *client;

static void up(const char *bundles)
{
    struct cmn_err err = {0};
    int sv[2] = {-1, -1};

    agent_init(&agent, bundles, "/nonexistent/cdh.sock");
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    T_OK(cmn_ttrpc_server_new(&(struct cmn_ttrpc_server_opts){.listen_fd = -1,
                                                              .conn_fd = sv[0],
                                                              .methods = agent_methods,
                                                              .n_methods = agent_n_methods,
                                                              .ctx = &agent,
                                                              .go_errors = true},
                              &server, &err),
         &err);
    T_OK(cmn_ttrpc_client_new(sv[1], &client, &err), &err);
}

static void down(void)
{
    cmn_ttrpc_client_free(client);
    agent_container_remove_all(&agent);
    cmn_ttrpc_server_free(server);
}

static int call(const char *method, const ProtobufCMessage *req,
                const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret,
                struct cmn_ttrpc_status *st)
{
    return cmn_ttrpc_call_msg(client, AGENT, method, req, type, 20000, ret, st, NULL);
}

/* ---- without crun ---- */

static void bad_ids_are_refused(void)
{
    T_TRUE(agent_id_valid("c1-a_b.c"));
    T_TRUE(!agent_id_valid(""));
    T_TRUE(!agent_id_valid("../x"));
    T_TRUE(!agent_id_valid("a/b"));
    T_TRUE(!agent_id_valid(".hidden"));
    T_TRUE(!agent_id_valid("-x"));
}

static void requests_about_nothing_are_refused(void)
{
    Grpc__StartContainerRequest start = GRPC__START_CONTAINER_REQUEST__INIT;
    Grpc__WaitProcessRequest wait = GRPC__WAIT_PROCESS_REQUEST__INIT;
    Grpc__CreateContainerRequest create = GRPC__CREATE_CONTAINER_REQUEST__INIT;
    Grpc__Spec spec = GRPC__SPEC__INIT;
    struct cmn_ttrpc_status st = {0};
    char none[] = "none", evil[] = "../../etc";

    up(t_tmpdir());
    start.container_id = none;
    T_EQ_INT(call("StartContainer", &start.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_INT(st.code, CMN_TTRPC_NOT_FOUND);
    wait.container_id = none;
    T_EQ_INT(call("WaitProcess", &wait.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_INT(st.code, CMN_TTRPC_NOT_FOUND);
    create.container_id = none;
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_STR(st.message, "the request has no OCI spec");
    create.oci = &spec;
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_STR(st.message, "the container has no root file system");
    create.container_id = evil;
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_INT(st.code, CMN_TTRPC_INVALID_ARGUMENT);
    T_EQ_INT(call("ExecProcess", &start.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_INT(st.code, CMN_TTRPC_UNIMPLEMENTED);
    down();
}

static void a_pull_without_cdh_fails_the_create(void)
{
    Grpc__CreateContainerRequest create = GRPC__CREATE_CONTAINER_REQUEST__INIT;
    Grpc__Storage storage = GRPC__STORAGE__INIT, *storages[] = {&storage};
    Grpc__Spec spec = GRPC__SPEC__INIT;
    struct cmn_ttrpc_status st = {0};
    char id[] = "c1", driver[] = "image_guest_pull", source[] = "registry.local/x:1", odd[] = "nfs",
         pause[] = "pause";

    up(t_tmpdir());
    create.container_id = id;
    create.oci = &spec;
    create.storages = storages;
    create.n_storages = 1;
    storage.driver = driver;
    storage.source = source;
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_INT(st.code, CMN_TTRPC_INTERNAL);
    T_TRUE(strstr(st.message, "/nonexistent/cdh.sock") != NULL);
    storage.source = pause;
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_STR(st.message, "Pause image not present in rootfs");
    storage.driver = odd;
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), -EREMOTEIO);
    T_EQ_STR(st.message, "Failed to find the storage handler nfs");
    down();
}

static void id_maps_are_read(void)
{
    T_TRUE(agent_id_mapped("         0       1000          1\n", 0));
    T_TRUE(!agent_id_mapped("         0       1000          1\n", 1000));
    T_TRUE(agent_id_mapped("0 1000 1\n1 100000 65536\n", 1000));
    T_TRUE(!agent_id_mapped("", 0));
}

static void config_without_command_is_refused(void)
{
    Grpc__Spec spec = GRPC__SPEC__INIT;
    struct cmn_err err = {0};
    json_t *config = NULL;

    T_ERR(agent_oci_config(&spec, NULL, "/r", "0 0 1", "0 0 1", &config, &err), -EINVAL, &err,
          "no command");
}

static void config_takes_the_spec_before_the_image(void)
{
    Grpc__Spec spec = GRPC__SPEC__INIT;
    Grpc__Process process = GRPC__PROCESS__INIT;
    Grpc__User user = GRPC__USER__INIT;
    char a0[] = "/bin/app", e0[] = "A=pod", *args[] = {a0}, *env[] = {e0};
    struct cmn_err err = {0};
    json_t *image =
        json_pack("{s:{s:[s], s:[s,s], s:s, s:{s:i,s:i}}}", "process", "args", "/img", "env",
                  "A=image", "B=image", "cwd", "/srv", "user", "uid", 7, "gid", 8);
    json_t *config = NULL;

    T_OK(agent_oci_config(&spec, image, "/r", "0 0 4294967295", "0 0 4294967295", &config, &err),
         &err);
    json_t *p = json_object_get(config, "process");
    T_EQ_STR(json_string_value(json_array_get(json_object_get(p, "args"), 0)), "/img");
    T_EQ_STR(cmn_json_str(p, "cwd"), "/srv");
    T_EQ_INT(cmn_json_int(json_object_get(p, "user"), "uid", -1), 7);
    json_decref(config);
    process.args = args;
    process.n_args = 1;
    process.env = env;
    process.n_env = 1;
    user.uid = 1000;
    user.gid = 1000;
    process.user = &user;
    spec.process = &process;
    T_OK(agent_oci_config(&spec, image, "/r", "0 0 1", "0 0 1", &config, &err), &err);
    p = json_object_get(config, "process");
    T_EQ_STR(json_string_value(json_array_get(json_object_get(p, "args"), 0)), "/bin/app");
    T_EQ_STR(json_string_value(json_array_get(json_object_get(p, "env"), 0)), "A=pod");
    T_EQ_STR(json_string_value(json_array_get(json_object_get(p, "env"), 1)), "B=image");
    json_t *l = json_object_get(config, "linux");
    T_EQ_INT(json_array_size(json_object_get(l, "namespaces")), 5);
    T_EQ_INT(cmn_json_int(json_array_get(json_object_get(l, "uidMappings"), 0), "containerID", 0),
             1000);
    json_decref(config);
    json_decref(image);
}

/* ---- with crun, in fresh namespaces ---- */

static void create_at(char *id, char *rootfs, char *script, unsigned uid)
{
    Grpc__CreateContainerRequest create = GRPC__CREATE_CONTAINER_REQUEST__INIT;
    Grpc__Spec spec = GRPC__SPEC__INIT;
    Grpc__Process process = GRPC__PROCESS__INIT;
    Grpc__User user = GRPC__USER__INIT;
    Grpc__Root root = GRPC__ROOT__INIT;
    struct cmn_ttrpc_status st = {0};
    char sh[] = "/bin/sh", c[] = "-c", hello[] = "GREETING=hello", cwd[] = "/usr";
    char *args[] = {sh, c, script}, *env[] = {hello};

    process.args = args;
    process.n_args = 3;
    process.env = env;
    process.n_env = 1;
    process.cwd = cwd;
    user.uid = user.gid = uid;
    process.user = &user;
    root.path = rootfs;
    spec.process = &process;
    spec.root = &root;
    create.container_id = id;
    create.oci = &spec;
    if (script[0] == '!') { /* a program that is not there */
        args[0] = script + 1;
        process.n_args = 1;
    }
    T_EQ_INT(call("CreateContainer", &create.base, NULL, NULL, &st), 0);
    T_EQ_STR(st.message, "");
}

static void collect(char *id, const char *method, char *out, size_t size)
{
    Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;
    size_t len = 0;

    req.container_id = id;
    req.len = 32;
    for (;;) {
        ProtobufCMessage *msg = NULL;
        if (call(method, &req.base, &grpc__read_stream_response__descriptor, &msg, NULL) < 0)
            break;
        ProtobufCBinaryData data = ((Grpc__ReadStreamResponse *)msg)->data;
        if (len + data.len < size && data.len > 0)
            memcpy(out + len, data.data, data.len);
        len += data.len;
        bool end = data.len == 0;
        protobuf_c_message_free_unpacked(msg, NULL);
        if (end)
            break;
    }
    out[len < size ? len : size - 1] = '\0';
}

static int wait_for(char *id)
{
    Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
    ProtobufCMessage *msg = NULL;

    req.container_id = id;
    T_EQ_INT(call("WaitProcess", &req.base, &grpc__wait_process_response__descriptor, &msg, NULL),
             0);
    int status = msg ? ((Grpc__WaitProcessResponse *)msg)->status : -1;
    if (msg)
        protobuf_c_message_free_unpacked(msg, NULL);
    return status;
}

static int start(char *id, struct cmn_ttrpc_status *st)
{
    Grpc__StartContainerRequest req = GRPC__START_CONTAINER_REQUEST__INIT;

    req.container_id = id;
    return call("StartContainer", &req.base, NULL, NULL, st);
}

static void run_and_compare(char *id, char *rootfs, unsigned uid, const char *want)
{
    char script[] = "echo $GREETING $(pwd) $(id -u); echo oops >&2; exit 7", out[256];
    Grpc__RemoveContainerRequest rm = GRPC__REMOVE_CONTAINER_REQUEST__INIT;
    struct cmn_ttrpc_status st = {0};

    create_at(id, rootfs, script, uid);
    (void)start(id, &st);
    T_EQ_STR(st.message, "");
    collect(id, "ReadStdout", out, sizeof(out));
    T_EQ_STR(out, want);
    collect(id, "ReadStderr", out, sizeof(out));
    T_EQ_STR(out, "oops\n");
    T_EQ_INT(wait_for(id), 7);
    rm.container_id = id;
    T_EQ_INT(call("RemoveContainer", &rm.base, NULL, NULL, &st), 0);
    T_EQ_INT(call("RemoveContainer", &rm.base, NULL, NULL, &st), -EREMOTEIO);
}

static void containers_run(void)
{
    char *rootfs = getenv("T_ROOTFS");
    char root[] = "c-root", user[] = "c-user", gone[] = "c-gone", sleeper[] = "c-sleep";
    char missing[] = "!/no/such/program", sleep_script[] = "exec sleep 600";
    Grpc__SignalProcessRequest sig = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
    struct cmn_ttrpc_status st = {0};

    up(getenv("T_BUNDLES"));
    run_and_compare(root, rootfs, 0, "hello /usr 0\n");
    run_and_compare(user, rootfs, 1000, "hello /usr 1000\n");
    create_at(gone, rootfs, missing, 0);
    T_EQ_INT(start(gone, &st), -EREMOTEIO);
    T_TRUE(strstr(st.message, "/no/such/program") != NULL);
    create_at(sleeper, rootfs, sleep_script, 0);
    T_EQ_INT(start(sleeper, &st), 0);
    sig.container_id = sleeper;
    sig.signal = 9;
    T_EQ_INT(call("SignalProcess", &sig.base, NULL, NULL, &st), 0);
    T_EQ_INT(wait_for(sleeper), 137);
    down();
}

static void containers_run_in_namespaces(void)
{
    char self[256], command[1024];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (getenv("T_ROOTFS")) {
        containers_run();
        return;
    }
    self[n > 0 ? n : 0] = '\0';
    if (system("unshare -Urmpf --mount-proc mount -t tmpfs none /sys/fs/cgroup 2>/dev/null") != 0 ||
        system("command -v crun >/dev/null") != 0) {
        (void)printf("SKIP: no crun, or no unprivileged user namespaces here\n");
        return;
    }
    (void)snprintf(command, sizeof(command),
                   "unshare -Urmpf --mount-proc sh -ec 'mount -t tmpfs none /sys/fs/cgroup; "
                   "mount -t tmpfs none /run; mkdir /run/r /run/b; mount --rbind / /run/r; "
                   "T_ROOTFS=/run/r T_BUNDLES=/run/b %s' 2>&1",
                   self);
    T_EQ_INT(system(command), 0);
}

TEST_MAIN("agent", {"bad ids are refused", bad_ids_are_refused},
          {"requests about nothing are refused", requests_about_nothing_are_refused},
          {"a pull without CDH fails the create", a_pull_without_cdh_fails_the_create},
          {"id maps are read", id_maps_are_read},
          {"a config without command is refused", config_without_command_is_refused},
          {"a config takes the spec before the image", config_takes_the_spec_before_the_image},
          {"containers run", containers_run_in_namespaces})
