"""Discord's HTTP interface, as far as the bot uses it; each request first asks the weather."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from wire.state import BOT, BOT_ID, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from wire.faults import Fault, Weather
    from wire.state import WireState

TOKEN: Final = "MTIz.good.token-of-the-proofs"  # noqa: S105 - of this edge only
MOST_BYTES: Final = 64 << 20
NO_CONTENT: Final = 204
Answer = tuple[int, Any]


class WireHttp:
    """The door for requests.

    Args:
        state: what is asked about and changed.
        weather: what goes wrong.
        pictures: name → bytes of the files that people have uploaded.
    """

    def __init__(self, state: WireState, weather: Weather, pictures: dict[str, bytes]) -> None:
        self._state = state
        self._weather = weather
        self._pictures = pictures
        self.requests = 0
        routes: dict[str, Callable[..., Answer]] = {
            r"GET /users/@me": self._me,
            r"GET /oauth2/applications/@me": self._application,
            r"GET /users/@me/guilds": lambda *_: (200, []),
            r"PUT /applications/\d+/commands": lambda *_: (200, []),
            r"POST /users/@me/channels": self._open_direct,
            r"POST /interactions/(\d+)/([^/]+)/callback": self._callback,
            r"POST /webhooks/\d+/([^/]+)": self._follow_up,
            r"GET /webhooks/\d+/([^/]+)/messages/@original": self._get_card,
            r"PATCH /webhooks/\d+/([^/]+)/messages/@original": self._edit_card,
            r"DELETE /webhooks/\d+/([^/]+)/messages/@original": self._delete_card,
            r"POST /channels/(\d+)/messages": self._post,
            r"GET /channels/(\d+)/messages": self._history,
            r"GET /channels/(\d+)/messages/(\d+)": self._get,
            r"PATCH /channels/(\d+)/messages/(\d+)": self._edit,
            r"DELETE /channels/(\d+)/messages/(\d+)": self._delete,
        }
        self._routes = [(re.compile(pattern), answer) for pattern, answer in routes.items()]

    def application(self) -> web.Application:
        """Return the web application, without the gateway."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_get("/cdn/{name}", self._picture)
        app.router.add_route("*", "/api/v10/{path:.*}", self._serve)
        return app

    async def _picture(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(body=self._pictures[name], content_type="image/png")

    async def _serve(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        self.requests += 1
        if request.headers.get("Authorization", "") not in {"", f"Bot {TOKEN}"}:
            return _json(401, {"message": "401: Unauthorized", "code": 0})
        fault = self._weather.draw(path)
        if fault == "cut_before":
            return _cut(request)
        if fault in {"429", "429_global", "5xx"}:
            return self._refusal(fault)
        body, files = await _read(request)
        status, data = self._answer(f"{request.method} {path}", body, files, request.query)
        if fault == "cut_after":
            return _cut(request)
        return web.Response(status=status) if status == NO_CONTENT else _json(status, data)

    def _answer(self, asked: str, body: dict[str, Any], files: list[str], query: Any) -> Answer:  # noqa: ANN401 - aiohttp's
        for pattern, answer in self._routes:
            if found := pattern.fullmatch(asked):
                try:
                    return answer(found.groups(), body, files, query)
                except Refused as refused:
                    return refused.status, {"message": "refused", "code": refused.code}
        self._weather.counts[f"unknown route {asked}"] += 1
        return 404, {"message": "404: Not Found", "code": 0}

    def _refusal(self, fault: Fault | None) -> web.Response:
        if fault == "5xx":
            return _json(self._weather.status(), {"message": "trouble", "code": 0})
        wait_s, everywhere = self._weather.retry_after_s(), fault == "429_global"
        answer = _json(429, {"message": "slow down", "retry_after": wait_s, "global": everywhere})
        answer.headers["Retry-After"] = str(wait_s)
        answer.headers["X-RateLimit-Scope"] = "global" if everywhere else "shared"
        if everywhere:
            answer.headers["X-RateLimit-Global"] = "true"
        return answer

    def _me(self, *_: object) -> Answer:
        return 200, BOT

    def _application(self, *_: object) -> Answer:
        owner = {"id": "1", "username": "owner", "discriminator": "0", "avatar": None}
        facts = {"id": str(BOT_ID), "name": "Gafuu", "icon": None, "description": "", "flags": 0}
        more = {"bot_public": True, "bot_require_code_grant": False, "verify_key": "", "summary": ""}
        return 200, facts | more | {"owner": owner, "team": None}

    def _open_direct(self, _names: Any, body: dict[str, Any], *_: object) -> Answer:  # noqa: ANN401
        person_id = int(body["recipient_id"])
        person = {"id": str(person_id), "username": "someone", "discriminator": "0", "avatar": None}
        return 200, {"id": str(self._state.direct(person_id)), "type": 1, "recipients": [person]}

    def _callback(self, names: Any, body: dict[str, Any], files: list[str], _query: object) -> Answer:  # noqa: ANN401
        card = self._state.answer(names[1], body.get("data") or {}, files)
        told = {"id": names[0], "type": 2, "response_message_id": str(card.id)}
        return 200, {"interaction": told, "resource": {"type": body["type"], "message": card.payload()}}

    def _follow_up(self, names: Any, body: dict[str, Any], files: list[str], _query: object) -> Answer:  # noqa: ANN401
        return 200, self._state.follow_up(names[0], body, files).payload()

    def _get_card(self, names: Any, *_: object) -> Answer:  # noqa: ANN401
        asked = self._state.asked[names[0]]
        return 200, self._state.message(asked.channel_id, asked.card_id or 0).payload()

    def _edit_card(self, names: Any, body: dict[str, Any], files: list[str], _query: object) -> Answer:  # noqa: ANN401
        return 200, self._state.edit_card(names[0], body, files).payload()

    def _delete_card(self, names: Any, *_: object) -> Answer:  # noqa: ANN401
        asked = self._state.asked[names[0]]
        self._state.channel(asked.channel_id).pop(asked.card_id or 0, None)
        return NO_CONTENT, None

    def _post(self, names: Any, body: dict[str, Any], files: list[str], _query: object) -> Answer:  # noqa: ANN401
        return 200, self._state.post(int(names[0]), body, files).payload()

    def _history(self, names: Any, _body: object, _files: object, query: Any) -> Answer:  # noqa: ANN401
        before = int(query["before"]) if "before" in query else None
        after, limit = int(query.get("after", 0)), int(query.get("limit", 50))
        found = self._state.history(int(names[0]), after=after, before=before, limit=limit)
        return 200, [message.payload() for message in found]

    def _get(self, names: Any, *_: object) -> Answer:  # noqa: ANN401
        return 200, self._state.message(int(names[0]), int(names[1])).payload()

    def _edit(self, names: Any, body: dict[str, Any], files: list[str], _query: object) -> Answer:  # noqa: ANN401
        return 200, self._state.edit(int(names[0]), int(names[1]), body, files).payload()

    def _delete(self, names: Any, *_: object) -> Answer:  # noqa: ANN401
        self._state.message(int(names[0]), int(names[1]))
        del self._state.channel(int(names[0]))[int(names[1])]
        return NO_CONTENT, None


async def _read(request: web.Request) -> tuple[dict[str, Any], list[str]]:
    """Return what a request says, and the names of its files."""
    if not request.content_type.startswith("multipart/"):
        text = await request.text()
        return (json.loads(text) if text else {}), []
    parts = await request.post()
    files = [part.filename for part in parts.values() if isinstance(part, web.FileField)]
    return json.loads(str(parts["payload_json"])), files


def _cut(request: web.Request) -> web.Response:
    """Break the connection off; the answer goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _json(status: int, data: object) -> web.Response:
    answer = web.json_response(data, status=status, headers={"Via": "1.1 here"})
    answer.headers["Content-Type"] = "application/json"  # discord.py compares the whole header
    return answer
