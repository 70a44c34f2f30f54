/* Metrics of several daemons in one text, and the HTTP request that asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/stat.h"
#include "ipc/ctl_metrics.h"

static char *printed(const struct ctl_metrics *m)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	ctl_metrics_print(m, f);
	fclose(f);
	return text;
}

static void test_merge(void **state)
{
	struct ctl_metrics *m = ctl_metrics_new();
	struct stat_set *a = stat_set_new(), *b = stat_set_new();
	char *ta, *tb, *all;
	size_t na, nb;

	(void)state;
	stat_set_to(stat_get(a, STAT_COUNTER, "x_calls", "way=\"in\"", "Calls"), 3);
	stat_set_to(stat_get(a, STAT_GAUGE, "x_now", NULL, "Now"), 1);
	stat_set_to(stat_get(b, STAT_GAUGE, "x_now", NULL, "Now"), 2);
	stat_observe(stat_hist_get(b, "x_seconds", "How long"), 1500);
	ta = stat_print(a, &na);
	tb = stat_print(b, &nb);
	ctl_metrics_add(m, "sipd", ta, na);
	ctl_metrics_add(m, "mediad-1", tb, nb);
	ctl_metrics_add(m, "dectd", NULL, 0);
	all = printed(m);
	assert_non_null(
	    strstr(all, "# TYPE ipdect_up gauge\n"
	                "# HELP ipdect_up 1: the daemon answers, 0: it cannot be reached\n"
	                "ipdect_up{daemon=\"sipd\"} 1\nipdect_up{daemon=\"mediad-1\"} 1\n"
	                "ipdect_up{daemon=\"dectd\"} 0\n"
	                "# TYPE x_calls counter\n# HELP x_calls Calls\n"
	                "x_calls_total{daemon=\"sipd\",way=\"in\"} 3\n"
	                "# TYPE x_now gauge\n# HELP x_now Now\n"
	                "x_now{daemon=\"sipd\"} 1\nx_now{daemon=\"mediad-1\"} 2\n"
	                "# TYPE x_seconds histogram\n# HELP x_seconds How long\n"
	                "x_seconds_bucket{daemon=\"mediad-1\",le=\"0.001\"} 0\n"
	                "x_seconds_bucket{daemon=\"mediad-1\",le=\"0.002\"} 1\n"));
	assert_non_null(strstr(all, "x_seconds_count{daemon=\"mediad-1\"} 1\n# EOF\n"));
	assert_int_equal(0, strcmp(strstr(all, "# EOF"), "# EOF\n")); /* once, at the end */
	free(all);
	free(ta);
	free(tb);
	stat_set_free(a);
	stat_set_free(b);
	ctl_metrics_free(m);
}

/* What no daemon of ours says, but a newer or damaged one may. */
static void test_odd_text(void **state)
{
	static const char odd[] = "no_family 1\n#\n# TYPE\n# TYPE a\n\na 1\na{} 2\n# UNIT a s\nb{";
	struct ctl_metrics *m = ctl_metrics_new();
	char *all;

	(void)state;
	ctl_metrics_add(m, "sipd", odd, sizeof(odd) - 1);
	all = printed(m);
	assert_null(strstr(all, "no_family"));
	assert_non_null(strstr(all, "a{daemon=\"sipd\"} 1\n"));
	free(all);
	ctl_metrics_free(m);
}

static enum ctl_http ask(const char *text, bool *head)
{
	int fd[2];
	enum ctl_http kind;

	assert_int_equal(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	assert_int_equal(strlen(text), write(fd[0], text, strlen(text)));
	shutdown(fd[0], SHUT_WR);
	kind = ctl_http_read(fd[1], head);
	close(fd[0]);
	close(fd[1]);
	return kind;
}

static void test_http(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *f;
	bool head;

	(void)state;
	assert_int_equal(CTL_HTTP_OPENMETRICS,
	    ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: "
	        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n",
	        &head));
	assert_false(head);
	assert_int_equal(CTL_HTTP_TEXT, ask("GET /metrics?x=y HTTP/1.0\r\n\r\n", &head));
	assert_int_equal(CTL_HTTP_TEXT, ask("HEAD / HTTP/1.0\r\n\r\n", &head));
	assert_true(head);
	assert_int_equal(CTL_HTTP_NOT_FOUND, ask("GET /etc/passwd HTTP/1.0\r\n\r\n", &head));
	assert_int_equal(CTL_HTTP_NOT_FOUND, ask("GET  HTTP/1.0\r\n\r\n", &head));
	assert_int_equal(CTL_HTTP_BAD, ask("POST /metrics HTTP/1.0\r\n\r\n", &head));
	assert_int_equal(CTL_HTTP_BAD, ask("GET /metrics HTTP/1.0\r\nnever ends", &head));
	assert_int_equal(CTL_HTTP_BAD, ask("", &head));
	f = open_memstream(&text, &n);
	ctl_http_answer(f, CTL_HTTP_TEXT, false, "abc", 3);
	fclose(f);
	assert_string_equal(
	    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
	    "Content-Length: 3\r\nConnection: close\r\n\r\nabc",
	    text);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_odd_text),
		cmocka_unit_test(test_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
