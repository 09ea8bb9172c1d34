"""Fail if a test of a JUnit report was skipped, but for those that read Amazon's published models."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET

ALLOWED = "needs_amazon_models:"

skipped = [
    f"{case.get('classname')}::{case.get('name')}: {reason.get('message')}"
    for case in ET.parse(sys.argv[1]).iter("testcase")  # noqa: S314 - our own file
    for reason in case.iter("skipped")
    if not (reason.get("message") or "").startswith(ALLOWED)
]
if skipped:
    sys.exit("Skipped, and may not be:\n" + "\n".join(skipped))
