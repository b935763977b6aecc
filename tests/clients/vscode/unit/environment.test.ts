/** Which commands install the server, and which server is new enough. */
import assert from "node:assert/strict";
import test from "node:test";

import { binary, installSteps, isAtLeast, packageSpec } from "../../../../clients/vscode/src/environment";

const words = (tools: object, windows = false) =>
  installSteps(tools, "/s", "turnout", windows).map(({ command, args }) => [command, ...args].join(" "));

test("uv is used where there is one, and finds a Python by itself", () => {
  assert.deepEqual(words({ uv: "/bin/uv" }), [
    "/bin/uv venv --clear --python >=3.11 /s",
    "/bin/uv pip install --python /s/bin/python turnout",
  ]);
  assert.match(words({ uv: "/bin/uv", python: "/bin/python3" })[0] ?? "", /--python \/bin\/python3 \/s$/);
});

test("Python makes the environment, whose own pip installs into it", () => {
  const [first, second] = words({ python: "/bin/python3" });
  assert.equal(first, "/bin/python3 -m venv --clear /s");
  assert.match(second ?? "", /^\/s\/bin\/python -m pip install .* turnout$/);
});

test("without a tool there is nothing to run", () => {
  assert.deepEqual(words({}), []);
});

test("programs of an environment are in another place on Windows", () => {
  assert.match(binary("s", "turnout", true), /Scripts.turnout\.exe$/);
});

test("what the user set is installed, else the server that came along, with its engine", () => {
  for (const [configured, bundled, expected] of [
    ["", "/w/t.whl", "/w/t.whl[local]"],
    ["  turnout==2  ", "/w/t.whl", "turnout==2"],
    ["", undefined, undefined],
  ] as const) {
    assert.equal(packageSpec(configured, bundled), expected);
  }
});

test("versions compare by number, and one that cannot be read is let through", () => {
  for (const [version, oldest, expected] of [
    ["0.1.0", "0.1.0", true],
    ["0.10.0", "0.9.1", true],
    ["0.1", "0.1.1", false],
    ["0.1.0.dev1", "0.1.0", true],
    ["1.0.0", "0.9", true],
    ["0.0.9", "0.1.0", false],
    ["unknown", "0.1.0", true],
  ] as const) {
    assert.equal(isAtLeast(version, oldest), expected, `${version} against ${oldest}`);
  }
});
