/* State machine engine, table check, Graphviz output. */
#include "common/fsm.h"

static const struct fsm_row *find(const struct fsm *m, uint8_t ev)
{
	for (unsigned i = 0; i < m->def->nrows; i++)
		if (m->def->rows[i].st == m->st && m->def->rows[i].ev == ev)
			return &m->def->rows[i];
	return NULL;
}

void fsm_init(struct fsm *m, const struct fsm_def *d, const struct fsm_env *e, uint8_t st)
{
	*m = (struct fsm){ .def = d, .env = e, .st = st };
	if (d->states[st].timer)
		e->timer_start(m, d->states[st].ms);
}

static int step(struct fsm *m, uint8_t ev, const void *arg)
{
	const struct fsm_def *d = m->def;
	const struct fsm_row *r = find(m, ev);
	uint8_t from = m->st, to;

	if (!r) {
		m->env->moved(m, from, ev, -1);
		return ERR_STATE;
	}
	int rc = r->act ? r->act(m, ev, arg) : FSM_NEXT;
	if (rc == FSM_NEXT)
		to = r->next;
	else if (rc >= 0 && rc < d->nstates && (rc == r->next || (r->may & FSM_M(rc))))
		to = (uint8_t)rc;
	else
		to = d->fail;
	if (to != from || ev == d->ev_timer) { /* a self-loop keeps its timer running */
		if (d->states[from].timer)
			m->env->timer_stop(m);
		m->st = to;
		if (d->states[to].timer)
			m->env->timer_start(m, d->states[to].ms);
	}
	m->env->moved(m, from, ev, to);
	return 0;
}

int fsm_event(struct fsm *m, uint8_t ev, const void *arg)
{
	if (m->busy) { /* raised by an action: run to completion first */
		if (arg || m->nq == sizeof(m->q))
			return ERR_BUSY; /* arg would dangle by the time we use it */
		m->q[m->nq++] = ev;
		return 0;
	}
	if (m->def->states[m->st].final)
		return ERR_STATE;
	m->busy = true;
	int rc = step(m, ev, arg);
	for (uint8_t i = 0; i < m->nq && !m->def->states[m->st].final; i++)
		(void)step(m, m->q[i], NULL);
	m->nq = 0;
	m->busy = false;
	if (m->def->states[m->st].final)
		m->env->done(m); /* last use of m: the owner may free it here */
	return rc;
}

const char *fsm_state_name(const struct fsm *m)
{
	return m->def->states[m->st].name;
}

static int fault(FILE *out, const struct fsm_def *d, unsigned i, const char *what)
{
	if (out)
		fprintf(out, "%s: entry %u: %s\n", d->name, i, what);
	return ERR_SYNTAX;
}

int fsm_check(const struct fsm_def *d, FILE *out)
{
	uint32_t reached = FSM_M(0) | FSM_M(d->fail);

	if (d->nstates == 0 || d->nstates > 32 || d->fail >= d->nstates || d->ev_timer >= d->nev)
		return fault(out, d, 0, "bounds");
	for (unsigned i = 0; i < d->nrows; i++) {
		const struct fsm_row *r = &d->rows[i];

		if (r->st >= d->nstates || r->ev >= d->nev || r->next >= d->nstates)
			return fault(out, d, i, "row out of range");
		if (d->states[r->st].final)
			return fault(out, d, i, "row leaves a final state");
		for (unsigned j = 0; j < i; j++)
			if (d->rows[j].st == r->st && d->rows[j].ev == r->ev)
				return fault(out, d, i, "duplicate cell");
		reached |= FSM_M(r->next) | r->may;
	}
	for (unsigned s = 0; s < d->nstates; s++) {
		bool handled = false;

		if (!d->states[s].name)
			return fault(out, d, s, "state without a name");
		if (!(reached & FSM_M(s)))
			return fault(out, d, s, "state cannot be reached");
		if (!d->states[s].timer)
			continue;
		for (unsigned i = 0; i < d->nrows; i++)
			handled = handled || (d->rows[i].st == s && d->rows[i].ev == d->ev_timer);
		if (!handled)
			return fault(out, d, s, "timer nobody handles");
	}
	for (unsigned e = 0; e < d->nev; e++)
		if (!d->ev_names[e])
			return fault(out, d, e, "event without a name");
	return 0;
}

void fsm_dot(const struct fsm_def *d, FILE *out)
{
	fprintf(out, "digraph \"%s\" {\n", d->name);
	for (unsigned s = 0; s < d->nstates; s++) {
		fprintf(out, "\t\"%s\" [shape=%s", d->states[s].name,
		    d->states[s].final ? "doublecircle" : "box");
		if (d->states[s].timer)
			fprintf(out, " label=\"%s\\n%s %u ms\"", d->states[s].name,
			    d->states[s].timer, d->states[s].ms);
		fputs("];\n", out);
	}
	for (unsigned i = 0; i < d->nrows; i++) {
		const struct fsm_row *r = &d->rows[i];

		fprintf(out, "\t\"%s\" -> \"%s\" [label=\"%s\"];\n", d->states[r->st].name,
		    d->states[r->next].name, d->ev_names[r->ev]);
		for (unsigned s = 0; s < d->nstates; s++)
			if (r->may & FSM_M(s))
				fprintf(out, "\t\"%s\" -> \"%s\" [label=\"%s\" style=dashed];\n",
				    d->states[r->st].name, d->states[s].name, d->ev_names[r->ev]);
	}
	fputs("}\n", out);
}
