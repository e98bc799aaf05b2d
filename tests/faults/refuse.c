/* Lets the k-th change of a file below a folder fail, whoever asks for it: Python, or a library in C++ or Rust.
 *
 * Loaded by LD_PRELOAD. FAULT_FOLDER names the folders (with colons between them), FAULT_AT the number k, FAULT_ERRNO
 * the error, FAULT_STICKY=1 lets all later ones fail, too. fault_configure() reads these anew and begins to count.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static char folders[4 * PATH_MAX];
static long at, calls;
static int code, sticky, trace = -1;

void fault_configure(void) {
    const char *text = getenv("FAULT_FOLDER");
    snprintf(folders, sizeof folders, "%s", text ? text : "");
    at = (text = getenv("FAULT_AT")) ? atol(text) : 0;
    code = (text = getenv("FAULT_ERRNO")) ? atoi(text) : EIO;
    sticky = (text = getenv("FAULT_STICKY")) ? atoi(text) : 0;
    trace = (text = getenv("FAULT_TRACE")) && *text ? atoi(text) : -1;
    __atomic_store_n(&calls, 0, __ATOMIC_SEQ_CST);
}

__attribute__((constructor)) static void begin(void) { fault_configure(); }

long fault_calls(void) { return __atomic_load_n(&calls, __ATOMIC_SEQ_CST); }

static int below(const char *path) {
    char copy[sizeof folders], *rest = copy, *folder;
    strcpy(copy, folders);
    while ((folder = strsep(&rest, ":"))) {
        size_t size = strlen(folder);
        if (size && !strncmp(path, folder, size) && (path[size] == '/' || !path[size])) return 1;
    }
    return 0;
}

static int fails(const char *what, const char *path) {
    if (!below(path)) return 0;
    long number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (trace >= 0) dprintf(trace, "%ld %s %s\n", number, what, path);
    if (!at || number < at || (number > at && !sticky)) return 0;
    errno = code;
    return 1;
}

static int path_fails(const char *what, int where, const char *path) {
    char full[2 * PATH_MAX + 2];
    if (!*folders || !path) return 0;
    if (*path == '/') return fails(what, path);
    if (where == AT_FDCWD) {
        if (!getcwd(full, PATH_MAX)) return 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", where);
        ssize_t size = readlink(link, full, PATH_MAX);
        if (size < 0) return 0;
        full[size] = 0;
    }
    size_t size = strlen(full);
    snprintf(full + size, sizeof full - size, "/%s", path);
    return fails(what, full);
}

static int file_fails(const char *what, int file) {
    char link[64], full[PATH_MAX + 1];
    if (!*folders) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, full, PATH_MAX);
    if (size < 0) return 0;
    full[size] = 0;
    return fails(what, full);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...) {                                       \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                                  \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && path_fails("open", AT_FDCWD, path)) return -1; \
        return NEXT(name)(path, flags, mode);                                          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                   \
    int name(int where, const char *path, int flags, ...) {                            \
        va_list rest;                                                                  \
        va_start(rest, flags);                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                                  \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && path_fails("open", where, path)) return -1; \
        return NEXT(name)(where, path, flags, mode);                                   \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                    \
    FILE *name(const char *path, const char *mode) {                                   \
        if (strpbrk(mode, "wa+") && path_fails("open", AT_FDCWD, path)) return NULL;   \
        return NEXT(name)(path, mode);                                                 \
    }
FOPEN(fopen)
FOPEN(fopen64)

#define OF_FILE(type, name, arguments, ...)                                            \
    type name arguments { return file_fails(#name, file) ? -1 : NEXT(name)(__VA_ARGS__); }
OF_FILE(ssize_t, write, (int file, const void *data, size_t size), file, data, size)
OF_FILE(ssize_t, writev, (int file, const struct iovec *data, int count), file, data, count)
OF_FILE(ssize_t, pwrite, (int file, const void *data, size_t size, off_t from), file, data, size, from)
OF_FILE(ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t from), file, data, size, from)
OF_FILE(int, fsync, (int file), file)
OF_FILE(int, fdatasync, (int file), file)
OF_FILE(int, ftruncate, (int file, off_t size), file, size)
OF_FILE(int, ftruncate64, (int file, off64_t size), file, size)
OF_FILE(int, fchmod, (int file, mode_t mode), file, mode)

#define OF_PATH(name, arguments, ...)                                                  \
    int name arguments { return path_fails(#name, AT_FDCWD, path) ? -1 : NEXT(name)(__VA_ARGS__); }
OF_PATH(mkdir, (const char *path, mode_t mode), path, mode)
OF_PATH(rmdir, (const char *path), path)
OF_PATH(unlink, (const char *path), path)
OF_PATH(truncate, (const char *path, off_t size), path, size)
OF_PATH(truncate64, (const char *path, off64_t size), path, size)
OF_PATH(chmod, (const char *path, mode_t mode), path, mode)
OF_PATH(rename, (const char *path, const char *to), path, to)
OF_PATH(link, (const char *path, const char *to), path, to)
OF_PATH(symlink, (const char *to, const char *path), to, path)

#define OF_PLACE(name, arguments, ...)                                                 \
    int name arguments { return path_fails(#name, where, path) ? -1 : NEXT(name)(__VA_ARGS__); }
OF_PLACE(mkdirat, (int where, const char *path, mode_t mode), where, path, mode)
OF_PLACE(unlinkat, (int where, const char *path, int flags), where, path, flags)
OF_PLACE(fchmodat, (int where, const char *path, mode_t mode, int flags), where, path, mode, flags)
OF_PLACE(renameat, (int where, const char *path, int other, const char *to), where, path, other, to)
OF_PLACE(linkat, (int where, const char *path, int other, const char *to, int flags), where, path, other, to, flags)
OF_PLACE(utimensat, (int where, const char *path, const struct timespec times[2], int flags), where, path, times, flags)
