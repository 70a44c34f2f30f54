#!/bin/bash
# SRTP both ways with rtpengine: see mediad_rtpengine.py.
exec python3 "$TOP/tests/system/mediad_rtpengine.py"
