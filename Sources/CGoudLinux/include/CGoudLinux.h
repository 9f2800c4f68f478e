/* System calls that Swift's Glibc module does not show: variadic ones, and those behind _GNU_SOURCE. */
#pragma once

#include <sys/xattr.h>

/* renameat2(2): flags as in the manual. Returns 0, or -1 with errno set. */
int goud_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned int flags);

#define GOUD_RENAME_NOREPLACE 1u
#define GOUD_RENAME_EXCHANGE 2u

/* Whether another process holds a POSIX record lock on the whole file open as `fd`: its pid (0 when it is not visible
   from here), or -1 when nobody does, or -2 with errno set. Takes no lock. */
long goud_record_lock_holder(int fd);

/* Takes a POSIX record lock on the whole file, at once. Returns 0, or -1 with errno set. */
int goud_record_lock(int fd);

/* Asks the kernel to begin writing a range of a file to its device, without waiting for it. */
void goud_start_writeback(int fd, long long offset, long long count);

/* Waits until a range of a file whose write-back was begun is on its device. No replacement for fsync(2). */
void goud_await_writeback(int fd, long long offset, long long count);

/* Lowers the calling thread's CPU priority by `nice` (1 to 19) and its I/O priority to the lowest of the best-effort
   class; threads that it starts later inherit both. Whatever the kernel refuses stays as it was. */
void goud_yield_to_others(int nice);

/* Has malloc(3) take blocks of up to 64 MiB from one heap that all threads share, and keep 64 MiB of it that are free; see
   mallopt(3). A thread that has a heap of its own already keeps it. */
void goud_share_large_buffers(void);

/* How many processors the threads that share it may use together. */
struct goud_pace;
struct goud_pace *goud_pace_create(void);
void goud_pace_free(struct goud_pace *pace);

/* From now on that many; 0: all there are. */
void goud_pace_set(struct goud_pace *pace, double processors);

/* About how many seconds later everything is done than it would be without rests. */
double goud_pace_rests(struct goud_pace *pace);

/* Between these two the calling thread rests after every 5 ms or so of processor time (a clock tick at least), in whatever
   code it is, as long as the pace asks for, one second at most. SIGRTMIN is used for it, with SA_RESTART. Not nested. */
void goud_pace_begin(struct goud_pace *pace);
void goud_pace_end(void);

/* A file without a name on the file system of an open directory, mode 0600, that can never get one. Returns its
   descriptor, or -1 with errno set. */
int goud_open_nameless(int directory);

/* fallocate(2): room for a file of `size` bytes, or -1 with errno set. Unlike posix_fallocate(3) it writes nothing where
   the file system cannot do it. */
int goud_reserve(int fd, long long size);

/* What the calling thread is called in /proc, 15 bytes at most. */
void goud_name_thread(const char *name);

/* pipe2(2) with O_CLOEXEC: never inherited, not even by what another thread starts just then. */
int goud_pipe(int ends[2]);

/* Starts `program` in a session of its own: standard input is /dev/null, standard output and error are appended to the
   file `log` (created mode 0600), nothing else is open, the working directory is /, no signal is ignored. SIGHUP alone
   is blocked: one that comes before the program has a handler for it waits until the program lets it through.
   Returns 0 and the new process's number in *pid, or the number of the error. */
int goud_start_detached(const char *program, char *const arguments[], char *const environment[], const char *log,
                        int *pid);

/* Becomes `user` and `group` for good, with these `count` further groups and no others, and keeps of the powers that the process may have those to read what is another's
   (CAP_DAC_READ_SEARCH), and with `writes` also to write it and to give it away (CAP_DAC_OVERRIDE, CAP_CHOWN,
   CAP_FOWNER). Needs CAP_SETUID, CAP_SETGID and CAP_SETPCAP, and gives them up. Before the first thread. Returns 0, or
   -1 with errno set. */
int goud_become(unsigned int user, unsigned int group, const unsigned int *groups, int count, int writes);

/* Becomes `user` and `group` for good, with no further groups and no powers, nor any to come. Before the first thread.
   Returns 0, or -1 with errno set. */
int goud_become_powerless(unsigned int user, unsigned int group);

/* No core file of this process or of those it starts (RLIMIT_CORE). Returns 0, or -1 with errno set. */
int goud_leave_no_core(void);

/* No program that this process starts gains powers by it (no_new_privs), and nobody but root looks into its memory, nor
   does a handler of core dumps get it (PR_SET_DUMPABLE). Returns 0, or -1 with errno set. */
int goud_hide_memory(void);

/* Whether the process may give files to other users (CAP_CHOWN). */
int goud_may_chown(void);

/* Whether `path`, without following a link at its end, is the root of a mount: 1 or 0; -1 when the kernel does not say
   (before 5.8). */
int goud_is_mount_root(const char *path);

/* syncfs(2): waits until everything that was written to the file system of `fd` is on its device. Returns 0, or -1 with
   errno set, also for writes of before that failed, if `fd` was opened before them. */
int goud_syncfs(int fd);

/* Whether goud_syncfs does for every file of that file system what fsync(2) would, and reports the same errors: a local
   file system known for it, on Linux 5.8 or newer. */
int goud_syncs_whole_file_system(int fd);

/* Takes a shared lock on a range of a file that is open for reading, at once; it goes when the file is closed. It keeps out
   whoever wants that range for itself with fcntl(2), and nobody else. Returns 0, or -1 with errno set. */
int goud_share_range(int fd, long long start, long long length);

/* Gives back what goud_share_range took. */
void goud_release_range(int fd, long long start, long long length);

/* Which mount an open file or directory is reached through; -1 where the kernel does not tell (before 5.8). */
long long goud_mount(int fd);

/* What kind of file system an open file is on (f_type of fstatfs(2)); -1 with errno set. */
long goud_file_system(int fd);
