import pytest

from noisette.errors import WorkspaceError
from noisette.pipeline.demo import run_demo
from noisette.pipeline.workspace import Workspace
from tests.pipeline.conftest import files, workspace

__all__ = ["files", "workspace"]


def test_the_demo_leaves_a_workspace_of_something_else_alone(workspace: Workspace) -> None:
    before = {path: path.read_bytes() for path in workspace.root.rglob("*") if path.is_file()}
    with pytest.raises(WorkspaceError, match="is a workspace of something else; name another folder for the demo"):
        run_demo(workspace.root)
    assert {path: path.read_bytes() for path in workspace.root.rglob("*") if path.is_file()} == before
