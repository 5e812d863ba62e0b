/*
 * A disk that fails when it is told. Preloaded into a test's child process, it stands before the calls by which SQLite
 * writes to files whose name contains "oauth.db".
 *
 * The file that OAUTH_TEST_FAULTS names holds four numbers: a generation (a new one begins to count anew), the first
 * call that fails, how many fail from there on, and what becomes of them: an errno, or -1 for death by SIGKILL. Of a
 * write that fails half of the bytes are written. Each call that fails adds a byte to the file of that name with
 * ".hits" at its end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_of_the_database(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "oauth.db") != NULL;
}

static void count_hit(const char *control) {
    char path[4096];
    snprintf(path, sizeof path, "%s.hits", control);
    int hits = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (hits >= 0) {
        REAL(write)(hits, "x", 1);
        close(hits);
    }
}

/* What becomes of this call: 0 when it goes through. */
static int fate(int fd) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static long generation = -1, calls;
    const char *control = getenv("OAUTH_TEST_FAULTS");
    if (control == NULL || !is_of_the_database(fd)) return 0;

    char text[128];
    int file = open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return 0;
    text[length] = 0;
    long wanted, first, count;
    int what;
    if (sscanf(text, "%ld %ld %ld %d", &wanted, &first, &count, &what) != 4) return 0;

    pthread_mutex_lock(&lock);
    if (wanted != generation) {
        generation = wanted;
        calls = 0;
    }
    calls += 1;
    int hit = calls >= first && calls - first < count;
    pthread_mutex_unlock(&lock);
    if (!hit) return 0;
    count_hit(control);
    return what;
}

static int fail(int what) {
    if (what < 0) kill(getpid(), SIGKILL);
    errno = what;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    int what = fate(fd);
    if (what == 0) return REAL(write)(fd, bytes, count);
    off_t before = lseek(fd, 0, SEEK_CUR);
    REAL(write)(fd, bytes, count / 2);
    lseek(fd, before, SEEK_SET);
    return fail(what);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    int what = fate(fd);
    if (what == 0) return REAL(pwrite)(fd, bytes, count, at);
    REAL(pwrite)(fd, bytes, count / 2, at);
    return fail(what);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    int what = fate(fd);
    if (what == 0) return REAL(pwrite64)(fd, bytes, count, at);
    REAL(pwrite64)(fd, bytes, count / 2, at);
    return fail(what);
}

int ftruncate(int fd, off_t length) {
    int what = fate(fd);
    return what == 0 ? REAL(ftruncate)(fd, length) : fail(what);
}

int ftruncate64(int fd, off64_t length) {
    int what = fate(fd);
    return what == 0 ? REAL(ftruncate64)(fd, length) : fail(what);
}

int fsync(int fd) {
    int what = fate(fd);
    return what == 0 ? REAL(fsync)(fd) : fail(what);
}

int fdatasync(int fd) {
    int what = fate(fd);
    return what == 0 ? REAL(fdatasync)(fd) : fail(what);
}
