"""Run one tool for one job and say what came of it. No Django here: usable, tested and published alone."""

from adapters.base import ToolAdapter
from adapters.errors import AdapterError, UnknownTool
from adapters.evidence import Evidence
from adapters.execution import execute
from adapters.interface import Adapter, Command, Context, Field, JobResult
from adapters.process.spec import Ending
from adapters.registry import TOOL_RUNNERS, adapters, get
from adapters.tools.aider import run_aider_job
from adapters.tools.claude import run_claude_job
from adapters.tools.codex import run_codex_job
from adapters.tools.gemini import run_gemini_job
from adapters.tools.git import run_git_job
from adapters.tools.opencode import run_opencode_job
from adapters.tools.shell import run_shell_job
from adapters.tools.test_command import run_tests_job
from adapters.verdict import Reason, Verdict

__all__ = [
    "TOOL_RUNNERS",
    "Adapter",
    "AdapterError",
    "Command",
    "Context",
    "Ending",
    "Evidence",
    "Field",
    "JobResult",
    "Reason",
    "ToolAdapter",
    "UnknownTool",
    "Verdict",
    "adapters",
    "execute",
    "get",
    "run_aider_job",
    "run_claude_job",
    "run_codex_job",
    "run_gemini_job",
    "run_git_job",
    "run_opencode_job",
    "run_shell_job",
    "run_tests_job",
]
