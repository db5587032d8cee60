/* A legitimate sender: an open loop of SMTP transactions, each a connection of its own from an address that was never seen before.
 *
 *     victim key=value ...             the keys are in `options` below; benchmarks/load.py writes them
 *
 * A transaction is connect, greeting, EHLO, MAIL, RCPT, DATA, a message, QUIT, one command per round trip. It begins at its time,
 * whatever became of the one before, and its latency counts from that time: who is served late waits, and so do those behind him.
 * Another reply than is expected, or a lost connection, is a failure, and so is a transaction that is not over in `patience`
 * seconds. In the percentiles it counts as so much: a sender whose mail did not get through has not been fast.
 *
 * It prints {"event": "ready"} and waits for a line on standard input, then "end" with the times, in microseconds of
 * CLOCK_MONOTONIC: exact ones, for there are few. "late" is how late a transaction was begun by us.
 *
 * tls=1: it says STARTTLS behind EHLO, makes a full handshake and says EHLO again. Who hears 454 instead goes on in plain text, as
 * mail servers do that need not have TLS; that is no failure, and counted apart ("plain").
 *
 * again=S: who hears 4xx instead of a greeting comes again after S seconds, once, as mail servers do. That counts from its own
 * beginning, and apart ("again": when it began, in seconds, and how long it took); the first attempt has failed.
 *
 * It asks for SCHED_FIFO, so that the load on the same core does not keep it waiting: that would be no fault of the server.
 *
 * BUGS: IPv4 and loopback only. Certificates are not verified.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include "tls.h"
#endif

#define LINE 512
#define WORDS 160

static struct {
    long port, count, first, hosts, octets, users, patience, tls, each, again;
    double rate;
    const char *domain;
} o = {.port = 2525, .count = 100, .octets = 4096, .users = 500, .patience = 30, .rate = 10, .domain = "example.org"};

static const struct { const char *key; long *whole; double *real; const char **text; } options[] = {
    {"port", &o.port, 0, 0},
    {"count", &o.count, 0, 0},       /* transactions */
    {"first", &o.first, 0, 0},       /* number of the first one: the address follows from it */
    {"hosts", &o.hosts, 0, 0},       /* so many, in turn; 0: each transaction is of one of its own */
    {"rate", 0, &o.rate, 0},         /* that begin in a second */
    {"octets", &o.octets, 0, 0},     /* of a message */
    {"users", &o.users, 0, 0},       /* user00000 ... are the known recipients */
    {"patience", &o.patience, 0, 0}, /* seconds for a transaction */
    {"tls", &o.tls, 0, 0},           /* 1: with STARTTLS */
    {"each", &o.each, 0, 0},         /* 1: the time of each is told, in the order in which they began */
    {"again", &o.again, 0, 0},       /* seconds until one that was put off comes again; 0: it does not */
    {"domain", 0, 0, &o.domain},
};

enum step { GREETING, EHLO, STARTTLS, HANDSHAKE, EHLO_AGAIN, MAIL, RCPT, DATA, CONTENT, QUIT, STEPS };
static const char *const names[STEPS] = {"greeting", "ehlo", "starttls", "handshake", "ehlo_again",
                                         "mail", "rcpt", "data", "content", "quit"};
static const int expected[STEPS] = {220, 250, 220, 0, 250, 250, 250, 354, 250, 221};

struct transaction {
    int fd, connecting, writing, under_way, secured, second;
    long number;
    enum step step;
    uint64_t due, asked, again, took[STEPS]; /* again: when it comes again; 0: it does not */
    const char *out;
    size_t left, length;
    char command[LINE], line[LINE];
#ifdef WITH_TLS
    SSL *tls;
#endif
};

static struct transaction *all;
static uint64_t *totals; /* of each first attempt that is over */
static int64_t *each;    /* of each first attempt, -1 of one that failed */
static int64_t *seconds; /* of its second one, -1 where that failed; 0: there was none */
static uint64_t start; /* when the first one began */
static long begun, counted, over, failed, plain;
static uint64_t latest;
static char failure[WORDS]; /* the first */
static int poller;
static struct sockaddr_in server;
static char *content;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void print_words(const char *words) {
    for (const char *p = words; *p; p++) {
        if (*p == '"' || *p == '\\') printf("\\%c", *p);
        else putchar((unsigned char)*p < 32 || (unsigned char)*p > 126 ? ' ' : *p);
    }
}

static void fault(const char *format, ...) {
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    printf("{\"event\": \"error\", \"words\": \"");
    print_words(words);
    printf("\"}\n");
    exit(1);
}

/* -- one transaction ------------------------------------------------------------------------------------------------------ */

static void watch(struct transaction *t, int writing, int operation) {
    if (operation == EPOLL_CTL_MOD && t->writing == writing) return;
    t->writing = writing;
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = t};
    if (epoll_ctl(poller, operation, t->fd, &event)) fault("epoll_ctl: %s", strerror(errno));
}

static void end(struct transaction *t, int64_t took) {
    t->under_way = 0;
    over++;
    if (t->second) seconds[t - all] = took;
    else {
        totals[counted++] = took < 0 ? o.patience * 1000000 : took;
        each[t - all] = took;
    }
#ifdef WITH_TLS
    tls_free(t->tls);
    t->tls = NULL;
#endif
    if (t->fd >= 0) close(t->fd);
}

static void fail(struct transaction *t, const char *format, ...) {
    if (!t->second && !failed++) {
        va_list arguments;
        int length = snprintf(failure, WORDS, "%s: ", names[t->step]);
        va_start(arguments, format);
        vsnprintf(failure + length, WORDS - length, format, arguments);
        va_end(arguments);
    }
    end(t, -1);
}

static ssize_t put(struct transaction *t) {
#ifdef WITH_TLS
    if (t->secured) {
        int sent = SSL_write(t->tls, t->out, t->left);
        if (sent <= 0) errno = tls_waits_for(t->tls, sent) ? EAGAIN : EPROTO;
        return sent > 0 ? sent : -1;
    }
#endif
    return send(t->fd, t->out, t->left, MSG_NOSIGNAL);
}

static ssize_t take(struct transaction *t, char *octets, size_t size) {
#ifdef WITH_TLS
    if (t->secured) {
        int n = SSL_read(t->tls, octets, size);
        if (n > 0) return n;
        int closed = SSL_get_error(t->tls, n) == SSL_ERROR_ZERO_RETURN;
        errno = !closed && tls_waits_for(t->tls, n) ? EAGAIN : EPROTO;
        return closed ? 0 : -1;
    }
#endif
    return recv(t->fd, octets, size, 0);
}

static void flush(struct transaction *t) {
    while (t->left) {
        ssize_t sent = put(t);
        if (sent < 0) {
            if (errno == EAGAIN) break;
            fail(t, "the server closed while we wrote: %s", strerror(errno));
            return;
        }
        t->out += sent;
        t->left -= sent;
    }
    watch(t, t->left != 0, EPOLL_CTL_MOD);
}

static void begin(struct transaction *t, long number, uint64_t due) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    uint64_t late = now() - due;
    if (late > latest) latest = late;
    t->number = o.first + (o.hosts ? number % o.hosts : number);
    t->due = t->asked = due;
    t->under_way = t->connecting = 1;
    /* Each in a /24 of its own, as long as there are 256: strangers are no neighbours. */
    from.sin_addr.s_addr = htonl(0x7fc80000u | t->number % 256 << 8 | (1 + t->number / 256 % 250));
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) fault("socket: %s", strerror(errno));
    setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(t->fd, (struct sockaddr *)&from, sizeof from)) fault("bind to a loopback address: %s", strerror(errno));
    if (connect(t->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        fail(t, "connect: %s", strerror(errno));
        return;
    }
    watch(t, 1, EPOLL_CTL_ADD);
}

static void say(struct transaction *t) {
    long n = t->number;
    t->out = t->command;
    switch (t->step) {
    case EHLO:
    case EHLO_AGAIN: snprintf(t->command, LINE, "EHLO client%ld.example.net\r\n", n); break;
    case STARTTLS: snprintf(t->command, LINE, "STARTTLS\r\n"); break;
    case MAIL: snprintf(t->command, LINE, "MAIL FROM:<sender%ld@client%ld.example.net>\r\n", n, n); break;
    case RCPT: snprintf(t->command, LINE, "RCPT TO:<user%05ld@%s>\r\n", n * 7919 % o.users, o.domain); break;
    case DATA: snprintf(t->command, LINE, "DATA\r\n"); break;
    case QUIT: snprintf(t->command, LINE, "QUIT\r\n"); break;
    case CONTENT: t->out = content; break;
    case GREETING:
    case HANDSHAKE:
    case STEPS: return;
    }
    t->left = strlen(t->out);
    flush(t);
}

static void went_well(struct transaction *t, enum step next) {
    uint64_t at = now();
    t->took[t->step] = at - t->asked;
    t->asked = at;
    t->step = next;
    if (next == STEPS) end(t, at - t->due);
    else say(t);
}

static void shake_hands(struct transaction *t) {
#ifdef WITH_TLS
    if (!t->tls) t->tls = tls_on(t->fd);
    int done = SSL_do_handshake(t->tls);
    if (done == 1) {
        t->secured = 1;
        watch(t, 0, EPOLL_CTL_MOD);
        went_well(t, EHLO_AGAIN);
        return;
    }
    int events = tls_waits_for(t->tls, done);
    if (events) watch(t, events == EPOLLOUT, EPOLL_CTL_MOD);
    else fail(t, "the server broke it off");
#else
    fail(t, "built without TLS");
#endif
}

/* The last line of a reply is whole. */
static void answered(struct transaction *t) {
    const char *line = t->line;
    int code = t->length < 4 ? 0 : (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
    if (t->step == STARTTLS && code == 454) {
        plain++;
        went_well(t, MAIL);
        return;
    }
    if (code != expected[t->step]) {
        int length = t->length - 1 - (t->length > 1 && line[t->length - 2] == '\r');
        int is_put_off = o.again && !t->second && t->step == GREETING && code / 100 == 4;
        fail(t, "expected %d, heard %.*s", expected[t->step], length, line);
        if (is_put_off) {
            over--;
            t->again = now() + (uint64_t)o.again * 1000000;
        }
        return;
    }
    went_well(t, t->step == EHLO && !o.tls ? MAIL : t->step + 1);
    if (t->step == HANDSHAKE) shake_hands(t);
}

static void hear(struct transaction *t, const char *p, size_t n) {
    while (n && t->under_way) {
        const char *stop = memchr(p, '\n', n);
        size_t piece = stop ? (size_t)(stop - p) + 1 : n;
        size_t kept = piece < LINE - t->length ? piece : LINE - t->length;
        memcpy(t->line + t->length, p, kept);
        t->length += kept;
        p += piece;
        n -= piece;
        if (!stop) return;
        if (t->length < 4 || t->line[3] != '-') answered(t);
        t->length = 0;
    }
}

static void ready(struct transaction *t, uint32_t events) {
    static char octets[16384];
    if (!t->under_way) return;
    if (t->connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            fail(t, "connect: %s", strerror(error));
            return;
        }
        if (!(events & EPOLLOUT)) return;
        t->connecting = 0;
    }
    if (t->step == HANDSHAKE) {
        shake_hands(t);
        return;
    }
    if (events & EPOLLOUT) flush(t);
    if (!t->under_way || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t n = take(t, octets, sizeof octets);
    if (n > 0) hear(t, octets, n);
    else if (n == 0) fail(t, "the server closed the connection");
    else if (errno != EAGAIN) fail(t, "the server cut the connection: %s", strerror(errno));
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest value that at least `percent` of them do not pass: the nearest rank. */
static uint64_t part(const uint64_t *sorted, long count, long percent) {
    return count ? sorted[(percent * count + 99) / 100 - 1] : 0;
}

static void print_times(const char *name, uint64_t *times, long count) {
    qsort(times, count, sizeof *times, by_size);
    printf(", \"%s_us\": {\"count\": %ld, \"p50\": %lu, \"p99\": %lu, \"max\": %lu}", name, count, part(times, count, 50),
           part(times, count, 99), part(times, count, 100));
}

static void report(int first_in_first_out) {
    uint64_t *times = calloc(o.count, sizeof *times);
    printf("{\"event\": \"end\", \"count\": %ld, \"failed\": %ld, \"plain\": %ld, \"fifo\": %d, \"late_us\": %lu, "
           "\"failure\": \"", counted, failed, plain, first_in_first_out, latest);
    print_words(failure);
    printf("\"");
    if (o.each) {
        printf(", \"each_us\": [");
        for (long i = 0; i < o.count; i++) printf("%s%ld", i ? ", " : "", (long)each[i]);
        printf("]");
    }
    if (o.each && o.again) {
        printf(", \"again\": [");
        for (long i = 0, n = 0; i < o.count; i++)
            if (seconds[i]) printf("%s[%.3f, %ld]", n++ ? ", " : "", (all[i].due - start) / 1e6, (long)seconds[i]);
        printf("]");
    }
    print_times("transaction", totals, counted);
    for (int step = 0; step < STEPS; step++) {
        long count = 0;
        for (long i = 0; i < o.count; i++)
            if (!all[i].second && (int)all[i].step > step && all[i].took[step]) times[count++] = all[i].took[step];
        print_times(names[step], times, count);
    }
    printf("}\n");
    fflush(stdout);
}

static void make_content(void) {
    static const char header[] = "From: Sender <sender@client.example.net>\r\nTo: someone@example.org\r\n"
                                 "Subject: what is sent\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
                                 "Message-ID: <1@client.example.net>\r\n\r\n";
    size_t size = o.octets, made = sizeof header - 1;
    if (size < made + 4) fault("a message needs %zu octets", made + 4);
    char *p = content = malloc(size + 8);
    memcpy(p, header, made);
    p += made;
    for (size_t i = 0; made + 2 < size; i++, made++) *p++ = i % 72 == 70 ? '\r' : i % 72 == 71 ? '\n' : 'a';
    if (p[-1] == '\r') p[-1] = 'a';
    memcpy(p, "\r\n.\r\n", 6);
}

static void read_options(int count, char **words) {
    for (int i = 1; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (!value) fault("expected key=value, found %s", words[i]);
        *value++ = 0;
        unsigned n = 0;
        while (n < sizeof options / sizeof *options && strcmp(options[n].key, words[i])) n++;
        if (n == sizeof options / sizeof *options) fault("no option is called %s", words[i]);
        if (options[n].whole) *options[n].whole = atol(value);
        if (options[n].real) *options[n].real = atof(value);
        if (options[n].text) *options[n].text = value;
    }
}

int main(int count, char **words) {
    read_options(count, words);
    if (o.count < 1 || o.rate <= 0) fault("count and rate must be more than 0");
    make_content();
    all = calloc(o.count, sizeof *all);
    totals = calloc(o.count, sizeof *totals);
    each = calloc(o.count, sizeof *each);
    seconds = calloc(o.count, sizeof *seconds);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    poller = epoll_create1(0);
    struct sched_param priority = {.sched_priority = 1};
    int first_in_first_out = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;
    printf("{\"event\": \"ready\"}\n");
    fflush(stdout);
    if (getchar() == EOF) return 0;

    uint64_t interval = 1000000 / o.rate, ticks;
    start = now();
    struct itimerspec times = {.it_interval = {interval / 1000000, interval % 1000000 * 1000}, .it_value = {0, 1}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[64];
    if (timer < 0 || timerfd_settime(timer, 0, &times, NULL) || epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event))
        fault("a timer: %s", strerror(errno));
    while (over < o.count) {
        int n = epoll_wait(poller, events, 64, -1);
        if (n < 0 && errno != EINTR) fault("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) ready(events[i].data.ptr, events[i].events);
            else if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) fault("a timer: %s", strerror(errno));
        }
        for (uint64_t at = now(); begun < o.count && start + begun * interval <= at; begun++)
            begin(&all[begun], begun, start + begun * interval);
        for (long i = 0; i < begun; i++) {
            if (all[i].under_way && now() > all[i].due + (uint64_t)o.patience * 1000000)
                fail(&all[i], "no answer within %ld s", o.patience);
            if (all[i].again && now() >= all[i].again) {
                all[i] = (struct transaction){.second = 1};
                begin(&all[i], i, now());
            }
        }
    }
    report(first_in_first_out);
    return 0;
}
