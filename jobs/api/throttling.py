"""How often one token or session may ask."""

import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from ninja.throttling import BaseThrottle

WINDOW_S = 60


class Rate(BaseThrottle):
    """ENGINE_API_RATE requests a minute for each token, or person without one, counted in the shared cache."""

    def allow_request(self, request: HttpRequest) -> bool:
        limit = settings.ENGINE_API_RATE
        if not limit:
            return True
        actor = request.auth  # type: ignore[attr-defined]
        who = f"token-{actor.token.pk}" if actor.token else f"user-{actor.user.pk}"
        now = time.time()
        window = int(now // WINDOW_S)
        key = f"engine-rate:{who}:{window}"
        cache.add(key, 0, 2 * WINDOW_S)
        try:
            used = cache.incr(key)
        except ValueError:  # evicted between the two calls
            used = 1
        reset = max(1, int((window + 1) * WINDOW_S - now))
        request.rate_headers = {  # type: ignore[attr-defined]
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - used)),
            "RateLimit-Reset": str(reset),
            **({"Retry-After": str(reset)} if used > limit else {}),
        }
        return used <= limit
