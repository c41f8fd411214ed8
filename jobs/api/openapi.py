"""The API object, and its OpenAPI document made complete: problem bodies, headers, scopes."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

import schema
from jobs.api.auth import readers_only
from jobs.api.job_document import components
from jobs.api.problem_codes import code_table
from jobs.api.responses import PROBLEM, some_of
from jobs.api.throttling import Rate

HEADERS = {
    "ETag": "Names this state of the answer; send it back as If-None-Match.",
    "RateLimit-Limit": "Requests that are allowed in a minute.",
    "RateLimit-Remaining": "Requests that are left in this minute.",
    "RateLimit-Reset": "Seconds until the next minute begins.",
    "X-Request-ID": "Names the request in Engine's log.",
}
REFUSALS = {
    400: "The body is not JSON.",
    401: "No valid token or session.",
    403: "The caller lacks the permission.",
    404: "Not found, or not visible to the caller.",
    409: "The state of things forbids it; the detail says why.",
    413: "The request is too large.",
    416: "The log has no such bytes.",
    422: "The request breaks a rule; `problems` names each fault.",
    429: "Too many requests; Retry-After says how long to wait.",
    500: "A defect; the request id finds it in the log.",
    501: "This server does not hold streams open.",
}
RAW = {"jobs_log": "text/plain", "jobs_log_stream": "text/event-stream", "events_stream": "text/event-stream"}
DESCRIPTION = f"""Submit jobs, watch them, and act on them.

A token is made under Settings, API tokens, and sent with each request:

    curl -H "Authorization: Bearer $ENGINE_TOKEN" --json @job.json $ENGINE_URL/api/v1/jobs

Every refusal is a problem document (RFC 9457), `application/problem+json`. Its `detail` is a sentence for people, its
`code` is for programs:

{code_table()}
"""
SPARSE = "With the parameter `fields`, only the fields named there are present."


class EngineAPI(NinjaAPI):
    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        scopes = {name: scope_of(operation) for name, operation in self.operations().items()}
        document["paths"] = _first_things_first(document["paths"])
        document["components"]["schemas"] |= components(schema.load_schema())
        sparse: set[str] = set()
        for path in document["paths"].values():
            for method, operation in path.items():
                _complete(method, operation)
                operation["x-scope"] = scopes[operation["operationId"]]
                for parameter in operation["parameters"]:
                    if parameter["name"] == "fields":
                        shapes = _shapes(operation, document["components"]["schemas"])
                        parameter["schema"]["pattern"] = _some_of(shapes, document["components"]["schemas"])
                        sparse |= shapes
        for name in sparse:
            shape = document["components"]["schemas"][name]
            shape.pop("required", None)
            shape["description"] = f"{shape.get('description', '')} {SPARSE}".strip()
        return document

    def operations(self) -> dict[str, Operation]:
        """Every operation by its id; a test demands a scope of each."""
        return {
            operation.operation_id or "": operation
            for router in self._get_bound_routers()
            for view in router.path_operations.values()
            for operation in view.operations
        }


def _first_things_first(paths: dict[str, Any]) -> dict[str, Any]:
    """Submit, check and look at jobs before what one does to them: the order in which a newcomer reads."""
    begins = [path for path in paths if path.endswith(("/jobs", "/jobs/check", "/jobs/{job_id}"))]
    return {path: paths[path] for path in (*begins, *(path for path in paths if path not in begins))}


def scope_of(operation: Operation) -> str:
    return str(getattr(operation.auth_callbacks[0], "scope", "")) if operation.auth_callbacks else ""


def _complete(method: str, operation: dict[str, Any]) -> None:
    if kind := RAW.get(operation["operationId"]):
        operation["responses"][200]["content"] = {kind: {"schema": {"type": "string"}}}
    if operation["operationId"] == "jobs_log":
        operation["responses"][206] = {
            "description": "The range that was asked for.",
            "content": operation["responses"][200]["content"],
        }
    for status, answer in operation["responses"].items():
        code = int(status)
        if code >= 400:
            answer["description"] = REFUSALS[code]
            answer["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        elif code < 300:
            names = [name for name in HEADERS if name != "ETag" or method == "get"]
            answer["headers"] = {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}
    if method == "get":
        operation["responses"][304] = {"description": "Nothing changed since the ETag in If-None-Match."}


def _shapes(operation: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """Names of the shapes in the operation's good answer: the row itself, or the rows of its page."""
    names: set[str] = set()
    for status, answer in operation["responses"].items():
        if int(status) < 300:
            if "application/json" not in answer.get("content", {}):
                continue
            name = str(answer["content"]["application/json"]["schema"].get("$ref", "")).rpartition("/")[2]
            items = schemas.get(name, {}).get("properties", {}).get("items", {})
            names.add(str(items.get("items", {}).get("$ref", name)).rpartition("/")[2])
    return names & set(schemas)


def _some_of(shapes: set[str], schemas: dict[str, Any]) -> str:
    return some_of(*(name for shape in sorted(shapes) for name in schemas[shape]["properties"]))


def new_api() -> EngineAPI:
    return EngineAPI(
        title="Engine",
        version="1",
        description=DESCRIPTION,
        urls_namespace="api",
        openapi_extra={"info": {"license": {"name": "MIT", "identifier": "MIT"}}},
        docs_url=None,  # the page is a view of its own, outside the version
        docs_decorator=readers_only,
        throttle=Rate(),
    )
