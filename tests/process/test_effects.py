"""What the import of a plugin does to the process is seen, named and put back; what libraries do is not its fault."""

from __future__ import annotations

import builtins
import importlib
import locale
import os
import signal
import sys
import threading
import warnings

import pytest

from clsfw.discovery.plugins import discover

HOOK = """
import clsfw

@clsfw.hookimpl
def register_models():
    return []
"""


@pytest.fixture
def install(fake_distribution, monkeypatch):
    """Return a function that installs a plugin with this code at its top, beside libraries."""
    before = set(sys.modules)

    def lay_out(code, libraries=(), hook=HOOK):
        files = {"touchy.py": code + hook, **dict(libraries)}
        monkeypatch.syspath_prepend(str(fake_distribution("acme-touchy", files, "touchy = touchy")))
        importlib.invalidate_caches()

    yield lay_out
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def plugin(install):
    """Return a function that installs a plugin and finds it."""

    def find(*arguments, **options):
        install(*arguments, **options)
        return discover().named("touchy")

    return find


def umask():
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


EFFECTS = {
    "the working directory": ("import os; os.chdir('/')", os.getcwd),
    "the environment (ACME_A, ACME_B)": (
        "import os; os.environ.update(ACME_A='new', ACME_B='new')",
        lambda: dict(os.environ),
    ),
    "sys.path": ("import sys; sys.path.insert(0, '/acme')", lambda: [*sys.path]),
    "sys.stdin": ("import io, sys; sys.stdin = io.StringIO()", lambda: sys.stdin),
    "sys.stdout": ("import io, sys; sys.stdout = io.StringIO()", lambda: sys.stdout),
    "sys.stderr": ("import io, sys; sys.stderr = io.StringIO()", lambda: sys.stderr),
    "the umask": ("import os; os.umask(0o007)", umask),
    "the handler of SIGUSR1": (
        "import signal; signal.signal(signal.SIGUSR1, print)",
        lambda: signal.getsignal(signal.SIGUSR1),
    ),
    "the handler of SIGINT": (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
        lambda: signal.getsignal(signal.SIGINT),
    ),
    "the warnings filters": ("import warnings; warnings.simplefilter('ignore')", lambda: [*warnings.filters]),
    "the locale": (
        "from locale import LC_ALL, setlocale; setlocale(LC_ALL, 'C.UTF-8' if setlocale(LC_ALL) == 'C' else 'C')",
        lambda: locale.setlocale(locale.LC_ALL),
    ),
    "builtins (acme_tool, print)": (
        "import builtins; builtins.acme_tool = builtins.print = len",
        lambda: (builtins.print, hasattr(builtins, "acme_tool")),
    ),
    "builtins (__import__)": (
        "import builtins; old = builtins.__import__; builtins.__import__ = lambda *a, **o: old(*a, **o)",
        lambda: builtins.__import__,
    ),
}


@pytest.mark.parametrize(("what", "code", "look"), [(w, *c) for w, c in EFFECTS.items()], ids=EFFECTS)
class TestEffect:
    def test_it_breaks_the_plugin_by_name(self, plugin, monkeypatch, what, code, look):
        monkeypatch.setenv("ACME_A", "old")
        found = plugin(code)

        assert ("broken", {}) == (found.state, found.components)
        assert f"its import changes {what}; do that in `build`" in found.reason

    def test_it_is_put_back(self, install, monkeypatch, what, code, look):
        monkeypatch.setenv("ACME_A", "old")
        install(code)
        before = look()

        assert "broken" == discover().named("touchy").state
        assert before == look()

    def test_it_is_found_again_by_the_next_look(self, plugin, what, code, look):
        plugin(code)

        assert "broken" == discover().named("touchy").state


def test_several_effects_are_all_named(plugin):
    found = plugin("import os, sys; os.chdir('/'); os.umask(0o007); sys.path.append('/acme')")

    assert "its import changes the working directory, the umask and sys.path; " in found.reason


def test_a_thread_that_goes_on_is_named(plugin):
    code = "import threading; end = threading.Event(); threading.Thread(target=end.wait, name='acme-watch').start()"
    found = plugin(f"{code}\nimport sys; sys.acme_end = end")
    sys.acme_end.set()
    del sys.acme_end
    for thread in threading.enumerate():
        if thread.name == "acme-watch":
            thread.join()

    assert "its import changes the running threads (acme-watch); " in found.reason


def test_an_effect_of_a_contributing_hook_counts(plugin):
    hook = "import clsfw, os\n\n@clsfw.hookimpl\ndef register_models():\n    os.umask(0o007)\n    return []\n"

    assert "its import changes the umask; " in plugin("", hook=hook).reason


def test_the_error_of_a_failed_import_is_told_and_its_effects_are_put_back(plugin):
    before = umask()
    found = plugin("import os; os.umask(0o007); 1 / 0")

    assert found.reason.startswith("ZeroDivisionError: division by zero (")
    assert before == umask()


LIBRARY = """
import os, sys, warnings
os.environ["ACME_LIBRARY"] = "set"
sys.path.append("/acme-library")
warnings.filterwarnings("ignore", "acme")
"""


class TestLibraries:
    @pytest.fixture(autouse=True)
    def _kept(self, monkeypatch):
        """Put back what the library may change."""
        monkeypatch.setenv("ACME_LIBRARY", "")
        path = [*sys.path]
        with warnings.catch_warnings():
            yield
        sys.path[:] = path

    @pytest.mark.parametrize(
        "code", ["import acme_library", "from acme_library import os", "from acme_package import part"]
    )
    def test_what_a_library_does_when_it_is_imported_is_its_own_business(self, plugin, code):
        libraries = {"acme_library.py": LIBRARY, "acme_package/__init__.py": "", "acme_package/part.py": LIBRARY}

        assert "ok" == plugin(code, libraries).state
        assert ("set", True) == (os.environ["ACME_LIBRARY"], "/acme-library" in sys.path)

    def test_what_the_plugin_does_beside_it_is_not(self, plugin):
        code = "import os; os.environ['ACME_OWN'] = '1'\nimport acme_library\nimport sys; sys.path.append('/acme')"
        found = plugin(code, {"acme_library.py": LIBRARY})

        assert "its import changes the environment (ACME_OWN) and sys.path; " in found.reason
        assert ("set", None) == (os.environ["ACME_LIBRARY"], os.environ.get("ACME_OWN"))
        assert ("/acme-library" in sys.path, "/acme" in sys.path) == (True, False)

    def test_what_no_library_should_do_is_held_against_the_plugin_that_imports_it(self, plugin):
        found = plugin("import acme_library", {"acme_library.py": "import os; os.umask(0o007)"})

        assert "its import changes the umask; " in found.reason


class TestInterrupt:
    def test_one_that_the_plugin_raises_breaks_it(self, plugin):
        found = plugin("\nraise KeyboardInterrupt('mine')")

        assert found.reason.startswith("KeyboardInterrupt: mine (")
        assert found.reason.endswith("touchy.py:2)")

    def test_one_that_a_hook_raises_breaks_it(self, plugin):
        hook = "import clsfw\n\n@clsfw.hookimpl\ndef register_models():\n    raise KeyboardInterrupt\n"

        assert plugin("", hook=hook).reason.startswith("KeyboardInterrupt (")

    def test_the_users_own_ends_the_command(self, plugin):
        with pytest.raises(KeyboardInterrupt):
            plugin("import signal; signal.raise_signal(signal.SIGINT)")

        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
