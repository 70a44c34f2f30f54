#!/bin/bash
# Speech through mediad, every codec against spandsp's: see mediad_speech.py.
exec python3 "$TOP/tests/system/mediad_speech.py"
