/* Messages of one fictional system (ARI class B 1-1234-567, IPEI 04097 0175053 3), each decoded without error by a
 * public protocol analyser. to_pp: direction. */
static const struct {
	const char *id;
	bool to_pp;
	const char *what, *hex;
} nwk_vectors[] = {
	{ "MM01", false, "ACCESS-RIGHTS-REQUEST",
	    "0544050780a8010012abcd0a03014800631035150a00600418810200000000009282" },
	{ "MM02", true, "KEY-ALLOCATE", "05420b0201880c081f8e6a0b52c973d40e083c5a7719e2d40b86" },
	{ "MM03", false, "AUTHENTICATION-REQUEST",
	    "85400a030148000c08a94e0d137b2c65f80d0489b381e2" },
	{ "MM04", true, "AUTHENTICATION-REPLY", "05410d048f6abe6b" },
	{ "MM05", true, "ACCESS-RIGHTS-ACCEPT",
	    "8545050780a8010012abcd0606a0a01123456707015f0a03011800" },
	{ "MM06", false, "LOCATE-REQUEST",
	    "0554050780a8010012abcd631035150a00600418810200000000009282" },
	{ "MM07", true, "AUTHENTICATION-REQUEST (UPC, DCK 8)",
	    "05400a030118180c085d2c9e10b7a4f3860e080f1e2d3c4b5a6978" },
	{ "MM08", false, "AUTHENTICATION-REPLY", "85410d04b3d4cf3b" },
	{ "MM09", true, "CIPHER-REQUEST (DSC, derived, 8)", "054c19028198" },
	{ "MM10", true, "AUTHENTICATION-REQUEST (DEF index 1)",
	    "05400a0501184000010c0877a1c04e9d3b2f580e080f1e2d3c4b5a6978" },
	{ "MM11", false, "AUTHENTICATION-REPLY", "85410d046019b8bd" },
	{ "MM12", true, "LOCATE-ACCEPT", "85550505a0940b471107015f" },
	{ "MM13", false, "TEMPORARY-IDENTITY-ASSIGN-ACK", "055d" },
	{ "MM14", true, "MM-INFO-SUGGEST locate suggest", "0552010180" },
	{ "MM15", true, "LOCATE-REJECT IPUI not accepted", "8557600106" },
	{ "MM16", true, "ACCESS-RIGHTS-TERMINATE-REQUEST",
	    "0548050780a8010012abcd0606a0a011234567" },
	{ "LC01", false, "LCE-PAGE-RESPONSE", "0071050780a8010012abcd" },
	{ "LC02", true, "LCE-PAGE-REJECT", "8072050780a8010012abcd600121" },
	{ "CC01", true, "CC-SETUP",
	    "0305050780a8010012abcd060680a011234567e080e4406c060983343731316d0707c3857361204b" },
	{ "CC15", true, "CC-SETUP wideband with codec list",
	    "0305050780a8010012abcd060680a011234567e088e4406c060983343731317c0790030001020084" },
	{ "CC16", false, "CC-CONNECT with codec list", "83077c0790030001020084" },
	{ "CC02", false, "CC-ALERTING", "8301" },
	{ "CC03", false, "CC-CONNECT", "8307" },
	{ "CC04", true, "CC-CONNECT-ACK", "030f" },
	{ "CC05", false, "CC-SETUP", "1305050780a8010012abcd060680a011234567e080" },
	{ "CC06", true, "CC-SETUP-ACK dial tone", "930d1e028188e400" },
	{ "CC07", false, "CC-INFO", "137b2c0434373132" },
	{ "CC08", true, "CC-CALL-PROC", "9302" },
	{ "CC09", true, "CC-ALERTING", "93011e02818828040c426f62" },
	{ "CC10", true, "CC-CONNECT", "9307" },
	{ "CC11", false, "CC-RELEASE", "134de200" },
	{ "CC12", true, "CC-RELEASE-COM", "935ae200" },
	{ "CC13", false, "CC-INFO register recall", "137b2c0115" },
	{ "CC14", true, "CC-NOTIFY timer restart", "936ee500" },
	{ "SS01", true, "FACILITY MWI 3 voice messages line 1", "64627d030081837e03000081" },
	{ "SS02", true, "FACILITY time-date", "64622308c026112214053004" },
};

static const struct {
	const char *emc, *psn, *printed;
} ipei_vectors[] = {
	{ "000c", "00089", "00012 0000137 9" },
	{ "138b", "112f3", "05003 0070387 8" },
	{ "1001", "2abcd", "04097 0175053 3" },
	{ "0001", "00001", "00001 0000001 6" },
	{ "ffff", "fffff", "65535 1048575 2" },
	{ "1001", "00008", "04097 0000008 *" },
};
