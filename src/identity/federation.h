/* SPDX-License-Identifier: Apache-2.0
 * Federation between its files: who is asserted, and whose row that is here. */
#pragma once
#include "identity/auth.h"

/* What is asserted of a user, by whom. */
struct evidence {
    const char *idp_id, *protocol_id;
    const struct json *assertion;       /* as mapping_apply takes it */
    const char *remote_id_attribute;    /* where nothing else is set; may be null */
    const char *remote_user;            /* whom a proxy names; may be null */
};

/* Who that is here, after federation_enter. */
struct entrant {
    const struct identity_user *user;
    bool local;                         /* a user of ours, whom the provider only names */
    const char *group_ids;              /* JSON list of the groups that the mapping gives */
};

/* Applies the provider's mapping to the evidence, makes or updates the user's row, its memberships and projects. Outside
 * transactions. Fails 401 where the mapping gives no user, 403 where the provider may not, 404 where it is not there. */
bool federation_enter(struct call *call, const struct evidence *evidence, struct entrant *ret_entrant);

/* The attribute by which providers say who they are: the protocol's, else as configured, else 'otherwise'. */
const char *protocol_remote_id(const struct identity_protocol *protocol, const char *otherwise);

/* How long a membership is good after a login; microseconds, 0: for the token alone. */
int64_t provider_membership_life(const struct identity_provider *provider);

/* The user's "federated" as JSON; null when no provider knows it. Storing replaces; it fails 400 when a provider or
 * protocol is not there. In a transaction. */
const char *federated_shown(struct call *call, const char *user_id);
bool federated_store(struct call *call, const struct identity_user *user);

/* What the request itself brings as evidence: a token of the provider (OpenID Connect), or what a trusted proxy says in
 * headers. Fails 401 when there is none, or it is not good. Outside transactions: it may ask the provider. */
bool evidence_read(struct call *call, struct evidence *evidence);

/* What a trusted proxy says in the request's headers; null when it is from nobody whom [federation] trusts. */
const struct json *proxy_assertion(struct call *call);

/* Authenticates who comes through a provider's protocol as auth_run does; with auth->assertion the provider was asked
 * already. Outside transactions. */
bool federation_authenticate(struct call *call, struct authentication *auth, const char *idp_id, const char *protocol_id);
