/* Calls of the C library that fail, or kill the process, as the environment says.
 *
 * FAULTY_UNDER   files below this folder are meant; calls on others are let through.
 * FAULTY_HOW     kill: SIGKILL in place of the call; torn: half of the write, then SIGKILL;
 *                full, quota, broken, readonly: ENOSPC, EDQUOT, EIO or EROFS; none: calls are only
 *                counted.
 * FAULTY_FIRST   the first call, counted from 1, that it happens to, and FAULTY_LAST the last one.
 * FAULTY_COUNT   a file that is told at the end how many calls there were.
 * FAULTY_CLOCK   after this many questions for the time of day it jumps two days ahead, after as
 *                many again a day back, and so on.
 * FAULTY_THREAD  the first thread, counted from 1, that cannot be started; those after it cannot.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long calls, questions, threads;

static long number(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static int is_how(const char *word)
{
    const char *how = getenv("FAULTY_HOW");
    return how && strcmp(how, word) == 0;
}

static int meant(const char *path)
{
    const char *under = getenv("FAULTY_UNDER");
    return under && path && strncmp(path, under, strlen(under)) == 0;
}

static int meant_file(int descriptor)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return meant(path);
}

enum takes { ROOM, NO_ROOM };

/* What is to happen to this call: 0, it is made; else it fails with errno set. May not return. */
static int fails(int is_meant, enum takes takes)
{
    int before = errno;
    if (!is_meant)
        return 0;
    errno = before;
    long mine = atomic_fetch_add(&calls, 1) + 1;
    if (mine < number("FAULTY_FIRST", LONG_MAX) || mine > number("FAULTY_LAST", LONG_MAX))
        return 0;
    if (is_how("kill") || is_how("torn"))
        kill(getpid(), SIGKILL);
    if (is_how("full") && takes == ROOM)
        errno = ENOSPC;
    else if (is_how("quota") && takes == ROOM)
        errno = EDQUOT;
    else if (is_how("broken"))
        errno = EIO;
    else if (is_how("readonly"))
        errno = EROFS;
    else
        return 0;
    return 1;
}

static void __attribute__((destructor)) tell(void)
{
    const char *path = getenv("FAULTY_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&calls));
        fclose(file);
    }
}

/* Half of the data is written before the call that kills. */
static int torn(int is_meant)
{
    return is_meant && is_how("torn") && atomic_load(&calls) + 1 == number("FAULTY_FIRST", 0);
}

ssize_t write(int descriptor, const void *data, size_t size)
{
    int is_meant = meant_file(descriptor);
    if (torn(is_meant))
        REAL(write)(descriptor, data, size / 2);
    return fails(is_meant, ROOM) ? -1 : REAL(write)(descriptor, data, size);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
    int is_meant = meant_file(descriptor);
    if (torn(is_meant))
        REAL(pwrite)(descriptor, data, size / 2, offset);
    return fails(is_meant, ROOM) ? -1 : REAL(pwrite)(descriptor, data, size, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset)
{
    int is_meant = meant_file(descriptor);
    if (torn(is_meant))
        REAL(pwrite64)(descriptor, data, size / 2, offset);
    return fails(is_meant, ROOM) ? -1 : REAL(pwrite64)(descriptor, data, size, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    return fails(meant_file(descriptor), ROOM) ? -1 : REAL(writev)(descriptor, parts, count);
}

int fsync(int descriptor)
{
    return fails(meant_file(descriptor), ROOM) ? -1 : REAL(fsync)(descriptor);
}

int fdatasync(int descriptor)
{
    return fails(meant_file(descriptor), ROOM) ? -1 : REAL(fdatasync)(descriptor);
}

int ftruncate(int descriptor, off_t size)
{
    return fails(meant_file(descriptor), ROOM) ? -1 : REAL(ftruncate)(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size)
{
    return fails(meant_file(descriptor), ROOM) ? -1 : REAL(ftruncate64)(descriptor, size);
}

int rename(const char *from, const char *to)
{
    return fails(meant(to), NO_ROOM) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path)
{
    return fails(meant(path), NO_ROOM) ? -1 : REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(meant(path), ROOM) ? -1 : REAL(mkdir)(path, mode);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        int makes = (flags & O_CREAT) && meant(path) && access(path, F_OK) != 0;                   \
        return fails(makes, ROOM) ? -1 : REAL(name)(path, flags, mode);                            \
    }

OPEN(open)
OPEN(open64)

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    if (atomic_fetch_add(&threads, 1) + 1 >= number("FAULTY_THREAD", LONG_MAX))
        return EAGAIN;
    return REAL(pthread_create)(thread, attributes, start, argument);
}

static time_t jumped(void)
{
    long period = number("FAULTY_CLOCK", 0);
    if (!period)
        return 0;
    long jumps = (atomic_fetch_add(&questions, 1) + 1) / period;
    return 86400 * (2 * ((jumps + 1) / 2) - jumps / 2);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = REAL(clock_gettime)(clock, now);
    if (clock == CLOCK_REALTIME && result == 0)
        now->tv_sec += jumped();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = REAL(gettimeofday)(now, zone);
    if (result == 0)
        now->tv_sec += jumped();
    return result;
}

time_t time(time_t *target)
{
    time_t now = REAL(time)(NULL) + jumped();
    if (target)
        *target = now;
    return now;
}
