"""Writes the server's settings into the extension's manifest, or with `--check` says whether they are in step.

Only the `turnout.*` properties that the server knows are written; the extension's own stay as they are.
"""

import json
import sys
from pathlib import Path
from typing import Any

from turnout.settings.schema import Settings

MANIFEST = Path(__file__).parents[1] / "package.json"
OWN = ("turnout.server.", "turnout.trace.")
"""Prefixes of the settings that concern the extension alone."""

UNRESTRICTED = ("turnout.completion.", "turnout.trace.")
"""Prefixes of the settings that a folder may set before it is trusted."""

TABLES = {
    "models": "Models by name, with the keys of a `[models.NAME]` table in `.turnout.toml`.",
    "routes": "Routes by kind of request, with the keys of a `[routes.KIND]` table in `.turnout.toml`.",
    "rules": "Rules for some files, in order; the keys are those of `[[rules]]` in `.turnout.toml`.",
}
"""Tables that are one setting each, with their help.

They carry no default: the editor would merge it into what the user wrote, and so hide `config.toml`.
"""

VALUE_HELP = {
    "privacy.leaves_machine": {
        "never": "Only models on this machine are used.",
        "ask": "You are asked before text is sent to a hosted model.",
        "allow": "Routes may send text to hosted models.",
    },
    "completion.multiline": {
        "auto": "Decided from where the cursor stands.",
        "always": "Ghost text may always span lines.",
        "never": "Ghost text stays within the line.",
    },
}


def server_properties() -> dict[str, Any]:
    """The server's settings as contribution points of the editor."""
    schema = Settings.model_json_schema()
    properties: dict[str, Any] = {}
    for name, table in schema["properties"].items():
        inlined = _inline(table, schema["$defs"])
        if name in TABLES:
            inlined.pop("description", None)
            properties[name] = {**inlined, "markdownDescription": TABLES[name]}
        else:
            for key, value in inlined["properties"].items():
                properties[f"{name}.{key}"] = _leaf(f"{name}.{key}", value)
    return {
        f"turnout.{key}": {**value, "scope": "resource", "order": 10 + place}
        for place, (key, value) in enumerate(properties.items())
    }


def updated(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the server's settings and with the list of what an untrusted folder may not set."""
    configuration = manifest["contributes"]["configuration"]
    own = {name: value for name, value in configuration["properties"].items() if name.startswith(OWN)}
    properties = {**own, **server_properties()}
    restricted = [name for name in properties if not name.startswith(UNRESTRICTED)]
    result: dict[str, Any] = json.loads(json.dumps(manifest))
    result["contributes"]["configuration"]["properties"] = properties
    result["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = restricted
    return result


def main() -> int:
    """Write the manifest, or fail where `--check` finds it out of step."""
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    wanted = updated(manifest)
    if "--check" in sys.argv:
        return int(manifest != wanted)
    MANIFEST.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0


def _leaf(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    leaf = {**schema, "markdownDescription": schema["description"]}
    del leaf["description"]
    if key in VALUE_HELP:
        leaf["enumDescriptions"] = [VALUE_HELP[key][value] for value in schema["enum"]]
    return leaf


def _inline(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references, titles, and defaults of whole tables; null becomes one of the types."""
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {key: value for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if isinstance(kept.get("default"), dict | list) and _of_tables(node):
        del kept["default"]
    alternatives = kept.pop("anyOf", None)
    if alternatives:
        real = next(option for option in alternatives if option.get("type") != "null")
        kept = {**real, **kept, "type": [real["type"], "null"]}
    return {key: _inline(value, definitions) for key, value in kept.items()}


def _of_tables(node: dict[str, Any]) -> bool:
    return node.get("type") == "object" or "$ref" in node.get("items", {})


if __name__ == "__main__":
    sys.exit(main())
