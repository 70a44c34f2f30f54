/* A real Lync client, pidgin-sipe under libpurple, without a window: logs in, prints what it sees, sends one message. It proves
 * the test server, which sipd is tested against. Not part of the product's build.
 *
 *   sipe_client DIR USER[,LOGIN] PASSWORD HOST:PORT tls|tcp BUDDY [MESSAGE]
 * Lines out: "signed-on", "status BUDDY TEXT", "message FROM TEXT", "error TEXT". Ends on end of standard input. */
#include <glib.h>
#include <purple.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *buddy_name, *message;
static PurpleAccount *account;
static GMainLoop *loop;

struct io {
	PurpleInputFunction fn;
	gpointer data;
};

static gboolean on_io(GIOChannel *source, GIOCondition cond, gpointer data)
{
	struct io *c = data;
	PurpleInputCondition p = 0;

	if (cond & (G_IO_IN | G_IO_HUP | G_IO_ERR))
		p |= PURPLE_INPUT_READ;
	if (cond & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL))
		p |= PURPLE_INPUT_WRITE;
	c->fn(c->data, g_io_channel_unix_get_fd(source), p);
	return TRUE;
}

static guint input_add(gint fd, PurpleInputCondition cond, PurpleInputFunction fn, gpointer data)
{
	struct io *c = g_new0(struct io, 1);
	GIOChannel *ch = g_io_channel_unix_new(fd);
	GIOCondition g = 0;
	guint id;

	c->fn = fn;
	c->data = data;
	if (cond & PURPLE_INPUT_READ)
		g |= G_IO_IN | G_IO_HUP | G_IO_ERR;
	if (cond & PURPLE_INPUT_WRITE)
		g |= G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
	id = g_io_add_watch_full(ch, G_PRIORITY_DEFAULT, g, on_io, c, g_free);
	g_io_channel_unref(ch);
	return id;
}

static PurpleEventLoopUiOps loop_ops = { g_timeout_add, g_source_remove, input_add, g_source_remove,
	NULL, g_timeout_add_seconds, NULL, NULL, NULL };

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static void on_error(PurpleAccount *a, PurpleConnectionError e, const char *text, gpointer data)
{
	(void)a, (void)e, (void)data;
	say("error %s", text);
}

static gboolean be_busy(gpointer data)
{
	(void)data;
	purple_account_set_status(account, "busy", TRUE, NULL);
	return FALSE;
}

static void on_signed_on(PurpleConnection *gc, gpointer data)
{
	PurpleBuddy *b = purple_buddy_new(account, buddy_name, NULL);

	(void)data;
	say("signed-on");
	g_timeout_add_seconds(3, be_busy, NULL);
	purple_blist_add_buddy(b, NULL, NULL, NULL);
	purple_account_add_buddy(account, b);
	if (message) {
		PurpleConversation *c =
		    purple_conversation_new(PURPLE_CONV_TYPE_IM, account, buddy_name);

		purple_conv_im_send(PURPLE_CONV_IM(c), message);
	}
	(void)gc;
}

static void on_status(PurpleBuddy *b, PurpleStatus *old, PurpleStatus *now, gpointer data)
{
	(void)old, (void)data;
	say("status %s %s", purple_buddy_get_name(b), purple_status_get_name(now));
}

static void on_message(
    PurpleAccount *a, char *who, char *text, PurpleConversation *c, int flags, gpointer data)
{
	(void)a, (void)c, (void)flags, (void)data;
	say("message %s %s", who, text);
}

static gboolean on_stdin(GIOChannel *ch, GIOCondition cond, gpointer data)
{
	char b[64];

	(void)ch, (void)cond, (void)data;
	if (read(0, b, sizeof(b)) <= 0)
		g_main_loop_quit(loop);
	return TRUE;
}

int main(int argc, char **argv)
{
	static int handle;

	if (argc < 7)
		return 2;
	buddy_name = argv[6];
	message = argc > 7 ? argv[7] : NULL;
	purple_util_set_user_dir(argv[1]);
	purple_debug_set_enabled(getenv("SIPE_DEBUG") != NULL);
	purple_eventloop_set_ui_ops(&loop_ops);
	if (!purple_core_init("ipdect-test"))
		return 1;
	purple_set_blist(purple_blist_new());
	loop = g_main_loop_new(NULL, FALSE);
	purple_signal_connect(purple_connections_get_handle(), "signed-on", &handle,
	    PURPLE_CALLBACK(on_signed_on), NULL);
	purple_signal_connect(purple_accounts_get_handle(), "account-connection-error", &handle,
	    PURPLE_CALLBACK(on_error), NULL);
	purple_signal_connect(purple_blist_get_handle(), "buddy-status-changed", &handle,
	    PURPLE_CALLBACK(on_status), NULL);
	purple_signal_connect(purple_conversations_get_handle(), "received-im-msg", &handle,
	    PURPLE_CALLBACK(on_message), NULL);
	account = purple_account_new(argv[2], "prpl-sipe");
	purple_account_set_password(account, argv[3]);
	purple_account_set_string(account, "server", argv[4]);
	purple_account_set_string(account, "transport", argv[5]);
	purple_account_set_string(account, "authentication", "ntlm");
	purple_account_set_string(
	    account, "useragent", "UCCAPI/15.0.4481.1000 OC/15.0.4481.1000 (Microsoft Lync)");
	purple_account_set_enabled(account, "ipdect-test", TRUE);
	g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, on_stdin, NULL);
	purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));
	g_main_loop_run(loop);
	purple_core_quit();
	return 0;
}
