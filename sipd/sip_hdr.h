#ifndef SIPD_SIP_HDR_H
#define SIPD_SIP_HDR_H
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/* Names of header fields and methods, RFC 3261 20 and the extensions that this room speaks; matching ignores case and
 * knows the compact forms. X(ENUM, "Spelling", "compact or empty"). Names that are not here are kept in a message all
 * the same and found by their text. */
#define SIP_HDR_LIST(X)                                                                            \
	X(VIA, "Via", "v")                                                                         \
	X(FROM, "From", "f")                                                                       \
	X(TO, "To", "t")                                                                           \
	X(CALL_ID, "Call-ID", "i")                                                                 \
	X(CSEQ, "CSeq", "")                                                                        \
	X(CONTACT, "Contact", "m")                                                                 \
	X(CONTENT_LENGTH, "Content-Length", "l")                                                   \
	X(CONTENT_TYPE, "Content-Type", "c")                                                       \
	X(MAX_FORWARDS, "Max-Forwards", "")                                                        \
	X(ROUTE, "Route", "")                                                                      \
	X(RECORD_ROUTE, "Record-Route", "")                                                        \
	X(ACCEPT, "Accept", "")                                                                    \
	X(ACCEPT_CONTACT, "Accept-Contact", "a")                                                   \
	X(ACCEPT_ENCODING, "Accept-Encoding", "")                                                  \
	X(ACCEPT_LANGUAGE, "Accept-Language", "")                                                  \
	X(ALERT_INFO, "Alert-Info", "")                                                            \
	X(ALLOW, "Allow", "")                                                                      \
	X(ALLOW_EVENTS, "Allow-Events", "u")                                                       \
	X(AUTHENTICATION_INFO, "Authentication-Info", "")                                          \
	X(AUTHORIZATION, "Authorization", "")                                                      \
	X(CALL_INFO, "Call-Info", "")                                                              \
	X(CONTENT_DISPOSITION, "Content-Disposition", "")                                          \
	X(CONTENT_ENCODING, "Content-Encoding", "e")                                               \
	X(CONTENT_ID, "Content-ID", "")                                                            \
	X(CONTENT_LANGUAGE, "Content-Language", "")                                                \
	X(DATE, "Date", "")                                                                        \
	X(DIVERSION, "Diversion", "")                                                              \
	X(ERROR_INFO, "Error-Info", "")                                                            \
	X(EVENT, "Event", "o")                                                                     \
	X(EXPIRES, "Expires", "")                                                                  \
	X(FLOW_TIMER, "Flow-Timer", "")                                                            \
	X(HISTORY_INFO, "History-Info", "")                                                        \
	X(IN_REPLY_TO, "In-Reply-To", "")                                                          \
	X(INFO_PACKAGE, "Info-Package", "")                                                        \
	X(JOIN, "Join", "")                                                                        \
	X(MIME_VERSION, "MIME-Version", "")                                                        \
	X(MIN_EXPIRES, "Min-Expires", "")                                                          \
	X(MIN_SE, "Min-SE", "")                                                                    \
	X(ORGANIZATION, "Organization", "")                                                        \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", "")                                          \
	X(P_ASSOCIATED_URI, "P-Associated-URI", "")                                                \
	X(P_CALLED_PARTY_ID, "P-Called-Party-ID", "")                                              \
	X(P_EARLY_MEDIA, "P-Early-Media", "")                                                      \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", "")                                        \
	X(PATH, "Path", "")                                                                        \
	X(PRIORITY, "Priority", "")                                                                \
	X(PRIVACY, "Privacy", "")                                                                  \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate", "")                                            \
	X(PROXY_AUTHENTICATION_INFO, "Proxy-Authentication-Info", "")                              \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization", "")                                          \
	X(PROXY_REQUIRE, "Proxy-Require", "")                                                      \
	X(RACK, "RAck", "")                                                                        \
	X(REASON, "Reason", "")                                                                    \
	X(RECV_INFO, "Recv-Info", "")                                                              \
	X(REFER_SUB, "Refer-Sub", "")                                                              \
	X(REFER_TO, "Refer-To", "r")                                                               \
	X(REFERRED_BY, "Referred-By", "b")                                                         \
	X(REJECT_CONTACT, "Reject-Contact", "j")                                                   \
	X(REMOTE_PARTY_ID, "Remote-Party-ID", "")                                                  \
	X(REPLACES, "Replaces", "")                                                                \
	X(REPLY_TO, "Reply-To", "")                                                                \
	X(REQUEST_DISPOSITION, "Request-Disposition", "d")                                         \
	X(REQUIRE, "Require", "")                                                                  \
	X(RETRY_AFTER, "Retry-After", "")                                                          \
	X(RSEQ, "RSeq", "")                                                                        \
	X(SERVER, "Server", "")                                                                    \
	X(SERVICE_ROUTE, "Service-Route", "")                                                      \
	X(SESSION_EXPIRES, "Session-Expires", "x")                                                 \
	X(SIP_ETAG, "SIP-ETag", "")                                                                \
	X(SIP_IF_MATCH, "SIP-If-Match", "")                                                        \
	X(SUBJECT, "Subject", "s")                                                                 \
	X(SUBSCRIPTION_STATE, "Subscription-State", "")                                            \
	X(SUPPORTED, "Supported", "k")                                                             \
	X(TARGET_DIALOG, "Target-Dialog", "")                                                      \
	X(TIMESTAMP, "Timestamp", "")                                                              \
	X(UNSUPPORTED, "Unsupported", "")                                                          \
	X(USER_AGENT, "User-Agent", "")                                                            \
	X(WARNING, "Warning", "")                                                                  \
	X(WWW_AUTHENTICATE, "WWW-Authenticate", "")                                                \
	X(MS_ASSERTED_VERIFICATION, "ms-asserted-verification-level", "")                          \
	X(MS_CLIENT_DIAGNOSTICS, "ms-client-diagnostics", "")                                      \
	X(MS_CONVERSATION_ID, "Ms-Conversation-ID", "")                                            \
	X(MS_DIAGNOSTICS, "ms-diagnostics", "")                                                    \
	X(MS_DIAGNOSTICS_PUBLIC, "ms-diagnostics-public", "")                                      \
	X(MS_ENDPOINT_LOCATION, "ms-endpoint-location-data", "")                                   \
	X(MS_KEEP_ALIVE, "ms-keep-alive", "")                                                      \
	X(MS_USER_LOGON_DATA, "ms-user-logon-data", "")                                            \
	X(PRESENCE_STATE, "Presence-State", "")

enum sip_hdr_id {
	SIP_H_OTHER,
#define X(id, name, compact) SIP_H_##id,
	SIP_HDR_LIST(X)
#undef X
	    SIP_H_COUNT
};

/* SIP_H_OTHER when the name is not in the list. */
enum sip_hdr_id sip_hdr_id(struct slice name);
/* The long spelling; "" for SIP_H_OTHER. Static storage. */
struct slice sip_hdr_name(enum sip_hdr_id id);

#define SIP_METHOD_LIST(X)                                                                         \
	X(INVITE)                                                                                  \
	X(ACK)                                                                                     \
	X(BYE)                                                                                     \
	X(CANCEL)                                                                                  \
	X(REGISTER)                                                                                \
	X(OPTIONS)                                                                                 \
	X(PRACK)                                                                                   \
	X(UPDATE)                                                                                  \
	X(INFO)                                                                                    \
	X(REFER)                                                                                   \
	X(SUBSCRIBE)                                                                               \
	X(NOTIFY)                                                                                  \
	X(MESSAGE)                                                                                 \
	X(PUBLISH)                                                                                 \
	X(SERVICE)                                                                                 \
	X(BENOTIFY)                                                                                \
	X(NEGOTIATE)

enum sip_method {
	SIP_M_OTHER,
#define X(m) SIP_M_##m,
	SIP_METHOD_LIST(X)
#undef X
	    SIP_M_COUNT
};

/* Method names are case-sensitive (RFC 3261 7.1). */
enum sip_method sip_method_id(struct slice name);
struct slice sip_method_name(enum sip_method m); /* "" for SIP_M_OTHER */

/* The phrase of RFC 3261 21 and its extensions; "" for a number without one. Static storage. */
const char *sip_reason(unsigned status);

/* Next element of a comma-separated list; commas in quoted strings and in <> do not separate. The element is trimmed
 * and never empty (empty elements are skipped). False at the end. The cursor is over one header value. */
bool sip_list_next(struct cur *c, struct slice *element);

/* Parameters "a=b;c;d="e"": next one of a ';'-separated list. Leading ';' and white space are skipped. value is empty
 * without '='; quotes are kept in value (sip_unquote takes them off). Any octets but ';' and the list's own quoting
 * are accepted as a value, as peers send more than the token of the grammar. False at the end. */
bool sip_param_next(struct cur *c, struct slice *name, struct slice *value);
/* Finds a parameter by name (any case). value may be NULL. */
bool sip_param_find(struct slice params, struct slice name, struct slice *value);

/* Takes quotes and backslash escapes off a quoted-string; anything else is copied as it is. NUL-terminated.
 * ERR_LIMIT when it does not fit or holds a NUL. */
int sip_unquote(struct slice in, char *out, size_t cap) MUST_CHECK;
/* The inside of a quoted-string, escapes left in; the slice itself when it is not quoted. */
struct slice sip_quoted_inside(struct slice in);
#endif
