"""The simulated radio side: the program softrfp (soft base stations and soft handsets), driven over its control
socket. A line is a command, an answer or an event, see tests/support/air.h."""

import os
import re
import socket
import threading
import time

from peers import Process, wait_for
