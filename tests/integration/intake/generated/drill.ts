// Submits a drill and reads its status with the generated types alone: drill.js URL CREDENTIAL KEY.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };

const [baseUrl, credential, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${credential}` } });

const submitted = await client.POST("/api/v1/reports", {
  params: { header: { "Idempotency-Key": key } },
  body: { role: "victim", harm_types: ["other"], synthetic: true },
});
if (!submitted.data) throw new Error(submitted.error.code);
const told = await client.POST("/api/v1/receipts/status", { body: { receipt: submitted.data.receipt } });
if (!told.data) throw new Error(told.error.code);
console.log(submitted.data.report_id, told.data.state);
