"""Adapters: run one tool for one job and judge the result. No Django here: usable and tested alone."""

from adapters.base import ToolAdapter
from adapters.errors import AdapterError, UnknownTool
from adapters.evidence import Evidence
from adapters.execution import execute
from adapters.interface import Adapter, AdapterInterface, Command, Context, Field, JobResult
from adapters.process.spec import Ending
from adapters.registry import TOOL_RUNNERS, adapters, get
from adapters.tools.aider import AiderAdapter, run_aider_job
from adapters.tools.claude import ClaudeAdapter, run_claude_job
from adapters.tools.codex import CodexAdapter, run_codex_job
from adapters.tools.copilot import CopilotAdapter, run_copilot_job
from adapters.tools.gemini import GeminiAdapter, run_gemini_job
from adapters.tools.git import GitAdapter, run_git_job
from adapters.tools.opencode import OpencodeAdapter, run_opencode_job
from adapters.tools.shell import ShellAdapter, run_shell_job
from adapters.tools.test_command import TestsAdapter, run_tests_job
from adapters.verdict import Reason, Verdict

__all__ = [
    "TOOL_RUNNERS",
    "Adapter",
    "AdapterError",
    "AdapterInterface",
    "AiderAdapter",
    "ClaudeAdapter",
    "CodexAdapter",
    "Command",
    "Context",
    "CopilotAdapter",
    "Ending",
    "Evidence",
    "Field",
    "GeminiAdapter",
    "GitAdapter",
    "JobResult",
    "OpencodeAdapter",
    "Reason",
    "ShellAdapter",
    "TestsAdapter",
    "ToolAdapter",
    "UnknownTool",
    "Verdict",
    "adapters",
    "execute",
    "get",
    "run_aider_job",
    "run_claude_job",
    "run_codex_job",
    "run_copilot_job",
    "run_gemini_job",
    "run_git_job",
    "run_opencode_job",
    "run_shell_job",
    "run_tests_job",
]
