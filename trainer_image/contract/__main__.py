"""Print the JSON Schema: ``python -m trainer_image.contract``."""

from __future__ import annotations

import json

from trainer_image.contract import json_schema

if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2, sort_keys=True))
