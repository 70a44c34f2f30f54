#!/bin/bash
# Instances of mediad: load, drain, a killed one, a vanished owner: see mediad_instances.py.
exec python3 "$TOP/tests/system/mediad_instances.py"
