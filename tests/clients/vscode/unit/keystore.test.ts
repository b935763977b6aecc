/** A key is given out for the endpoint that it was entered for, and seen nowhere else. */
import assert from "node:assert/strict";
import test from "node:test";

import { KeyStore, objection, withoutKeys } from "../../../../clients/vscode/src/keystore";

const ENDPOINT = "https://api.example/v1";
const KEY = 'sk-"quoted"\\secret';

function makeStore(): { store: KeyStore; secrets: Map<string, string>; memory: Map<string, unknown> } {
  const secrets = new Map<string, string>();
  const memory = new Map<string, unknown>();
  const store = new KeyStore(
    {
      get: async (name: string) => secrets.get(name),
      store: async (name: string, value: string) => void secrets.set(name, value),
      delete: async (name: string) => void secrets.delete(name),
    },
    {
      get: <T>(name: string, fallback?: T) => (memory.get(name) ?? fallback) as T,
      update: async (name: string, value: unknown) => void memory.set(name, value),
    },
  );
  return { store, secrets, memory };
}

test("the endpoint gets its key, until the user takes it back", async () => {
  const { store, secrets } = makeStore();
  await store.set(ENDPOINT, KEY);
  assert.equal(await store.get(ENDPOINT), KEY);
  await store.remove(ENDPOINT);
  assert.equal(await store.get(ENDPOINT), null);
  assert.equal(secrets.size, 0);
});

test("nothing that is not exactly the endpoint gets it", async () => {
  const { store } = makeStore();
  await store.set(ENDPOINT, KEY);
  for (const asked of [
    "https://api.example/v1/", "https://api.example/v1 ", "http://api.example/v1", "https://API.example/v1",
    "https://api.example:443/v1", "https://api.example", "https://api.example/v1/../v1", "https://u@api.example/v1",
    "https://evil.example/v1", "", "__proto__", "constructor", null, undefined, 7, [ENDPOINT], { endpoint: ENDPOINT },
  ]) {
    assert.equal(await store.get(asked), null, JSON.stringify(asked));
  }
});

test("the list of endpoints in the editor's state has no key in it", async () => {
  const { store, memory } = makeStore();
  await store.set(ENDPOINT, KEY);
  assert.deepEqual([...memory.values()], [[ENDPOINT]]);
});

test("a log has no key in it, neither plain nor as JSON writes it", async () => {
  const { store } = makeStore();
  await store.set(ENDPOINT, KEY);
  const lines: string[] = [];
  const plain = { level: 1, trace: (line: string) => void lines.push(line) };
  const log = withoutKeys(plain as never, store);
  log.trace(`Sending: ${JSON.stringify({ key: KEY })} or ${KEY}`);
  assert.equal(lines.join(), 'Sending: {"key":"<key>"} or <key>');
});

test("what cannot be a key is said before it is stored", () => {
  assert.equal(objection("sk-1"), undefined);
  for (const bad of ["a b", "a\tb", "ключ", "x".repeat(5000)]) assert.ok(objection(bad), bad);
});
