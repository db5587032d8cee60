/* A closed loop of SMTP clients: one thread, epoll, each connection from a loopback address of its own.
 *
 *     load MODE key=value ...          the keys are in `options` below; benchmarks/load.py writes them
 *
 * Modes: reject   MAIL, unknown RCPTs, RSET, again in the same session
 *        churn    the same once, then QUIT and a new connection
 *        accept   messages; so many per connection
 *        idle     EHLO, then nothing
 *        tls      connect, handshake (STARTTLS or at once), EHLO, QUIT
 *        blocked  connect, hear 554 instead of a greeting, and a new connection
 *        attack   as reject, and any refusal is a right reply: who hears 421, is turned away with a greeting of 4yz or 5yz, is hung
 *                 up on or reset comes back from the same address, `back_after` seconds later. It is ready after `ramp` seconds
 *                 at most, for a server may greet some of them only, and ends at a line on standard input
 *
 * It prints {"event": "ready"} when all connections have heard the reply to EHLO and waits for a line on standard input; then
 * "begin" when it is warm, and "end" with the counts between the two. Times are in microseconds, of CLOCK_MONOTONIC.
 * Each reply is compared with what it has to be. Anything else, a lost connection or a silence of `patience` seconds ends the
 * program with {"event": "error"} and status 1: a server is not fast that answers something else.
 *
 * BUGS: IPv4 and loopback only. Certificates are not verified.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

#define COMMANDS 4096 /* octets of commands that go out at once */
#define REPLIES 256   /* that may be owed at once */
#define LINE 512      /* octets kept of a reply's line */

static struct {
    long port, connections, rounds, recipients, refusal, pipelined, octets, line, per_connection, users, at_once, patience;
    long implicit, total, first;
    double warm_seconds, seconds, back_after, ramp;
    long warm_rounds;
    const char *domain;
} o = {.port = 2525, .connections = 1, .rounds = 1, .recipients = 5, .refusal = 550, .octets = 4096, .line = 72,
       .per_connection = 1, .users = 10000, .at_once = 128, .patience = 60, .warm_seconds = 1, .seconds = 3, .ramp = 30,
       .domain = "example.org"};

static const struct { const char *key; long *whole; double *real; const char **text; } options[] = {
    {"port", &o.port, 0, 0},
    {"connections", &o.connections, 0, 0},       /* at a time */
    {"first", &o.first, 0, 0},                   /* their addresses begin with that of this number */
    {"recipients", &o.recipients, 0, 0},         /* unknown ones in a round */
    {"refusal", &o.refusal, 0, 0},               /* what an unknown recipient is answered */
    {"pipelined", &o.pipelined, 0, 0},           /* 1: the commands of a round in one packet (RFC 2920) */
    {"octets", &o.octets, 0, 0},                 /* of a message, before dots are doubled */
    {"line", &o.line, 0, 0},                     /* octets of its lines, CRLF counted */
    {"per_connection", &o.per_connection, 0, 0}, /* messages, then QUIT */
    {"users", &o.users, 0, 0},                   /* user00000 ... are the known recipients */
    {"at_once", &o.at_once, 0, 0},               /* connections that are being made at a time */
    {"patience", &o.patience, 0, 0},             /* seconds without any reply */
    {"implicit", &o.implicit, 0, 0},             /* 1: TLS from the first octet */
    {"total", &o.total, 0, 0},                   /* rounds to be measured; 0: as many as `seconds` have */
    {"warm_rounds", &o.warm_rounds, 0, 0},       /* before what is measured, a minute at most, and */
    {"warm_seconds", 0, &o.warm_seconds, 0},     /* at least so long */
    {"seconds", 0, &o.seconds, 0},
    {"back_after", 0, &o.back_after, 0},         /* seconds until an attacker comes back */
    {"ramp", 0, &o.ramp, 0},                     /* seconds in which attackers wait for one another, to begin together */
    {"domain", 0, 0, &o.domain},
};

enum mode { REJECT, CHURN, ACCEPT, IDLE, TLS, BLOCKED, ATTACK };
static const char *const modes[] = {"reject", "churn", "accept", "idle", "tls", "blocked", "attack"};
static enum mode mode;

enum step { GREETING, EHLO, STARTTLS, HANDSHAKE, EHLO_AGAIN, WAIT, MAIL, RCPT, DATA, CONTENT, RSET, ROUND, QUIT };

struct client {
    int fd, number;
    enum step step;
    int connecting, writing, holding, secured;
    uint64_t opened, asked, began; /* the connection, the packet, the round */
    long rounds, recipients;       /* done of the connection, of the round */
    /* what goes out: commands, then content */
    const char *out;
    size_t left;
    char commands[COMMANDS];
    /* what has to come back */
    short expected[REPLIES];
    int owed, heard;
    char line[LINE];
    size_t length;
    int pipelining, starttls;
#ifdef WITH_TLS
    SSL *tls;
#endif
};

static struct client *clients;
static int poller;
static struct sockaddr_in server;
static char *content;
static size_t content_length;
static uint64_t last_news; /* when any reply came */
static long sequence;
static char octets[262144];

/* -- what is told ------------------------------------------------------------------------------------------------------- */

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *format, ...) {
    char words[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    printf("{\"event\": \"error\", \"words\": \"");
    for (const char *p = words; *p; p++) {
        if (*p == '"' || *p == '\\') printf("\\%c", *p);
        else if ((unsigned char)*p < 32 || (unsigned char)*p > 126) printf(" ");
        else putchar(*p);
    }
    printf("\"}\n");
    exit(1);
}

/* Times, in buckets that are a sixteenth of an octave wide: exact below 32 us, within 6 % above. */
struct times { uint64_t bucket[16 * 40], count, most; };
static struct times of_replies, of_rounds, of_connections;

static void add(struct times *times, uint64_t us) {
    unsigned slot = us;
    if (us >= 32) {
        int octave = 63 - __builtin_clzll(us);
        slot = 16 * (octave - 3) + ((us >> (octave - 4)) & 15);
    }
    times->bucket[slot < 640 ? slot : 639]++;
    times->count++;
    if (us > times->most) times->most = us;
}

static uint64_t part(const struct times *times, double share) {
    uint64_t seen = 0;
    for (unsigned slot = 0; slot < 640; slot++) {
        seen += times->bucket[slot];
        if (seen && seen >= share * times->count) return slot < 32 ? slot : (uint64_t)(16 + slot % 16) << (slot / 16 - 1);
    }
    return 0;
}

static void print_times(const char *name, const struct times *times) {
    printf(", \"%s_us\": {\"count\": %lu, \"p50\": %lu, \"p90\": %lu, \"p99\": %lu, \"max\": %lu}", name, times->count,
           part(times, .5), part(times, .9), part(times, .99), times->most);
}

/* -- the course of the measurement ---------------------------------------------------------------------------------------- */

static enum { RAMP, WARM, MEASURED } stage = RAMP;
static uint64_t stage_began, ramp_began;
static long greeted, opening, rounds_done, rounds_at_stage, answered, refused, messages, connections_made, handshakes;
static long turned_away, hung_up;

static void tell(const char *event) {
    printf("{\"event\": \"%s\"", event);
}

static void flush_line(void) {
    printf("}\n");
    fflush(stdout);
}

static double cpu_of_mine(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double cpu_at_begin;

static void begin_stage(int next) {
    stage = next;
    stage_began = now();
    rounds_at_stage = rounds_done;
}

static void begin_measured(void) {
    begin_stage(MEASURED);
    answered = refused = messages = connections_made = handshakes = turned_away = hung_up = 0;
    memset(&of_replies, 0, sizeof of_replies);
    memset(&of_rounds, 0, sizeof of_rounds);
    memset(&of_connections, 0, sizeof of_connections);
    cpu_at_begin = cpu_of_mine();
    tell("begin");
    flush_line();
}

static void finish(uint64_t t) {
    tell("end");
    printf(", \"seconds\": %.6f, \"rounds\": %ld, \"refused\": %ld, \"messages\": %ld, \"connections\": %ld, "
           "\"handshakes\": %ld, \"octets\": %.0f, \"own_cpu\": %.3f",
           (t - stage_began) / 1e6, rounds_done - rounds_at_stage, refused, messages, connections_made, handshakes,
           messages * (double)o.octets, cpu_of_mine() - cpu_at_begin);
    if (mode == ATTACK) printf(", \"answered\": %ld, \"turned_away\": %ld, \"hung_up\": %ld", answered, turned_away, hung_up);
    print_times("reply", &of_replies);
    print_times("round", &of_rounds);
    print_times("connection", &of_connections);
    flush_line();
    getchar(); /* the harness looks at the server while its connections are there */
    exit(0);
}

/* Called after each batch of news. */
static void advance(void) {
    uint64_t t = now();
    if (t - last_news > (uint64_t)o.patience * 1000000) fail("no reply from the server for %ld s", o.patience);
    if (stage == WARM && (rounds_done - rounds_at_stage >= o.warm_rounds || t - stage_began > 60e6) &&
        t - stage_began >= o.warm_seconds * 1e6) {
        begin_measured();
        return;
    }
    if (stage != MEASURED || mode == ATTACK) return;
    if (o.total ? rounds_done - rounds_at_stage < o.total : t - stage_began < o.seconds * 1e6) return;
    finish(t);
}

/* -- one client ----------------------------------------------------------------------------------------------------------- */

static void open_connection(struct client *c);
static void enter(struct client *c, enum step step);
static void come_back(struct client *c);

static void watch(struct client *c, int writing, int operation) {
    if (operation == EPOLL_CTL_MOD && c->writing == writing) return;
    c->writing = writing;
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void open_connection(struct client *c) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;
    int n = o.first + c->number;
    if (mode == ATTACK) /* each in a /24 of its own, far from the next, as those of a botnet; 127.200/16 is the victim's */
        from.sin_addr.s_addr = htonl(0x7f000000u | (1u + n % 180) << 16 | (n / 180u % 256) << 8 | (1u + n / 46080 % 250));
    else
        from.sin_addr.s_addr = htonl(0x7f000000u | (1u + n / 62500) << 16 | (1u + n / 250 % 250) << 8 | (1u + n % 250));
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) fail("socket: %s: raise the limit of descriptors", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) fail("bind to a loopback address: %s", strerror(errno));
    c->opened = c->began = c->asked = now();
    int failed = connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS;
    if (failed && !(mode == ATTACK && errno == ECONNREFUSED)) fail("connect: %s", strerror(errno));
    c->connecting = 1;
    c->secured = c->pipelining = c->starttls = c->holding = 0;
    c->left = c->length = 0;
    c->rounds = 0;
    c->owed = c->heard = 0;
    watch(c, 1, EPOLL_CTL_ADD);
    c->step = mode == TLS && o.implicit ? HANDSHAKE : GREETING;
    if (c->step == GREETING) c->expected[c->owed++] = mode == BLOCKED ? 554 : 220;
    if (failed) come_back(c);
}

static void say(struct client *c, int expected, const char *format, ...) {
    va_list arguments;
    size_t used = c->left;
    va_start(arguments, format);
    int length = vsnprintf(c->commands + used, sizeof c->commands - used, format, arguments);
    va_end(arguments);
    if (length < 0 || used + length >= sizeof c->commands || c->owed == REPLIES) fail("a round is too long to pipeline");
    c->out = c->commands;
    c->left = used + length;
    c->expected[c->owed++] = expected;
}

static void say_mail(struct client *c) {
    say(c, 250, "MAIL FROM:<sender%d@client.example.net>\r\n", c->number);
}

static void say_rcpt(struct client *c) {
    long n = sequence++;
    if (mode == ACCEPT) say(c, 250, "RCPT TO:<user%05ld@%s>\r\n", n * 7919 % o.users, o.domain);
    else say(c, o.refusal, "RCPT TO:<nobody.%ld@%s>\r\n", n, o.domain);
}

static void flush(struct client *c) {
    while (c->left) {
        ssize_t sent;
#ifdef WITH_TLS
        if (c->secured) {
            sent = SSL_write(c->tls, c->out, c->left > 1 << 20 ? 1 << 20 : (int)c->left);
            if (sent <= 0) {
                int e = SSL_get_error(c->tls, sent);
                if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ) fail("the server broke TLS while we wrote");
                break;
            }
        } else
#endif
        {
            sent = send(c->fd, c->out, c->left, MSG_NOSIGNAL);
            if (sent < 0) {
                if (errno == EAGAIN) break;
                if (mode == ATTACK) {
                    come_back(c);
                    return;
                }
                fail("the server closed while we wrote: %s", strerror(errno));
            }
        }
        c->out += sent;
        c->left -= sent;
    }
    watch(c, c->left != 0 || c->connecting, EPOLL_CTL_MOD);
}

static void close_connection(struct client *c) {
#ifdef WITH_TLS
    if (c->tls) {
        SSL_set_quiet_shutdown(c->tls, 1);
        SSL_free(c->tls);
        c->tls = NULL;
    }
#endif
    close(c->fd);
    connections_made++;
    if (stage == MEASURED) add(&of_connections, now() - c->opened);
}

/* Attackers who are about to come back, the first one first. */
static struct { struct client *client; uint64_t due; } *coming;
static long first_coming, coming_count;

static void come_back(struct client *c) {
    if (c->step == GREETING) turned_away++;
    else hung_up++;
    if (c->step == WAIT) greeted--, opening++;
    c->step = GREETING;
    close_connection(c);
    long n = (first_coming + coming_count++) % o.connections;
    coming[n].client = c;
    coming[n].due = now() + o.back_after * 1e6;
}

static void let_come(void) {
    uint64_t t = coming_count ? now() : 0;
    for (long left = coming_count; left && coming[first_coming].due <= t; left--) {
        struct client *c = coming[first_coming].client;
        first_coming = (first_coming + 1) % o.connections;
        coming_count--;
        open_connection(c);
    }
}

static void round_done(struct client *c) {
    rounds_done++;
    c->rounds++;
    if (stage == MEASURED) add(&of_rounds, now() - c->began);
    c->began = now();
}

static void ask(struct client *c) {
    c->heard = 0;
    c->asked = now();
    flush(c);
}

/* Begin a step: say its command or commands, and what must be answered. */
static void enter(struct client *c, enum step step) {
    c->step = step;
    c->owed = c->heard = 0;
    c->left = 0;
    switch (step) {
    case EHLO:
    case EHLO_AGAIN: say(c, 250, "EHLO client%d.example.net\r\n", c->number); break;
    case STARTTLS: say(c, 220, "STARTTLS\r\n"); break;
    case WAIT:
        c->holding = 1;
        greeted++;
        opening--;
        return;
    case ROUND: /* the whole of it in one packet */
        say_mail(c);
        if (mode == ACCEPT) {
            say_rcpt(c);
            say(c, 354, "DATA\r\n");
        } else {
            for (int i = 0; i < o.recipients; i++) say_rcpt(c);
            if (mode == CHURN) say(c, 221, "QUIT\r\n");
            else say(c, 250, "RSET\r\n");
        }
        break;
    case MAIL: say_mail(c); break;
    case RCPT: say_rcpt(c); break;
    case DATA: say(c, 354, "DATA\r\n"); break;
    case RSET: say(c, 250, "RSET\r\n"); break;
    case QUIT: say(c, 221, "QUIT\r\n"); break;
    case CONTENT:
        c->out = content;
        c->left = content_length;
        c->expected[c->owed++] = 250;
        break;
    case GREETING:
        c->expected[c->owed++] = 220;
        break;
    case HANDSHAKE: return;
    }
    ask(c);
}

static void begin_round(struct client *c) {
    c->began = now();
    c->recipients = 0;
    if (mode == BLOCKED) {
        close_connection(c);
        open_connection(c);
        return;
    }
    if (o.pipelined && !c->pipelining) fail("the server does not offer PIPELINING");
    enter(c, mode == TLS ? QUIT : o.pipelined ? ROUND : MAIL);
}

static void again(struct client *c) {
    close_connection(c);
    open_connection(c);
}

static void shake_hands(struct client *c) {
#ifdef WITH_TLS
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    if (!c->tls) {
        c->tls = SSL_new(context);
        SSL_set_fd(c->tls, c->fd);
        SSL_set_connect_state(c->tls);
        c->asked = now();
    }
    int done = SSL_do_handshake(c->tls);
    if (done != 1) {
        int e = SSL_get_error(c->tls, done);
        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
            fail("the TLS handshake failed: %s", ERR_error_string(ERR_get_error(), NULL));
        watch(c, e == SSL_ERROR_WANT_WRITE, EPOLL_CTL_MOD);
        return;
    }
    c->secured = 1;
    handshakes++;
    last_news = now();
    if (stage == MEASURED) add(&of_replies, now() - c->asked);
    watch(c, 0, EPOLL_CTL_MOD);
    enter(c, o.implicit ? GREETING : EHLO_AGAIN);
#else
    (void)c;
    fail("built without TLS");
#endif
}

/* All replies of the step are there. */
static void done(struct client *c) {
    if (stage == MEASURED) add(&of_replies, now() - c->asked);
    switch (c->step) {
    case GREETING:
        if (mode == BLOCKED) {
            round_done(c);
            if (stage == RAMP) enter(c, WAIT);
            else again(c);
            return;
        }
        enter(c, mode == TLS && o.implicit ? EHLO_AGAIN : EHLO);
        return;
    case EHLO:
        if (mode == TLS) {
            if (!c->starttls) fail("the server does not offer STARTTLS");
            enter(c, STARTTLS);
            return;
        } /* fall through */
    case EHLO_AGAIN:
        if (stage == RAMP) enter(c, WAIT);
        else begin_round(c);
        return;
    case STARTTLS: enter(c, HANDSHAKE); shake_hands(c); return;
    case MAIL: enter(c, RCPT); return;
    case RCPT:
        if (mode == ACCEPT) {
            enter(c, DATA);
            return;
        }
        refused++;
        if (++c->recipients < o.recipients) enter(c, RCPT);
        else enter(c, mode == CHURN ? QUIT : RSET);
        return;
    case DATA: enter(c, CONTENT); return;
    case CONTENT:
        messages++;
        round_done(c);
        if (c->rounds < o.per_connection) begin_round(c);
        else enter(c, QUIT);
        return;
    case RSET:
        round_done(c);
        begin_round(c);
        return;
    case ROUND:
        if (mode == ACCEPT) {
            enter(c, CONTENT);
            return;
        }
        refused += o.recipients;
        round_done(c);
        if (mode == CHURN) again(c);
        else begin_round(c);
        return;
    case QUIT:
        if (mode != ACCEPT) round_done(c);
        again(c);
        return;
    case HANDSHAKE:
    case WAIT: fail("a reply that nobody asked for: %.*s", (int)c->length, c->line);
    }
}

/* A line of a reply is whole. */
static void line_heard(struct client *c) {
    const char *line = c->line;
    int code = c->length < 4 ? 0 : (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
    if (mode == ATTACK && code >= 400 && (c->step != RCPT || code == 421)) {
        come_back(c);
        return;
    }
    if (c->heard >= c->owed) fail("a reply that nobody asked for: %.*s", (int)c->length, line);
    if (code != c->expected[c->heard] && !(mode == ATTACK && c->step == RCPT && code >= 400))
        fail("expected %d, heard %.*s (step %d, connection %d)", c->expected[c->heard], (int)c->length, line, c->step,
             c->number);
    if (c->step == EHLO || c->step == EHLO_AGAIN) {
        if (c->length >= 14 && !strncasecmp(line + 4, "PIPELINING", 10)) c->pipelining = 1;
        if (c->length >= 12 && !strncasecmp(line + 4, "STARTTLS", 8)) c->starttls = 1;
    }
    if (line[3] != '-') c->heard++, answered++;
}

static void hear(struct client *c, const char *p, size_t n) {
    last_news = now();
    while (n) {
        const char *end = memchr(p, '\n', n);
        size_t piece = end ? (size_t)(end - p) + 1 : n;
        size_t kept = piece < LINE - c->length ? piece : LINE - c->length;
        memcpy(c->line + c->length, p, kept);
        c->length += kept;
        p += piece;
        n -= piece;
        if (!end) return;
        long closed = connections_made;
        line_heard(c);
        if (connections_made != closed) return;
        c->length = 0;
        if (c->heard == c->owed) {
            if (n) fail("a reply that nobody asked for: %.*s", (int)(n < 80 ? n : 80), p);
            done(c);
            if (connections_made != closed) return;
        }
    }
}

static void ready(struct client *c, uint32_t events) {
    if (c->connecting) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error && mode == ATTACK) {
            come_back(c);
            return;
        }
        if (error) fail("connect: %s", strerror(error));
        if (!(events & EPOLLOUT)) return;
        c->connecting = 0;
        if (c->step != HANDSHAKE) watch(c, 0, EPOLL_CTL_MOD);
    }
    if (c->step == HANDSHAKE) {
        shake_hands(c);
        return;
    }
    long closed = connections_made;
    if (events & EPOLLOUT) flush(c);
    if (connections_made != closed || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t n;
#ifdef WITH_TLS
    if (c->secured) {
        n = SSL_read(c->tls, octets, sizeof octets);
        if (n <= 0 && SSL_get_error(c->tls, n) == SSL_ERROR_WANT_READ) return;
    } else
#endif
        n = recv(c->fd, octets, sizeof octets, 0);
    if (n > 0) hear(c, octets, n);
    else if (mode == ATTACK && (n == 0 || errno != EAGAIN)) come_back(c);
    else if (n == 0 && mode == BLOCKED && c->step == WAIT) epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
    else if (n == 0) fail("the server closed the connection (step %d, connection %d)", c->step, c->number);
    else if (errno != EAGAIN) fail("the server cut the connection: %s", strerror(errno));
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

/* A message of `octets`: a header, and lines of `line` octets of which one in fifty begins with a dot, which is doubled. */
static void make_content(void) {
    static const char header[] = "From: Sender <sender@client.example.net>\r\nTo: someone@example.org\r\n"
                                 "Subject: what is sent\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n"
                                 "Message-ID: <1@client.example.net>\r\n\r\n";
    size_t size = o.octets, made = sizeof header - 1, n = 0;
    if (size < made + 200 || o.line < 8) fail("a message needs %zu octets, and lines of 8", made + 200);
    char *p = content = malloc(size + size / 50 + 16);
    memcpy(p, header, made);
    p += made;
    while (made < size) {
        size_t length = size - made < 2 * (size_t)o.line ? size - made : (size_t)o.line; /* the last has what is left */
        int dot = n++ % 50 == 7;
        if (dot) *p++ = '.';
        for (size_t i = 0; i < length - 2; i++) *p++ = dot && i == 0 ? '.' : "abcdefgh ijklmnop"[(i + n) % 17];
        *p++ = '\r';
        *p++ = '\n';
        made += length;
    }
    memcpy(p, ".\r\n", 3);
    content_length = p + 3 - content;
}

static void read_options(int count, char **words) {
    int known = 0;
    for (unsigned i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(words[1], modes[i])) mode = i, known = 1;
    if (!known) fail("the first word is the mode: reject, churn, accept, idle, tls, blocked or attack");
    for (int i = 2; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (!value) fail("expected key=value, found %s", words[i]);
        *value++ = 0;
        unsigned n = 0;
        while (n < sizeof options / sizeof *options && strcmp(options[n].key, words[i])) n++;
        if (n == sizeof options / sizeof *options) fail("no option is called %s", words[i]);
        if (options[n].whole) *options[n].whole = atol(value);
        if (options[n].real) *options[n].real = atof(value);
        if (options[n].text) *options[n].text = value;
    }
}

int main(int count, char **words) {
    read_options(count, words);
    make_content();
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    poller = epoll_create1(0);
    clients = calloc(o.connections, sizeof *clients);
    coming = calloc(o.connections, sizeof *coming);
    ramp_began = last_news = now();

    long opened = 0;
    struct epoll_event events[512];
    struct epoll_event end = {.events = EPOLLIN, .data.ptr = NULL};
    for (;;) {
        while (opened < o.connections && opening < o.at_once) {
            clients[opened].number = opened;
            opening++;
            open_connection(&clients[opened++]);
        }
        int late = mode == ATTACK && now() - ramp_began > o.ramp * 1e6;
        if (stage == RAMP && (greeted == o.connections || late)) {
            tell("ready");
            printf(", \"ramp_seconds\": %.6f, \"connections\": %ld", (now() - ramp_began) / 1e6, greeted);
            flush_line();
            if (getchar() == EOF || mode == IDLE) return 0;
            begin_stage(WARM);
            last_news = now();
            if (mode == ATTACK) {
                begin_measured();
                o.at_once = o.connections;
                if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &end)) fail("epoll_ctl: %s", strerror(errno));
            }
            for (long i = 0; i < opened; i++)
                if (clients[i].step == WAIT) begin_round(&clients[i]);
        }
        /* Once it is measured we never sleep: waking a core, of a virtual machine above all, would be paid by the server with
           each of its replies, and no network card asks that of it. */
        int n = epoll_wait(poller, events, 512, stage != RAMP ? 0 : coming_count ? 1 : 1000);
        if (n < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            if (!events[i].data.ptr) finish(now());
            ready(events[i].data.ptr, events[i].events);
        }
        let_come();
        advance();
    }
}
