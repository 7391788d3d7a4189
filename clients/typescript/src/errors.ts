// Why a call came to nothing. No error holds what a person wrote, a receipt or the credential.

import type { RateLimit } from "./rate-limit.js";

/** What is wrong with one field. */
export interface FieldError {
  readonly field: string;
  /** Stable. */
  readonly reason: string;
  /** A sentence for the person, in the language of the client. */
  readonly detail: string;
  /** Values that would do. */
  readonly allowed: readonly string[];
}

/** Every error of this package. */
export class IeumError extends Error {
  override name = "IeumError";
}

/** The server said no, or stayed busy. `code` is stable, and explained at `/problems`. */
export class RefusedError extends IeumError {
  override name = "RefusedError";
  readonly status: number;
  readonly code: string;
  /** A sentence for the person, in the language of the client. */
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** Say it when you ask about this answer. */
  readonly traceId: string;
  /** Seconds after which the same request may be sent again with the same key, where the server said so. */
  readonly retryAfter: number | undefined;
  readonly rateLimit: RateLimit | undefined;

  /** `problem` is the problem document (RFC 9457); empty where the answer was none. */
  constructor(
    status: number,
    problem: Readonly<Record<string, unknown>>,
    told: { retryAfter: number | undefined; rateLimit: RateLimit | undefined },
  ) {
    const code = String(problem["code"] ?? "unknown");
    super(`${status} ${code}`);
    this.status = status;
    this.code = code;
    this.detail = String(problem["detail"] ?? "");
    this.errors = fieldErrors(problem["errors"]);
    this.traceId = String(problem["trace_id"] ?? "");
    this.retryAfter = told.retryAfter;
    this.rateLimit = told.rateLimit;
  }
}

/**
 * No answer came, again and again. Nothing is known of the request.
 *
 * A report, message, addition or take-over is sent again later with the same key: it is stored once. After any other
 * call, ask for the status first. Meanwhile show the person 1366 and 112.
 */
export class NotReachedError extends IeumError {
  override name = "NotReachedError";
}

/** The server, or something on the way to it, answered what the API does not say. Act as after NotReachedError. */
export class UnexpectedAnswerError extends IeumError {
  override name = "UnexpectedAnswerError";
}

/** A callback that the server did not sign with your secret, or signed long ago. Answer 400 and do nothing. */
export class NotGenuineError extends IeumError {
  override name = "NotGenuineError";
}

function fieldErrors(found: unknown): FieldError[] {
  if (!Array.isArray(found)) return [];
  return found
    .filter((entry): entry is Record<string, unknown> => typeof entry === "object" && entry !== null)
    .map((entry) => ({
      field: String(entry["field"] ?? ""),
      reason: String(entry["reason"] ?? ""),
      detail: String(entry["detail"] ?? ""),
      allowed: Array.isArray(entry["allowed"]) ? entry["allowed"].map(String) : [],
    }));
}
