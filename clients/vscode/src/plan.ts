/** The plan of a refactor: shown before any edit is written, for the user to approve, correct or cancel. */
import vscode = require("vscode");

import { planDetail, planHeadline } from "./plantext";
import type { Plan, PlanParams, RefactorParams } from "./protocol";

/** Asks for a plan: null where none is wanted, undefined when the user cancelled. */
type Ask = (params: PlanParams) => Promise<Plan | null | undefined>;

const CORRECT = "Correct...";

/** What the refactor is to carry of the plan, if anything; undefined when the user wants no refactor. */
export async function decideOnPlan(
  params: RefactorParams,
  ask: Ask,
): Promise<Pick<RefactorParams, "plan"> | undefined> {
  let plan = await ask(params);
  while (plan) {
    const approve = plan.problem ? "Go on Without a Plan" : "Approve";
    const options = { modal: true, detail: planDetail(plan) };
    const chosen = await vscode.window.showInformationMessage(planHeadline(plan), options, approve, CORRECT);
    if (chosen === approve) return plan.problem ? {} : { plan: { id: plan.id } };
    if (chosen !== CORRECT) return undefined;
    plan = await correctedPlan(plan, ask);
  }
  return plan === null ? {} : undefined;
}

/** A better plan, or the same one where the user thought better of it. */
async function correctedPlan(plan: Plan, ask: Ask): Promise<Plan> {
  const prompt = "What should be otherwise in the plan?";
  const correction = await vscode.window.showInputBox({ title: "Correct the Plan", prompt, ignoreFocusOut: true });
  if (!correction?.trim()) return plan;
  return (await ask({ previous: plan.id, correction })) ?? plan;
}
