/* Vectors of MS-SIPAE and MS-NLMP as used on SIP: captures and a worked flow whose signatures two implementations agree on.
 * The bodies are cut short; Content-Length says what is there (no signature covers either). */
#ifndef MS_VECTORS_H
#define MS_VECTORS_H

static const struct {
	const char *title;
	const char *message;
	const char *input;
	const char *signature;
} ms_flow[] = {
	{ "1 client -> server: REGISTER without credentials",
	    "REGISTER sip:contoso.com SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK-r1\r\n"
	    "Max-Forwards: 70\r\n"
	    "From: <sip:dect1@contoso.com>;tag=91c0de77a1;epid=6f3a1c9be2\r\n"
	    "To: <sip:dect1@contoso.com>\r\n"
	    "Call-ID: 8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a\r\n"
	    "CSeq: 1 REGISTER\r\n"
	    "Contact: <sip:192.0.2.10:49152;transport=tls;ms-opaque=d1e2f3a4b5>;methods=\"INVITE, "
	    "MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY, UPDATE, "
	    "PRACK\";proxy=replace;+sip.instance=\"<urn:uuid:CC4AAD78-8972-5A0E-AAEF-5A2997485CBD>"
	    "\"\r\n"
	    "User-Agent: sipd/1.0\r\n"
	    "Supported: gruu-10, adhoclist, msrtc-event-categories\r\n"
	    "Supported: ms-cluster-failover\r\n"
	    "Supported: ms-userservices-state-notification\r\n"
	    "ms-keep-alive: UAC;hop-hop=yes\r\n"
	    "Event: registration\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "", "" },
	{ "2 server -> client: 401 listing the schemes",
	    "SIP/2.0 401 Unauthorized\r\n"
	    "Date: Tue, 17 Feb 2026 09:02:10 GMT\r\n"
	    "WWW-Authenticate: NTLM realm=\"SIP Communications Service\", "
	    "targetname=\"lyncfe01.contoso.com\", version=4\r\n"
	    "WWW-Authenticate: Kerberos realm=\"SIP Communications Service\", "
	    "targetname=\"sip/lyncfe01.contoso.com\", version=4\r\n"
	    "WWW-Authenticate: TLS-DSK realm=\"SIP Communications Service\", "
	    "targetname=\"lyncfe01.contoso.com\", version=4, "
	    "sts-uri=\"https://lyncpool.contoso.com:443/CertProv/CertProvisioningService.svc\"\r\n"
	    "From: <sip:dect1@contoso.com>;tag=91c0de77a1;epid=6f3a1c9be2\r\n"
	    "To: <sip:dect1@contoso.com>;tag=1A2B3C4D5E6F708192A3B4C5D6E7F801\r\n"
	    "Call-ID: 8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a\r\n"
	    "CSeq: 1 REGISTER\r\n"
	    "Via: SIP/2.0/TLS "
	    "192.0.2.10:49152;branch=z9hG4bK-r1;ms-received-port=49152;ms-received-cid=4E6A00\r\n"
	    "Server: RTC/5.0\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "", "" },
	{ "3 client -> server: REGISTER selecting NTLM, empty gssapi-data",
	    "REGISTER sip:contoso.com SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK-r2\r\n"
	    "Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", "
	    "targetname=\"lyncfe01.contoso.com\", gssapi-data=\"\", version=4\r\n"
	    "Max-Forwards: 70\r\n"
	    "From: <sip:dect1@contoso.com>;tag=91c0de77a1;epid=6f3a1c9be2\r\n"
	    "To: <sip:dect1@contoso.com>\r\n"
	    "Call-ID: 8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a\r\n"
	    "CSeq: 2 REGISTER\r\n"
	    "Contact: <sip:192.0.2.10:49152;transport=tls;ms-opaque=d1e2f3a4b5>;methods=\"INVITE, "
	    "MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY, UPDATE, "
	    "PRACK\";proxy=replace;+sip.instance=\"<urn:uuid:CC4AAD78-8972-5A0E-AAEF-5A2997485CBD>"
	    "\"\r\n"
	    "User-Agent: sipd/1.0\r\n"
	    "Supported: gruu-10, adhoclist, msrtc-event-categories\r\n"
	    "Supported: ms-cluster-failover\r\n"
	    "Supported: ms-userservices-state-notification\r\n"
	    "ms-keep-alive: UAC;hop-hop=yes\r\n"
	    "Event: registration\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "", "" },
	{ "4 server -> client: 401 with CHALLENGE_MESSAGE",
	    "SIP/2.0 401 Unauthorized\r\n"
	    "Date: Tue, 17 Feb 2026 09:02:10 GMT\r\n"
	    "WWW-Authenticate: NTLM opaque=\"3C5E0F17\", "
	    "gssapi-data=\"TlRMTVNTUAACAAAAAAAAADgAAADzgpjifx2Mk+"
	    "KktQYAAAAAAAAAAJYAlgA4AAAABgOAJQAAAA8CAA4AQwBPAE4AVABPAFMATwABABAATABZAE4AQwBGAEUAMAAx"
	    "AAQAFgBjAG8AbgB0AG8AcwBvAC4AYwBvAG0AAwAoAGwAeQBuAGMAZgBlADAAMQAuAGMAbwBuAHQAbwBzAG8ALg"
	    "BjAG8AbQAFABYAYwBvAG4AdABvAHMAbwAuAGMAbwBtAAcACAAAVU8Z7J/cAQAAAAA=\", "
	    "targetname=\"lyncfe01.contoso.com\", realm=\"SIP Communications Service\", "
	    "version=4\r\n"
	    "From: <sip:dect1@contoso.com>;tag=91c0de77a1;epid=6f3a1c9be2\r\n"
	    "To: <sip:dect1@contoso.com>;tag=1A2B3C4D5E6F708192A3B4C5D6E7F802\r\n"
	    "Call-ID: 8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a\r\n"
	    "CSeq: 2 REGISTER\r\n"
	    "Via: SIP/2.0/TLS "
	    "192.0.2.10:49152;branch=z9hG4bK-r2;ms-received-port=49152;ms-received-cid=4E6A00\r\n"
	    "Server: RTC/5.0\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "", "" },
	{ "5 client -> server: REGISTER with AUTHENTICATE_MESSAGE, signed (version 4)",
	    "REGISTER sip:contoso.com SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK-r3\r\n"
	    "Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", "
	    "opaque=\"3C5E0F17\", targetname=\"lyncfe01.contoso.com\", "
	    "gssapi-data="
	    "\"TlRMTVNTUAADAAAAGAAYAHwAAAACAQIBlAAAAA4ADgBYAAAACgAKAGYAAAAMAAwAcAAAABAAEACWAQAAVYKY"
	    "YgoAZUoAAAAPMZyHoLXD1aJv4Nkz6RMiHkMATwBOAFQATwBTAE8AZABlAGMAdAAxAFMASQBQAEQAMAAxAAAAAA"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAM2PZeuvhRPOFtwNeLkb45wBAQAAAAAAAABVTxnsn9wBobLD1OX2BxgAAAAA"
	    "AgAOAEMATwBOAFQATwBTAE8AAQAQAEwAWQBOAEMARgBFADAAMQAEABYAYwBvAG4AdABvAHMAbwAuAGMAbwBtAA"
	    "MAKABsAHkAbgBjAGYAZQAwADEALgBjAG8AbgB0AG8AcwBvAC4AYwBvAG0ABQAWAGMAbwBuAHQAbwBzAG8ALgBj"
	    "AG8AbQAHAAgAAFVPGeyf3AEGAAQAAgAAAAkAMABzAGkAcAAvAGwAeQBuAGMAZgBlADAAMQAuAGMAbwBuAHQAbw"
	    "BzAG8ALgBjAG8AbQAAAAAAAAAAAAzRDDrGOS/aJxEOf+v9YSE=\", version=4, crand=\"5c1d8f20\", "
	    "cnum=\"1\", response=\"01000000f645c263151049a764000000\"\r\n"
	    "Max-Forwards: 70\r\n"
	    "From: <sip:dect1@contoso.com>;tag=91c0de77a1;epid=6f3a1c9be2\r\n"
	    "To: <sip:dect1@contoso.com>\r\n"
	    "Call-ID: 8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a\r\n"
	    "CSeq: 3 REGISTER\r\n"
	    "Contact: <sip:192.0.2.10:49152;transport=tls;ms-opaque=d1e2f3a4b5>;methods=\"INVITE, "
	    "MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY, UPDATE, "
	    "PRACK\";proxy=replace;+sip.instance=\"<urn:uuid:CC4AAD78-8972-5A0E-AAEF-5A2997485CBD>"
	    "\"\r\n"
	    "User-Agent: sipd/1.0\r\n"
	    "Supported: gruu-10, adhoclist, msrtc-event-categories\r\n"
	    "Supported: ms-cluster-failover\r\n"
	    "Supported: ms-userservices-state-notification\r\n"
	    "ms-keep-alive: UAC;hop-hop=yes\r\n"
	    "Event: registration\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "<NTLM><5c1d8f20><1><SIP Communications "
	    "Service><lyncfe01.contoso.com><8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a><3><REGISTER><sip:"
	    "dect1@contoso.com><91c0de77a1><sip:dect1@contoso.com><><><><>",
	    "01000000f645c263151049a764000000" },
	{ "6 server -> client: 200 OK, signed",
	    "SIP/2.0 200 OK\r\n"
	    "ms-keep-alive: UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300\r\n"
	    "Authentication-Info: NTLM rspauth=\"01000000C702C7B336502DF664000000\", qop=\"auth\", "
	    "opaque=\"3C5E0F17\", srand=\"7B01C2D3\", snum=\"1\", realm=\"SIP Communications "
	    "Service\", targetname=\"lyncfe01.contoso.com\", version=4\r\n"
	    "From: <sip:dect1@contoso.com>;tag=91c0de77a1;epid=6f3a1c9be2\r\n"
	    "To: <sip:dect1@contoso.com>;tag=1A2B3C4D5E6F708192A3B4C5D6E7F803\r\n"
	    "Call-ID: 8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a\r\n"
	    "CSeq: 3 REGISTER\r\n"
	    "Via: SIP/2.0/TLS "
	    "192.0.2.10:49152;branch=z9hG4bK-r3;ms-received-port=49152;ms-received-cid=4E6A00\r\n"
	    "Contact: "
	    "<sip:192.0.2.10:49152;transport=tls;ms-opaque=d1e2f3a4b5;ms-received-cid=4E6A00>;"
	    "expires=7200;+sip.instance=\"<urn:uuid:cc4aad78-8972-5a0e-aaef-5a2997485cbd>\";gruu="
	    "\"sip:dect1@contoso.com;opaque=user:epid:eK1KzHKJDlqq71opl0hcvQAA;gruu\"\r\n"
	    "Expires: 7200\r\n"
	    "presence-state: "
	    "register-action=\"added\";primary-cluster-type=\"central\";is-connected-to-primary="
	    "\"yes\"\r\n"
	    "Allow-Events: "
	    "vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,"
	    "presence,presence.wpending,vnd-microsoft-roaming-self,vnd-microsoft-provisioning-"
	    "v2\r\n"
	    "Supported: adhoclist, msrtc-event-categories\r\n"
	    "Server: RTC/5.0\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "<NTLM><7B01C2D3><1><SIP Communications "
	    "Service><lyncfe01.contoso.com><8d1f3a5b7c9e4d02b6a4f01e2c3d4b5a><3><REGISTER><sip:"
	    "dect1@contoso.com><91c0de77a1><sip:dect1@contoso.com><"
	    "1A2B3C4D5E6F708192A3B4C5D6E7F803><><><7200><200>",
	    "01000000c702c7b336502df664000000" },
	{ "7 client -> server: INVITE, signed",
	    "INVITE sip:bob@contoso.com SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK-i1\r\n"
	    "Max-Forwards: 70\r\n"
	    "Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", "
	    "opaque=\"3C5E0F17\", targetname=\"lyncfe01.contoso.com\", crand=\"0a9b8c7d\", "
	    "cnum=\"2\", response=\"010000008b59303bc4c12e5264000000\"\r\n"
	    "From: \"DECT One\"<sip:dect1@contoso.com>;tag=5e6f708192;epid=6f3a1c9be2\r\n"
	    "To: <sip:bob@contoso.com>\r\n"
	    "Call-ID: c4b2a0918f7e4d6c8b5a493827161504\r\n"
	    "CSeq: 1 INVITE\r\n"
	    "Contact: <sip:dect1@contoso.com;opaque=user:epid:eK1KzHKJDlqq71opl0hcvQAA;gruu>\r\n"
	    "User-Agent: sipd/1.0\r\n"
	    "Ms-Conversation-ID: AcyB2kq0h3VtQW9nTXm6Zx1l8pYvRA==\r\n"
	    "Supported: timer, 100rel, Replaces, histinfo, ms-safe-transfer, ms-early-media, "
	    "gruu-10\r\n"
	    "Allow: INVITE, BYE, ACK, CANCEL, INFO, MESSAGE, UPDATE, REFER, NOTIFY, BENOTIFY, "
	    "OPTIONS, PRACK\r\n"
	    "ms-keep-alive: UAC;hop-hop=yes\r\n"
	    "P-Preferred-Identity: <sip:dect1@contoso.com>, <tel:+14255550101>\r\n"
	    "Content-Type: application/sdp\r\n"
	    "Content-Length: 229\r\n"
	    "\r\n"
	    "v=0\r\n"
	    "o=- 0 0 IN IP4 192.0.2.20\r\n"
	    "s=session\r\n"
	    "c=IN IP4 192.0.2.20\r\n"
	    "t=0 0\r\n"
	    "m=audio 30000 RTP/SAVP 8 0 101\r\n"
	    "a=rtpmap:101 telephone-event/8000\r\n"
	    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
	    "inline:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA|2^31|1:1",
	    "<NTLM><0a9b8c7d><2><SIP Communications "
	    "Service><lyncfe01.contoso.com><c4b2a0918f7e4d6c8b5a493827161504><1><INVITE><sip:dect1@"
	    "contoso.com><5e6f708192><sip:bob@contoso.com><><sip:dect1@contoso.com><tel:+"
	    "14255550101><>",
	    "010000008b59303bc4c12e5264000000" },
	{ "8 server -> client: 180 Ringing, signed, P-Asserted-Identity with two values",
	    "SIP/2.0 180 Ringing\r\n"
	    "Authentication-Info: NTLM rspauth=\"01000000562610C7E8B6BB8F64000000\", qop=\"auth\", "
	    "opaque=\"3C5E0F17\", srand=\"7B01C2D4\", snum=\"2\", realm=\"SIP Communications "
	    "Service\", targetname=\"lyncfe01.contoso.com\", version=4\r\n"
	    "Via: SIP/2.0/TLS "
	    "192.0.2.10:49152;branch=z9hG4bK-i1;ms-received-port=49152;ms-received-cid=4E6A00\r\n"
	    "From: \"DECT One\"<sip:dect1@contoso.com>;tag=5e6f708192;epid=6f3a1c9be2\r\n"
	    "To: <sip:bob@contoso.com>;tag=aa10bb20cc;epid=0f1e2d3c4b\r\n"
	    "Call-ID: c4b2a0918f7e4d6c8b5a493827161504\r\n"
	    "CSeq: 1 INVITE\r\n"
	    "Record-Route: "
	    "<sip:lyncfe01.contoso.com:5061;transport=tls;opaque=state:F:T:Eu:Ci.R4e6a00;lr;ms-"
	    "route-sig=EXAMPLEroute_sig-0AA>;tag=1A2B3C4D5E6F708192A3B4C5D6E7F803\r\n"
	    "Contact: <sip:bob@contoso.com;opaque=user:epid:AAAAAAAAAAAAAAAAAAAAAAAA;gruu>\r\n"
	    "P-Asserted-Identity: \"Bob\"<SIP:bob@contoso.com>,<tel:+14255550102>\r\n"
	    "Supported: gruu-10\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "<NTLM><7B01C2D4><2><SIP Communications "
	    "Service><lyncfe01.contoso.com><c4b2a0918f7e4d6c8b5a493827161504><1><INVITE><sip:dect1@"
	    "contoso.com><5e6f708192><sip:bob@contoso.com><aa10bb20cc><SIP:bob@contoso.com><tel:+"
	    "14255550102><><180>",
	    "01000000562610c7e8b6bb8f64000000" },
	{ "9 client -> server: ACK, signed",
	    "ACK sip:bob@contoso.com;opaque=user:epid:AAAAAAAAAAAAAAAAAAAAAAAA;gruu SIP/2.0\r\n"
	    "Via: SIP/2.0/TLS 192.0.2.10:49152;branch=z9hG4bK-a1\r\n"
	    "Max-Forwards: 70\r\n"
	    "Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", "
	    "opaque=\"3C5E0F17\", targetname=\"lyncfe01.contoso.com\", crand=\"0a9b8c7e\", "
	    "cnum=\"3\", response=\"0100000086949b152811bed864000000\"\r\n"
	    "From: \"DECT One\"<sip:dect1@contoso.com>;tag=5e6f708192;epid=6f3a1c9be2\r\n"
	    "To: <sip:bob@contoso.com>;tag=aa10bb20cc;epid=0f1e2d3c4b\r\n"
	    "Call-ID: c4b2a0918f7e4d6c8b5a493827161504\r\n"
	    "CSeq: 1 ACK\r\n"
	    "Route: "
	    "<sip:lyncfe01.contoso.com:5061;transport=tls;opaque=state:F:T:Eu:Ci.R4e6a00;lr;ms-"
	    "route-sig=EXAMPLEroute_sig-0AA>;tag=1A2B3C4D5E6F708192A3B4C5D6E7F803\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "<NTLM><0a9b8c7e><3><SIP Communications "
	    "Service><lyncfe01.contoso.com><c4b2a0918f7e4d6c8b5a493827161504><1><ACK><sip:dect1@"
	    "contoso.com><5e6f708192><sip:bob@contoso.com><aa10bb20cc><><><>",
	    "0100000086949b152811bed864000000" },
	{ "10 client -> server: 180 Ringing to an incoming INVITE, signed",
	    "SIP/2.0 180 Ringing\r\n"
	    "Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", "
	    "opaque=\"3C5E0F17\", targetname=\"lyncfe01.contoso.com\", crand=\"0a9b8c7f\", "
	    "cnum=\"4\", response=\"01000000dc3c1f450dfc18c264000000\"\r\n"
	    "Via: SIP/2.0/TLS 198.51.100.5:5061;branch=z9hG4bK1F2E3D4C.5B6A7988;branched=TRUE\r\n"
	    "From: \"Carol\"<sip:carol@contoso.com>;tag=c0ffee1234;epid=99aabbccdd\r\n"
	    "To: <sip:dect1@contoso.com>;tag=77665544aa;epid=6f3a1c9be2\r\n"
	    "Call-ID: 0011223344556677889900aabbccddee\r\n"
	    "CSeq: 1 INVITE\r\n"
	    "Contact: <sip:dect1@contoso.com;opaque=user:epid:eK1KzHKJDlqq71opl0hcvQAA;gruu>\r\n"
	    "Server: sipd/1.0\r\n"
	    "Content-Length: 0\r\n"
	    "\r\n"
	    "",
	    "<NTLM><0a9b8c7f><4><SIP Communications "
	    "Service><lyncfe01.contoso.com><0011223344556677889900aabbccddee><1><INVITE><sip:carol@"
	    "contoso.com><c0ffee1234><sip:dect1@contoso.com><77665544aa><><><><180>",
	    "01000000dc3c1f450dfc18c264000000" },
};
#define MS_FLOW_CLIENT_SIGN_KEY "59d6baefd8fb9cfe7c66605162a2b238"
#define MS_FLOW_SERVER_SIGN_KEY "60f654677506d6aaf0bca42ab24cf43e"
#define MS_FLOW_CLIENT_SEAL_KEY "248e660b070223ef5f92354062032e48"
#define MS_FLOW_SERVER_SEAL_KEY "4c8365f39288454902f2775f9bef872f"
#define MS_OCS_CLIENT_SIGN_KEY  "ea5e87c195ae65338f7c023e7600690d"
#define MS_OCS_SERVER_SIGN_KEY  "0151fe94dba8c83f3c6a6e5444ae54b4"
#define MS_OCS_CLIENT_SEAL_KEY  "83013a189002d3abad49c4c8f605ecc8"
#define MS_OCS_SERVER_SEAL_KEY  "2a2e34e8d420c039e8f31cb9e8e0cd88"
#define MS_OCS_REQUEST_BUFFER                                                                      \
	"<NTLM><13317733><1><SIP Communications "                                                  \
	"Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd57a4b14><3><REGISTER><sip:"   \
	"user@cosmo.local><3e49177a52><sip:user@cosmo.local><><><><>"
#define MS_OCS_RESPONSE_BUFFER                                                                     \
	"<NTLM><9616454F><1><SIP Communications "                                                  \
	"Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd57a4b14><3><REGISTER><sip:"   \
	"user@cosmo.local><3e49177a52><sip:user@cosmo.local><5E61CCD925D17E043D9A74835A88F664><><" \
	"><7200><200>"
#define MS_OCS_REQUEST_SIGNATURE  "0100000029618e9651b65a7764000000"
#define MS_OCS_RESPONSE_SIGNATURE "01000000e615438a917661be64000000"
#define MS_V4_EXAMPLE                                                                              \
	"<NTLM><1B6D47A1><11><SIP Communications "                                                 \
	"Service><LOC-COMPANYT-FE03.COMPANY.COM><41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x><1><"    \
	"INVITE><sip:sender@company.com><2420628112><sip:recipient@company.com><7aee15546a><SIP:"  \
	"recipient@company.com><><><180>"
#endif
