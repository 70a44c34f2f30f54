#ifndef DECTD_UI_LANG_H
#define DECTD_UI_LANG_H

/* What handsets say, by language ("en", "de"; "de-AT" is "de"; others are English). UTF-8; ui_text.h brings it to what
 * a display can show. */
#define UI_STRINGS(X)                                                                              \
	X(UI_T_ANONYMOUS, "anonymous", "anonym")                                                   \
	X(UI_T_BUSY, "Busy", "Besetzt")                                                            \
	X(UI_T_NO_ANSWER, "No answer", "Keine Antwort")                                            \
	X(UI_T_REJECTED, "Rejected", "Abgewiesen")                                                 \
	X(UI_T_UNKNOWN, "Unknown number", "Unbekannte Nummer")                                     \
	X(UI_T_INCOMPLETE, "Number incomplete", "Nummer unvollständig")                            \
	X(UI_T_UNREACHABLE, "Not reachable", "Nicht erreichbar")                                   \
	X(UI_T_CONGESTION, "No channel free", "Kein Kanal frei")                                   \
	X(UI_T_FORBIDDEN, "Not allowed", "Nicht erlaubt")                                          \
	X(UI_T_CODEC, "No common codec", "Kein gemeinsamer Codec")                                 \
	X(UI_T_ELSEWHERE, "Answered elsewhere", "Anderswo angenommen")                             \
	X(UI_T_ENDED, "Call ended", "Gespräch beendet")                                            \
	X(UI_T_NO_SERVER, "Server not reachable", "Server nicht erreichbar")                       \
	X(UI_T_NO_USER, "No user assigned", "Kein Benutzer zugeordnet")                            \
	X(UI_T_HELD, "On hold", "Gehalten")                                                        \
	X(UI_T_HELD_BY_FAR, "Held by the other side", "Von Gegenseite gehalten")                   \
	X(UI_T_BACK, "Connected again", "Wieder verbunden")                                        \
	X(UI_T_DIAL, "Dial number", "Nummer wählen")                                               \
	X(UI_T_TRANSFER_TO, "Transfer to", "Weiterverbinden an")                                   \
	X(UI_T_TRANSFERRED, "Transferred", "Verbunden")                                            \
	X(UI_T_FAILED, "Not possible", "Nicht möglich")                                            \
	X(UI_T_CONFERENCE, "Conference", "Konferenz")                                              \
	X(UI_T_WAITING, "Call waiting", "Anklopfen")                                               \
	X(UI_T_RECALL, "Held call", "Gehaltener Ruf")                                              \
	X(UI_T_VIA, "via", "über")                                                                 \
	X(UI_T_QUEUED, "Please wait", "Bitte warten")                                              \
	X(UI_T_DONE, "Done", "Erledigt")                                                           \
	X(UI_T_SERVER, "Server", "Server")                                                         \
	X(UI_T_BASE, "Base", "Basis")                                                              \
	X(UI_T_NUMBER, "Number", "Nummer")                                                         \
	X(UI_T_EMPTY, "No entries", "Keine Einträge")                                              \
	X(UI_T_MISSED, "Missed", "Entgangen")                                                      \
	X(UI_T_RECEIVED, "Received", "Angenommen")                                                 \
	X(UI_T_PLACED, "Dialled", "Gewählt")                                                       \
	X(UI_T_SEARCH, "Search:", "Suche:")                                                        \
	X(UI_T_WAIT, "One moment", "Einen Moment")                                                 \
	X(UI_T_FWD_ON, "Forwarded to", "Umgeleitet an")                                            \
	X(UI_T_FWD_OFF, "Forward off", "Umleitung aus")                                            \
	X(UI_T_AVAILABLE, "Available", "Verfügbar")                                                \
	X(UI_T_PRES_BUSY, "Busy", "Beschäftigt")                                                   \
	X(UI_T_DND, "Do not disturb", "Nicht stören")                                              \
	X(UI_T_BRB, "Be right back", "Gleich zurück")                                              \
	X(UI_T_AWAY, "Away", "Abwesend")                                                           \
	X(UI_T_INACTIVE, "Inactive", "Inaktiv")                                                    \
	X(UI_T_IN_A_CALL, "In a call", "Im Gespräch")                                              \
	X(UI_T_OFFLINE, "Offline", "Offline")                                                      \
	X(UI_T_OFF_WORK, "Off work", "Nicht bei der Arbeit")                                       \
	X(UI_T_AUTOMATIC, "Automatic", "Automatisch")                                              \
	X(UI_T_CLEAR, "Clear the list? #", "Liste löschen? #")                                     \
	X(UI_T_CLEARED, "Cleared", "Gelöscht")                                                     \
	X(UI_T_MESSAGES, "New messages", "Neue Nachrichten")

enum ui_str {
#define X(id, en, de) id,
	UI_STRINGS(X)
#undef X
	    UI_NSTRINGS
};
const char *ui_str(const char *language, enum ui_str id);
#endif
