/* SPDX-License-Identifier: Apache-2.0
 * The metadata by which service providers know us (SAML 2 Metadata): from a file of the operator, or made of [saml]. */
#include <stdio.h>
#include <string.h>

#include "base/conf.h"
#include "identity/saml.h"
#include "rest/cloud.h"

enum { MAX_METADATA = 256 * 1024 };

static const char *setting(const char *option) {
    return conf_text(cloud.conf, "saml", option, NULL);
}

static void write_key(struct buf *out, const char *certificate) {
    saml_open(out, "md:KeyDescriptor", "use", "signing", NULL);
    saml_open(out, "ds:KeyInfo", "xmlns:ds", XML_SIGNATURE, NULL);
    saml_open(out, "ds:X509Data", NULL);
    saml_element(out, certificate, "ds:X509Certificate", NULL);
    saml_close(out, "ds:X509Data");
    saml_close(out, "ds:KeyInfo");
    saml_close(out, "md:KeyDescriptor");
}

/* Both are there when they are whole. */
static void write_organization(struct buf *out) {
    const char *name = setting("idp_organization_name"), *display = setting("idp_organization_display_name"),
               *url = setting("idp_organization_url"), *language = conf_text(cloud.conf, "saml", "idp_lang", "en");

    if (name && display && url) {
        saml_open(out, "md:Organization", NULL);
        saml_element(out, name, "md:OrganizationName", "xml:lang", language, NULL);
        saml_element(out, display, "md:OrganizationDisplayName", "xml:lang", language, NULL);
        saml_element(out, url, "md:OrganizationURL", "xml:lang", language, NULL);
        saml_close(out, "md:Organization");
    }
}

static void write_contact(struct buf *out) {
    static const struct {
        const char *option, *element;
    } parts[] = {
        {"idp_contact_company", "md:Company"},    {"idp_contact_name", "md:GivenName"},
        {"idp_contact_surname", "md:SurName"},    {"idp_contact_email", "md:EmailAddress"},
        {"idp_contact_telephone", "md:TelephoneNumber"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!setting(parts[i].option)) {
            return;
        }
    }
    saml_open(out, "md:ContactPerson", "contactType", conf_text(cloud.conf, "saml", "idp_contact_type", "other"), NULL);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        saml_element(out, setting(parts[i].option), parts[i].element, NULL);
    }
    saml_close(out, "md:ContactPerson");
}

bool saml_write_metadata(struct call *call, struct buf *out) {
    const char *certificate = saml_certificate(call);

    if (!certificate) {
        return false;
    }
    saml_open(out, "md:EntityDescriptor", "xmlns:md", "urn:oasis:names:tc:SAML:2.0:metadata", "entityID", saml_entity_id(call), NULL);
    saml_open(out, "md:IDPSSODescriptor", "protocolSupportEnumeration", SAML_PROTOCOL, NULL);
    write_key(out, certificate);
    write_organization(out);
    write_contact(out);
    saml_element(out, "urn:oasis:names:tc:SAML:2.0:nameid-format:transient", "md:NameIDFormat", NULL);
    saml_element(out, "", "md:SingleSignOnService", "Binding", "urn:oasis:names:tc:SAML:2.0:bindings:URI", "Location",
                 saml_sso_endpoint(call), NULL);
    saml_close(out, "md:IDPSSODescriptor");
    saml_close(out, "md:EntityDescriptor");
    return true;
}

static bool copy_file(const char *path, struct buf *out) {
    FILE *file = *path ? fopen(path, "re") : NULL;

    if (file) {
        out->size += fread(buf_reserve(out, MAX_METADATA), 1, MAX_METADATA, file);
        fclose(file);
    }
    return file != NULL;
}

bool identity_saml_metadata(struct call *call) {
    if (!copy_file(conf_text(cloud.conf, "saml", "idp_metadata_path", ""), call->response) &&
        !saml_write_metadata(call, call->response)) {
        return fail(call, 404, "This cloud asserts no users: it has no certificate for that ([saml] certfile).");
    }
    call->content_type = true;
    call_header(call, "Content-Type", "text/xml");
    return true;
}
