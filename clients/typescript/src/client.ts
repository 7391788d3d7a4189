import { randomUUID } from "#crypto";
import { NotReachedError, RefusedError, UnexpectedAnswerError } from "./errors.js";
import type {
  Accepted,
  AmendmentAsked,
  AnswersLeft,
  HandOver,
  MessageAsked,
  ProofKey,
  ReceiptQuestion,
  StatusAnswer,
  Submission,
  Taken,
  TakenOver,
  TakeOverAsked,
  WithdrawalAsked,
  WordAsked,
} from "./models.js";
import { OPERATIONS } from "./models.js";
import { type RateLimit, rateLimitOf } from "./rate-limit.js";

/** How long a call goes on trying. */
export interface RetryPolicy {
  /** 5 if left out. */
  readonly attempts?: number;
  /** Doubled each time, and up to a quarter longer by chance. 500 if left out. */
  readonly firstPauseMs?: number;
  /**
   * Who is told to come back later than this is not kept waiting: `RefusedError` has `retryAfter`. 30,000 if left out.
   */
  readonly longestPauseMs?: number;
}

export interface ClientOptions {
  /** Where the API is, such as `https://report.example`. */
  readonly url: string;
  /** `<client id>.<secret>`. It stays on your server: never put it into a page or an app. */
  readonly credential: string;
  /** The language of `detail`. Korean if left out. */
  readonly language?: "ko" | "en";
  /** For each attempt. 15,000 if left out. */
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  /** For tests, and for proxies or agents of your own. */
  readonly fetch?: typeof globalThis.fetch;
  /** For tests. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** For tests: 0 to 1. */
  readonly chance?: () => number;
}

export interface Keyed {
  /** From `newIdempotencyKey`: one per report, message, addition or take-over, kept until there is an answer. */
  readonly idempotencyKey: string;
}

export interface Visited {
  /** Your name for the person's network, see `Ieum-Visitor`. */
  readonly visitor?: string;
}

export interface CalledBack {
  /** Your reference for callbacks about this report, see `Ieum-Callback`. */
  readonly callback?: string;
}

type Name = keyof typeof OPERATIONS;

/** Refused before anything was done: any request may be sent again. */
const NOT_DONE = new Set([408, 429, 503]);
/** Of something on the way; the request may have been carried out. */
const UNKNOWN = new Set([502, 504]);
/** Codes of a 500 after which trying again may help. Any other is a verdict on the report: a person has to look. */
const DEFECT = new Set(["internal_error", "unknown"]);
/** What Node.js says where a connection was never made, so that nothing was sent. */
const UNSENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** A random key: one per report, message, addition or take-over, kept until there is an answer. */
export const newIdempotencyKey = (): string => randomUUID();

/**
 * Intake as a front end's server sees it. One method per operation of the API.
 *
 * Make the key before the first try and keep it until there is an answer: what is sent again with it is stored once.
 * What cannot be reached or is busy is tried again by itself, as `/problems` says, always with the same key.
 */
export class Client {
  /** What was left of this credential's requests with the last answer that told. */
  rateLimit: RateLimit | undefined;

  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #retry: Required<RetryPolicy>;
  readonly #fetch: typeof globalThis.fetch;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #chance: () => number;

  constructor(options: ClientOptions) {
    this.#url = options.url.replace(/\/+$/, "");
    this.#headers = {
      Accept: "application/json",
      "Accept-Language": options.language ?? "ko",
      Authorization: `Bearer ${options.credential}`,
    };
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#retry = { attempts: 5, firstPauseMs: 500, longestPauseMs: 30_000, ...options.retry };
    this.#fetch = options.fetch ?? ((...request) => globalThis.fetch(...request));
    this.#sleep = options.sleep ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    this.#chance = options.chance ?? Math.random;
  }

  /** Send a report. The answer is the only time that its receipt is told. */
  submitReport(report: Submission, options: Keyed & CalledBack): Promise<Accepted> {
    return this.#do("submitReport", report, options);
  }

  /** Where a report stands. */
  getReportStatus(asked: ReceiptQuestion, options: Visited = {}): Promise<StatusAnswer> {
    return this.#do("getReportStatus", asked, options);
  }

  /** Leave a message for the centre. */
  leaveMessage(message: MessageAsked, options: Keyed & Visited): Promise<Taken> {
    return this.#do("leaveMessage", message, options);
  }

  /** The centre's answers. The centre learns that they were read. */
  readAnswers(asked: ReceiptQuestion, options: Visited = {}): Promise<AnswersLeft> {
    return this.#do("readAnswers", asked, options);
  }

  /** Add to a report or correct it: texts are added, answers replaced, fields left out stay. */
  amendReport(amendment: AmendmentAsked, options: Keyed & Visited): Promise<Taken> {
    return this.#do("amendReport", amendment, options);
  }

  /**
   * Withdraw a report; can be undone for 72 hours.
   *
   * `at_once` is not sent again by itself once it may have arrived: ask for the status.
   */
  withdrawReport(asked: WithdrawalAsked, options: Visited = {}): Promise<StatusAnswer> {
    return this.#do("withdrawReport", asked, options);
  }

  /** Undo a withdrawal. */
  reinstateReport(asked: ReceiptQuestion, options: Visited = {}): Promise<StatusAnswer> {
    return this.#do("reinstateReport", asked, options);
  }

  /** Set a word of the person's own. Not sent again by itself once it may have arrived: ask for the status. */
  setWord(asked: WordAsked, options: Visited = {}): Promise<StatusAnswer> {
    return this.#do("setWord", asked, options);
  }

  /** Make a word void that does not count yet. */
  cancelWord(asked: ReceiptQuestion, options: Visited = {}): Promise<StatusAnswer> {
    return this.#do("cancelWord", asked, options);
  }

  /** A code with which the person it is about takes a representative's report over. A newer one replaces it. */
  offerHandOver(asked: ReceiptQuestion, options: Visited = {}): Promise<HandOver> {
    return this.#do("offerHandOver", asked, options);
  }

  /** Make that code void. */
  cancelHandOver(asked: ReceiptQuestion, options: Visited = {}): Promise<StatusAnswer> {
    return this.#do("cancelHandOver", asked, options);
  }

  /** Take a report over with a code. Ask the person whether it is about them: `i_am_the_person` is their answer. */
  takeOverReport(asked: TakeOverAsked, options: Keyed & Visited): Promise<TakenOver> {
    return this.#do("takeOverReport", asked, options);
  }

  /** The public key that proofs are signed with. */
  getProofKey(): Promise<ProofKey> {
    return this.#do("getProofKey", undefined, {});
  }

  async #do<Answer>(name: Name, body: object | undefined, options: Partial<Keyed> & Visited & CalledBack): Promise<Answer> {
    if (OPERATIONS[name].keyed && !options?.idempotencyKey) {
      throw new TypeError(`${name} needs an idempotencyKey: sent again without one it would be done twice`);
    }
    const { attempts, firstPauseMs, longestPauseMs } = this.#retry;
    let pause = firstPauseMs;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const isLast = attempt === attempts;
      let wait = pause * (1 + this.#chance() / 4);
      const outcome = await this.#send(name, body, options);
      if ("error" in outcome) {
        if (isLast || (outcome.sent && !isRepeatable(name, body))) {
          throw new NotReachedError(`${name}: no answer after ${attempt} attempts (${outcome.error})`);
        }
      } else {
        this.rateLimit = rateLimitOf(outcome.headers) ?? this.rateLimit;
        if (outcome.status < 400) return read<Answer>(name, outcome);
        const refused = refusedOf(outcome);
        const asked = (refused.retryAfter ?? 0) * 1000;
        if (isLast || !mayRepeat(name, body, refused) || asked > longestPauseMs) throw refused;
        wait = Math.max(wait, asked);
      }
      await this.#sleep(Math.min(wait, longestPauseMs));
      pause *= 2;
    }
    throw new RangeError("a policy needs at least one attempt");
  }

  async #send(name: Name, body: object | undefined, options: Partial<Keyed> & Visited & CalledBack): Promise<Reply | NoReply> {
    const { method, path } = OPERATIONS[name];
    const headers: Record<string, string> = { ...this.#headers };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (options.idempotencyKey !== undefined) headers["Idempotency-Key"] = options.idempotencyKey;
    if (options.visitor !== undefined) headers["Ieum-Visitor"] = options.visitor;
    if (options.callback !== undefined) headers["Ieum-Callback"] = options.callback;
    const request = new Request(this.#url + path, {
      method,
      headers,
      redirect: "manual", // the credential goes nowhere else
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
    try {
      const response = await this.#fetch(request);
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      return noReply(error);
    }
  }
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface NoReply {
  readonly error: string;
  /** Whether the request may have arrived. */
  readonly sent: boolean;
}

function noReply(error: unknown): NoReply {
  const { name, cause } = error as { name?: string; cause?: { code?: string; errors?: { code?: string }[] } };
  // Where a name has several addresses, each has an error of its own.
  const codes = cause?.errors?.map((one) => one.code) ?? [cause?.code];
  const sent = !codes.every((code) => code !== undefined && UNSENT.has(code));
  return { error: codes.find((code) => code !== undefined) ?? name ?? "Error", sent };
}

/**
 * Whether a request that may have been carried out can be sent again and be answered as the first time. With a key it
 * is; a first word would be in its own way (`word_waits`), and so would a destruction.
 */
function isRepeatable(name: Name, body: object | undefined): boolean {
  if (name === "setWord") return false;
  return !(name === "withdrawReport" && (body as WithdrawalAsked).at_once);
}

function mayRepeat(name: Name, body: object | undefined, refused: RefusedError): boolean {
  if (NOT_DONE.has(refused.status)) return true;
  const unknown = UNKNOWN.has(refused.status) || (refused.status === 500 && DEFECT.has(refused.code));
  return unknown && isRepeatable(name, body);
}

function refusedOf(reply: Reply): RefusedError {
  const kind = (reply.headers.get("content-type") ?? "").split(";")[0]?.trim();
  const found = kind === "application/problem+json" ? objectOf(reply.text) : undefined;
  const after = reply.headers.get("retry-after")?.trim() ?? "";
  return new RefusedError(reply.status, found ?? {}, {
    retryAfter: /^\d+$/.test(after) ? Number(after) : undefined,
    rateLimit: rateLimitOf(reply.headers),
  });
}

function read<Answer>(name: Name, reply: Reply): Answer {
  const { status, required } = OPERATIONS[name];
  const found = reply.status === status ? objectOf(reply.text) : undefined;
  if (found === undefined || required.some((field) => found[field] === undefined || found[field] === null)) {
    throw new UnexpectedAnswerError(`${name}: ${reply.status} with a body that the API does not have`);
  }
  return found as Answer;
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
