"""Every flow by its name, which is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import back_flows
import chat_flows
import doctor_flows
import server_flows
import speculation_flows
import stored_flows
import up_flows
import watch_flows

MODULES = (up_flows, back_flows, chat_flows, stored_flows, watch_flows, doctor_flows, server_flows, speculation_flows)
FLOWS: dict[str, Callable[[Path], None]] = {flow.__name__: flow for module in MODULES for flow in module.FLOWS}
