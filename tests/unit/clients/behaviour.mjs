// Runs every case of CASES through the TypeScript client; test_behaviour.py compares what the server was asked.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { Client, RefusedError } = await import(pathToFileURL(process.env.CLIENT));
const cases = JSON.parse(readFileSync(process.env.CASES, "utf8"));

const told = (error) =>
  error instanceof RefusedError
    ? {
        kind: error.name,
        status: error.status,
        code: error.code,
        detail: error.detail,
        trace_id: error.traceId,
        retry_after: error.retryAfter ?? null,
        errors: error.errors.map((one) => [one.field, one.reason, one.detail, one.allowed]),
      }
    : { kind: error instanceof TypeError ? "ValueError" : error.name };

const picked = (found, expected) => Object.fromEntries(Object.keys(expected).map((field) => [field, found[field]]));

for (const one of cases) {
  test(one.name, async () => {
    const waits = [];
    const client = new Client({
      url: one.url,
      credential: one.credential,
      timeoutMs: one.timeout_ms,
      sleep: async (ms) => void waits.push(ms / 1000),
      chance: () => 0,
    });
    const options = {};
    if (one.idempotencyKey !== undefined) options.idempotencyKey = one.idempotencyKey;
    if (one.visitor) options.visitor = one.visitor;
    if (one.callback) options.callback = one.callback;
    const call = one.body ? client[one.call](one.body, options) : client[one.call]();
    if (one.error) {
      await assert.rejects(call, (error) => {
        assert.deepEqual(picked(told(error), one.error), one.error);
        return true;
      });
    } else {
      assert.deepEqual(picked(await call, one.answer), one.answer);
    }
    assert.deepEqual(waits, one.waits ?? []);
    const { limit, windowSeconds, remaining, fullInSeconds } = client.rateLimit ?? {};
    const left = client.rateLimit ? [limit, windowSeconds, remaining, fullInSeconds] : null;
    assert.deepEqual(left, one.rate_limit ?? null);
  });
}
