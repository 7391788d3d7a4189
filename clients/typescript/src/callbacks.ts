// Whether a callback is genuine, and what it tells. Signed as Standard Webhooks has it (https://www.standardwebhooks.com).

import { subtle } from "#crypto";
import { NotGenuineError, UnexpectedAnswerError } from "./errors.js";
import type { CallbackBody } from "./models.js";

/** Headers as `fetch` and frameworks of today have them, also of a class of their own, or as Node's `request.headers`. */
export type ReceivedHeaders =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

const PREFIX = "whsec_";
/** A callback that is older, or from further ahead, may be one that somebody recorded. */
const TOLERANCE_S = 300;

/**
 * What a callback tells. Throws `NotGenuineError`: answer 400 and do nothing.
 *
 * `secret` is what the operator handed you (`whsec_…`); while it is replaced, either will do. `body` is the body as it
 * came, before anything has parsed it. The same callback may come again: `reference` and `sequence` are the same then.
 */
export async function verifyCallback(
  secret: string,
  headers: ReceivedHeaders,
  body: string | Uint8Array,
): Promise<CallbackBody> {
  const [id, sent, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => valueOf(headers, name));
  if (!id || !sent || !signatures) throw new NotGenuineError("webhook-id, webhook-timestamp or webhook-signature is missing");
  if (!/^\d{1,12}$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > TOLERANCE_S) {
    throw new NotGenuineError("signed more than five minutes ago, or ahead of this machine's clock");
  }
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${sent}.`);
  const content = new Uint8Array(head.length + bytes.length);
  content.set(head);
  content.set(bytes, head.length);
  if (!(await isSigned(secret, signatures, content))) throw new NotGenuineError("no signature fits the secret and the body");
  return read(new TextDecoder().decode(bytes));
}

async function isSigned(secret: string, signatures: string, content: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const raw = fromBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (!raw?.length) throw new TypeError("the secret is not whsec_ and base64, as the operator handed it over");
  const key = await subtle().importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  for (const signature of signatures.split(" ")) {
    const given = signature.startsWith("v1,") ? fromBase64(signature.slice(3)) : undefined;
    if (given && (await subtle().verify("HMAC", key, given, content))) return true; // takes as long wherever they differ
  }
  return false;
}

function read(text: string): CallbackBody {
  let found: { type?: unknown; timestamp?: unknown; data?: Record<string, unknown> } | null;
  try {
    found = JSON.parse(text);
  } catch {
    throw new UnexpectedAnswerError("callback: the body is no JSON");
  }
  const { reference, sequence, state, since } = found?.data ?? {};
  const words = [found?.type, found?.timestamp, reference, state, since];
  if (!words.every((one) => typeof one === "string") || !Number.isInteger(sequence)) {
    throw new UnexpectedAnswerError("callback: a field is missing");
  }
  return found as unknown as CallbackBody;
}

function valueOf(headers: ReceivedHeaders, name: string): string | undefined {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === "string" ? found : found?.[0];
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  } catch {
    return undefined;
  }
}
