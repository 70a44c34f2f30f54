/* A handset's call for its lists (NG-DECT part 3): no speech, no line; commands come and go in IWU-INFO. */
#include "common/log.h"
#include "dectd/phone_priv.h"

#define IDLE_MS 60000 /* nothing was asked for so long: the handset has forgotten it */

static void to_handset(void *ctx, struct slice cmd)
{
	struct phone *ph = ctx;

	if (ph->cc)
		cc_lists(ph->cc, cmd);
}

static int query(void *ctx, const struct iwu_query *q)
{
	struct phone *ph = ctx;
	struct phones *p = ph->all;

	ph->list_token = ++p->next_token ? p->next_token : ++p->next_token;
	return p->ops->query(p->ctx, ph->pp, ph->list_token, q);
}

static const struct lia_ops ops = { .send = to_handset, .query = query };

void phone_lists_setup(struct phone *ph)
{
	struct cc_show s = phone_show(CC_SIG_NONE);

	if (!ph->pp->user) {
		phone_hang_up(ph, CC_R_USER_UNKNOWN, phone_text(ph, UI_T_NO_USER));
		return;
	}
	ph->list_call = true;
	ph->all->st.services++;
	/* Handsets begin after either of the two. No speech path is opened. */
	(void)cc_proceeding(ph->cc, &s);
	(void)cc_connect(ph->cc, &s);
	tmr_start(&ph->list_idle, IDLE_MS);
}

void phone_lists_ind(void *ctx, struct cc_call *c, struct slice cmd)
{
	struct phone *ph = cc_user(c);

	(void)ctx;
	if (!ph || ph->cc != c || !ph->pp->user)
		return;
	if (!ph->lists) {
		const struct pp_user *u = ph->pp->user;

		ph->lists = lia_new(&ops, ph,
		    &(struct lia_line){
		        .name = u->display_name && u->display_name[0] ? u->display_name : u->name,
		        .handset = 1 });
	}
	if (ph->list_call)
		tmr_start(&ph->list_idle, IDLE_MS);
	lia_input(ph->lists, cmd);
}

bool phone_lists_answer(struct phone *ph, uint32_t token, const struct iwu_answer *a)
{
	if (!ph->lists || token != ph->list_token)
		return false;
	ph->list_token = 0;
	lia_answer(ph->lists, a);
	return true;
}

void phone_lists_end(struct phone *ph)
{
	tmr_stop(&ph->list_idle);
	lia_free(ph->lists);
	ph->lists = NULL;
	ph->list_call = false;
	ph->list_token = 0;
}

void phone_lists_idle(struct tmr *t, void *ctx)
{
	struct phone *ph = ctx;

	(void)t;
	if (ph->list_call && ph->cc)
		phone_hang_up(ph, CC_R_TIMER, NULL);
}
