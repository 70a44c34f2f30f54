#ifndef CERTD_X509_TEXT_H
#define CERTD_X509_TEXT_H
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/ossl.h"

#include <openssl/x509.h>

/* Certificates in words. Output is always terminated; control characters in names become \xNN. */
#define X509_TEXT_NAME 256
void x509_text_name(const X509_NAME *n, char *out, size_t cap); /* "CN=…, O=…" as RFC 2253, UTF-8 */
void x509_text_cn(const X509_NAME *n, char *out, size_t cap);   /* the last CN, else the name */
void x509_text_time(const ASN1_TIME *t, char *out, size_t cap); /* "2026-11-27T07:32:21Z" */
/* "RSA-2048", "P-256", "P-384", "P-521", "Ed25519", else the algorithm's name. */
void x509_text_key(const EVP_PKEY *k, char *out, size_t cap);
/* "AB:CD:…" of the whole certificate. out: 3 octets per octet of the digest. */
void x509_text_print(const X509 *x, const EVP_MD *md, char *out, size_t cap);
time_t x509_time(const ASN1_TIME *t); /* -1: not a time */
/* SHA-256 of the SubjectPublicKeyInfo; false on failure. */
int x509_key_id(EVP_PKEY *k, uint8_t id[32]);
int x509_cert_id(const X509 *x, uint8_t id[32]);
#endif
