"""How often one token or session may ask."""

import time
from functools import cached_property
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

from jobs.api.request import api_request
from jobs.api.request_counts import RequestCounts

WINDOW_S = 60
TOKENS = 1 << 60  # above every user's number


class Rate(BaseThrottle):
    """ENGINE_API_RATE requests a minute for each token, or person without one."""

    @cached_property
    def counts(self) -> RequestCounts:
        return RequestCounts(Path(settings.ENGINE_DATA_DIR) / "request_counts")

    def allow_request(self, request: HttpRequest) -> bool:
        limit = settings.ENGINE_API_RATE
        if not limit:
            return True
        actor = api_request(request).auth
        now = time.time()
        window = int(now // WINDOW_S)
        used = self.counts.add(TOKENS + actor.token.pk if actor.token else actor.user.pk, window)
        reset = str(max(1, int((window + 1) * WINDOW_S - now)))
        api_request(request).rate_headers = {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - used)),
            "RateLimit-Reset": reset,
            **({"Retry-After": reset} if used > limit else {}),
        }
        return used <= limit
