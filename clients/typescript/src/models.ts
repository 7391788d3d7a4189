// What is sent to intake and what it answers.
// Written by `make docs` from the OpenAPI document; do not edit.

/** One of these words, or one that a newer server knows. */
type Open<Known extends string> = Known | (string & {});

/** One operation of the API. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Fields that every answer has. */
  readonly required: readonly string[];
  /** Whether it takes an `Idempotency-Key`. */
  readonly keyed: boolean;
}

/** The answer to an accepted report. Repeating the request gives the same one, with the word as it is by then. */
export interface Accepted {
  report_id: string;
  /** 16 digits in fours; the only way back to the report. It is not stored and cannot be found again. */
  receipt: string;
  received_at: string;
  /**
   * Proof of lodging: a compact JWS (Ed25519) over a mark of the receipt, the time and the SHA-256 of the content.
   *
   * `GET /api/v1/proof-key` has the public key.
   */
  proof: string;
  /**
   * True where a word is in force.
   *
   * Of a repeat it is the word of before, whatever came with this request: say so. Left out: no word is needed.
   */
  word_set?: boolean | null;
  /** True where the status needs that word as well. Left out: the receipt is enough. */
  word_for_status?: boolean | null;
}

/** One answer of the centre. */
export interface AnswerLeft {
  number: number;
  at: string;
  text: string;
}

/** The centre's answers, oldest first. Reading them is noted, so that the centre knows. */
export interface AnswersLeft {
  answers: AnswerLeft[];
}

/** What a reporter is told. Part of the API: never rename one, only add. */
export type State =
  | "received"
  | "assigned"
  | "seen"
  | "opened"
  | "in_contact"
  | "supported"
  | "closed"
  | "withdrawn"
  | "erased"
  | "handed_over"
  | "moved";

/** What `data` holds. */
export interface StatusChanged {
  /** What the front end sent as `Ieum-Callback` with the report. */
  reference: string;
  /** Counts this report's changes from 1, without gaps, in their order. */
  sequence: number;
  /** As `state` of the status; new words may come. */
  state: Open<State>;
  /** Since when. */
  since: string;
}

/** The body of a callback, signed as Standard Webhooks has it. */
export interface CallbackBody {
  type: string;
  /** When the change was noticed. */
  timestamp: string;
  data: StatusChanged;
}

/** A centre as a person reads it. */
export interface CenterName {
  id: string;
  name_ko: string;
  name_en: string;
}

/** One centre's time with a report, and what it did. */
export interface CenterStay {
  id: string;
  name_ko: string;
  name_en: string;
  assigned_at: string;
  seen_at?: string | null;
  opened_at?: string | null;
  contacted_at?: string | null;
}

/** What a receipt says about a withdrawn report's destruction. Part of the API: only add. */
export type ErasureStatus =
  | "planned"
  | "decision"
  | "kept"
  | "erased";

/** The code with which the person harmed takes a report over. It is told once and not stored. */
export interface HandOver {
  /** 12 digits in fours, for one use. */
  code: string;
  /** Until when it counts. */
  until: string;
}

/** Why a receipt shows less. Part of the API: only add. */
export type LimitedBecause =
  | "not_confirmed"
  | "tip"
  | "taken_over";

/** The public half of the key that signs proofs. */
export interface ProofKey {
  kid: string;
  /** 32 bytes, base64url without padding. */
  public_key: string;
  algorithm?: string;
}

/** Where a report stands. Times are missing until they happened, and none goes again when a report moves. */
export interface StatusAnswer {
  state: Open<State>;
  since: string;
  received_at: string;
  /**
   * The centre that answers now.
   *
   * One of another region than the report's is named once a centre has been in contact.
   */
  center?: CenterName | null;
  /** True where a centre has it that is not named yet, for somebody's safety. */
  center_unnamed?: boolean | null;
  /** When the first centre got it. */
  assigned_at?: string | null;
  /** When the present centre got it from another; missing if it never moved. */
  moved_at?: string | null;
  /** Where it moved: every centre that has had it, the present one last. Missing where they are not named yet. */
  centers?: CenterStay[] | null;
  /** When a person first put their name to it. Nobody need have read it yet. */
  seen_at?: string | null;
  /** When a person first opened what was written. */
  opened_at?: string | null;
  contacted_at?: string | null;
  closed_at?: string | null;
  withdrawn_at?: string | null;
  /** Until when the withdrawal can be undone. */
  undo_until?: string | null;
  /** What becomes of a withdrawn report: `planned` at `erase_at`, awaiting a `decision`, `kept`, or `erased`. */
  erasure?: Open<ErasureStatus> | null;
  erase_at?: string | null;
  /**
   * When somebody asked for destruction at once with the receipt alone.
   *
   * It waits until `erase_at`; `POST /receipts/reinstate` cancels it.
   */
  destroy_asked_at?: string | null;
  erased_at?: string | null;
  /**
   * From when a word counts that somebody set with the receipt alone; `POST /receipts/word/cancel` makes it void
   * until then.
   *
   * Say so: the holder may not be the one who set it.
   */
  word_from?: string | null;
  /** True where the status needs the word as well, as whoever set it chose. */
  word_for_status?: boolean | null;
  /** When the ways of contact were last changed with the receipt. */
  contact_changed_at?: string | null;
  /** By when a person should have seen it; missing once somebody has. If past: say so, and 1366. */
  expected_by?: string | null;
  /** Messages left with this receipt. */
  messages?: number | null;
  /** Answers the centre left; `POST /receipts/answers` reads them. */
  answers?: number | null;
  /** How many of them nobody with this receipt has read. */
  answers_unread?: number | null;
  /** When the newest of them was left. */
  answered_at?: string | null;
  /**
   * True where somebody else made the report and the person harmed has not confirmed it: then only received, seen,
   * a missed time, closed and answers to whoever holds the receipt are told.
   */
  limited?: boolean | null;
  /** Why. Nobody has to confirm a `tip`: nothing is awaited there. */
  limited_because?: Open<LimitedBecause> | null;
  /** True where the report can be handed over to the person it is about. */
  may_hand_over?: boolean | null;
  /** Until when a code to take the report over is open. */
  hand_over_until?: string | null;
  /** When the holder of this receipt took the report over from whoever made it. */
  taken_over_at?: string | null;
}

/** The answer to a message or an amendment. Repeating the request with its key gives the same one. */
export interface Taken {
  /** Which of this report's messages or amendments it is, from 1. */
  number: number;
  at: string;
}

/** The answer to who took a report over. Repeated with its key within ten minutes it is the same one. */
export interface TakenOver {
  /** The new receipt. From now on it alone belongs to the report. */
  receipt: string;
  taken_over_at: string;
  /**
   * True where a word is in force.
   *
   * Of a repeat it is the word of before, whatever came with this request: say so. Left out: no word is needed.
   */
  word_set?: boolean | null;
  /** True where the status needs that word as well. Left out: the receipt is enough. */
  word_for_status?: boolean | null;
}

/** Age of the person harmed. Bands, because an age is closer to a name. */
export type AgeBand =
  | "under_14"
  | "14_18"
  | "19_24"
  | "25_29"
  | "30s"
  | "40s"
  | "50_up"
  | "unknown";

/** Which way the report came in. */
export type Channel =
  | "web"
  | "phone"
  | "api";

/** What was agreed to, under which wording. Itemised as the law asks (PIPA 22, 23). */
export interface Consents {
  /** Month or day of the wording that was shown or read out. */
  version: "2026-11" | "2026-11-25" | "2026-11-27";
  personal?: boolean;
  sensitive?: boolean;
  share_with_center?: boolean;
  /** Another centre may be told without being asked first. */
  other_centers?: boolean;
}

/** Ways the reporter agreed to be reached. The address itself stays sealed in intake. */
export type ContactChannel =
  | "phone"
  | "text"
  | "email"
  | "message_here";

/** How the reporter may be reached, if at all. No channel here: nobody will try. */
export interface Contact {
  /** `message_here` means only here, by messages with the receipt; it excludes every other channel. */
  channels?: ContactChannel[];
  /** The name to use; need not be the real one. */
  name?: string | null;
  phone?: string | null;
  email?: string | null;
  /** When it is safe to reach the person, in their words. */
  hours?: string | null;
  /** Whether voicemail or a note is safe. */
  may_leave_message?: boolean;
  /** What to avoid, in their words. */
  not_safe?: string | null;
  /** What may be said when somebody else answers. */
  may_say?: "nothing" | "private" | "center" | null;
  /** What the centre says first, so that it is known. */
  center_codeword?: string | null;
  /** What the person answers, so that the centre knows that it is they. */
  person_codeword?: string | null;
}

/** Gender of the person harmed, as told. */
export type Gender =
  | "female"
  | "male"
  | "other"
  | "unknown";

/** What happened; several may apply. The statistics' six, the regional centres' two, and two of ours. */
export type HarmType =
  | "fear_of_distribution"
  | "illegal_filming"
  | "distribution"
  | "distribution_threat"
  | "synthesis"
  | "cyber_harassment"
  | "online_grooming"
  | "body_cam_phishing"
  | "child_material"
  | "other";

/** For representatives: the relation (Act art. 7-3) and whether the person harmed knows and agrees (art. 24). */
export interface OnBehalf {
  relation?: "spouse" | "lineal" | "sibling" | "agent" | "guardian" | "other" | null;
  victim_knows?: boolean | null;
  victim_agrees?: boolean | null;
}

/** Where it was seen, by kind. */
export type PlatformKind =
  | "social_media"
  | "messenger"
  | "adult_site"
  | "search_engine"
  | "community"
  | "file_sharing"
  | "other"
  | "unknown";

/** The person harmed and the offender, in the categories of the yearly statistics. */
export type Relationship =
  | "temporary"
  | "stranger"
  | "intimate"
  | "social"
  | "family"
  | "unknown";

/** Who reports. The three have different legal effect (Act art. 7-3). */
export type Role =
  | "victim"
  | "representative"
  | "third_party";

/** A report as submitted. */
export interface Submission {
  role: Role;
  harm_types: HarmType[];
  channel?: Channel;
  language?: string;
  /** Slug, name, alias or code of the province or city; `overseas` or `unknown`. Default unknown. */
  division?: string | null;
  /** Administrative code of a district of `division`. */
  district?: string | null;
  age_band?: AgeBand;
  gender?: Gender;
  relationship?: Relationship;
  platform_kind?: PlatformKind;
  declined_centers?: string[];
  still_spreading?: boolean | null;
  threatened?: boolean | null;
  money_demanded?: boolean | null;
  /** Within five years of today. */
  threat_deadline?: string | null;
  narrative?: string | null;
  /** Where it can be seen, one address each; `https://` may be left out. No account names. */
  urls?: string[];
  /** SHA-256 of files, in hex. Never send the file itself. */
  fingerprints?: string[];
  /** PDQ hashes of still images, 256 bits in hex, made where the image is. Never send the image. */
  picture_hashes?: string[];
  /** When it was seen, in their words. */
  seen_when?: string | null;
  /** Words with which it is found in a search. */
  search_words?: string | null;
  /** Who knows already; `hotline` is 1366, and `nobody` stands alone. */
  already_told?: ("police" | "hotline" | "platform" | "nobody")[];
  /** Account names, profile addresses or phone numbers of whoever did it, as far as known. */
  offender_handles?: string[];
  contact?: Contact;
  on_behalf?: OnBehalf | null;
  consents?: Consents | null;
  /**
   * A word of the reporter's own.
   *
   * If given, messages, additions and withdrawing the report need it beside the receipt. It is not stored and
   * cannot be found again.
   */
  word?: string | null;
  /**
   * Whether the status needs the word as well, from the start.
   *
   * Only with `word`. Callbacks then tell nothing before the report is handed over or erased.
   */
  word_for_status?: boolean;
  /** A drill: goes the whole way and is in no count. */
  synthetic?: boolean;
}

/** A receipt, as typed: spaces and hyphens do not matter; and the word of the reporter's own, if one was set. */
export interface ReceiptQuestion {
  receipt: string;
  /** The word that was set for this receipt, if one was. */
  word?: string | null;
}

/** A message for the centre. */
export interface MessageAsked {
  receipt: string;
  /** What the centre should know. It is sealed like the report itself. */
  text: string;
  /** The word that was set for this receipt, if one was. */
  word?: string | null;
}

/** An addition or correction with the receipt of its report. */
export interface AmendmentAsked {
  receipt: string;
  /** The word that was set for this receipt, if one was. */
  word?: string | null;
  harm_types?: HarmType[];
  language?: string | null;
  division?: string | null;
  district?: string | null;
  age_band?: AgeBand | null;
  gender?: Gender | null;
  relationship?: Relationship | null;
  platform_kind?: PlatformKind | null;
  declined_centers?: string[];
  still_spreading?: boolean | null;
  threatened?: boolean | null;
  money_demanded?: boolean | null;
  threat_deadline?: string | null;
  narrative?: string | null;
  urls?: string[];
  fingerprints?: string[];
  picture_hashes?: string[];
  offender_handles?: string[];
  seen_when?: string | null;
  search_words?: string | null;
  already_told?: ("police" | "hotline" | "platform" | "nobody")[];
  contact?: Contact | null;
  on_behalf?: OnBehalf | null;
  consents?: Consents | null;
}

/** The report is to be withdrawn. */
export interface WithdrawalAsked {
  receipt: string;
  /** The word that was set for this receipt, if one was. */
  word?: string | null;
  /** Destroy it sooner than in 72 hours. Needs `understood`. */
  at_once?: boolean;
  /** The person was told that it cannot be undone, in a question of its own. */
  understood?: boolean;
}

/** A word is to be set; where one is set already, ``word`` must be that one and ``new_word`` the next. */
export interface WordAsked {
  receipt: string;
  /** The word that was set for this receipt, if one was. */
  word?: string | null;
  /** Left out: `word` itself is set, if there was none. */
  new_word?: string | null;
  /** Whether the status needs the word as well. Left out: as before, and no where there was none. */
  for_status?: boolean | null;
}

/** Somebody takes over the report that was made for them. */
export interface TakeOverAsked {
  /** The code from whoever reported. */
  code: string;
  /** The person was asked whether the report is about them. */
  i_am_the_person?: boolean;
  /** A word of their own, in place of the one that was set before, if any. */
  word?: string | null;
  /**
   * Whether the status needs the word as well, from the start.
   *
   * Only with `word`. Callbacks then tell nothing before the report is handed over or erased.
   */
  word_for_status?: boolean;
  /** Left out: nobody is contacted any more. */
  contact?: Contact;
  /** What was allowed before no longer counts. */
  consents?: Consents | null;
}

export const OPERATIONS = {
  submitReport: {
    method: "POST",
    path: "/api/v1/reports",
    status: 202,
    required: ["report_id", "receipt", "received_at", "proof"],
    keyed: true,
  },
  getProofKey: {
    method: "GET",
    path: "/api/v1/proof-key",
    status: 200,
    required: ["kid", "public_key"],
    keyed: false,
  },
  getReportStatus: {
    method: "POST",
    path: "/api/v1/receipts/status",
    status: 200,
    required: ["state", "since", "received_at"],
    keyed: false,
  },
  leaveMessage: {
    method: "POST",
    path: "/api/v1/receipts/messages",
    status: 201,
    required: ["number", "at"],
    keyed: true,
  },
  readAnswers: {
    method: "POST",
    path: "/api/v1/receipts/answers",
    status: 200,
    required: ["answers"],
    keyed: false,
  },
  amendReport: {
    method: "POST",
    path: "/api/v1/receipts/amend",
    status: 201,
    required: ["number", "at"],
    keyed: true,
  },
  withdrawReport: {
    method: "POST",
    path: "/api/v1/receipts/withdraw",
    status: 200,
    required: ["state", "since", "received_at"],
    keyed: false,
  },
  reinstateReport: {
    method: "POST",
    path: "/api/v1/receipts/reinstate",
    status: 200,
    required: ["state", "since", "received_at"],
    keyed: false,
  },
  setWord: {
    method: "POST",
    path: "/api/v1/receipts/word",
    status: 200,
    required: ["state", "since", "received_at"],
    keyed: false,
  },
  cancelWord: {
    method: "POST",
    path: "/api/v1/receipts/word/cancel",
    status: 200,
    required: ["state", "since", "received_at"],
    keyed: false,
  },
  offerHandOver: {
    method: "POST",
    path: "/api/v1/receipts/hand-over",
    status: 201,
    required: ["code", "until"],
    keyed: false,
  },
  cancelHandOver: {
    method: "POST",
    path: "/api/v1/receipts/hand-over/cancel",
    status: 200,
    required: ["state", "since", "received_at"],
    keyed: false,
  },
  takeOverReport: {
    method: "POST",
    path: "/api/v1/receipts/take-over",
    status: 201,
    required: ["receipt", "taken_over_at"],
    keyed: true,
  },
} as const satisfies Record<string, Operation>;
