/**
 * The methods that Turnout adds to the language server protocol, with the shapes that cross the wire.
 * Only this module knows their names.
 */
import {
  type ExecuteCommandParams,
  ExecuteCommandRequest,
  NotificationType,
  type Position,
  type Range,
  RequestType,
  type TextDocumentIdentifier,
} from "./lsp";

/** A place in a file, as the protocol has it. */
export interface Place {
  uri: string;
  range: Range;
}

export interface RefactorParams {
  instruction: string;
  textDocument?: TextDocumentIdentifier;
  range?: Range;
  scope?: string[];
  /** Where other language servers find what is at the caret. */
  references?: Place[];
  /** The plan that the user approved. */
  plan?: { id: string };
  workDoneToken?: string;
}

/** A new plan, or another one in the place of `previous`. */
export type PlanParams = (Omit<RefactorParams, "plan"> | { previous: string; correction: string }) & {
  workDoneToken?: string;
};

export interface PlanStep {
  kind: "edit" | "create" | "delete" | "rename";
  path: string;
  newPath?: string;
  change: string;
}

/**
 * What the refactor will take; `model` is null where `whyNone` says why no model may be asked. Of a model that works
 * with tools the figures are for few turns and `most` for many; `rounds` are requests that the files are divided among.
 */
export interface Estimate {
  model: string | null;
  leavesMachine: boolean;
  tokensIn: number;
  tokensOut: number;
  costUsd: number | null;
  seconds: number | null;
  whyNone: string;
  turns?: number;
  rounds?: number;
  most?: { turns: number; tokensIn: number; tokensOut: number; costUsd: number | null; seconds: number | null } | null;
}

/** Paths are in the workspace folder; `problem` says why there is no usable plan, where there is none. */
export interface Plan {
  id: string;
  summary: string;
  steps: PlanStep[];
  dropped: { path: string; reason: string }[];
  skipped: { path: string; reason: string }[];
  problem: string;
  estimate: Estimate;
}

/** What a server says that it takes beyond the standard, as far as it is looked at here. */
export interface Advertised {
  turnout?: { cursor?: boolean; plan?: boolean };
}

export interface Hunk {
  id: string;
  before: string;
  after: string;
  range: Range;
}

export interface FileChange {
  uri: string;
  kind: "edit" | "create" | "delete" | "rename";
  newUri?: string | null;
  version?: number | null;
  diff: string;
  hunks: Hunk[];
}

/** Something that was looked at; one that could not be run (`ran`) says nothing about the change. */
export interface Check {
  name: string;
  ok: boolean;
  ran: boolean;
  message: string;
}

/** What the checks of a proposal come to; `text` names them. */
export interface Verdict {
  state: "verified" | "partly" | "failed";
  text: string;
}

export interface Receipt {
  id: string;
  kind: string;
  model: string | null;
  route: string[];
  reason: string;
  leavesMachine: boolean;
  files: { uri: string; bytes: number }[];
  bytesSent: number;
  /** Kinds of secrets that were taken out before anything left the machine, and how many of each. */
  redacted?: Record<string, number>;
  tokens: { in: number; out: number; cached: number };
  costUsd: number | null;
  ms: { total: number };
  outcome: string;
  /** The form in which a refactor's edits were asked for, and why that one: `blocks: why; whole_file: why`. */
  edits?: string;
  /** ISO 8601; only in the answer to `turnout/receipts`. */
  at?: string;
}

/** What one day cost of one model for one kind of request. */
export interface SpendRow {
  day: string;
  model: string;
  kind: string;
  leavesMachine: boolean;
  requests: number;
  costUsd: number;
  /** Requests among them whose price is unknown. */
  unpriced: number;
  bytesSent: number;
  tokensIn: number;
  tokensOut: number;
}

export interface ModelInfo {
  name: string;
  api: string;
  model: string;
  endpoint: string | null;
  leavesMachine: boolean;
  jurisdiction: string | null;
  /** Where its key is kept: `env`, `keyring` or `editor`; null for a model without one. */
  key: string | null;
  hasKey: boolean;
}

/** Something wrong in a settings file; `line` counts from 0. */
export interface SettingsProblem {
  line: number;
  key: string;
  message: string;
}

/** Text for a place of a settings file, in exchange for the `replaces` characters before it. */
export interface SettingsItem {
  text: string;
  kind: "table" | "key" | "value";
  detail: string;
  help: string;
  replaces: number;
}

export interface RefactorProposal {
  proposalId: string;
  plan: string;
  files: FileChange[];
  /** False where parts of the model's answer could not be used. */
  complete: boolean;
  checks: Check[];
  verdict: Verdict;
  /** Files that were left out, and why. */
  skipped?: { path: string; reason: string }[];
  receipt: Receipt | null;
}

/** What stands in the way of an edit; `uri` is empty where it is about no one file, `line` counts from 0. */
export interface Conflict {
  uri: string;
  message: string;
  hunk?: string | null;
  line?: number | null;
}

/** What can be applied of a proposal to the files as they are now, and what stands in the way of the rest. */
export interface Standing extends RefactorProposal {
  label: string;
  conflicts: Conflict[];
}

export interface ApplyResult {
  applied: boolean;
  conflicts: Conflict[];
  /** The hunks that can still be applied, once some were. */
  left?: string[];
}

export interface UndoResult {
  undone: boolean;
  conflicts: Conflict[];
  proposalId?: string;
}

export interface RouteExplanation {
  chosen: string | null;
  candidates: string[];
  eliminated: { model: string; reason: string; source?: string | null }[];
  askBeforeLeaving?: boolean;
  strategy?: string;
  tier?: string | null;
  tierReason?: string;
  notes?: { model: string; note: string }[];
  budget?: { limit: string; limitUsd: number; spentUsd: number; source: string }[];
}

export interface Status {
  state: "starting" | "ready" | "loading" | "off" | "error";
  model?: string | null;
  leavesMachine?: boolean;
  lastLatencyMs?: number | null;
  spentTodayUsd?: number;
  message?: string | null;
}

/** What `turnout/preview` is about; which of it is needed depends on the kind. */
export interface OutgoingParams extends Partial<DocumentPosition> {
  kind: string;
  range?: Range;
  instruction?: string;
  references?: Place[];
  diagnostics?: { range: Range; message: string; source?: string; code?: string | number }[];
}

interface DocumentPosition {
  textDocument: TextDocumentIdentifier;
  position: Position;
}

export const PlanFirst = new RequestType<PlanParams, Plan | null, void>("turnout/plan");
export const Refactor = new RequestType<RefactorParams, RefactorProposal, void>("turnout/refactor");
/** Without an id it is about the last proposal. */
export const LookAgain = new RequestType<{ proposalId?: string }, Standing | null, void>("turnout/proposal");
export const Apply = new RequestType<{ proposalId: string; hunks?: string[] }, ApplyResult, void>(
  "turnout/apply",
);
export const Undo = new RequestType<{ proposalId?: string }, UndoResult, void>("turnout/undo");
export const Discard = new RequestType<{ proposalId: string }, unknown, void>("turnout/discard");
export const Explain = new RequestType<
  { kind: string } & Partial<DocumentPosition>,
  RouteExplanation,
  void
>("turnout/explain");
/** What a request would send now, as a page of text; no model is asked. */
export const Outgoing = new RequestType<OutgoingParams, { report: string }, void>("turnout/preview");
/** What the last requests sent, as a page of text. */
export const Sent = new RequestType<{ count?: number }, { report: string }, void>("turnout/sent");
export const Models = new RequestType<
  { textDocument?: TextDocumentIdentifier },
  { models: ModelInfo[] },
  void
>("turnout/models");
export const Receipts = new RequestType<{ count?: number }, { receipts: Receipt[] }, void>(
  "turnout/receipts",
);
export const Spend = new RequestType<{ days?: number }, { rows: SpendRow[] }, void>("turnout/spend");
export const SettingsFile = new RequestType<
  { textDocument: TextDocumentIdentifier; position?: Position },
  { problems: SettingsProblem[]; items: SettingsItem[] },
  void
>("turnout/settingsFile");
/** A command of the server: a message for what is staged in the repository of a folder, given by its URI. */
export const CommitMessage = {
  command: "turnout.commitMessage",
  type: new RequestType<ExecuteCommandParams, { message: string }, void>(ExecuteCommandRequest.method),
};
/** The one request of the server to this client beyond the standard. */
export const Key = new RequestType<{ endpoint: string }, { key: string | null }, void>("turnout/key");
export const Why = new RequestType<DocumentPosition, { reason: string | null }, void>("turnout/why");

export const DidShow = new NotificationType<{ id: string }>("turnout/didShow");
export const DidAccept = new NotificationType<{
  id: string;
  accepted: "full" | "word" | "line";
  length: number;
}>("turnout/didAccept");
export const Cursor = new NotificationType<DocumentPosition>("turnout/cursor");
export const DidReject = new NotificationType<{ id: string }>("turnout/didReject");
export const StatusChanged = new NotificationType<Status>("turnout/status");

/** The reason for passing over a model that the route does not name at all. */
export const NOT_IN_CHAIN = "not in the chain";

/** The request kinds that a route can be set for. */
export const KINDS = [
  "inline",
  "popup",
  "fix",
  "rewrite",
  "refactor",
  "document",
  "test",
  "explain",
  "commit_message",
] as const;
