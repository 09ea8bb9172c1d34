"""How big things are: sizes of files and functions, docstrings, annotations, prints, broad excepts; a report, no gate.

The design's own numbers to compare with: file median up to 100 lines, hardly any above 300; function median up to 10,
none above 50; every public function annotated and documented; tests 1.2 to 1.8 lines a line of code.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function))


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _is_public(function: Function) -> bool:
    return not function.name.startswith("_")


def _is_annotated(function: Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return function.returns is not None and all(a.annotation or a.arg in ("self", "cls") for a in arguments)


def _broad_excepts(path: Path) -> int:
    handlers = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ExceptHandler))
    return sum(h.type is None or (isinstance(h.type, ast.Name) and h.type.id == "Exception") for h in handlers)


def main() -> None:
    """Print the report."""
    code, tests = _files("dags", "plugins", "include"), _files("tests")
    sizes = {path: _lines(path) for path in code}
    functions = {(path, function.name): _length(function) for path in code for function in _functions(path)}
    public = [function for path in code for function in _functions(path) if _is_public(function)]
    largest, longest = max(code, key=_lines), max(functions, key=functions.__getitem__)
    documented = sum(ast.get_docstring(function) is not None for function in public)
    report = [
        f"files {len(code)}, median {statistics.median(sizes.values()):.0f} lines",
        f"longest file {sizes[largest]} lines ({largest.relative_to(ROOT)})",
        f"functions {len(functions)}, median {statistics.median(functions.values()):.0f} lines",
        f"longest function {functions[longest]} lines ({longest[1]})",
        f"public functions: {sum(map(_is_annotated, public)) / len(public):.0%} annotated",
        f"public functions: {documented / len(public):.0%} documented",
        f"broad excepts {sum(map(_broad_excepts, code))}",
        f"tests: {sum(map(_lines, tests)) / sum(sizes.values()):.1f} lines a line of code",
    ]
    sys.stdout.write("\n".join(report) + "\n")


if __name__ == "__main__":
    main()
