#ifndef TESTS_CERTD_NTLM_VECTORS_H
#define TESTS_CERTD_NTLM_VECTORS_H
/* MS-NLMP 4.2.4 (published); one Communicator 2007 R2 exchange with its password (published in the SIPE test suite);
 * a composed Lync exchange, computed independently. */
#define NLMP_NTOWFV2                   "0c868a403bfd7a93a3001ef22ef02e3f"
#define NLMP_CLIENT_SIGN_KEY           "4788dc861b4782f35d43fd98fe1a2d39"
#define NLMP_SERVER_SIGN_KEY           "d04d6f10741041d1d246d64188d7a8ad"
#define NLMP_CLIENT_SEAL_KEY           "59f600973cc4960a25480a7c196e4c58"
#define NLMP_SERVER_SEAL_KEY           "9355f3a957c1583d25c4c2f11e40390e"
#define NLMP_RANDOM_SESSION_KEY        "55555555555555555555555555555555"
#define NLMP_SIGNATURE_SEQ0            "010000007fb38ec5c55d497600000000"
#define NLMP_DATAGRAM_SIGNATURE_SEQ100 "010000004bbf152146790b4864000000"
#define NLMP_PLAINTEXT                 "50006c00610069006e007400650078007400"
#define NLMP_SEALED                    "54e50165bf1936dc996020c1811b0f06fb5f"
#define OCS_CHALLENGE                                                                              \
	"4e544c4d53535000020000000000000038000000f38298e2dd1baaf4e7e218d1000000000000000096009600" \
	"380000000502"                                                                             \
	"ce0e0000000f02000a0043004f0053004d004f000100180043004f0053004d004f002d004f00430053002d00" \
	"520032000400"                                                                             \
	"160063006f0073006d006f002e006c006f00630061006c000300300063006f0073006d006f002d006f006300" \
	"73002d007200"                                                                             \
	"32002e0063006f0073006d006f002e006c006f00630061006c000500160063006f0073006d006f002e006c00" \
	"6f0063006100"                                                                             \
	"6c0000000000"
#define OCS_AUTHENTICATE                                                                           \
	"4e544c4d53535000030000001800180072000000c600c6008a0000000a000a00480000000800080052000000" \
	"180018005a00"                                                                             \
	"00001000100050010000558298620502ce0e0000000f43004f0053004d004f00550073006500720043004f00" \
	"53004d004f00"                                                                             \
	"2d004f00430053002d0052003200a1e92efe4e078bf7c5c0049acc6166c2d6ae875cb0fdaa418dc0c800ae76" \
	"eca606d2b9fb"                                                                             \
	"ebd04731010100000000000059519a1727b9ca01d6ae875cb0fdaa410000000002000a0043004f0053004d00" \
	"4f0001001800"                                                                             \
	"43004f0053004d004f002d004f00430053002d00520032000400160063006f0073006d006f002e006c006f00" \
	"630061006c00"                                                                             \
	"0300300063006f0073006d006f002d006f00630073002d00720032002e0063006f0073006d006f002e006c00" \
	"6f0063006100"                                                                             \
	"6c000500160063006f0073006d006f002e006c006f00630061006c00000000000000000031cb739e1ca80a49" \
	"8591e8ae7971"                                                                             \
	"15e4"
#define OCS_CLIENT_CHALLENGE     "d6ae875cb0fdaa41"
#define OCS_TIME                 "59519a1727b9ca01"
#define OCS_EXPORTED_SESSION_KEY "6742fbe37bb1946b49d86a525bd29a9b"
#define OCS_CLIENT_SIGN_KEY      "ea5e87c195ae65338f7c023e7600690d"
#define OCS_SERVER_SIGN_KEY      "0151fe94dba8c83f3c6a6e5444ae54b4"
#define OCS_CLIENT_SEAL_KEY      "83013a189002d3abad49c4c8f605ecc8"
#define OCS_SERVER_SEAL_KEY      "2a2e34e8d420c039e8f31cb9e8e0cd88"
#define OCS_REQUEST_BUFFER                                                                         \
	"<NTLM><13317733><1><SIP Communications "                                                  \
	"Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd5"                            \
	"7a4b14><3><REGISTER><sip:user@cosmo.local><3e49177a52><sip:user@cosmo.local><><><><>"
#define OCS_RESPONSE_BUFFER                                                                        \
	"<NTLM><9616454F><1><SIP Communications "                                                  \
	"Service><cosmo-ocs-r2.cosmo.local><4037df9284354df39065195bd5"                            \
	"7a4b14><3><REGISTER><sip:user@cosmo.local><3e49177a52><sip:user@cosmo.local><"            \
	"5E61CCD925D17E043D9A748"                                                                  \
	"35A88F664><><><7200><200>"
#define OCS_REQUEST_SIGNATURE  "0100000029618e9651b65a7764000000"
#define OCS_RESPONSE_SIGNATURE "01000000e615438a917661be64000000"
#define OCS_RESPONSE_KEY_NT    "164b086e00d2f393529fa3a98209f99e"
#define FLOW_CHALLENGE_MESSAGE                                                                     \
	"4e544c4d53535000020000000000000038000000f38298e27f1d8c93e2a4b506000000000000000096009600" \
	"380000000603"                                                                             \
	"80250000000f02000e0043004f004e0054004f0053004f00010010004c0059004e0043004600450030003100" \
	"040016006300"                                                                             \
	"6f006e0074006f0073006f002e0063006f006d00030028006c0079006e00630066006500300031002e006300" \
	"6f006e007400"                                                                             \
	"6f0073006f002e0063006f006d000500160063006f006e0074006f0073006f002e0063006f006d0007000800" \
	"00554f19ec9f"                                                                             \
	"dc0100000000"
#define FLOW_CLIENT_CHALLENGE     "a1b2c3d4e5f60718"
#define FLOW_EXPORTED_SESSION_KEY "00112233445566778899aabbccddeeff"
#define FLOW_CLIENT_SIGN_KEY      "59d6baefd8fb9cfe7c66605162a2b238"
#define FLOW_SERVER_SEAL_KEY      "4c8365f39288454902f2775f9bef872f"
#define FLOW_RESPONSE_KEY_NT      "2aa70b116be2170691f53a9b8c3e5bef"
#define FLOW_TIME                 "00554f19ec9fdc01"
#define FLOW_PLAIN                                                                                 \
	"4e544c4d5353500003000000180018006c000000c600c600840000000e000e00480000000a000a0056000000" \
	"0c000c006000"                                                                             \
	"0000100010004a010000558298620a00654a0000000f43004f004e0054004f0053004f006400650063007400" \
	"310053004900"                                                                             \
	"500044003000310065c21c786e9dbc8560d26446319113b1a1b2c3d4e5f607182d9f42a1b3c57edd63d3484a" \
	"ef09523d0101"                                                                             \
	"00000000000000554f19ec9fdc01a1b2c3d4e5f607180000000002000e0043004f004e0054004f0053004f00" \
	"010010004c00"                                                                             \
	"59004e00430046004500300031000400160063006f006e0074006f0073006f002e0063006f006d0003002800" \
	"6c0079006e00"                                                                             \
	"630066006500300031002e0063006f006e0074006f0073006f002e0063006f006d000500160063006f006e00" \
	"74006f007300"                                                                             \
	"6f002e0063006f006d000700080000554f19ec9fdc010000000000000000a296b7e2d1b0816c99f8b4e13973" \
	"6d34"
#define FLOW_MIC                                                                                   \
	"4e544c4d5353500003000000180018007c00000002010201940000000e000e00580000000a000a0066000000" \
	"0c000c007000"                                                                             \
	"00001000100096010000558298620a00654a0000000f319c87a0b5c3d5a26fe0d933e913221e43004f004e00" \
	"54004f005300"                                                                             \
	"4f00640065006300740031005300490050004400300031000000000000000000000000000000000000000000" \
	"00000000cd8f"                                                                             \
	"65ebaf8513ce16dc0d78b91be39c010100000000000000554f19ec9fdc01a1b2c3d4e5f60718000000000200" \
	"0e0043004f00"                                                                             \
	"4e0054004f0053004f00010010004c0059004e00430046004500300031000400160063006f006e0074006f00" \
	"73006f002e00"                                                                             \
	"63006f006d00030028006c0079006e00630066006500300031002e0063006f006e0074006f0073006f002e00" \
	"63006f006d00"                                                                             \
	"0500160063006f006e0074006f0073006f002e0063006f006d000700080000554f19ec9fdc01060004000200" \
	"000009003000"                                                                             \
	"7300690070002f006c0079006e00630066006500300031002e0063006f006e0074006f0073006f002e006300" \
	"6f006d000000"                                                                             \
	"0000000000000cd10c3ac6392fda27110e7febfd6121"
#endif
