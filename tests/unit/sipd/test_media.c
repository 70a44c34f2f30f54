/* Sessions at mediad: more in one turn of the loop than its link takes requests; two of them linked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"

#define MANY 700

static unsigned ready, other, local, local_at; /* local_at: changes that mediad had made by then */

static void on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	(void)u;
	(void)m;
	(void)side;
	(void)v;
	ready += ev == MEDIA_READY;
	other += ev == MEDIA_FAILED || ev == MEDIA_LOST;
	local += ev == MEDIA_ICE_LOCAL;
	if (ev == MEDIA_ICE_LOCAL)
		local_at = rig_now->m[0].updates;
}

static unsigned dropped(const struct rig *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->nm; i++)
		n += r->m[i].dropped;
	return n;
}

static void many_at_once(void **state)
{
	struct rig *r = rig_new(rig_local_conf);
	struct media_pool *p = sipd_of(&r->d)->media;
	struct media_leg leg = { .on = true };
	static struct media_user user[MANY];
	static struct media *m[MANY];
	uint32_t sessions;
	(void)state;

	RIG_UNTIL(r, media_pool_up(p, &sessions) == 1);
	for (unsigned i = 0; i < MANY; i++) {
		user[i] = (struct media_user){ .ev = on_media };
		m[i] = media_open(p, i + 1, &leg, &leg, NULL, &user[i]);
	}
	RIG_UNTIL(r, ready + other == MANY);
	assert_int_equal(ready, MANY);
	assert_int_equal(r->nm, MANY);
	for (unsigned i = 0; i < MANY; i++)
		media_unref(m[i], 0);
	RIG_UNTIL(r, dropped(r) == MANY);
	rig_free(r);
}

/* Two that are joined hear each other alone: a base station may go on to send for whom a transfer has taken out. Whoever uses the side
 * afterwards may come from anywhere. */
static void linked(void **state)
{
	struct rig *r = rig_new(rig_local_conf);
	struct media_pool *p = sipd_of(&r->d)->media;
	struct media_leg leg = { .on = true };
	struct media_user user[2] = { { .ev = on_media }, { .ev = on_media } };
	uint32_t sessions;
	struct media *m[2];
	(void)state;

	ready = other = 0;
	RIG_UNTIL(r, media_pool_up(p, &sessions) == 1);
	for (unsigned i = 0; i < 2; i++)
		m[i] = media_open(p, i + 1, &leg, &leg, NULL, &user[i]);
	RIG_UNTIL(r, ready == 2);
	media_link(m[0], MEDIA_RADIO, m[1], MEDIA_RADIO);
	RIG_UNTIL(r, r->m[0].strict[MEDIA_RADIO] && r->m[1].strict[MEDIA_RADIO]);
	assert_int_equal(r->m[0].remote[MEDIA_RADIO], r->m[1].port[MEDIA_RADIO]);
	assert_int_equal(r->m[1].remote[MEDIA_RADIO], r->m[0].port[MEDIA_RADIO]);
	assert_false(r->m[0].strict[MEDIA_NETWORK]);
	media_unref(m[0], 0);
	RIG_UNTIL(r, r->m[0].dropped && !r->m[1].strict[MEDIA_RADIO]);
	media_unref(m[1], 0);
	RIG_UNTIL(r, r->m[1].dropped);
	rig_free(r);
}

/* As a message does that is read in the same turn of the loop, just before mediad's answer. */
static void ask_again(uv_prepare_t *p)
{
	struct media_leg on = { .on = true, .has_ice = true, .ice = MEDIA_ICE_MS2 };

	if (rig_now->m[0].updates == 0)
		return;
	media_set(p->data, MEDIA_NETWORK, &on);
	(void)uv_prepare_stop(p);
}

/* An agent is dropped and another asked for before mediad has answered the first: that answer is not the new agent's. */
static void agents(void **state)
{
	struct rig *r = rig_new(rig_local_conf);
	struct media_pool *p = sipd_of(&r->d)->media;
	struct media_leg leg = { .on = true };
	struct media_leg off = { .on = true, .has_ice = true, .ice = MEDIA_ICE_OFF };
	struct media_user user = { .ev = on_media };
	uint32_t sessions;
	(void)state;

	ready = other = local = local_at = 0;
	RIG_UNTIL(r, media_pool_up(p, &sessions) == 1);
	struct media *m = media_open(p, 1, &leg, &leg, NULL, &user);
	RIG_UNTIL(r, ready == 1);
	static uv_prepare_t before;
	assert_int_equal(uv_prepare_init(&r->loop, &before), 0);
	before.data = m;
	assert_int_equal(uv_prepare_start(&before, ask_again), 0);
	media_set(m, MEDIA_NETWORK, &off);
	RIG_UNTIL(r, local);
	uv_close((uv_handle_t *)&before, NULL);
	assert_int_equal(local_at, 2);
	assert_int_equal(local, 1);
	media_unref(m, 0);
	RIG_UNTIL(r, r->m[0].dropped);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(many_at_once),
		cmocka_unit_test(linked), cmocka_unit_test(agents) };

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
