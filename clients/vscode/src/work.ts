/** Long requests: shown with progress and a Cancel button for as long as they take. */
import { randomUUID } from "node:crypto";
import vscode = require("vscode");

import { type LanguageClient, type RequestType, WorkDoneProgress } from "./lsp";
import type { Server } from "./server";

type Report = vscode.Progress<{ message?: string; increment?: number }>;

/** The answer to a request; undefined when the user cancelled. */
export async function work<P extends object, R, E>(
  server: Server,
  title: string,
  type: RequestType<P, R, E>,
  params: P,
): Promise<R | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, async (report, token) => {
    const workDoneToken = randomUUID();
    const listening = server.current && relay(server.current, workDoneToken, report);
    try {
      return await server.request(type, { ...params, workDoneToken }, token);
    } catch (error) {
      if (token.isCancellationRequested) return undefined;
      throw error;
    } finally {
      listening?.dispose();
    }
  });
}

function relay(client: LanguageClient, token: string, report: Report): vscode.Disposable {
  let reached = 0;
  return client.onProgress(WorkDoneProgress.type, token, (value) => {
    if (value.kind === "end") return;
    const percentage = value.percentage ?? reached;
    const title = value.kind === "begin" ? value.title : undefined;
    const message = value.message ?? title;
    report.report({ ...(message ? { message } : {}), increment: percentage - reached });
    reached = percentage;
  });
}
