/* Sessions at mediad: more in one turn of the loop than its link takes requests; two of them linked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "rig.h"
#include "rig_sip.h"

#define MANY 700

static unsigned ready, other;

static void on_media(
    struct media_user *u, struct media *m, enum media_event ev, enum media_side side, int v)
{
	(void)u;
	(void)m;
	(void)side;
	(void)v;
	ready += ev == MEDIA_READY;
	other += ev == MEDIA_FAILED || ev == MEDIA_LOST;
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(many_at_once),
		cmocka_unit_test(linked) };

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
