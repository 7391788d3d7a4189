export { verifyCallback } from "./callbacks.js";
export type { ReceivedHeaders } from "./callbacks.js";
export { Client, newIdempotencyKey } from "./client.js";
export type { CalledBack, ClientOptions, Keyed, RetryPolicy, Visited } from "./client.js";
export { IeumError, NotGenuineError, NotReachedError, RefusedError, UnexpectedAnswerError } from "./errors.js";
export type { FieldError } from "./errors.js";
export type * from "./models.js";
export type { RateLimit } from "./rate-limit.js";
