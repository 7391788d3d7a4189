// Verifies every case of CASES with the TypeScript client.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { verifyCallback } = await import(pathToFileURL(process.env.CLIENT));
for (const { name, secret, headers, body, error } of JSON.parse(readFileSync(process.env.CASES, "utf8"))) {
  const ways = [
    [headers, Buffer.from(body)],
    [new Headers(headers), body],
    [{ get: (name) => headers[name.toLowerCase()] ?? null }, body],
    [Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toUpperCase(), [value]])), body],
  ];
  for (const [given, bytes] of ways) {
    test(name, async () => {
      if (error) await assert.rejects(verifyCallback(secret, given, bytes), { name: error });
      else assert.deepEqual(await verifyCallback(secret, given, bytes), JSON.parse(body));
    });
  }
}
