"""The three regions of the Selling Partner API: each has its own endpoint, and an authorization is good for one."""

from __future__ import annotations

from typing import Final, Literal, get_args

Region = Literal["eu", "na", "fe"]
REGIONS: Final[tuple[Region, ...]] = get_args(Region)
