// Every operation of the API once through the TypeScript client: node published.mjs CLIENT URL CREDENTIAL
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [, , client, url, credential] = process.argv;
const { Client, RefusedError, newIdempotencyKey } = await import(pathToFileURL(client));
const ieum = new Client({ url, credential, language: "en" });
const least = { role: "victim", harm_types: ["other"], synthetic: true };

const key = { idempotencyKey: newIdempotencyKey() };
const { report_id, receipt } = await ieum.submitReport(least, key);
assert.equal((await ieum.submitReport(least, key)).receipt, receipt);
assert.equal((await ieum.getReportStatus({ receipt }, { visitor: "v1" })).state, "received");
const message = { idempotencyKey: newIdempotencyKey() };
assert.equal((await ieum.leaveMessage({ receipt, text: "drill" }, message)).number, 1);
assert.equal((await ieum.leaveMessage({ receipt, text: "drill" }, message)).number, 1);
const amendment = { receipt, still_spreading: true };
assert.equal((await ieum.amendReport(amendment, { idempotencyKey: newIdempotencyKey() })).number, 1);
assert.deepEqual((await ieum.readAnswers({ receipt })).answers, []);
assert.ok((await ieum.setWord({ receipt, word: "correct horse" })).word_from);
assert.equal((await ieum.cancelWord({ receipt })).word_from, undefined);
assert.equal((await ieum.withdrawReport({ receipt })).state, "withdrawn");
assert.equal((await ieum.withdrawReport({ receipt })).state, "withdrawn");
assert.equal((await ieum.reinstateReport({ receipt })).state, "received");
assert.equal((await ieum.reinstateReport({ receipt })).state, "received");

const made = await ieum.submitReport(
  { ...least, role: "representative", on_behalf: { relation: "sibling" } },
  { idempotencyKey: newIdempotencyKey() },
);
await ieum.offerHandOver({ receipt: made.receipt });
assert.equal((await ieum.cancelHandOver({ receipt: made.receipt })).hand_over_until, undefined);
const { code } = await ieum.offerHandOver({ receipt: made.receipt });
const taken = await ieum.takeOverReport({ code, i_am_the_person: true }, { idempotencyKey: newIdempotencyKey() });
assert.notEqual(taken.receipt, made.receipt);
assert.equal((await ieum.getProofKey()).algorithm, "Ed25519");
assert.ok(ieum.rateLimit.remaining < ieum.rateLimit.limit);
await assert.rejects(
  ieum.submitReport({ ...least, harm_types: [] }, { idempotencyKey: newIdempotencyKey() }),
  (error) => error instanceof RefusedError && error.code === "invalid" && error.errors[0].field === "harm_types",
);
console.log(report_id);
