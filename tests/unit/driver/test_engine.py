"""The engine as the driver asks it: by its commands."""

from __future__ import annotations

import time
from pathlib import Path

from cutover.engine import CLOCK_SECONDS, Engine


def test_the_configuration_is_asked_for_again_only_when_its_file_has_changed(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    script, asked = tmp_path / "pulumiw", tmp_path / "asked"
    script.write_text(f"""#!/bin/sh
echo "$1" >> {asked}
cat Pulumi.dev.yaml
""")
    script.chmod(0o755)
    engine = Engine(tmp_path, "dev")

    def write(color: str) -> None:
        (tmp_path / "Pulumi.dev.yaml").write_text(f'{{"shop:activeColor": {{"value": "{color}"}}}}')

    write("blue")
    time.sleep(2 * CLOCK_SECONDS)
    assert [engine.config() for _ in range(3)] == [{"shop:activeColor": "blue"}] * 3
    assert asked.read_text() == "config\n"
    write("green")
    assert engine.config() == {"shop:activeColor": "green"}
    write("blue")  # at nearly the time of the last reading
    assert engine.config() == {"shop:activeColor": "blue"}
