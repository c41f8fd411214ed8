"""Who may see and do what: the one place where it is decided, for pages, API and admin alike.

A role is a group; a group's permissions give scopes; a token narrows them. What somebody may not see does not exist for
them: `NotFound`. What they see but may not do is `NotAllowed`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from adapters.paths import is_below
from jobs.errors import NotAllowed, NotFound
from jobs.models import (
    ApiToken,
    ErrorGroup,
    Event,
    Job,
    JobTemplate,
    Project,
    Run,
    SavedView,
    StepAttempt,
    Workstream,
)
from jobs.models.job import JobQuerySet
from jobs.roles import PERMISSIONS, Scope
from jobs.services.accounts import tokens
from jobs.services.reading import one_job
from jobs.services.submission.submit import Submitter
from jobs.states import Verb

NEEDS: dict[Scope, str] = {
    "read": "read the dashboard",
    "submit": "submit jobs",
    "review": "judge jobs in review",
    "operate": "operate Engine",
    "administer": "administer Engine",
}
# Who may submit may also do this to their own jobs; an operator to all that they see.
OWN_VERBS = tuple(verb for verb in Verb if verb is not Verb.REVIEW)

_Row = TypeVar("_Row", bound=Model)


@dataclass(frozen=True)
class Actor:
    """A signed-in person, or one of their tokens."""

    user: User
    token: ApiToken | None = None
    # What was read together with the token; None: the user's permissions and the projects are asked for when needed.
    login: tokens.Login | None = None

    @classmethod
    def by_token(cls, secret: str) -> "Actor | None":
        login = tokens.log_in(secret)
        return None if login is None else cls(login.user, login.token, login)

    @property
    def name(self) -> str:
        return self.user.get_username()

    @property
    def submitter(self) -> Submitter:
        return Submitter(self.name, self.user)

    @cached_property
    def scopes(self) -> frozenset[Scope]:
        own = frozenset(scope for scope, permission in PERMISSIONS.items() if self._has(permission))
        return own if self.token is None else own & frozenset(self.token.scopes)

    def _has(self, permission: str) -> bool:
        if self.login is None:
            return self.user.has_perm(permission)
        return self.user.is_superuser or permission.removeprefix("jobs.") in self.login.permissions

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        if not self.may(scope):
            who = f"The token {self.token.name}" if self.token else self.name
            raise NotAllowed(f"{who} may not {NEEDS[scope]}: it takes the {scope} permission.", scope=scope)

    # --- one job -----------------------------------------------------------------------------------------------------
    def owns(self, job: Job) -> bool:
        return job.submitter_id is not None and job.submitter_id == self.user.pk

    def sees_values(self, job: Job) -> bool:
        """Whether values of the job's environment are theirs to see: who submitted it, and operators."""
        return self.may("operate") or (self.may("submit") and self.owns(job))

    def may_do(self, verb: Verb, job: Job) -> bool:
        if verb is Verb.REVIEW:
            return self.may("review")
        return self.may("operate") or (verb in OWN_VERBS and self.may("submit") and self.owns(job))

    def refusal_to(self, verb: Verb, job: Job) -> NotAllowed | None:
        if self.may_do(verb, job):
            return None
        needed = "review" if verb is Verb.REVIEW else "operate"
        owner = job.submitted_by or "somebody else"
        return NotAllowed(
            f"{self.name} may not {verb} {job.job_id}, submitted by {owner}: it takes the {needed} permission.",
            scope=needed,
        )

    def job(self, job_id: str) -> Job:
        """The job, if the actor sees it."""
        job = one_job.find(job_id)
        if job is None or not self._rights_in(job.repo_key)[0]:
            raise NotFound(f"Job {job_id} not found.", job_id=job_id)
        return job

    # --- what people keep --------------------------------------------------------------------------------------------
    def may_change(self, kept: SavedView | JobTemplate) -> bool:
        """One's own; an operator also what others share."""
        return kept.owner_id == self.user.pk or (kept.shared and self.may("operate"))

    def require_to_change(self, kept: SavedView | JobTemplate) -> None:
        if not self.may_change(kept):
            owner = kept.owner.get_username()
            raise NotAllowed(f"{kept} is {owner}'s: changing it takes the operate permission.", scope="operate")

    def views(self) -> "QuerySet[SavedView]":
        return SavedView.objects.filter(Q(owner=self.user) | Q(shared=True)).select_related("owner")

    def templates(self) -> "QuerySet[JobTemplate]":
        """Own and shared ones, as far as the actor sees the repository that they name."""
        rows = JobTemplate.objects.filter(Q(owner=self.user) | Q(shared=True)).select_related("owner")
        return self._seen(rows, "repo_key")

    def template(self, slug: str, *, change: bool = False) -> JobTemplate:
        found = self.templates().filter(slug=slug).first()
        if found is None:
            raise NotFound(f"Template {slug} not found.")
        if change:
            self.require_to_change(found)
        return found

    # --- what is seen ------------------------------------------------------------------------------------------------
    @cached_property
    def _projects(self) -> list[tuple[str, bool, bool]]:
        """(root, sees, submits), the outermost first; empty when everything is open to the actor."""
        if self.user.is_superuser or self.may("administer") or (self.login and not self.login.projects):
            return []
        mine = set(self.user.groups.values_list("pk", flat=True))
        rules = []
        for project in Project.objects.prefetch_related("viewers", "submitters"):
            submitters = {group.pk for group in project.submitters.all()}
            viewers = {group.pk for group in project.viewers.all()} | submitters
            is_open = not viewers
            rules.append((project.root, is_open or bool(viewers & mine), is_open or bool(submitters & mine)))
        if all(sees and submits for _, sees, submits in rules):
            return []
        return sorted(rules, key=lambda rule: len(rule[0]))

    def _seen(self, rows: "QuerySet[_Row]", field: str) -> "QuerySet[_Row]":
        """The rows whose repository the actor sees; of nested projects the innermost decides."""
        seen, limited = ~Q(pk__in=[]), False  # all rows: an empty Q would vanish in an `or`
        for root, sees, _ in self._projects:
            below = Q(**{field: root}) | Q(**{f"{field}__startswith": root.rstrip("/") + "/"})
            limited = limited or not sees
            seen = (seen | below) if sees else (seen & ~below)
        return rows.filter(seen) if limited else rows

    @property
    def sees_all(self) -> bool:
        return all(sees for _, sees, _ in self._projects)

    def jobs(self) -> JobQuerySet:
        return cast(JobQuerySet, self._seen(Job.objects.all(), "repo_key"))

    def attempts(self) -> "QuerySet[StepAttempt]":
        return self._seen(StepAttempt.objects.all(), "job__repo_key")

    def runs(self) -> "QuerySet[Run]":
        """A run is seen with any of its jobs, or while it has none."""
        if self.sees_all:
            return Run.objects.all()
        return Run.objects.filter(Q(jobs=None) | Q(run_id__in=self.jobs().values("run_id"))).distinct()

    def workstreams(self) -> "QuerySet[Workstream]":
        if self.sees_all:
            return Workstream.objects.all()
        return Workstream.objects.filter(Q(jobs=None) | Q(pk__in=self.jobs().values("workstream_id"))).distinct()

    def events(self) -> "QuerySet[Event]":
        if self.sees_all:
            return Event.objects.all()
        of_run = Q(job=None) & (Q(run=None) | Q(run__in=self.runs().values("run_id")))
        return Event.objects.filter(of_run | Q(job__in=self.jobs().values("pk")))

    def errors(self) -> "QuerySet[ErrorGroup]":
        if self.sees_all:
            return ErrorGroup.objects.all()
        return ErrorGroup.objects.filter(pk__in=self.attempts().values("error_id"))

    def require_submit_to(self, repository: str) -> None:
        """Raises NotFound where the actor sees nothing, NotAllowed where they only look."""
        self.require("submit")
        sees, submits = self._rights_in(repository)
        if not sees:
            raise NotFound(f"Repository {repository} not found.")
        if not submits:
            raise NotAllowed(f"{self.name} may not submit to {repository}.", scope="submit")

    def _rights_in(self, repository: str) -> tuple[bool, bool]:
        """(sees, submits); of nested projects the innermost decides."""
        for root, sees, submits in reversed(self._projects):
            if is_below(repository, root):
                return sees, submits
        return True, True


def actor_of(request: HttpRequest) -> Actor:
    """The person behind a page. Raises NotAllowed for nobody."""
    user = request.user
    if isinstance(user, AnonymousUser) or not isinstance(user, User):
        raise NotAllowed("Sign in first.")
    return Actor(user)
