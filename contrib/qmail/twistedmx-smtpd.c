/* twistedmx-smtpd in C: what the program of this name beside it does, in an eighth of its time. What it is, its variables and where
 * it belongs in a run script is said there; the packet in twistedmx/net/hand_over_packet.py.
 *
 *     cc -O2 -static -o /usr/local/bin/twistedmx-smtpd twistedmx-smtpd.c      (without -static where there is no libc.a)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

#define SLOW "the server at %s does not answer: it is stopped, or far behind"

static char packet[65536];
static size_t length;
static const char *place;

/* The client may come again. The words are for the log, one line in one write. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *words, ...)
{
    static const char reply[] = "421 unable to reach the mail server (#4.3.0)\r\n";
    static char line[2048] = "twistedmx-smtpd: ";
    size_t size = strlen(line);
    va_list more;

    va_start(more, words);
    vsnprintf(line + size, sizeof line - 1 - size, words, more);
    size = strlen(line);
    line[size++] = '\n';
    if (write(2, line, size) < 0)
        size = 0; /* no log: the client is told all the same */
    if (write(1, reply, sizeof reply - 1) > 0)
        shutdown(1, SHUT_RDWR); /* a server that is stopped has it in its queue: our end would not be its end */
    _exit(1);
}

static void put(const char *words)
{
    size_t size = strlen(words) + 1;
    if (size > sizeof packet - length)
        fail("the environment has too many octets, 65536 may be: start tcpserver with less of it, by env -i");
    memcpy(packet + length, words, size);
    length += size;
}

/* The server is given a TCP connection, and not what stands between it and us. */
static void check(void)
{
    struct stat ours, answers;
    if (fstat(0, &ours) || fstat(1, &answers))
        fail("descriptors 0 and 1 are not open: it is started by tcpserver, inetd or xinetd");
    if (!S_ISSOCK(ours.st_mode) || ours.st_dev != answers.st_dev || ours.st_ino != answers.st_ino)
        fail("descriptors 0 and 1 are not one socket: nothing that copies, as recordio, fixcrio, spamdyke and "
             "sslserver do, may stand before it");
}

static void hand_over(int server)
{
    union { struct cmsghdr head; char room[CMSG_SPACE(2 * sizeof(int))]; } control;
    struct iovec octets = { packet, length };
    struct msghdr message;
    struct stat log;
    int descriptors[2] = { 0, 2 };
    size_t size = fstat(2, &log) ? sizeof(int) : 2 * sizeof(int);

    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &octets;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(size);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(&control.head), descriptors, size);
    if (sendmsg(server, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE) /* EPIPE: it has said why, and closed its end */
        fail(errno == EAGAIN ? SLOW : "no server at %s: it ended just now", place);
}

static int reach(void)
{
    struct timeval patience = { 5, 0 };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int server = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    if (server < 0 || strlen(place) >= sizeof address.sun_path)
        fail("%s is too long for a socket, or there is no descriptor left", place);
    strcpy(address.sun_path, place);
    setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* of connect as well, if the backlog is full */
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!connect(server, (struct sockaddr *)&address, sizeof address))
        return server;
    if (errno == EAGAIN || errno == EACCES)
        fail(errno == EAGAIN ? SLOW : "may not reach %s: the server's settings name the group and the users who may", place);
    fail("no server at %s (%s): start twistedmx, or set TWISTEDMX_SOCKET", place, strerror(errno));
}

int main(int count, char **words)
{
    static char number[16], answer[601];
    struct timeval for_ever = { 0, 0 };
    char **variable;
    ssize_t size;
    int server, waits = getenv("TWISTEDMX_WAIT") != NULL;

    signal(SIGPIPE, SIG_IGN);
    place = getenv("TWISTEDMX_SOCKET");
    if (!place || !*place)
        place = "/run/twistedmx/smtpd.sock";
    check();
    snprintf(number, sizeof number, "%d", count > 0 ? count - 1 : 0);
    put("twistedmx-smtpd 1");
    put(waits ? "wait" : "go");
    put(number);
    while (--count > 0)
        put(*++words);
    for (variable = environ; *variable; variable++)
        if (**variable != '=' && strchr(*variable, '='))
            put(*variable);
    server = reach();
    hand_over(server);
    size = recv(server, answer, 600, 0);
    if (size < 0 && errno == EAGAIN) {
        /* From now on it cannot take the connection any more. It may have done so a moment ago. */
        shutdown(server, SHUT_RD);
        size = recv(server, answer, 600, 0);
    }
    if (size != 5 || memcmp(answer, "taken", 5)) {
        answer[size > 0 ? size : 0] = 0;
        fail("not taken by the server at %s: %s", place,
             strncmp(answer, "refused ", 8) ? "it does not answer, or has ended" : answer + 8);
    }
    if (!waits)
        _exit(0);
    close(0); /* the server alone is to hold the connection: else its end would not be one */
    close(1);
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof for_ever);
    size = recv(server, answer, 600, 0);
    _exit(size == 1 && *answer == '0' ? 0 : 1);
}
