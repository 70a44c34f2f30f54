/* certd asked anything by anybody: every request with fields of chance by every role, every command with arguments of chance,
 * peers that go in the middle, reloads, and ends and starts while writes, keys and exchanges are under way. What chance
 * says is the same each run. Afterwards all that was asked is answered, the audit log is whole, and certd works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "ctl.pb-c.h"
#include "tests/unit/certd/rig.h"

#define PEERS 5
#define RUNS  3
#define STEPS 250

struct bed {
	struct rig g;
	uint32_t seed;
	struct ipc_peer *p[PEERS];
	unsigned asked, answered;
	uint64_t handle; /* of the last answer that had one */
};
static const uint32_t roles[PEERS] = { IPC_SIPD, IPC_DECTD, IPC_PRESENCED, IPC_VIEW,
	IPC_VIEW | IPC_OPERATE | IPC_ADMIN };

static unsigned rnd(struct bed *b, unsigned n)
{
	b->seed = b->seed * 1664525u + 1013904223u;
	return (unsigned)((uint64_t)(b->seed >> 8) * n >> 24);
}

/* ---- a message with what chance puts into its fields ---- */

static const char *const words[] = { "", "201", "subscription", "host", "a.example.com",
	"EXAMPLE.COM", "sip/a.example.com", "1234", "auth", "\1\2\3\4\5", "\1\2\3\4\5\6",
	"directory", "not a certificate", "yes",
	"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" };

static struct slice word(struct bed *b)
{
	static const uint8_t sizes[] = { 1, 4, 8, 16, 20, 32, 48, 64 };
	static char noise[64];

	if (rnd(b, 3))
		return slice_str(words[rnd(b, ARRAY_LEN(words))]);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)rnd(b, 256);
	return (struct slice){ noise, sizes[rnd(b, ARRAY_LEN(sizes))] };
}

static void put(struct bed *b, const ProtobufCFieldDescriptor *f, void *at)
{
	uint64_t n = rnd(b, 2) ? rnd(b, 9) : b->handle;
	uint32_t n32 = (uint32_t)(rnd(b, 8) ? n : UINT32_MAX);
	struct slice s = word(b);

	switch (f->type) {
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)at =
		    (ProtobufCBinaryData){ s.n, (uint8_t *)mem_dup(s.n ? s.p : "", s.n) };
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = mem_str(words[rnd(b, 9)]);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = rnd(b, 2) != 0;
		break;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_UINT64:
		memcpy(at, &n, sizeof(n));
		break;
	default:
		memcpy(at, &n32, sizeof(n32));
	}
}

static ProtobufCMessage *message(struct bed *b, const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = mem_new(d->sizeof_message);

	d->message_init(m);
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		assert_int_not_equal(f->type, PROTOBUF_C_TYPE_MESSAGE);
		if (f->label != PROTOBUF_C_LABEL_REQUIRED && rnd(b, 2))
			continue;
		put(b, f, (char *)m + f->offset);
		if (f->label != PROTOBUF_C_LABEL_REQUIRED && f->type != PROTOBUF_C_TYPE_STRING)
			*(protobuf_c_boolean *)((char *)m + f->quantifier_offset) = 1;
	}
	return m;
}

static const struct {
	uint16_t type;
	const ProtobufCMessageDescriptor *reply;
} replies[] = {
#define R(t, d)                                                                                    \
	{                                                                                          \
		CERT__TYPE__CERT_##t, &cert__##d##__descriptor                                     \
	}
	R(SIGN, signature),
	R(DECRYPT, decrypted),
	R(IDENTITY, identity),
	R(TRUST, trust),
	R(SIP_DIGEST, sip_digest_done),
	R(NTLM, ntlm_done),
	R(KRB_START, krb_step),
	R(KRB_REPLY, krb_step),
	R(SECRET_SET, done),
	R(SECRET_DEL, done),
	R(SECRET_REVEAL, secret_value),
	R(DECT_PT_AUTH, dect_challenge),
	R(DECT_PT_CHECK, dect_pt_checked),
	R(DECT_FT_AUTH, dect_ft_auth_done),
	R(DECT_KEY_ALLOC, dect_challenge),
	R(DECT_KEY_ALLOC_CHECK, dect_key_alloc_done),
	R(DECT_SUBSCRIPTION, done),
	R(DECT_DEFCK, dect_def_ck_done),
	R(RFP_KEYS, rfp_keys_done),
#undef R
};

static void on_answer(void *ctx, int err, struct ipc_msg *m)
{
	struct bed *b = ctx;

	b->answered++;
	if (err)
		return;
	if (m->body->descriptor == &cert__dect_challenge__descriptor)
		b->handle = IPC_BODY(m, Cert__DectChallenge)->handle;
	else if (m->body->descriptor == &cert__krb_step__descriptor &&
	         IPC_BODY(m, Cert__KrbStep)->has_handle)
		b->handle = IPC_BODY(m, Cert__KrbStep)->handle;
}

static void request(struct bed *b)
{
	const struct ipc_handler *h = &certd_handlers[rnd(b, (unsigned)certd_nhandlers)];
	struct ipc_peer *p = b->p[rnd(b, 3)];
	const ProtobufCMessageDescriptor *reply = NULL;
	ProtobufCMessage *m;

	if (rnd(b, 4)) /* else by one who may not */
		p = b->p[h->roles & IPC_DECTD ? 1 : h->roles & IPC_SIPD ? 0 : 2];
	if (!p)
		return;
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		if (replies[i].type == h->type)
			reply = replies[i].reply;
	assert_non_null(reply);
	m = message(b, h->desc);
	b->asked += ipc_request(p, h->iface, h->type, m, reply, 60000, on_answer, b) == 0;
	protobuf_c_message_free_unpacked(m, NULL);
}

/* ---- commands ---- */

static struct slice choice(struct bed *b, const char *choices)
{
	struct cur c = cur_of(slice_str(choices));
	struct slice s = cur_until(&c, "|");

	while (cur_lit(&c, '|') && rnd(b, 3))
		s = cur_until(&c, "|");
	return s;
}

static void command(struct bed *b)
{
	const struct ctl_cmd *k = &certd_cmds[rnd(b, (unsigned)certd_ncmds)];
	Ctl__Run r = CTL__RUN__INIT;
	Ctl__Arg a[16], *ptr[16];
	struct slice v, id = word(b);
	struct ipc_peer *p = b->p[rnd(b, 6) ? 4 : 3];

	if (!p)
		return;
	r.noun = (char *)(uintptr_t)k->noun;
	r.verb = (char *)(uintptr_t)k->verb;
	r.has_id = k->id_required || (k->id_name && rnd(b, 2));
	if (rnd(b, 2))
		id = SLICE_LIT("host");
	r.id = rig_bin(id.p, id.n);
	r.arg = ptr;
	for (size_t i = 0; i < k->nargs; i++) {
		Ctl__Arg *x = &a[r.n_arg];

		if (!k->args[i].required && rnd(b, 2))
			continue;
		ctl__arg__init(ptr[r.n_arg++] = x);
		x->name = (char *)(uintptr_t)k->args[i].name;
		v = k->args[i].kind == CTL_CHOICE   ? choice(b, k->args[i].choices)
		    : k->args[i].kind == CTL_FLAG   ? SLICE_LIT("yes")
		    : k->args[i].kind == CTL_NUMBER ? SLICE_LIT("7")
		                                    : slice_str(words[rnd(b, ARRAY_LEN(words))]);
		if (slice_istarts(v, SLICE_LIT("rsa")))
			v = SLICE_LIT("ed25519"); /* soon made */
		x->has_data = k->args[i].kind == CTL_FILE_IN || k->args[i].kind == CTL_SECRET;
		x->has_value = !x->has_data;
		x->data = x->value = rig_bin(v.p, v.n);
	}
	b->asked += ipc_request(p, IPC_IF_CTL, CTL__TYPE__CTL_RUN, &r.base,
	                &ctl__result__descriptor, 60000, on_answer, b) == 0;
}

/* ---- life ---- */

static void pump(struct bed *b, unsigned n)
{
	while (n-- > 0)
		uv_run(&b->g.loop, UV_RUN_NOWAIT);
}

static void lost(struct rig *g, struct ipc_peer *p)
{
	struct bed *b = CONTAINER_OF(g, struct bed, g);

	for (unsigned i = 0; i < PEERS; i++)
		if (b->p[i] == p)
			b->p[i] = NULL;
}

static void join(struct bed *b)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (!b->p[i])
			b->p[i] = rig_peer(&b->g, roles[i]);
}

static void step(struct bed *b)
{
	unsigned i = rnd(b, PEERS);

	switch (rnd(b, 40)) {
	case 0:
		if (b->p[i])
			ipc_peer_drop(b->p[i], "test");
		break;
	case 1:
		join(b);
		break;
	case 2:
		b->g.conf.legacy_tls = rnd(b, 2) != 0;
		b->g.conf.krb_rc4 = rnd(b, 2) != 0;
		b->g.conf.ac_failures = rnd(b, 3);
		assert_int_equal(certd_reload(&b->g.run.d, &b->g.conf), 0);
		break;
	case 3:
		if (rnd(b, 4) == 0) {
			rig_restart(&b->g);
			join(b);
		}
		break;
	default:
		if (rnd(b, 3))
			request(b);
		else
			command(b);
	}
	pump(b, rnd(b, 3));
}

static void anything(void **state)
{
	(void)state;
	for (uint32_t run = 0; run < RUNS; run++) {
		struct bed b = { .seed = run * 7919 + 1 };
		struct audit_verify v;
		Cert__SecretSet s = CERT__SECRET_SET__INIT;

		rig_new(&b.g);
		b.g.lost = lost;
		free(b.g.conf.ca_bundle);
		b.g.conf.ca_bundle = mem_str("");
		join(&b);
		for (unsigned i = 0; i < STEPS; i++)
			step(&b);
		pump(&b, 20); /* who asked for what he may not is dropped */
		join(&b);
		s.kind = CERT__SECRET_KIND__SECRET_SIP;
		s.id = RIG_TEXT("last");
		s.value = RIG_TEXT("word");
		assert_int_equal(rig_ask(&b.g, b.p[0], CERT__TYPE__CERT_SECRET_SET, &s.base,
		                     &cert__done__descriptor),
		    0);
		while (b.answered < b.asked)
			uv_run(&b.g.loop, UV_RUN_ONCE);
		rig_restart(&b.g);
		struct certd *c = b.g.run.d.state;
		assert_true(audit_check(c->audit, &v));
		rig_free(&b.g);
		assert_int_equal(b.answered, b.asked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(anything) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
