/* LYNC: call admission control: Check, Commit, Update of one leg at the policy server. */
#include "mediad/cac.h"

#include <string.h>

#include "common/mem.h"

#define RTO_US     500000u
#define SENDS      5 /* of a Commit or an Update */
#define TRIES      5 /* challenges, stale nonces, other servers */
#define WAIT_MS    2000u
#define AGAIN_US   60000000u /* a Commit that was refused or not answered */
#define SOON_US    30000000u /* an Update that was not answered */
#define LIFETIME_S 600u
#define MS_VERSION 2u
#define MS_QUALITY 0x00010000u /* audio, best effort */
#define NEVER      UINT64_MAX

enum ev {
	E_CHECK,
	E_COMMIT,
	E_AMOUNT, /* the codec is another one */
	E_DUE,
	E_YES,
	E_NO, /* no bandwidth for it */
	E_IGNORED,
	E_ERROR,
	E_SILENT,
	E_CLOSE,
	E_N
};
static const char *const ev_names[E_N] = { "check", "commit", "amount", "due", "yes", "no",
	"ignored", "error", "silent", "close" };
static const struct fsm_state states[] = {
	[CAC_IDLE] = { "idle", NULL, 0, false },
	[CAC_CHECKING] = { "checking", NULL, 0, false },
	[CAC_CHECKED] = { "checked", NULL, 0, false },
	[CAC_COMMITTING] = { "committing", NULL, 0, false },
	[CAC_RESERVED] = { "reserved", NULL, 0, false },
	[CAC_UPDATING] = { "updating", NULL, 0, false },
	[CAC_OUT] = { "without reservation", NULL, 0, false },
	[CAC_OVER] = { "over", NULL, 0, true },
};

const char *cac_state_name(enum cac_state s)
{
	return (unsigned)s <= CAC_OVER ? states[s].name : "?";
}

static struct cac *of(struct fsm *m)
{
	return CONTAINER_OF(m, struct cac, fsm);
}

/* ---- requests ---- */

static bool authenticated(const struct cac *c)
{
	return c->nonce_n || c->realm_n;
}

static struct stun_w begin(struct cac *c)
{
	static const uint8_t cookie[4] = { 0x72, 0xc6, 0x4b, 0xc6 };

	c->tid = stun_new_id();
	struct stun_w w = stun_begin(c->msg, sizeof(c->msg), STUN_MSTURN, STUN_ALLOCATE, &c->tid);
	stun_put(&w, STUN_A_MS_COOKIE, cookie, 4);
	stun_put_u32(&w, STUN_A_MS_VERSION, MS_VERSION);
	stun_put_u32(&w, STUN_A_MS_QUALITY, MS_QUALITY);
	return w;
}

static void end(struct cac *c, struct stun_w *w)
{
	if (authenticated(c)) { /* REALM and NONCE have each other's numbers */
		stun_put(w, STUN_A_NONCE, c->realm, c->realm_n);
		stun_put(w, STUN_A_REALM, c->nonce, c->nonce_n);
		stun_put(w, STUN_A_USERNAME, c->user, c->user_n);
	}
	c->msg_n = stun_end(w, authenticated(c) ? c->key : NULL, sizeof(c->key), STUN_FP_NONE);
}

static void transmit(struct cac *c)
{
	if (c->msg_n)
		c->ops->send(c->ctx, &c->server, c->msg, c->msg_n);
}

static void build(struct cac *c, enum cac_message kind, struct cac_amount amount)
{
	struct stun_w w = begin(c);

	cac_put_kind(&w, kind);
	if (kind == CAC_UPDATE)
		cac_put_id(&w, c->id);
	cac_put_amount(&w, amount);
	if (kind != CAC_UPDATE) {
		cac_put_end(&w, CAC_REMOTE, &c->path.end[CAC_REMOTE]);
		cac_put_end(&w, CAC_REMOTE_RELAY, &c->path.end[CAC_REMOTE_RELAY]);
		cac_put_end(&w, CAC_LOCAL, &c->path.end[CAC_LOCAL]);
		cac_put_end(&w, CAC_LOCAL_RELAY, &c->path.end[CAC_LOCAL_RELAY]);
	}
	if (kind == CAC_CHECK)
		cac_put_call(&w, (struct slice){ c->call, c->call_n });
	else
		cac_put_dialog(&w, (struct slice){ c->dialog, c->dialog_n });
	if (kind != CAC_UPDATE)
		cac_put_location(&w, c->location);
	end(c, &w);
}

/* The request of c->kind; without credentials first, to be challenged (MS-TURN 3.1: who asks is told the realm). */
static void ask(struct cac *c, bool bare)
{
	c->bare = bare;
	if (bare) {
		struct stun_w w = begin(c);
		end(c, &w);
	} else {
		build(c, (enum cac_message)c->kind, c->ask);
	}
	c->asked = true;
	c->sent = 1;
	c->resend_us = c->now_us + RTO_US;
	transmit(c);
}

static int request(struct cac *c, enum cac_message kind, struct cac_amount amount)
{
	c->kind = (uint8_t)kind;
	c->ask = amount;
	c->tries = 0;
	c->due_us = NEVER;
	c->end_us = kind == CAC_CHECK ? c->now_us + c->wait_ms * 1000ull : NEVER;
	ask(c, !authenticated(c));
	return FSM_NEXT;
}

/* ---- the table ---- */

static int tell(struct cac *c, enum cac_report r)
{
	c->ops->report(c->ctx, r);
	return FSM_NEXT;
}

static int a_check(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);

	(void)ev, (void)arg;
	return request(c, CAC_CHECK, c->want);
}

static int a_commit(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);

	(void)ev, (void)arg;
	c->denied = false;
	return request(c, CAC_COMMIT, c->want);
}

static void release(struct cac *c)
{
	build(c, CAC_UPDATE, (struct cac_amount){ 0, 0 });
	transmit(c);
	c->asked = false;
}

/* Another path: what is held for the old one goes back first. */
static int a_move(struct fsm *m, int ev, const void *arg)
{
	release(of(m));
	return a_commit(m, ev, arg);
}

static int a_update(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);
	uint64_t due = c->due_us;

	(void)arg;
	if (ev == E_AMOUNT && c->want.max == c->have.max && c->want.min == c->have.min)
		return CAC_RESERVED;
	(void)request(c, CAC_UPDATE, c->denied ? c->have : c->want);
	if (ev == E_AMOUNT)
		c->due_us = due; /* that one is due if this is denied */
	return FSM_NEXT;
}

static void granted(struct cac *c)
{
	c->have = c->ask;
	c->error = 0;
	c->quiet = false;
	c->due_us = c->now_us + (c->lifetime_s < 2 ? 1000000u : c->lifetime_s * 500000ull);
	if (!c->denied && (c->want.max != c->have.max || c->want.min != c->have.min))
		(void)fsm_event(&c->fsm, E_AMOUNT, NULL); /* another codec meanwhile */
}

static int a_reserved(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);

	(void)ev, (void)arg;
	memcpy(c->id, c->answer.id, sizeof(c->id));
	granted(c);
	return tell(c, CAC_SAYS_RESERVED);
}

static int a_updated(struct fsm *m, int ev, const void *arg)
{
	(void)ev, (void)arg;
	granted(of(m));
	return FSM_NEXT;
}

static int a_checked(struct fsm *m, int ev, const void *arg)
{
	(void)ev, (void)arg;
	return tell(of(m), CAC_SAYS_VERDICT);
}

/* More was asked for and is not there: the old amount stays, and its Update is due as before. */
static int a_less(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);

	(void)arg;
	if (c->ask.max > c->have.max) {
		c->denied = true;
		if (c->due_us == NEVER || c->due_us <= c->now_us)
			c->due_us = c->now_us + 1000000;
		tell(c, CAC_SAYS_DENIED);
		return CAC_RESERVED;
	}
	/* What we had is gone: the server does not know it any more, or gave it away. */
	c->ask = c->want;
	return ev == E_ERROR ? a_commit(m, ev, arg) : FSM_NEXT;
}

static int a_gone(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);
	int to = a_less(m, ev, arg);

	if (to == CAC_RESERVED)
		return to;
	c->have = (struct cac_amount){ 0, 0 };
	c->due_us = c->now_us + AGAIN_US;
	return tell(c, CAC_SAYS_DENIED);
}

static int a_out(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);
	bool told = c->quiet;

	(void)arg;
	c->have = (struct cac_amount){ 0, 0 };
	c->due_us = ev == E_IGNORED || c->kind == CAC_CHECK ? NEVER : c->now_us + AGAIN_US;
	c->quiet = true;
	if (told && c->kind != CAC_CHECK)
		return FSM_NEXT;
	return tell(c, ev == E_SILENT    ? CAC_SAYS_SILENT
	               : ev == E_NO      ? CAC_SAYS_DENIED
	               : ev == E_IGNORED ? CAC_SAYS_IGNORED
	                                 : CAC_SAYS_REFUSED);
}

static int a_unheard(struct fsm *m, int ev, const void *arg)
{
	struct cac *c = of(m);
	bool told = c->quiet;

	(void)ev, (void)arg;
	c->due_us = c->now_us + SOON_US;
	c->quiet = true;
	return told ? FSM_NEXT : tell(c, CAC_SAYS_SILENT);
}

static int a_release(struct fsm *m, int ev, const void *arg)
{
	(void)ev, (void)arg;
	release(of(m));
	of(m)->allocated =
	    false; /* MS-TURNBWM: the session ends with it where nothing is relayed */
	return FSM_NEXT;
}

static const struct fsm_row rows[] = {
	{ CAC_IDLE, E_CHECK, CAC_CHECKING, 0, a_check },
	{ CAC_IDLE, E_COMMIT, CAC_COMMITTING, 0, a_commit },
	{ CAC_IDLE, E_AMOUNT, CAC_IDLE, 0, NULL },
	{ CAC_IDLE, E_CLOSE, CAC_OVER, 0, NULL },

	{ CAC_CHECKING, E_YES, CAC_CHECKED, 0, a_checked },
	{ CAC_CHECKING, E_ERROR, CAC_OUT, 0, a_out },
	{ CAC_CHECKING, E_SILENT, CAC_OUT, 0, a_out },
	{ CAC_CHECKING, E_COMMIT, CAC_COMMITTING, 0, a_commit },
	{ CAC_CHECKING, E_AMOUNT, CAC_CHECKING, 0, NULL },
	{ CAC_CHECKING, E_CLOSE, CAC_OVER, 0, NULL },

	{ CAC_CHECKED, E_COMMIT, CAC_COMMITTING, 0, a_commit },
	{ CAC_CHECKED, E_AMOUNT, CAC_CHECKED, 0, NULL },
	{ CAC_CHECKED, E_CLOSE, CAC_OVER, 0, NULL },

	{ CAC_COMMITTING, E_YES, CAC_RESERVED, 0, a_reserved },
	{ CAC_COMMITTING, E_NO, CAC_OUT, 0, a_out },
	{ CAC_COMMITTING, E_IGNORED, CAC_OUT, 0, a_out },
	{ CAC_COMMITTING, E_ERROR, CAC_OUT, 0, a_out },
	{ CAC_COMMITTING, E_SILENT, CAC_OUT, 0, a_out },
	{ CAC_COMMITTING, E_COMMIT, CAC_COMMITTING, 0, a_commit },
	{ CAC_COMMITTING, E_AMOUNT, CAC_COMMITTING, 0, NULL },
	{ CAC_COMMITTING, E_CLOSE, CAC_OVER, 0, NULL },

	{ CAC_RESERVED, E_DUE, CAC_UPDATING, 0, a_update },
	{ CAC_RESERVED, E_AMOUNT, CAC_UPDATING, FSM_M(CAC_RESERVED), a_update },
	{ CAC_RESERVED, E_COMMIT, CAC_COMMITTING, 0, a_move },
	{ CAC_RESERVED, E_CLOSE, CAC_OVER, 0, a_release },

	{ CAC_UPDATING, E_YES, CAC_RESERVED, 0, a_updated },
	{ CAC_UPDATING, E_NO, CAC_OUT, FSM_M(CAC_RESERVED), a_gone },
	{ CAC_UPDATING, E_ERROR, CAC_COMMITTING, FSM_M(CAC_RESERVED), a_less },
	{ CAC_UPDATING, E_SILENT, CAC_RESERVED, 0, a_unheard },
	{ CAC_UPDATING, E_COMMIT, CAC_COMMITTING, 0, a_move },
	{ CAC_UPDATING, E_AMOUNT, CAC_UPDATING, 0, NULL },
	{ CAC_UPDATING, E_CLOSE, CAC_OVER, 0, a_release },

	{ CAC_OUT, E_DUE, CAC_COMMITTING, 0, a_commit },
	{ CAC_OUT, E_COMMIT, CAC_COMMITTING, 0, a_commit },
	{ CAC_OUT, E_AMOUNT, CAC_OUT, 0, NULL },
	{ CAC_OUT, E_CLOSE, CAC_OVER, 0, NULL },
};
const struct fsm_def cac_fsm = { .name = "cac",
	.states = states,
	.nstates = ARRAY_LEN(states),
	.rows = rows,
	.nrows = ARRAY_LEN(rows),
	.ev_names = ev_names,
	.nev = E_N,
	.ev_timer = E_DUE,
	.fail = CAC_OUT };

static void no_timer(struct fsm *m, uint32_t ms)
{
	(void)m, (void)ms;
}

static void nothing(struct fsm *m)
{
	(void)m;
}

static void moved(struct fsm *m, int from, int ev, int to)
{
	(void)m, (void)from, (void)ev, (void)to;
}

static const struct fsm_env env = { no_timer, nothing, moved, nothing };

/* ---- answers ---- */

static void keep(uint8_t *to, uint16_t *n, size_t cap, struct slice s)
{
	if (s.n > cap || s.n == 0)
		return;
	memcpy(to, s.p, s.n);
	*n = (uint16_t)s.n;
}

/* A challenge, a new nonce, another server: the same request again. */
static bool again(struct cac *c, const struct stun_msg *m)
{
	struct slice realm = m->realm;
	bool moved_on = addr_set(&m->alternate) && !addr_eq(&m->alternate, &c->server);
	bool fresh = m->nonce.n &&
	             (c->nonce_n != m->nonce.n || memcmp(c->nonce, m->nonce.p, m->nonce.n) != 0);

	if (++c->tries > TRIES)
		return false;
	switch (m->error) {
	case 300:
		if (!moved_on)
			return false;
		break;
	case 401: /* a second one is about the credentials */
		if (!m->nonce.n || (!c->bare && !moved_on))
			return false;
		break;
	case 430:
	case 438:
		if (!fresh)
			return false;
		break;
	default:
		return false;
	}
	if (moved_on)
		c->server = m->alternate;
	if (m->error != 300) {
		if (realm.n >= 2 && realm.p[0] == '"' && realm.p[realm.n - 1] == '"')
			realm = (struct slice){ realm.p + 1, realm.n - 2 };
		keep(c->nonce, &c->nonce_n, sizeof(c->nonce), m->nonce);
		keep(c->realm, &c->realm_n, sizeof(c->realm), realm);
		stun_long_key((struct slice){ (char *)c->user, c->user_n },
		    (struct slice){ (char *)c->realm, c->realm_n },
		    (struct slice){ (char *)c->password, c->password_n }, c->key);
	}
	ask(c, c->bare && m->error == 300);
	return true;
}

static enum ev decide(struct cac *c)
{
	const struct cac_answer *a = &c->answer;
	bool refused = false;

	for (int i = 0; i < CAC_ENDS; i++)
		refused |= a->end[i].said && !a->end[i].valid;
	switch ((enum cac_message)c->kind) {
	case CAC_COMMIT:
		return a->has_id ? E_YES : a->any ? E_NO : E_IGNORED;
	case CAC_UPDATE:
		return refused ? E_NO : E_YES;
	default:
		return E_YES;
	}
}

static void answered(struct cac *c, const struct stun_msg *m)
{
	if (m->nonce.n) /* comes with an answer, for the next request */
		keep(c->nonce, &c->nonce_n, sizeof(c->nonce), m->nonce);
	c->allocated = true;
	if (c->bare) { /* a server that asks nobody who it is */
		ask(c, false);
		return;
	}
	c->asked = false;
	c->error = 0;
	c->lifetime_s = m->has_lifetime && m->lifetime ? m->lifetime : LIFETIME_S;
	cac_read(m, &c->answer);
	(void)fsm_event(&c->fsm, (uint8_t)decide(c), NULL);
}

bool cac_input(struct cac *c, const struct addr *from, const uint8_t *p, size_t n, uint64_t now_us)
{
	struct stun_msg m;

	if (!c->asked || !from || !addr_eq(from, &c->server) || !stun_is(p, n) ||
	    memcmp(p + 4, c->tid.b, sizeof(c->tid.b)) != 0)
		return false;
	if (stun_parse(p, n, STUN_MSTURN, &m) || !m.has_cookie)
		return true;
	c->now_us = now_us;
	/* Only refusals may be unsigned. */
	if (m.integrity_at
	        ? !authenticated(c) || !stun_verify(&m, STUN_MSTURN, c->key, sizeof(c->key))
	        : m.type != STUN_ALLOCATE_ERR && authenticated(c))
		return true;
	if (m.type == STUN_ALLOCATE_OK) {
		answered(c, &m);
	} else if (m.type == STUN_ALLOCATE_ERR) {
		c->error = m.error;
		if (!again(c, &m)) {
			c->asked = false;
			(void)fsm_event(&c->fsm, E_ERROR, NULL);
		}
	}
	return true;
}

/* ---- for the owner ---- */

bool cac_fits(const struct cac_conf *conf)
{
	return addr_set(&conf->server) && conf->user.n <= CAC_USER_MAX &&
	       conf->password.n <= CAC_USER_MAX;
}

int cac_init(struct cac *c, const struct cac_conf *conf, const struct cac_ops *ops, void *ctx)
{
	if (!cac_fits(conf))
		return ERR_VALUE;
	*c = (struct cac){ .ops = ops,
		.ctx = ctx,
		.server = conf->server,
		.location = conf->location,
		.wait_ms = conf->wait_ms ? conf->wait_ms : WAIT_MS,
		.due_us = NEVER };
	keep(c->user, &c->user_n, sizeof(c->user), conf->user);
	keep(c->password, &c->password_n, sizeof(c->password), conf->password);
	/* Both are wishes of the server: one that is too long is left out. */
	keep((uint8_t *)c->call, &c->call_n, sizeof(c->call), conf->call_id);
	keep((uint8_t *)c->dialog, &c->dialog_n, sizeof(c->dialog), conf->dialog);
	fsm_init(&c->fsm, &cac_fsm, &env, CAC_IDLE);
	return 0;
}

int cac_check(struct cac *c, const struct cac_path *p, struct cac_amount range, uint64_t now_us)
{
	if (c->fsm.st != CAC_IDLE)
		return ERR_STATE;
	c->now_us = now_us;
	c->path = *p;
	c->want = range;
	return fsm_event(&c->fsm, E_CHECK, NULL);
}

void cac_commit(struct cac *c, const struct cac_path *p, struct cac_amount amount, uint64_t now_us)
{
	c->now_us = now_us;
	c->path = *p;
	c->want = amount;
	(void)fsm_event(&c->fsm, E_COMMIT, NULL);
}

void cac_amount(struct cac *c, struct cac_amount amount, uint64_t now_us)
{
	if (amount.min == c->want.min && amount.max == c->want.max)
		return;
	c->now_us = now_us;
	c->want = amount;
	c->denied = false;
	(void)fsm_event(&c->fsm, E_AMOUNT, NULL);
}

void cac_close(struct cac *c, bool shared)
{
	(void)fsm_event(&c->fsm, E_CLOSE, NULL);
	if (c->allocated && !shared) {
		struct stun_w w = begin(c);
		stun_put_u32(&w, STUN_A_LIFETIME, 0);
		end(c, &w);
		transmit(c);
	}
	c->allocated = c->asked = false;
	mem_wipe(c->password, sizeof(c->password));
	mem_wipe(c->key, sizeof(c->key));
}

uint64_t cac_next(const struct cac *c)
{
	if (c->fsm.st == CAC_OVER)
		return NEVER;
	if (c->asked)
		return c->end_us < c->resend_us ? c->end_us : c->resend_us;
	return c->due_us;
}

void cac_timer(struct cac *c, uint64_t now_us)
{
	if (c->fsm.st == CAC_OVER || now_us < cac_next(c))
		return;
	c->now_us = now_us;
	if (!c->asked) {
		(void)fsm_event(&c->fsm, E_DUE, NULL);
	} else if (now_us >= c->end_us || c->sent >= SENDS) {
		c->asked = false;
		c->error = 0;
		(void)fsm_event(&c->fsm, E_SILENT, NULL);
	} else {
		c->resend_us = now_us + ((uint64_t)RTO_US << c->sent);
		c->sent++;
		transmit(c);
	}
}
