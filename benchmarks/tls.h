/* Handshakes of a client: full ones, of a certificate that is not verified; nothing is kept to be resumed. */
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL *tls_on(int fd) {
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    SSL *tls = SSL_new(context);
    if (fd >= 0) SSL_set_fd(tls, fd);
    SSL_set_connect_state(tls);
    return tls;
}

static void tls_free(SSL *tls) {
    if (!tls) return;
    SSL_set_quiet_shutdown(tls, 1);
    SSL_free(tls);
}

/* What the last call of OpenSSL waits for: EPOLLIN or EPOLLOUT; 0: it has failed. */
static int tls_waits_for(SSL *tls, int result) {
    int e = SSL_get_error(tls, result);
    ERR_clear_error();
    return e == SSL_ERROR_WANT_READ ? EPOLLIN : e == SSL_ERROR_WANT_WRITE ? EPOLLOUT : 0;
}
