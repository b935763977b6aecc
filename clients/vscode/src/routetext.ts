/** What the server says of a route, as text. */
import type { RouteExplanation } from "./protocol";

/** The explanation as Markdown. */
export function routeReport(kind: string, explanation: RouteExplanation): string {
  const { chosen, eliminated } = explanation;
  const verdict = chosen ? `Goes to **${chosen}**.` : "No model may take this request.";
  const rows = eliminated.map(
    ({ model, reason, source }) => `| ${cell(model)} | ${cell(reason)} | ${cell(source ?? "")} |`,
  );
  const table = ["| Passed over | Why | Where that is set |", "|---|---|---|", ...rows];
  return [`# Route for ${kind}`, "", verdict, "", ...how(explanation), ...(rows.length ? table : [])].join("\n");
}

/** What the request was taken for, in which order its models are asked, and what budgets leave. */
function how({ candidates, strategy, tier, tierReason, notes, budget }: RouteExplanation): string[] {
  const placed = new Map(notes?.map(({ model, note }) => [model, note]));
  const order = candidates.map((model, index) => {
    const note = placed.get(model);
    return `${index + 1}. ${model}${note ? `: ${note}` : ""}`;
  });
  const said = [
    ...(tier ? [`Taken to be ${tier}: ${tierReason}.`, ""] : []),
    ...(strategy && strategy !== "order" ? [`Ordered by \`${strategy}\`.`, ""] : []),
    ...(order.length > 1 || placed.size ? [...order, ""] : []),
  ];
  const spent = (budget ?? []).map(
    ({ limit, limitUsd, spentUsd, source }) =>
      `- $${spentUsd.toFixed(2)} of $${limitUsd.toFixed(2)} ${limit} (${source})`,
  );
  return [...said, ...(spent.length ? ["Spent:", ...spent, ""] : [])];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ");
}
