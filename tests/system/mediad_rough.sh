#!/bin/bash
# mediad behind a bad network: see mediad_rough.py.
exec python3 "$TOP/tests/system/mediad_rough.py"
