"""What a server runs in, as its environment variables say: a person's editor, or continuous integration."""

from collections.abc import Mapping

INTERACTIVE = "interactive"

_SYSTEMS = (
    ("GITHUB_ACTIONS", "github-actions"),
    ("GITLAB_CI", "gitlab-ci"),
    ("JENKINS_URL", "jenkins"),
    ("BUILDKITE", "buildkite"),
    ("CIRCLECI", "circleci"),
    ("TF_BUILD", "azure-pipelines"),
    ("TEAMCITY_VERSION", "teamcity"),
    ("CI", "ci"),
)
"""The variable that each of them sets; most set CI beside their own, so that one comes last."""


def environment_of(variables: Mapping[str, str]) -> str:
    """`interactive`, or the name of the system that runs this."""
    set_ones = (
        name for variable, name in _SYSTEMS if variables.get(variable, "").lower() not in ("", "0", "false")
    )
    return next(set_ones, INTERACTIVE)
