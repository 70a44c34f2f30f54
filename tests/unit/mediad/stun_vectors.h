#ifndef TEST_STUN_VECTORS_H
#define TEST_STUN_VECTORS_H
/* Messages of MS-ICE2 and MS-TURN, computed by hand from the specifications and accepted by libnice 0.1.21 or tshark 4.0;
 * and the samples of RFC 5769. */
static const char v_ice_check_bis02[] = "000100542112a4420102030705060708090a0b0c002400046effffff80"
                                        "2a000811223344556677880006000c744c796e"
                                        "3a675734780000008054000431000000807000040000000200080014c1"
                                        "86b01bfed99a54cf938ad854cbb7e2eda7b601"
                                        "80280004ce0d25bb";
static const char v_ice_check_bis02_legacy_crc[] =
    "000100542112a4420102030705060708090a0b0c002400046effffff802a000811223344556677880006000c744c79"
    "6e"
    "3a675734780000008054000431000000807000040000000200080014c186b01bfed99a54cf938ad854cbb7e2eda7b6"
    "01"
    "802800041365237a";
static const char v_ice_nominate_bis02[] = "000100582112a4421102030405060708090a0b0c002500000024000"
                                           "46effffff802a000811223344556677880006000c"
                                           "744c796e3a675734780000008054000431000000807000040000000"
                                           "200080014451d8715f6c105924d9a8e45aa332391"
                                           "07c268db80280004ad57681b";
static const char v_ice_response_bis02[] =
    "010100442112a4420102030705060708090a0b0c002000080001e296e112a6480006000c744c796e3a675734780000"
    "00"
    "807000040000000200080014659a85fbebe544809386453ce112fc6cbe4a740780280004db11b6fe";
static const char v_ice_error_487_bis02[] =
    "011100402112a4420102030705060708090a0b0c0009001400000457526f6c6520436f6e666c696374202020807000"
    "04"
    "00000002000800145c19eac15e1f04b6e69d58219c3eef6fa52518b280280004712eb401";
static const char v_ice_check_rfc5389[] = "000100542112a4420102030705060708090a0b0c002400046effffff"
                                          "802a0008112233445566778800060009744c796e"
                                          "3a675734780000008054000431000000807000040000000300080014"
                                          "cf99a4eec886a9d1badafffa465d43ab5c957eaa"
                                          "802800046574a4ef";
static const char v_ice_response_rfc5389[] = "010100342112a4420102030705060708090a0b0c002000080001e"
                                             "296e112a6488070000400000003000800146a3fd6a9"
                                             "2667b7aaffd248a64593d04227189bc1802800049d66f6d6";
static const char v_ice_keepalive_indication[] = "001100002112a442aa02030405060708090a0b0c";
static const char v_turn_allocate_1[] =
    "000300182112a442a1a2a3a4a5a6a7a8a9aaabac000f000472c64bc680080004000000028055000400010000";
static const char v_turn_allocate_401[] = "011300502112a442a1a2a3a4a5a6a7a8a9aaabac000f000472c64bc6"
                                          "80080004000000020009001000000401556e6175"
                                          "74686f72697a65640014001034663665363336353431363236333634"
                                          "001500087274636d65646961000e000800010d96"
                                          "c6336415";
static const char v_turn_allocate_2[] = "0003007c2112a442b1a2a3a4a5a6a7a8a9aaabac000f000472c64bc680"
                                        "08000400000002805500040001000000150008"
                                        "7274636d65646961001400103466366536333635343136323633363400"
                                        "0600280102030405060708090a0b0c0d0e0f10"
                                        "1112131415161718191a1b1c1d1e1f2021222324252627280008001496"
                                        "9481ccb18124dd0abe0ccc7062aa87bc331261";
static const char v_turn_allocate_ok[] = "010300802112a442b1a2a3a4a5a6a7a8a9aaabac000f000472c64bc68"
                                         "008000400000002000100080001c822c6336414"
                                         "000d0004000002580010000400000000802000080001bd52ea12d5450"
                                         "014001034663665363336353431363236333634"
                                         "80500018c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3000000010"
                                         "0080014613618b106390bd237007dacf5c607dc"
                                         "73a1df8f";
static const char v_turn_send_request[] = "000400f42112a442c1a2a3a4a5a6a7a8a9aaabac000f000472c64bc6"
                                          "000600280102030405060708090a0b0c0d0e0f10"
                                          "1112131415161718191a1b1c1d1e1f20212223242526272800110008"
                                          "0001c384c000024d800800040000000280500018"
                                          "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d30000000200150008"
                                          "7274636d6564696100130068000100542112a442"
                                          "0102030705060708090a0b0c002400046effffff802a000811223344"
                                          "556677880006000c744c796e3a67573478000000"
                                          "8054000431000000807000040000000200080014c186b01bfed99a54"
                                          "cf938ad854cbb7e2eda7b60180280004ce0d25bb"
                                          "00080014bd005338b47c1fac776a5c4d5bb4ff3618825533";
static const char v_turn_data_indication[] = "011500802112a442d1a2a3a4a5a6a7a8a9aaabac000f000472c64"
                                             "bc6001200080001c384c000024d0013006800010054"
                                             "2112a4420102030705060708090a0b0c002400046effffff802a0"
                                             "00811223344556677880006000c744c796e3a675734"
                                             "780000008054000431000000807000040000000200080014c186b"
                                             "01bfed99a54cf938ad854cbb7e2eda7b60180280004"
                                             "ce0d25bb";
static const char v_turn_set_active_destination[] =
    "000600802112a442e1a2a3a4a5a6a7a8a9aaabac000f000472c64bc6000600280102030405060708090a0b0c0d0e0f"
    "10"
    "1112131415161718191a1b1c1d1e1f20212223242526272880500018c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2"
    "d3"
    "00000003001500087274636d65646961001100080001c384c000024d00080014a23356855a617a8e54d510740ce91b"
    "d8"
    "65b4c71a";
static const char v_turn_set_active_destination_ok[] =
    "010600082112a442e1a2a3a4a5a6a7a8a9aaabac000f000472c64bc6";
static const char v_turn_deallocate[] = "000300842112a442f1a2a3a4a5a6a7a8a9aaabac000f000472c64bc680"
                                        "080004000000028055000400010000000d0004"
                                        "00000000001500087274636d6564696100140010346636653633363534"
                                        "31363236333634000600280102030405060708"
                                        "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425"
                                        "26272800080014c735e45ebdf1e9f48b62fc86"
                                        "e958835eec6dfee5";
static const char v_turn_tcp_frame_control[] = "020000900003007c2112a442b1a2a3a4a5a6a7a8a9aaabac000"
                                               "f000472c64bc680080004000000028055000400010000"
                                               "001500087274636d65646961001400103466366536333635343"
                                               "1363236333634000600280102030405060708090a0b0c"
                                               "0d0e0f101112131415161718191a1b1c1d1e1f2021222324252"
                                               "6272800080014969481ccb18124dd0abe0ccc7062aa87"
                                               "bc331261";
static const char v_turn_tcp_frame_data[] =
    "030000208000000100000000deadbeefffffffffffffffffffffffffffffffffffffffff";
static const char v_pseudo_tls_client_hello[] = "160301002d010000290301948fe603f61dc036b5c596dc09fe"
                                                "3ce3f3d30dc90f024c85f3c82db2ccab679d0000020018"
                                                "0100";
static const char v_pseudo_tls_server_hello[] =
    "160301004e020000460301b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c062034b364"
    "54"
    "cab2e7842c389f7d88ecb7df279e3918cbac07970d4cde496e70f4c80018000e000000";
static const char v_ice_key[] = "Zq3vN8wXc1RkT5yBf7HsJd2M";
static const char v_turn_key[] = "a5697ca03736f5009b4a112f89ecff92";
static const char v_turn_user[] =
    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728";
static const char v_turn_password[] = "808182838485868788898a8b8c8d8e8f90919293";
static const char v_rfc5769_request[] = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e20"
                                        "7465737420636c69656e74002400046e0001ff"
                                        "80290008932ff9b151263b36000600096576746a3a6836765920202000"
                                        "0800149aeaa70cbfd8cb56781ef2b5b2d3f249"
                                        "c1b571a280280004e57a3bcf";
static const char v_rfc5769_response4[] =
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a6"
    "43"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
static const char v_rfc5769_response6[] =
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9"
    "fa"
    "a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
#endif
