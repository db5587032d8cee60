/* A flood of TLS handshakes: hosts that say EHLO and STARTTLS, begin a handshake and go, and are back at once.
 *
 *     flood key=value ...              the keys are in `options` below; benchmarks/load.py writes them
 *
 * handshake=0  none: they go after the reply to EHLO. What the rest costs without its handshake
 *           1  begun: one ClientHello, made once and the same each time, and the end of the connection when the server's first
 *              octets are there. The server has chosen a key, computed a secret and signed by then; it cost us nothing
 *           2  completed: made in full, then the end of the connection
 *
 * Each connection at a time has a loopback address of its own. Whatever refuses them is a right reply: who hears 4yz or 5yz, is
 * hung up on or reset is back at once, from the same address.
 *
 * It prints {"event": "ready"} and waits for a line on standard input; then "begin", and "end" with the counts between the two,
 * after `total` connections or at a line on standard input. A silence of `patience` seconds ends it with {"event": "error"} and
 * status 1.
 *
 * BUGS: IPv4 and loopback only. What is heard behind the server's first octets is not read.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "tls.h"

#define LINE 512

static struct {
    long port, connections, first, total, handshake, patience;
} o = {.port = 2525, .connections = 1, .handshake = 1, .patience = 60};

static const struct { const char *key; long *whole; } options[] = {
    {"port", &o.port},
    {"connections", &o.connections}, /* at a time */
    {"first", &o.first},             /* number of the first host: its address follows from it */
    {"total", &o.total},             /* connections that are over; 0: until a line is on standard input */
    {"handshake", &o.handshake},
    {"patience", &o.patience},       /* seconds without any news */
};

enum step { GREETING, EHLO, STARTTLS, HANDSHAKE };
static const char *const said[] = {"", "EHLO client.example.net\r\n", "STARTTLS\r\n"};

struct client {
    int fd, connecting, gone;
    long number;
    enum step step;
    size_t length;
    char line[LINE];
    SSL *tls;
};

static struct client *clients, **coming;
static long coming_count, connections, handshakes, refused, turned_away, hung_up;
static int poller;
static struct sockaddr_in server;
static char hello[4096];
static size_t hello_length;
static uint64_t last_news;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static double cpu_of_mine(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void fail(const char *format, ...) {
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    printf("{\"event\": \"error\", \"words\": \"");
    for (const char *p = words; *p; p++) putchar(*p == '"' || *p == '\\' || *p < 32 || *p > 126 ? ' ' : *p);
    printf("\"}\n");
    exit(1);
}

/* It is over; back when this batch of news has been heard. `count`: what it came to, or NULL. */
static void leave(struct client *c, long *count) {
    if (c->gone) return;
    if (count) ++*count;
    c->gone = 1;
    tls_free(c->tls);
    c->tls = NULL;
    close(c->fd);
    connections++;
    last_news = now();
    coming[coming_count++] = c;
}

static void come(struct client *c) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    long n = c->number;
    /* Each in a /24 of its own, as the attackers of load.c; 127.200/16 is the senders'. */
    from.sin_addr.s_addr = htonl(0x7f000000u | (1u + n % 180) << 16 | (n / 180u % 256) << 8 | (1u + n / 46080 % 250));
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket: %s: raise the limit of descriptors", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) fail("bind to a loopback address: %s", strerror(errno));
    c->step = GREETING;
    c->length = c->gone = 0;
    c->connecting = 1;
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) leave(c, &turned_away);
}

/* A ClientHello, as it goes out. */
static size_t make_hello(char *octets, size_t size) {
    SSL *tls = tls_on(-1);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(tls, in, out);
    SSL_do_handshake(tls);
    ERR_clear_error();
    int length = BIO_read(out, octets, size);
    SSL_free(tls);
    return length > 0 ? length : 0;
}

static void watch(struct client *c, int events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

/* What is said is short: a socket that takes less of it is of a connection that is lost. */
static void say(struct client *c, const char *octets, size_t length) {
    if (send(c->fd, octets, length, MSG_NOSIGNAL) != (ssize_t)length) leave(c, &hung_up);
}

static void shake_hands(struct client *c) {
    if (!c->tls) c->tls = tls_on(c->fd);
    int done = SSL_do_handshake(c->tls);
    if (done == 1) {
        leave(c, &handshakes);
        return;
    }
    int events = tls_waits_for(c->tls, done);
    if (events) watch(c, events);
    else leave(c, &hung_up);
}

/* The last line of a reply is there. */
static void answered(struct client *c) {
    if (c->line[0] != '2') {
        leave(c, c->step == GREETING ? &turned_away : c->step == STARTTLS ? &refused : &hung_up);
    } else if (c->step == EHLO && !o.handshake) {
        leave(c, NULL);
    } else if (++c->step < HANDSHAKE) {
        say(c, said[c->step], strlen(said[c->step]));
    } else if (o.handshake == 1) {
        say(c, hello, hello_length);
    } else {
        shake_hands(c);
    }
}

static void hear(struct client *c, const char *p, size_t n) {
    while (n && !c->gone && c->step != HANDSHAKE) {
        const char *end = memchr(p, '\n', n);
        size_t piece = end ? (size_t)(end - p) + 1 : n, kept = piece < LINE - c->length ? piece : LINE - c->length;
        memcpy(c->line + c->length, p, kept);
        c->length += kept;
        p += piece;
        n -= piece;
        if (!end) return;
        if (c->length < 4 || c->line[3] != '-') answered(c);
        c->length = 0;
    }
}

static void ready(struct client *c) {
    static char octets[16384];
    if (c->gone) return;
    if (c->connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            leave(c, &turned_away);
            return;
        }
        c->connecting = 0;
        watch(c, EPOLLIN);
        return;
    }
    if (c->step == HANDSHAKE && o.handshake == 2) {
        shake_hands(c);
        return;
    }
    ssize_t n = recv(c->fd, octets, sizeof octets, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) leave(c, c->step == GREETING ? &turned_away : &hung_up);
    else if (c->step == HANDSHAKE) leave(c, octets[0] == 22 ? &handshakes : &hung_up); /* a record of handshakes, no alert */
    else hear(c, octets, n);
}

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (!value) fail("expected key=value, found %s", words[i]);
        *value++ = 0;
        unsigned n = 0;
        while (n < sizeof options / sizeof *options && strcmp(options[n].key, words[i])) n++;
        if (n == sizeof options / sizeof *options) fail("no option is called %s", words[i]);
        *options[n].whole = atol(value);
    }
    if (o.connections < 1 || o.handshake < 0 || o.handshake > 2) fail("connections must be 1 or more, handshake 0, 1 or 2");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    poller = epoll_create1(0);
    clients = calloc(o.connections, sizeof *clients);
    coming = calloc(o.connections, sizeof *coming);
    hello_length = make_hello(hello, sizeof hello);
    if (!hello_length) fail("OpenSSL makes no ClientHello");
    printf("{\"event\": \"ready\"}\n");
    fflush(stdout);
    if (getchar() == EOF) return 0;
    struct epoll_event stop = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &stop)) fail("epoll_ctl: %s", strerror(errno));
    printf("{\"event\": \"begin\"}\n");
    fflush(stdout);
    uint64_t began = last_news = now();
    double cpu = cpu_of_mine();
    for (long i = 0; i < o.connections; i++) {
        clients[i].number = o.first + i;
        coming[coming_count++] = &clients[i];
    }
    for (int over = 0; !over;) {
        long back = coming_count;
        coming_count = 0;
        struct client *first[512]; /* who cannot even connect is in `coming` again: no more of them than are heard in a turn */
        if (back > 512) {
            coming_count = back - 512;
            back = 512;
        }
        memcpy(first, coming, back * sizeof *first);
        memmove(coming, coming + back, coming_count * sizeof *coming);
        for (long i = 0; i < back; i++) come(first[i]);
        int n = epoll_wait(poller, events, 512, 0); /* it never sleeps, as load.c: the server would pay for waking it */
        if (n < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) ready(events[i].data.ptr);
            else over = 1;
        }
        if (o.total && connections >= o.total) over = 1;
        if (now() - last_news > (uint64_t)o.patience * 1000000) fail("no news from the server for %ld s", o.patience);
    }
    printf("{\"event\": \"end\", \"seconds\": %.6f, \"connections\": %ld, \"handshakes\": %ld, \"refused\": %ld, "
           "\"turned_away\": %ld, \"hung_up\": %ld, \"own_cpu\": %.3f}\n",
           (now() - began) / 1e6, connections, handshakes, refused, turned_away, hung_up, cpu_of_mine() - cpu);
    fflush(stdout);
    getchar(); /* the harness looks at the server while its connections are there */
    return 0;
}
