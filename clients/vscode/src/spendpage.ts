/** The page of spend and receipts: HTML without scripts, made of escaped text alone. */
import { editsOf } from "./proposaltext";
import type { Receipt, SpendRow } from "./protocol";

/** The whole page. `nonce` is random; `now` gives what "today" is. */
export function spendPage(rows: readonly SpendRow[], receipts: readonly Receipt[], nonce: string, now: Date): string {
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Spend and receipts</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<h1>Spend</h1>
${summary(rows, now)}
${spendTable(rows)}
<h1>Receipts</h1>
${receiptTable(receipts)}
</body>
</html>`;
}

const STYLE = `
body { color: var(--vscode-foreground); font-family: var(--vscode-font-family); padding: 0 1.5em 2em; }
h1 { font-size: 1.3em; font-weight: 600; margin: 1.4em 0 .5em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .95em; }
caption { text-align: left; color: var(--vscode-descriptionForeground); padding-bottom: .4em; }
th, td { padding: .35em 1.1em .35em 0; text-align: left; white-space: nowrap; vertical-align: top; }
th { font-weight: 600; border-bottom: 1px solid var(--vscode-panel-border, currentColor); }
td { border-bottom: 1px solid var(--vscode-panel-border, transparent); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.left { color: var(--vscode-editorWarning-foreground); }
.wrap { white-space: normal; min-width: 12em; }
`;

function summary(rows: readonly SpendRow[], now: Date): string {
  const today = localDay(now);
  const sum = (some: readonly SpendRow[]) => some.reduce((total, { costUsd }) => total + costUsd, 0);
  const unpriced = rows.reduce((total, row) => total + row.unpriced, 0);
  const note = unpriced ? ` ${unpriced} requests went to models whose price is unknown.` : "";
  const todays = rows.filter(({ day }) => day === today);
  return `<p>Today <strong>${dollars(sum(todays))}</strong>, the last 30 days <strong>${dollars(sum(rows))}</strong>.${note}</p>`;
}

function spendTable(rows: readonly SpendRow[]): string {
  if (rows.length === 0) return "<p>No requests yet.</p>";
  const body = [...byModelAndKind(rows).values()]
    .sort((a, b) => b.costUsd - a.costUsd || b.requests - a.requests)
    .map((row) => cells(
      text(row.model), text(row.kind), place(row.leavesMachine), number(row.requests),
      number(row.tokensIn), number(row.tokensOut), number(row.bytesSent), amount(row.costUsd, row.unpriced),
    ));
  const head = ["Model", "Kind", "Text", "#Requests", "#Tokens in", "#Tokens out", "#Bytes", "#Cost"];
  return table("By model and kind, the last 30 days", head, body);
}

function receiptTable(receipts: readonly Receipt[]): string {
  if (receipts.length === 0) return "<p>No receipts yet.</p>";
  const body = receipts.map((receipt) => cells(
    text(receipt.at ? time(receipt.at) : ""), text(receipt.kind), text(receipt.model ?? "none"),
    place(receipt.leavesMachine), number(receipt.files.length), number(receipt.bytesSent),
    number(receipt.tokens.in), number(receipt.tokens.out), number(receipt.tokens.cached),
    amount(receipt.costUsd ?? 0, receipt.costUsd === null ? 1 : 0), number(Math.round(receipt.ms.total)),
    { html: escapeHtml(receipt.outcome), kind: "wrap" }, { html: escapeHtml(editsOf(receipt)), kind: "wrap" },
  ));
  const head = ["Time", "Kind", "Model", "Text", "#Files", "#Bytes", "#Tokens in", "#Out", "#Cached", "#Cost", "#ms", "Outcome", "Edits"];
  return table(`The last ${receipts.length} requests, newest first`, head, body);
}

interface Cell {
  html: string;
  kind?: "number" | "left" | "wrap";
}

function table(caption: string, head: readonly string[], body: readonly string[]): string {
  const heads = head.map((title) => {
    const numeric = title.startsWith("#");
    return `<th scope="col"${numeric ? ' class="number"' : ""}>${escapeHtml(title.replace(/^#/, ""))}</th>`;
  });
  const rows = body.map((row) => `<tr>${row}</tr>`).join("\n");
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>
<caption>${escapeHtml(caption)}</caption><thead><tr>${heads.join("")}</tr></thead><tbody>
${rows}
</tbody></table></div>`;
}

const cells = (...row: Cell[]) => row.map(({ html, kind }) => `<td${kind ? ` class="${kind}"` : ""}>${html}</td>`).join("");
const text = (value: string): Cell => ({ html: escapeHtml(value) });
const number = (value: number): Cell => ({ html: escapeHtml(value.toLocaleString("en-US")), kind: "number" });

/** Where the text of a request went, in words: colour only repeats them. */
function place(leavesMachine: boolean): Cell {
  return leavesMachine ? { html: "left this machine", kind: "left" } : { html: "stayed here" };
}

function amount(costUsd: number, unpriced: number): Cell {
  const known = dollars(costUsd);
  if (!unpriced) return { html: known, kind: "number" };
  return { html: costUsd ? `${known} + unknown` : "unknown", kind: "number" };
}

function byModelAndKind(rows: readonly SpendRow[]): Map<string, SpendRow> {
  const sums = new Map<string, SpendRow>();
  for (const row of rows) {
    const name = JSON.stringify([row.model, row.kind, row.leavesMachine]);
    const sum = sums.get(name);
    if (!sum) sums.set(name, { ...row });
    else for (const field of ["requests", "costUsd", "unpriced", "bytesSent", "tokensIn", "tokensOut"] as const) sum[field] += row[field];
  }
  return sums;
}

/** Dollars as people read them: cents, and four places below a cent. */
export function dollars(amountUsd: number): string {
  return `$${amountUsd.toFixed(amountUsd > 0 && amountUsd < 0.01 ? 4 : 2)}`;
}

/** The local day in ISO form. */
function localDay(now: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

/** `2026-11-21T12:30:01.123+00:00` as `2026-11-21 12:30:01`; it is local time already. */
function time(at: string): string {
  return at.slice(0, 19).replace("T", " ");
}

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
