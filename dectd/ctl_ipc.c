/* The table of dectctl's commands at dectd. */
#include <time.h>

#include "common/mem.h"
#include "ctl.pb-c.h"
#include "dectd/ctl_cmds.h"

void ctl_time(int64_t unix_s, char out[24])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (!unix_s || !gmtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
}

static const struct ctl_arg base_args[] = {
	{ "name", CTL_TEXT, false, "name for people, e.g. the room; at most 47 octets", NULL },
	{ "cluster", CTL_NUMBER, false,
	    "bases of one cluster hand calls over and are paged together", NULL },
	{ "radio", CTL_FLAG, false, "no: keep its radio off", NULL },
	{ "re-enrol", CTL_FLAG, false,
	    "it still has the key of another manager: give it a new one by that manager's root "
	    "hash",
	    NULL },
};
static const struct ctl_arg import_args[] = {
	{ "file", CTL_FILE_IN, true,
	    "CSV: MAC, name, key (128 hex digits as another manager keeps it); - reads standard "
	    "input",
	    NULL },
};
static const struct ctl_arg hash_args[] = { { "value", CTL_SECRET, true,
    "the manager's root password hash with its prefix, e.g. $1$$…; - reads standard input",
    NULL } };
static const struct ctl_arg sync_args[] = { { "cluster", CTL_NUMBER, false, "only this one",
    NULL } };
static const struct ctl_arg match_args[] = { { "match", CTL_TEXT, false,
    "part of IPEI, user or model", NULL } };

static const struct ctl_arg for_args[] = { { "for", CTL_DURATION, false,
    "how long; at most subscription-window", NULL } };
static const struct ctl_arg open_args[] = {
	{ "for", CTL_DURATION, false, "how long; at most subscription-window", NULL },
	{ "wildcard", CTL_FLAG, false, "yes: any handset that knows the common access code", NULL },
};
static const struct ctl_arg assign_args[] = { { "user", CTL_TEXT, true,
    "name of the user; empty: nobody's", NULL } };
static const struct ctl_arg allow_args[] = {
	{ "allow", CTL_FLAG, false, "no: take it off the list", NULL },
	{ "note", CTL_TEXT, false, "for people, at most 31 octets", NULL },
};
static const struct ctl_arg csv_args[] = { { "file", CTL_FILE_IN, true,
    "CSV with a head line: ipei, user, allowed, note; - reads standard input", NULL } };
static const struct ctl_arg export_args[] = { { "file", CTL_FILE_OUT, false,
    "where to; absent: standard output", NULL } };

static const struct ctl_arg trace_args[] = {
	{ "file", CTL_FILE_OUT, true, "pcap file for Wireshark 4.2 and later", NULL },
	{ "for", CTL_DURATION, false, "how long, at most 10m [10s]", NULL },
};

#define BASE   &ctl__base_row__descriptor
#define DEVICE &ctl__handset_row__descriptor

const struct ctl_cmd dectd_cmds[] = {
	{ "base", "list", IPC_VIEW, NULL, false, NULL, 0, BASE, false, ctl_base_list,
	    "base stations with their state" },
	{ "base", "show", IPC_VIEW, "MAC", true, NULL, 0, BASE, false, ctl_base_show,
	    "one base station with everything that is known of it" },
	{ "base", "watch", IPC_VIEW, "MAC", false, NULL, 0, BASE, true, ctl_base_watch,
	    "what happens to base stations, as it happens" },
	{ "base", "admit", IPC_OPERATE, "MAC", true, base_args, ARRAY_LEN(base_args), NULL, false,
	    ctl_base_admit, "let a base station in: it gets its key at its next connection" },
	{ "base", "set", IPC_OPERATE, "MAC", true, base_args, ARRAY_LEN(base_args), NULL, false,
	    ctl_base_set, "change an admitted base station" },
	{ "base", "remove", IPC_OPERATE, "MAC", true, NULL, 0, NULL, false, ctl_base_remove,
	    "forget a base station and its key" },
	{ "base", "restart", IPC_OPERATE, "MAC", true, NULL, 0, NULL, false, ctl_base_restart,
	    "reboot a base station; its calls are lost" },
	{ "base", "sync", IPC_VIEW, NULL, false, sync_args, ARRAY_LEN(sync_args), NULL, false,
	    ctl_base_sync, "who follows whom on air, and who could instead" },
	{ "base", "import", IPC_ADMIN, NULL, false, import_args, ARRAY_LEN(import_args), NULL,
	    false, ctl_base_import,
	    "take base stations with their keys over from another manager" },
	{ "base", "root-hash", IPC_ADMIN, "MAC", false, hash_args, ARRAY_LEN(hash_args), NULL,
	    false, ctl_base_root_hash,
	    "root password hash of a former manager, for base set re-enrol=yes; without MAC: for "
	    "all" },

	{ "handset", "list", IPC_VIEW, NULL, false, match_args, ARRAY_LEN(match_args), DEVICE,
	    false, ctl_handset_list, "handsets with their state" },
	{ "handset", "show", IPC_VIEW, "IPEI", true, NULL, 0, DEVICE, false, ctl_handset_show,
	    "one handset with everything that is known of it" },
	{ "handset", "watch", IPC_VIEW, "IPEI", false, NULL, 0, DEVICE, true, ctl_handset_watch,
	    "what happens to handsets, as it happens" },

	{ "handset", "pending", IPC_VIEW, NULL, false, NULL, 0, &ctl__pending_row__descriptor,
	    false, ctl_handset_pending,
	    "handsets that tried and failed, or that serve no user, with the reason" },
	{ "handset", "open", IPC_OPERATE, "IPEI", true, for_args, ARRAY_LEN(for_args), NULL, false,
	    ctl_handset_open, "open subscription for this handset alone, and unlock it" },
	{ "handset", "assign", IPC_OPERATE, "IPEI", true, assign_args, ARRAY_LEN(assign_args), NULL,
	    false, ctl_handset_assign, "make it a user's handset; a former one is released" },
	{ "handset", "allow", IPC_OPERATE, "IPEI", true, allow_args, ARRAY_LEN(allow_args), NULL,
	    false, ctl_handset_allow, "allow-list: it may subscribe without being a user's" },
	{ "handset", "delete", IPC_OPERATE, "IPEI", true, NULL, 0, NULL, false, ctl_handset_delete,
	    "take its access rights away, over the air when it can be reached" },
	{ "handset", "locate", IPC_OPERATE, "IPEI", true, NULL, 0, NULL, false, ctl_handset_locate,
	    "page it and ask it to register anew" },
	{ "handset", "identify", IPC_OPERATE, "IPEI", true, NULL, 0, NULL, false,
	    ctl_handset_identify, "page it and ask for its identity and model" },
	{ "handset", "renew", IPC_OPERATE, "IPEI", true, NULL, 0, NULL, false, ctl_handset_renew,
	    "give it another temporary identity" },
	{ "handset", "export", IPC_VIEW, NULL, false, export_args, ARRAY_LEN(export_args), NULL,
	    false, ctl_handset_export, "all handsets as CSV" },
	{ "handset", "import", IPC_OPERATE, NULL, false, csv_args, ARRAY_LEN(csv_args), NULL, false,
	    ctl_handset_import, "allow-list and assignments from CSV" },

	{ "call", "show", IPC_VIEW, "CALL", true, NULL, 0, &ctl__call_row__descriptor, false,
	    ctl_call_show, "Shows one call." },

	{ "subscription", "open", IPC_OPERATE, NULL, false, open_args, ARRAY_LEN(open_args), NULL,
	    false, ctl_sub_open, "let handsets subscribe for a while" },
	{ "subscription", "close", IPC_OPERATE, NULL, false, NULL, 0, NULL, false, ctl_sub_close,
	    "end that before its time" },
	{ "subscription", "status", IPC_VIEW, NULL, false, NULL, 0, NULL, false, ctl_sub_status,
	    "whether handsets may subscribe now" },

	{ "trace", "base", IPC_ADMIN, "MAC", false, trace_args, ARRAY_LEN(trace_args), NULL,
	    CTL_LASTS, ctl_trace_base,
	    "capture the link of a base station, else of all, decrypted, keys masked; Ctrl-C ends "
	    "it before its time" },
	{ "trace", "end", IPC_ADMIN, NULL, false, NULL, 0, NULL, false, ctl_trace_end,
	    "Ends a capture before its time; its file is written where it was begun." },

	{ "system", "show", IPC_VIEW, NULL, false, NULL, 0, NULL, false, ctl_system_show,
	    "identity and settings of the DECT system" },
};
const size_t dectd_ncmds = ARRAY_LEN(dectd_cmds);
