/* More sessions in one turn of the loop than the link to mediad takes requests: all are made, and all are dropped. */
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(many_at_once) };

	log_set_level(LOG_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
