/* SPDX-License-Identifier: Apache-2.0
 * Who is at the other end of a connection: the address, and the certificate of who has shown one. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

struct peer *peer_new(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    struct peer *peer = calloc(1, sizeof *peer);

    if (peer && address && address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, peer->address, sizeof peer->address);
    } else if (peer && address && address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, peer->address, sizeof peer->address);
    }
    return peer;
}

void peer_free(struct peer *peer) {
    if (peer) {
        free(peer->certificate);
        free(peer);
    }
}

/* Keeps the certificate when a certificate authority of the server's vouches for it today. */
static void find_certificate(struct peer *peer, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info ? info->tls_session : NULL;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 0, count = 0;
    const gnutls_datum_t *certificates = session ? gnutls_certificate_get_peers(session, &count) : NULL;

    if (!certificates || !count || gnutls_certificate_verify_peers(session, &purpose, 1, &status) != GNUTLS_E_SUCCESS || status) {
        return;
    }
    peer->certificate = malloc(certificates->size);
    if (peer->certificate) {
        memcpy(peer->certificate, certificates->data, certificates->size);
        peer->certificate_size = certificates->size;
    }
}

void peer_read(struct peer *peer, struct MHD_Connection *connection, struct exchange *exchange) {
    struct http_request *request = &exchange->request;

    request->client = peer ? peer->address : "";
    if (!peer || !exchange->server->client_ca) {
        return;
    }
    if (!peer->asked) {
        peer->asked = true;
        find_certificate(peer, connection);
    }
    request->certificate = peer->certificate;
    request->certificate_size = peer->certificate_size;
}
