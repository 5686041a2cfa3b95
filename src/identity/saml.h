/* SPDX-License-Identifier: Apache-2.0
 * SAML 2 as an identity provider: what we assert of our users to other clouds, and how they know that it is us. */
#pragma once
#include "base/buf.h"
#include "rest/call.h"

#define SAML_ASSERTION "urn:oasis:names:tc:SAML:2.0:assertion"
#define SAML_PROTOCOL "urn:oasis:names:tc:SAML:2.0:protocol"
#define XML_SIGNATURE "http://www.w3.org/2000/09/xmldsig#"

/* ---- XML in the form of Exclusive XML Canonicalization (W3C, 2002), as far as the caller keeps to it: every element has
 * an end tag, attributes are in the order of their names, a prefix is declared where it is first used. What is written so
 * needs no canonicalization before it is signed. ---- */

/* "<NAME KEY="value" ...>": pairs of key and value, ending with null. */
void saml_open(struct buf *out, const char *name, ...) __attribute__((sentinel));
void saml_close(struct buf *out, const char *name);
/* Text between tags. */
void saml_text(struct buf *out, const char *text);
/* An element with attributes and text. */
void saml_element(struct buf *out, const char *text, const char *name, ...) __attribute__((sentinel));
/* False when XML 1.0 has no way to say the text (control characters). */
bool saml_can_say(const char *text);

/* ---- settings ---- */

/* How we are called, and where we would be asked: [saml] idp_entity_id and idp_sso_endpoint, or what follows from where
 * this cloud is. */
const char *saml_entity_id(struct call *call);
const char *saml_sso_endpoint(struct call *call);
/* The certificate of [saml] certfile in base64 of DER; null: there is none, or it cannot be read (the log says why). */
const char *saml_certificate(struct call *call);

/* Signs what has the ID 'id' and is written canonically: the Signature element that goes into it. Null: no key. */
const char *saml_sign(struct call *call, const char *id, const char *bytes, size_t size);

/* Writes the metadata by which others know us; false: there is no certificate. */
bool saml_write_metadata(struct call *call, struct buf *out);
