"""Record the sample logs anew, or check the stored ones.

    python tests/lab/record.py [SCENARIO...]     record these scenarios (all without a name)
    python tests/lab/record.py --check           check what is stored; needs nothing but Python
    python tests/lab/record.py --smoke           start the hops and try every fault; likewise

Recording needs Chromium, mitmdump and the Python packages playwright, openai and anthropic: see
README.md beside this file. All traffic stays on the loopback.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

import samples


def record(name: str) -> None:
    """Record one scenario; the stored files are replaced only when everything went well."""
    from lab import Lab
    from scenarios import SCENARIOS, Recording

    scenario = SCENARIOS[name]
    target = samples.SAMPLES / name
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Lab(name) as lab:
        now = Recording(lab, Path(folder), {})
        scenario.stage(now)
        value = samples.expected(scenario.description, now.joined, scenario.unknown_budget)
        for old in target.glob("*.har"):
            old.unlink()
        for capture in sorted(now.joined):
            (target / capture).write_bytes((Path(folder) / capture).read_bytes())
        samples.write_expected(target, value)
    print(f"{name}: {value['attempts_total']} attempts, {value['failed']} failed")


def vocabulary() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the layers and causes of the checkout, without importing the package."""
    path = samples.ROOT / "analyzer" / "vocabulary.py"
    spec = importlib.util.spec_from_file_location("lab_vocabulary", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.LAYER_WORDS, module.CAUSE_WORDS


def check() -> int:
    """Check every stored scenario and return the exit code."""
    from scenarios import SCENARIOS

    problems = []
    for name in SCENARIOS:
        problems += samples.check(samples.SAMPLES / name, *vocabulary())
    print("\n".join(problems) or f"{len(SCENARIOS)} scenarios are well-formed.")
    return 1 if problems else 0


def smoke_test() -> int:
    """Try every fault and return the exit code."""
    import smoke

    problems = smoke.run()
    print("\n".join(problems) or f"{len(smoke.CASES)} staged requests did what they should.")
    return 1 if problems else 0


def main() -> int:
    """Run the command line."""
    from scenarios import SCENARIOS

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scenario", nargs="*", help="names: " + ", ".join(SCENARIOS))
    parser.add_argument("--check", action="store_true", help="check the stored samples")
    parser.add_argument("--smoke", action="store_true", help="try every fault of the hops")
    options = parser.parse_args()
    if options.check:
        return check()
    if options.smoke:
        return smoke_test()
    unknown = [name for name in options.scenario if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario named {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    for name in options.scenario or SCENARIOS:
        record(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
