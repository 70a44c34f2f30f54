/* DTMF in band: generator and Goertzel detector. */
#include "mediad/dtmf.h"

#include <math.h>
#include <string.h>

static const char digits[] = "123A456B789C*0#D"; /* by row and column */
static const uint16_t row_hz[4] = { 697, 770, 852, 941 }, col_hz[4] = { 1209, 1336, 1477, 1633 };
static const char by_event[] = "0123456789*#ABCD";

static char upper(char c)
{
	return c >= 'a' && c <= 'd' ? (char)(c - 'a' + 'A') : c;
}

int dtmf_event(char digit)
{
	const char *at = digit ? strchr(by_event, upper(digit)) : NULL;

	return at ? (int)(at - by_event) : -1;
}

char dtmf_digit(int event)
{
	return event >= 0 && event < 16 ? by_event[event] : 0;
}

/* Q.23, Q.24: rows at -9 dBm0, columns 2 dB above, as telephones send them. */
#define ROW_PEAK 8092.0
#define COL_PEAK 10187.0
#define EDGE_MS  3

void dtmf_gen_init(struct dtmf_gen *g, uint32_t rate)
{
	*g = (struct dtmf_gen){ .rate = rate };
}

int dtmf_gen_digit(struct dtmf_gen *g, char digit, uint32_t ms, uint32_t gap_ms)
{
	if (dtmf_event(digit) < 0)
		return ERR_VALUE;
	if (g->n == DTMF_QUEUE)
		return ERR_LIMIT;
	ms = ms < 40 ? 40 : ms > 8000 ? 8000 : ms;
	gap_ms = gap_ms < 40 ? 40 : gap_ms > 8000 ? 8000 : gap_ms;
	g->queue[g->n] = upper(digit);
	g->ms[g->n] = (uint16_t)ms;
	g->gap[g->n++] = (uint16_t)gap_ms;
	return 0;
}

static void osc_set(struct tone_osc *o, unsigned hz, uint32_t rate, double peak)
{
	double w = 2 * M_PI * hz / rate;

	o->c = (int32_t)lrint(2 * cos(w) * (1 << 29));
	o->y1 = 0;
	o->y2 = (int32_t)lrint(-peak * sin(w) * 4096);
}

bool dtmf_gen_fill(struct dtmf_gen *g, int16_t *pcm, size_t n)
{
	int32_t edge = EDGE_MS * (int32_t)(g->rate / 1000);
	bool any = g->n > 0;

	for (size_t i = 0; i < n && g->n; i++) {
		if (g->left == 0 && !g->pause) { /* a digit begins */
			unsigned at = (unsigned)(strchr(digits, g->queue[0]) - digits);
			osc_set(&g->osc[0], row_hz[at / 4], g->rate, ROW_PEAK);
			osc_set(&g->osc[1], col_hz[at % 4], g->rate, COL_PEAK);
			g->left = g->ms[0] * (g->rate / 1000);
			g->into = 0;
		}
		int32_t x = 0;
		if (!g->pause) {
			for (int k = 0; k < 2; k++) {
				struct tone_osc *o = &g->osc[k];
				int32_t y =
				    (int32_t)(((int64_t)o->c * o->y1 + (1 << 28)) >> 29) - o->y2;
				o->y2 = o->y1;
				o->y1 = y;
				x += y / 4096;
			}
			if ((int32_t)g->into < edge)
				x = x * (int32_t)g->into / edge;
			else if ((int32_t)g->left < edge)
				x = x * (int32_t)g->left / edge;
		}
		pcm[i] = (int16_t)x;
		g->into++;
		if (--g->left)
			continue;
		if (!g->pause) {
			g->pause = true;
			g->left = g->gap[0] * (g->rate / 1000);
			continue;
		}
		g->pause = false;
		g->n--;
		memmove(g->queue, g->queue + 1, g->n * sizeof(g->queue[0]));
		memmove(g->ms, g->ms + 1, g->n * sizeof(g->ms[0]));
		memmove(g->gap, g->gap + 1, g->n * sizeof(g->gap[0]));
		if (!g->n)
			memset(pcm + i + 1, 0, (n - i - 1) * sizeof(pcm[0]));
	}
	return any;
}

/* 102 samples: 78 Hz wide, 12.75 ms; two blocks that agree are 25.5 ms, within Q.24's 40 ms. */
#define BLOCK   102
#define MIN_DBM 3.4e8f /* energy of a tone of about -36 dBm0 over a block */
#define FORWARD 6.4f   /* column above row at most 8 dB */
#define REVERSE 2.6f   /* row above column at most 4 dB */
#define ABOVE   6.4f   /* the next strongest of its group: 8 dB below */
#define SHARE   0.6f   /* of the block's energy in the two tones */

void dtmf_det_init(struct dtmf_det *d)
{
	*d = (struct dtmf_det){ 0 };
}

static char block(struct dtmf_det *d, const float c[8])
{
	float e[8];
	int row = 0, col = 4;
	char hit = 0;

	for (int k = 0; k < 8; k++) {
		e[k] = d->v[k][0] * d->v[k][0] + d->v[k][1] * d->v[k][1] -
		       c[k] * d->v[k][0] * d->v[k][1];
		if (k < 4 && e[k] > e[row])
			row = k;
		if (k >= 4 && e[k] > e[col])
			col = k;
	}
	/* |X|^2 of a pure tone is N/2 times its energy over the block. */
	bool ok = e[row] > MIN_DBM && e[col] > MIN_DBM && e[col] < e[row] * FORWARD &&
	          e[row] < e[col] * REVERSE && (e[row] + e[col]) * 2 / BLOCK > SHARE * d->energy;
	for (int k = 0; ok && k < 8; k++)
		if (k != row && k != col && e[k] * ABOVE > (k < 4 ? e[row] : e[col]))
			ok = false;
	if (ok)
		hit = digits[row * 4 + col - 4];
	memset(d->v, 0, sizeof(d->v));
	d->energy = 0;
	d->at = 0;
	return hit;
}

char dtmf_det_feed(struct dtmf_det *d, const int16_t *pcm, size_t n)
{
	float c[8];
	char said = 0;

	for (int k = 0; k < 8; k++)
		c[k] =
		    2 * cosf(2 * (float)M_PI * (float)(k < 4 ? row_hz[k] : col_hz[k - 4]) / 8000);
	for (size_t i = 0; i < n; i++) {
		float x = pcm[i];
		for (int k = 0; k < 8; k++) {
			float v = x + c[k] * d->v[k][0] - d->v[k][1];
			d->v[k][1] = d->v[k][0];
			d->v[k][0] = v;
		}
		d->energy += x * x;
		if (++d->at < BLOCK)
			continue;
		char hit = block(d, c);
		if (hit && hit == d->last && hit != d->said) {
			d->said = hit;
			said = said ? said : hit;
		}
		/* Two blocks without it end a digit. */
		d->miss = hit == d->said ? 0 : (uint8_t)(d->miss < 2 ? d->miss + 1 : 2);
		if (d->miss == 2 && hit != d->said)
			d->said = hit && hit == d->last ? hit : 0;
		d->last = hit;
	}
	return said;
}
