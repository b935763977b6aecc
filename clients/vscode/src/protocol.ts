/**
 * The methods that Turnout adds to the language server protocol, with the shapes that cross the wire.
 * Only this module knows their names.
 */
import {
  NotificationType,
  type Position,
  type Range,
  RequestType,
  type TextDocumentIdentifier,
} from "vscode-languageclient/node";

export interface RefactorParams {
  instruction: string;
  textDocument?: TextDocumentIdentifier;
  range?: Range;
  scope?: string[];
  workDoneToken?: string;
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

export interface Check {
  name: string;
  ok: boolean;
  message: string;
}

export interface Receipt {
  id: string;
  kind: string;
  model: string;
  route: string;
  reason: string;
  leavesMachine: boolean;
  bytesSent: number;
  costUsd: number | null;
  ms: { total: number };
  outcome: string;
}

export interface RefactorProposal {
  proposalId: string;
  plan: string;
  files: FileChange[];
  checks: Check[];
  receipt: Receipt | null;
}

/** What stands in the way of an edit: a sentence, or a sentence with the file that it is about. */
export type Conflict = string | { uri?: string; message?: string; reason?: string };

export interface ApplyResult {
  applied: boolean;
  conflicts: Conflict[];
}

export interface UndoResult {
  undone: boolean;
  conflicts: Conflict[];
}

export interface RouteExplanation {
  chosen: string | null;
  candidates: unknown[];
  eliminated: { model: string; reason: string; source?: string | null }[];
}

export interface Status {
  state: string;
  model?: string | null;
  leavesMachine?: boolean;
  lastLatencyMs?: number | null;
  spentTodayUsd?: number;
  message?: string | null;
}

interface DocumentPosition {
  textDocument: TextDocumentIdentifier;
  position: Position;
}

export const Refactor = new RequestType<RefactorParams, RefactorProposal, void>("turnout/refactor");
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
export const Why = new RequestType<DocumentPosition, { reason: string | null }, void>("turnout/why");

export const DidShow = new NotificationType<{ id: string }>("turnout/didShow");
export const DidAccept = new NotificationType<{
  id: string;
  accepted: "full" | "word" | "line";
  length: number;
}>("turnout/didAccept");
export const DidReject = new NotificationType<{ id: string }>("turnout/didReject");
export const StatusChanged = new NotificationType<Status>("turnout/status");

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

/** Says a conflict in one line. */
export function describeConflict(conflict: Conflict): string {
  if (typeof conflict === "string") return conflict;
  const what = conflict.message ?? conflict.reason ?? "changed since the proposal was made";
  return conflict.uri ? `${conflict.uri.replace(/^.*\//, "")}: ${what}` : what;
}
