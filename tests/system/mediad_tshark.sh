#!/bin/bash
# mediad's packets dissected by tshark: see mediad_tshark.py.
exec python3 "$TOP/tests/system/mediad_tshark.py"
